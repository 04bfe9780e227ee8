//! Roots of functions that are known at some points and dear everywhere else.

/// Where a function first falls through zero, or what to look at next to find out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Search {
    /// The root, as exactly as asked.
    Found(f64),
    /// Evaluate there.
    Next(f64),
    /// No point is below zero yet: look further up.
    Beyond,
}

/// Searches the last place where a function falls through zero. `points` are `(x, f)` with rising `x`;
/// points where `f` is not a number are passed over. `tolerance` is on `x`.
///
/// Inverse quadratic interpolation through the nearest points, kept within the bracket (Brent,
/// Algorithms for Minimization without Derivatives (1973), chapter 4), and bisection where it does not
/// shrink.
pub fn last_fall(points: &[(f64, f64)], tolerance: f64) -> Search {
    let known: Vec<(f64, f64)> = points.iter().copied().filter(|p| !p.1.is_nan()).collect();
    let Some(last_above) = known.iter().rposition(|p| p.1 > 0.0) else {
        // below zero from the first point on
        return known.first().map_or(Search::Beyond, |p| Search::Found(p.0));
    };
    let Some(&right) = known.get(last_above + 1) else { return Search::Beyond };
    let left = known[last_above];
    if right.1 == 0.0 {
        return Search::Found(right.0);
    }
    let width = right.0 - left.0;
    if width <= 2.0 * tolerance {
        return Search::Found(secant(left, right));
    }
    let line = secant(left, right);
    // the nearest third point makes it quadratic
    let others = [last_above.checked_sub(1), Some(last_above + 2)].into_iter().flatten();
    let third = others
        .filter_map(|i| known.get(i))
        .min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
        .and_then(|&c| quadratic(left, right, c));
    let guess = third.filter(|x| *x > left.0 && *x < right.0).unwrap_or(line);
    // close to an end: step over the root, so that the bracket shrinks from both sides
    let at_left = guess - left.0 < right.0 - guess;
    let nearest = if at_left { guess - left.0 } else { right.0 - guess };
    if nearest < 0.1 * width && left.1.is_finite() && right.1.is_finite() {
        let mut over = (nearest * width).sqrt();
        if nearest <= 0.5 * tolerance {
            over = tolerance;
        }
        let outside = if at_left { last_above.checked_sub(1) } else { Some(last_above + 2) };
        let end = if at_left { left } else { right };
        // the steps before this one led nowhere
        if outside.and_then(|i| known.get(i)).is_some_and(|p| end.1.abs() > 0.5 * p.1.abs()) {
            over = 0.5 * width;
        }
        let over = over.min(0.5 * width);
        return Search::Next(if at_left { left.0 + over } else { right.0 - over });
    }
    if guess.is_finite() { Search::Next(guess) } else { Search::Next(left.0 + 0.5 * width) }
}

fn secant(a: (f64, f64), b: (f64, f64)) -> f64 {
    let x = a.0 + (b.0 - a.0) * a.1 / (a.1 - b.1);
    if x.is_finite() { x.clamp(a.0, b.0) } else { 0.5 * (a.0 + b.0) }
}

/// Inverse quadratic interpolation at 0.
fn quadratic(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> Option<f64> {
    let term =
        |x: (f64, f64), y: (f64, f64), z: (f64, f64)| x.0 * y.1 * z.1 / ((x.1 - y.1) * (x.1 - z.1));
    let x = term(a, b, c) + term(b, a, c) + term(c, a, b);
    x.is_finite().then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Root and number of evaluations beside the ends.
    fn find(f: impl Fn(f64) -> f64, low: f64, high: f64, tolerance: f64) -> (f64, usize) {
        let mut points = vec![(low, f(low)), (high, f(high))];
        for n in 0..100 {
            match last_fall(&points, tolerance) {
                Search::Found(x) => return (x, n),
                Search::Next(x) => points.push((x, f(x))),
                Search::Beyond => panic!("no bracket in {points:?}"),
            }
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        panic!("no end: {points:?}");
    }

    #[test]
    fn roots_are_found_in_few_steps() {
        let (x, n) = find(|x| 2.0 - x, 0.0, 10.0, 1e-8);
        assert!((x - 2.0).abs() < 1e-12 && n <= 3, "{x} {n}");
        let (x, n) = find(|x| 1.0 - x * x * x, 0.0, 3.0, 1e-8);
        assert!((x - 1.0).abs() < 1e-8 && n <= 14, "{x} {n}");
        let (x, n) = find(|x| (-x).exp() - 0.05, 0.0, 20.0, 1e-9);
        assert!((x - 20f64.ln()).abs() < 1e-8 && n <= 20, "{x} {n}");
        // a step, where interpolation helps nothing
        let (x, n) = find(|x| if x < 0.3 { 1.0 } else { -1e-9 }, 0.0, 1.0, 1e-6);
        assert!((x - 0.3).abs() < 1e-6 && n < 60, "{x} {n}");
    }

    #[test]
    fn the_last_of_several_falls_counts() {
        let points = [(0.0, 1.0), (1.0, -1.0), (2.0, 1.0), (3.0, -1.0)];
        assert!(matches!(last_fall(&points, 1e-3), Search::Next(x) if x > 2.0 && x < 3.0));
        assert_eq!(last_fall(&points[..3], 1e-3), Search::Beyond);
        assert_eq!(last_fall(&[(0.5, -1.0)], 1e-3), Search::Found(0.5));
        assert_eq!(last_fall(&[], 1e-3), Search::Beyond);
        let gap = [(0.0, 1.0), (1.0, f64::NAN), (2.0, -1.0)];
        assert_eq!(last_fall(&gap, 1e-3), Search::Next(1.0));
    }
}
