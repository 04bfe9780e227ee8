//! Random values of densities of one observable, each from one uniform number by the inverse of the cumulative
//! distribution: so a value depends on its number alone. Only `+ - * /`, the square root and libm, hence the same
//! bits everywhere.

use std::f64::consts::FRAC_1_SQRT_2;

use super::breaks::check_integral;
use crate::error::Result;
use crate::model::toys::quantile;
use crate::unbinned::pdf::dual::Dual;
use crate::unbinned::pdf::special::BellIntegral;
use crate::unbinned::pdf::{Kind, Pdf, Window};
use crate::unbinned::quadrature::{NODES, Panel, panels};

/// A difference of two cumulative probabilities that is smaller than this against them has lost too many digits.
const CANCELLED: f64 = 1e-4;
/// Exponentials that fall by more than this need no `log1p`.
const STEEP: f64 = 1e-3;
/// Steps of a numeric inverse; three or four are usual.
const STEPS: usize = 60;

/// A density of one observable at its parameters, ready to be drawn from.
#[derive(Debug, Clone)]
pub(super) struct Line {
    window: Window,
    inverse: Inverse,
}

#[derive(Debug, Clone)]
enum Inverse {
    Uniform,
    /// Rate of the fall, above 0, and whether it is towards the lower end.
    Exponential {
        rate: f64,
        shrink: f64,
        rising: bool,
    },
    Bell(Bell),
    /// Place of the lower end in half widths from the peak, half width, angle of the window.
    BreitWigner {
        lo: f64,
        half: f64,
        angle: f64,
    },
    Bins {
        shares: Shares,
        edges: Vec<(f64, f64)>,
    },
    Kernels {
        shares: Shares,
        kernels: Vec<Line>,
    },
    Table {
        shares: Shares,
        pieces: Vec<Piece>,
    },
}

/// A normal density in a window.
#[derive(Debug, Clone, Copy)]
struct Bell {
    mu: f64,
    /// Below 0 where upper tails are used.
    sigma: f64,
    /// Cumulative probability of the window's near end, and the window's share.
    below: f64,
    inside: f64,
}

/// Parts with their probabilities.
#[derive(Debug, Clone)]
struct Shares {
    /// Sums of all parts before each one.
    before: Vec<f64>,
    size: Vec<f64>,
}

/// A panel's cumulative distribution as a Legendre series, from 0 to the panel's share.
#[derive(Debug, Clone)]
struct Piece {
    lo: f64,
    hi: f64,
    density: [f64; NODES],
    cumulative: [f64; NODES + 1],
}

impl Pdf {
    /// Draws of a density of one observable, as [`Pdf::sampler`].
    pub(super) fn line(&self, theta: &[f64]) -> Result<Line> {
        let observable = &self.observables[0];
        let window = Window::from(observable);
        let Window { lo, hi } = window;
        // parameters outside their domain show here
        self.log_prob(theta, &[&[lo + 0.5 * (hi - lo)]], &mut [0.0])?;
        let closed = match &self.kind {
            Kind::Uniform(_) => Some(Inverse::Uniform),
            Kind::Exponential(_) => Some(exponential(theta[0], hi - lo)),
            Kind::Gaussian(_) => Bell::new(window, theta[0], theta[1]).map(Inverse::Bell),
            Kind::BreitWigner(_) => {
                let (a, b) =
                    ((lo - theta[0]) / (0.5 * theta[1]), (hi - theta[0]) / (0.5 * theta[1]));
                let angle = libm::atan2((hi - lo) / (0.5 * theta[1]), 1.0 + a * b);
                Some(Inverse::BreitWigner { lo: a, half: 0.5 * theta[1], angle })
            }
            Kind::Histogram(h) => {
                let clipped = |e: &[f64]| (e[0].clamp(lo, hi), e[1].clamp(lo, hi));
                let edges: Vec<(f64, f64)> = h.edges.windows(2).map(clipped).collect();
                let masses =
                    edges.iter().zip(&h.logs).map(|(e, log)| libm::exp(*log) * (e.1 - e.0));
                let shares = Shares::new(masses);
                Some(Inverse::Bins { shares, edges })
            }
            Kind::Kde(kde) => {
                let half = Dual::<0, 0>::constant(0.5 * (hi - lo) / kde.bandwidth);
                let inside = |center: f64| {
                    let place = (lo + 0.5 * (hi - lo) - center) / kde.bandwidth;
                    let bell = BellIntegral::new(Dual::constant(place), half).total().v;
                    bell + libm::log(kde.bandwidth)
                };
                let masses = kde.kernels.iter().map(|(c, log)| libm::exp(log + inside(*c)));
                let kernel =
                    |(c, _): &(f64, f64)| Self::gaussian(observable).line(&[*c, kde.bandwidth]);
                let shares = Shares::new(masses);
                let kernels = kde.kernels.iter().map(kernel).collect::<Result<_>>()?;
                Some(Inverse::Kernels { shares, kernels })
            }
            _ => None,
        };
        let inverse = match closed {
            Some(inverse) => inverse,
            None => self.table(theta)?,
        };
        Ok(Line { window, inverse })
    }

