//! The Argus density: combinatorial background below a kinematic end.

use std::f64::consts::PI;

use super::Window;
use super::density::{Density, finite, outside, positive};
use super::dual::Dual;
use super::local::{Form, Local, moderate};
use crate::error::{Error, Result};

/// `x s^p exp(c s)` with `s = 1 - (x / m0)^2`, for x < m0 and 0 above; m0 in units of x, p >= -0.9.
#[derive(Debug, Clone, Copy)]
pub(super) struct Argus(Window);

impl Argus {
    pub(super) fn new(window: Window) -> Result<Self> {
        if window.lo < 0.0 {
            let message = format!("an argus has x >= 0, but the window begins at {}", window.lo);
            return Err(Error::Argument(message));
        }
        Ok(Self(window))
    }
}

impl Density<3> for Argus {
    fn ready<const K: usize, const H: usize>(
        &self,
        [m0, c, p]: [Dual<K, H>; 3],
    ) -> Result<impl Fn(f64) -> Dual<K, H>> {
        let Shared { square, pile, norm } = self.shared(m0, c, p)?;
        Ok(move |x: f64| {
            let s = (m0 - x) * (m0 + x) * square;
            if s.v <= 0.0 || x <= 0.0 {
                return Dual::constant(f64::NEG_INFINITY);
            }
            p * s.ln() + c * (s - pile) + libm::log(x) - norm
        })
    }
}

/// What an Argus density's events share.
struct Shared<const K: usize, const H: usize> {
    /// `1 / m0^2`
    square: Dual<K, H>,
    /// Where the exponential is largest, in s.
    pile: Dual<K, H>,
    norm: Dual<K, H>,
}

impl Argus {
    fn shared<const K: usize, const H: usize>(
        &self,
        m0: Dual<K, H>,
        c: Dual<K, H>,
        p: Dual<K, H>,
    ) -> Result<Shared<K, H>> {
        let Window { lo, hi } = self.0;
        positive("m0", m0.v)?;
        finite("c", c.v)?;
        finite("p", p.v)?;
        if p.v < LOWEST_P {
            return Err(outside("p", p.v, "at least -0.9"));
        }
        if m0.v <= lo {
            let must = format!("above the window's lower bound {lo}: no event lies below it");
            return Err(outside("m0", m0.v, &must));
        }
        let square = m0.square().recip();
        let s = move |x: f64| (m0 - x) * (m0 + x) * square;
        // x dx is -m0^2 / 2 ds; above m0 there is nothing
        let end = if m0.v > hi { s(hi) } else { Dual::constant(0.0) };
        let (pile, ln) = incomplete(c, p, end, s(lo))?;
        Ok(Shared { square, pile, norm: ln + m0.ln() * 2.0 - std::f64::consts::LN_2 })
    }

    /// Two functions of s, as long as m0 is held.
    pub(super) fn local(&self, theta: &[f64], free: &[usize]) -> Result<Option<Local>> {
        if free.contains(&0) {
            return Ok(None);
        }
        let [m0, c, p] = Dual::<3, 6>::parameters([theta[0], theta[1], theta[2]]);
        let Shared { square, pile, norm } = self.shared(m0, c, p)?;
        let coefficients = [-norm, p, c];
        let values = coefficients.map(|c| c.v);
        let (m0, inverse, pile) = (m0.v, square.v, pile.v);
        if !moderate(self.0, 0.0, 1.0 / m0, &values) {
            return Ok(None);
        }
        let form = Form::Argus { m0, inverse, pile, c: values };
        Ok(Local::linear(form, &coefficients, free))
    }
}

/// `(s0, ln of the integral of s^p exp(c (s - s0)))` over `from <= s <= to`, `s0` being the end where the
/// exponential is largest: by the tanh-sinh rule (Takahasi and Mori 1974), which the end's power does not
/// disturb, with steps halved until two agree.
fn incomplete<const K: usize, const H: usize>(
    c: Dual<K, H>,
    p: Dual<K, H>,
    from: Dual<K, H>,
    to: Dual<K, H>,
) -> Result<(Dual<K, H>, Dual<K, H>)> {
    let width = to - from;
    let pile = if c.v > 0.0 { to } else { from };
    // share of the way and what is left of it, each with all its digits
    let share = |t: f64| {
        let e = PI * libm::sinh(t);
        (1.0 / (1.0 + libm::exp(-e)), 1.0 / (1.0 + libm::exp(e)))
    };
    let exponent = |q: f64, rest: f64| {
        // from 0 on s is below what its square can hold, its logarithm is not
        let ln = if from.v == 0.0 { to.ln() + libm::log(q) } else { (from * rest + to * q).ln() };
        let beyond = if c.v > 0.0 { width * -rest } else { width * q };
        p * ln + c * beyond
    };
    let sum = |steps: i32| -> Dual<K, H> {
        let step = SPAN / f64::from(steps);
        let nodes = || {
            (-steps..=steps).map(move |k| f64::from(k) * step).filter_map(|t| {
                let (q, rest) = share(t);
                let weight = PI * libm::cosh(t) * q * rest * step;
                (weight > 0.0).then_some((q, rest, weight))
            })
        };
        let plain = |q: f64, rest: f64| exponent(q, rest).v;
        let top = nodes().map(|(q, rest, _)| plain(q, rest)).fold(f64::NEG_INFINITY, f64::max);
        let terms =
            nodes().filter(|(q, rest, w)| plain(*q, *rest) - top + libm::log(*w) > SMALLEST);
        let add = |sum, (q, rest, w)| sum + (exponent(q, rest) - top).exp() * w;
        terms.fold(Dual::constant(0.0), add).ln() + top
    };
    let mut steps = 64;
    let mut before = sum(steps);
    while steps < MOST_STEPS {
        steps *= 2;
        let now = sum(steps);
        let close = |a: f64, b: f64, to: f64| (a - b).abs() <= to * (1.0 + a.abs());
        let mut derivatives = now.g.iter().chain(&now.h).zip(before.g.iter().chain(&before.h));
        if close(now.v, before.v, 1e-13) && derivatives.all(|(a, b)| close(*a, *b, 1e-11)) {
            return Ok((pile, now + width.ln()));
        }
        before = now;
    }
    Err(Error::Argument(format!(
        "argus with c = {} and p = {} has a peak too narrow to be normalised",
        c.v, p.v
    )))
}

/// Below it the integral piles up nearer to m0 than the rule goes.
const LOWEST_P: f64 = -0.9;
/// Half the range of the rule's variable: its ends are at `exp(-pi sinh(6))` of the interval.
const SPAN: f64 = 6.0;
/// Terms whose logarithm is this far below the largest one change nothing.
const SMALLEST: f64 = -80.0;
/// Nodes on either side before the rule is given up.
const MOST_STEPS: i32 = 1 << 14;
