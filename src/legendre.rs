//! The Gauss-Legendre rule on (-1, 1).

/// Node `i` of `n`, rising, and its weight; all weights sum to 2. A zero of P_n by Newton's method,
/// `w = 2 / ((1 - t^2) P_n'(t)^2)` (DLMF 3.5(v)).
pub(crate) fn gauss_legendre(n: usize, i: usize) -> (f64, f64) {
    let count = n as f64;
    let mut t = -libm::cos(std::f64::consts::PI * (i as f64 + 0.75) / (count + 0.5));
    let mut slope = 1.0;
    for _ in 0..20 {
        let (mut before, mut now) = (1.0, t);
        for k in 2..=n {
            let k = k as f64;
            (before, now) = (now, ((2.0 * k - 1.0) * t * now - (k - 1.0) * before) / k);
        }
        slope = count * (t * now - before) / (t * t - 1.0);
        let next = t - now / slope;
        if next == t {
            break;
        }
        t = next;
    }
    (t, 2.0 / ((1.0 - t * t) * slope * slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_up_to_twice_the_nodes_are_exact() {
        for n in [2, 3, 16, 20, 64, 81] {
            let rule: Vec<_> = (0..n).map(|i| gauss_legendre(n, i)).collect();
            assert!(rule.windows(2).all(|pair| pair[0].0 < pair[1].0));
            for power in [0, 1, 2, n, 2 * n - 2, 2 * n - 1] {
                let sum: f64 = rule.iter().map(|(t, w)| w * t.powi(power as i32)).sum();
                let exact = if power % 2 == 0 { 2.0 / (power + 1) as f64 } else { 0.0 };
                assert!((sum - exact).abs() < 1e-14, "{n} nodes, power {power}: {sum}");
            }
        }
    }
}