    /// The cumulative distribution from the density.
    fn table(&self, theta: &[f64]) -> Result<Inverse> {
        let density = |_: usize, x: &[f64; NODES]| self.density_at(theta, x);
        let panels = panels(&self.breaks(theta), 1, &density)?;
        check_integral(self.kind(), panels.iter().map(|p| p.integral(0)).sum())?;
        let shares = Shares::new(panels.iter().map(|p| p.integral(0)));
        let pieces = panels.iter().map(Piece::new).collect();
        Ok(Inverse::Table { shares, pieces })
    }
}

fn exponential(lambda: f64, width: f64) -> Inverse {
    let rate = lambda.abs();
    // too flat for the inverse to be formed
    if rate < f64::MIN_POSITIVE {
        return Inverse::Uniform;
    }
    Inverse::Exponential { rate, shrink: libm::expm1(-rate * width), rising: lambda > 0.0 }
}

impl Bell {
    /// `None` where cumulative probabilities do not have the digits.
    fn new(window: Window, mu: f64, sigma: f64) -> Option<Self> {
        let tail = |t: f64| 0.5 * libm::erfc(t * FRAC_1_SQRT_2);
        let (a, b) = ((window.lo - mu) / sigma, (window.hi - mu) / sigma);
        let (below, above) = (tail(-a), tail(b));
        let bell = if a >= 0.0 {
            // upper tails are the small numbers
            Self { mu, sigma: -sigma, below: above, inside: tail(a) - above }
        } else if b <= 0.0 {
            Self { mu, sigma, below, inside: tail(-b) - below }
        } else {
            Self { mu, sigma, below, inside: 1.0 - below - above }
        };
        let large = bell.below + bell.inside;
        (large > f64::MIN_POSITIVE && bell.inside > CANCELLED * large).then_some(bell)
    }

    #[inline]
    fn at(self, u: f64) -> f64 {
        let u = if self.sigma < 0.0 { 1.0 - u } else { u };
        let p = (self.below + u * self.inside).clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0);
        self.mu + self.sigma * quantile(p)
    }
}

impl Shares {
    fn new(masses: impl Iterator<Item = f64>) -> Self {
        let mut size: Vec<f64> = masses.collect();
        let total: f64 = size.iter().sum();
        size.iter_mut().for_each(|mass| *mass /= total);
        let mut sum = 0.0;
        let mut before = Vec::with_capacity(size.len());
        for mass in &size {
            before.push(sum);
            sum += mass;
        }
        Self { before, size }
    }

    /// The part that a uniform number falls into, and how far.
    fn find(&self, u: f64) -> (usize, f64) {
        let mut part = self.before.partition_point(|before| *before <= u).saturating_sub(1);
        // rounding of the sums must not lead to a part of size 0
        while self.size[part] <= 0.0 && part > 0 {
            part -= 1;
        }
        (part, ((u - self.before[part]) / self.size[part]).clamp(0.0, 1.0))
    }
}

impl Piece {
    fn new(panel: &Panel) -> Self {
        let density = panel.series(0);
        // the integral of P_k is (P_(k+1) - P_(k-1)) / (2k + 1)
        let mut cumulative = [0.0; NODES + 1];
        for (k, c) in density.iter().enumerate() {
            let part = c / (2 * k + 1) as f64;
            cumulative[k + 1] += part;
            match k {
                // P_(-1) = P_0 up to the constant that makes it 0 at -1
                0 => cumulative[0] += part,
                _ => cumulative[k - 1] -= part,
            }
        }
        Self { lo: panel.lo, hi: panel.hi, density, cumulative }
    }

    /// Where the share `u` of the panel lies below: Newton's method, kept in its bracket.
    fn at(&self, u: f64) -> f64 {
        // the cumulative series ends at twice the mean density
        let target = u * 2.0 * self.density[0];
        let (mut low, mut high) = (-1.0, 1.0);
        let mut t = 2.0 * u - 1.0;
        for _ in 0..STEPS {
            let miss = legendre(&self.cumulative, t) - target;
            if miss > 0.0 {
                high = t;
            } else {
                low = t;
            }
            let step = miss / legendre(&self.density, t);
            let mut next = t - step;
            if !(next > low && next < high) {
                next = 0.5 * (low + high);
            }
            let moved = (next - t).abs();
            t = next;
            if moved <= 2.0 * f64::EPSILON {
                break;
            }
        }
        self.lo + 0.5 * (self.hi - self.lo) * (1.0 + t)
    }
}

/// Natural logarithm of a normal number above 0, within 1 ulp: FreeBSD's e_log.c without its branches.
#[inline(always)]
fn ln(x: f64) -> f64 {
    const HALF_ROOT: u64 = 0x3fe6_a09e_667f_3bcd;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const L: [f64; 7] = [
        6.666_666_666_666_735e-1,
        3.999_999_999_940_942e-1,
        2.857_142_874_366_239e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    let bits = x.to_bits() + (ONE - HALF_ROOT);
    // the exponent as a number: 2^52 plus it is a matter of bits
    let exponent =
        f64::from_bits(bits >> 52 | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + HALF_ROOT) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * (L[0] + z * (L[1] + z * (L[2] + z * (L[3] + z * (L[4] + z * (L[5] + z * L[6]))))));
    let half = 0.5 * f * f;
    let low = s * (half + r) + exponent * 1.908_214_929_270_587_7e-10;
    exponent * 6.931_471_803_691_238e-1 - ((half - low) - f)
}

/// `sum c_k P_k(t)`.
fn legendre(series: &[f64], t: f64) -> f64 {
    let (mut before, mut now, mut sum) = (0.0, 1.0, 0.0);
    for (k, c) in series.iter().enumerate() {
        sum += c * now;
        let k = k as f64;
        (before, now) = (now, ((2.0 * k + 1.0) * t * now - k * before) / (k + 1.0));
    }
    sum
}

impl Line {
    /// Appends the values of `n` uniform numbers in (0, 1).
    pub(super) fn fill(&self, n: usize, mut uniform: impl FnMut() -> f64, out: &mut Vec<f64>) {
        let first = out.len();
        out.extend((0..n).map(|_| uniform()));
        let Window { lo, hi } = self.window;
        let drawn = &mut out[first..];
        match self.inverse {
            // loops without a way out, which compilers make lanes of
            Inverse::Exponential { rate, shrink, rising: false } if shrink < -STEEP => {
                drawn
                    .iter_mut()
                    .for_each(|x| *x = (lo - ln(1.0 + *x * shrink) / rate).clamp(lo, hi));
            }
            Inverse::Exponential { rate, shrink, rising: true } if shrink < -STEEP => {
                let up = |u: f64| hi + ln(1.0 + (1.0 - u) * shrink) / rate;
                drawn.iter_mut().for_each(|x| *x = up(*x).clamp(lo, hi));
            }
            Inverse::Bell(bell) => drawn.iter_mut().for_each(|x| *x = bell.at(*x).clamp(lo, hi)),
            _ => drawn.iter_mut().for_each(|x| *x = self.at(*x).clamp(lo, hi)),
        }
    }

    /// The value of one uniform number, up to rounding in the window.
    fn at(&self, u: f64) -> f64 {
        let Window { lo, hi } = self.window;
        match &self.inverse {
            Inverse::Uniform => lo + u * (hi - lo),
            Inverse::Bell(bell) => bell.at(u),
            &Inverse::Exponential { rate, shrink, rising } => {
                let depth = |u: f64| match shrink < -STEEP {
                    true => -ln(1.0 + u * shrink) / rate,
                    false => -libm::log1p(u * shrink) / rate,
                };
                if rising { hi - depth(1.0 - u) } else { lo + depth(u) }
            }
            &Inverse::BreitWigner { lo: a, half, angle } => {
                // tan(x + y) - tan(x), tan(x) = a, without a difference of the two
                let (sin, cos) = (libm::sin(u * angle), libm::cos(u * angle));
                lo + half * (1.0 + a * a) * sin / (cos - a * sin)
            }
            Inverse::Bins { shares, edges } => {
                let (bin, share) = shares.find(u);
                edges[bin].0 + share * (edges[bin].1 - edges[bin].0)
            }
            Inverse::Kernels { shares, kernels } => {
                let (kernel, share) = shares.find(u);
                kernels[kernel].at(share.clamp(f64::EPSILON, 1.0 - f64::EPSILON)).clamp(lo, hi)
            }
            Inverse::Table { shares, pieces } => {
                let (piece, share) = shares.find(u);
                pieces[piece].at(share)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unbinned::events::Observable;

    /// The density's integral up to `sampler.at(u)` is u.
    fn inverts(pdf: &Pdf, theta: &[f64], tolerance: f64) {
        let sampler = pdf.line(theta).unwrap();
        let Window { lo, hi } = sampler.window;
        let mut last = lo;
        for i in 0..=40 {
            let u = match i {
                0 => 1e-13,
                40 => 1.0 - 1e-13,
                _ => f64::from(i) / 40.0,
            };
            let x = sampler.at(u).clamp(lo, hi);
            assert!(x >= last, "{} {theta:?}: {x} after {last}", pdf.kind());
            last = x;
            let mut breaks: Vec<f64> =
                pdf.breaks(theta).into_iter().filter(|b| *b < x).chain([x]).collect();
            breaks.dedup();
            let panels = panels(&breaks, 1, &|_, x| pdf.density_at(theta, x)).unwrap();
            let below: f64 = panels.iter().map(|p| p.integral(0)).sum();
            // x itself is rounded
            let [density] = pdf.density_at(theta, &[x]).unwrap();
            let tolerance = tolerance + 2.0 * f64::EPSILON * x.abs() * density;
            assert!((below - u).abs() < tolerance, "{} {theta:?}: {u} {below}", pdf.kind());
        }
    }

    #[test]
    fn values_are_quantiles() {
        let x = Observable::new("x", 60.0, 120.0).unwrap();
        for (pdf, theta) in [
            (Pdf::gaussian(&x), &[90.0, 3.0][..]),
            (Pdf::gaussian(&x), &[60.0, 1e-3]),
            (Pdf::gaussian(&x), &[-20.0, 10.0]),
            (Pdf::gaussian(&x), &[200.0, 4.0]),
            // tails too far for numbers, and a bell that is flat here
            (Pdf::gaussian(&x), &[-1e4, 10.0]),
            (Pdf::gaussian(&x), &[500.0, 5.0]),
            (Pdf::gaussian(&x), &[0.0, 1e7]),
            (Pdf::exponential(&x), &[-0.03]),
            (Pdf::exponential(&x), &[2e-5]),
            (Pdf::exponential(&x), &[1e-5]),
            (Pdf::exponential(&x), &[0.5]),
            (Pdf::exponential(&x), &[-40.0]),
            (Pdf::exponential(&x), &[0.0]),
            (Pdf::exponential(&x), &[1e-14]),
            (Pdf::uniform(&x), &[]),
            (Pdf::breit_wigner(&x), &[91.0, 2.5]),
            (Pdf::breit_wigner(&x), &[61.0, 1e-4]),
            (Pdf::breit_wigner(&x), &[1e5, 2.5]),
            (Pdf::voigtian(&x), &[91.0, 1.2, 1.25]),
            (Pdf::crystal_ball(&x), &[91.0, 2.0, 1.2, 1.01]),
            (Pdf::double_crystal_ball(&x), &[91.0, 2.0, 1.2, 3.0, 1.7, 150.0]),
            (Pdf::asymmetric_crystal_ball(&x), &[91.0, 2.0, 1.0, 1.2, 3.0, 1.7, 5.0]),
            (Pdf::lognormal(&x).unwrap(), &[4.5, 0.1]),
            (Pdf::argus(&x).unwrap(), &[110.0, -8.0, 0.5]),
            (Pdf::chebyshev(&x, 2).unwrap(), &[-0.5, 0.3]),
            (Pdf::bernstein(&x, 3).unwrap(), &[1.0, 0.0, 2.0, 0.5]),
            (Pdf::polynomial(&x, 1).unwrap(), &[-60.0, 1.0]),
        ] {
            inverts(&pdf, theta, 2e-12);
        }
        let edges = [50.0, 70.0, 75.0, 100.0, 130.0];
        inverts(&Pdf::histogram(&x, &edges, &[3.0, 0.0, 5.0, 1.0]).unwrap(), &[], 2e-12);
        let centers = [55.0, 61.0, 61.5, 90.0, 121.0];
        // the values of kernels are not in the order of their numbers
        let kde = Pdf::kde(&x, &centers, Some(&[1.0, 2.0, 0.5, 4.0, 1.0]), 1.5).unwrap();
        let sampler = kde.line(&[]).unwrap();
        let n = 200_000;
        let values: Vec<f64> =
            (0..n).map(|i| sampler.at((f64::from(i) + 0.5) / f64::from(n))).collect();
        for cut in [61.0, 62.0, 88.0, 90.0, 110.0] {
            let breaks: Vec<f64> =
                kde.breaks(&[]).into_iter().filter(|b| *b < cut).chain([cut]).collect();
            let panels = panels(&breaks, 1, &|_, x| kde.density_at(&[], x)).unwrap();
            let below: f64 = panels.iter().map(|p| p.integral(0)).sum();
            let drawn = values.iter().filter(|x| **x < cut).count() as f64 / f64::from(n);
            // each kernel's numbers are evenly spaced, up to one
            assert!((drawn - below).abs() < 6.0 / f64::from(n), "{cut}: {drawn} {below}");
        }
    }

    #[test]
    fn logarithms_are_logarithms() {
        for i in 1..100_000 {
            for x in [f64::from(i) * 1e-5, f64::from(i) * 1e-305, f64::from(i).powi(3)] {
                let exact = libm::log(x);
                assert!((ln(x) - exact).abs() <= f64::EPSILON * exact.abs(), "{x}");
            }
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let x = Observable::new("x", 0.0, 1.0).unwrap();
        let error = Pdf::gaussian(&x).line(&[0.5, -1.0]).unwrap_err().to_string();
        assert!(error.contains("gaussian: sigma = -1"), "{error}");
        // a tail that falls within 1e-5 of the window's end, of which nothing tells
        let far = Pdf::crystal_ball(&x).line(&[-1e5, 1.0, 1.0, 2.0]).unwrap_err();
        assert!(far.to_string().contains("its numeric integral is 0"), "{far}");
    }
}
