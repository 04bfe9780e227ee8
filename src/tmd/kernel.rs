//! Sums over nodes in SIMD lanes, in an order that is the same at every width: bits depend on no instruction set.

use bytemuck::Zeroable;
use pulp::{Simd, WithSimd};

use super::shape::{Form, WIDTHS, Widths};
use crate::accelerator::cpu::math::exp;

/// Nodes summed side by side; arrays of nodes have a multiple of this length.
pub(super) const BLOCK: usize = 8;

/// `values` with zeros up to whole blocks.
pub(super) fn padded(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.into_iter().collect();
    all.resize(all.len().next_multiple_of(BLOCK), 0.0);
    all
}

/// A shape at the nodes, with its derivatives in the widths.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) value: Vec<f64>,
    pub(super) slopes: [Vec<f64>; WIDTHS],
    /// How many of them count.
    pub(super) n: usize,
}

/// Works out a shape at nodes `b2` (b squared).
pub(super) struct Fill<'a> {
    pub(super) widths: &'a Widths,
    pub(super) b2: &'a [f64],
    /// Whether derivatives are wanted: without them half is left to do.
    pub(super) slopes: bool,
    pub(super) out: &'a mut Columns,
}

impl WithSimd for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.slopes {
            true => fill::<S, true>(simd, self),
            false => fill::<S, false>(simd, self),
        }
    }
}

#[inline(always)]
fn fill<S: Simd, const SLOPES: bool>(simd: S, of: Fill<'_>) {
    let Fill { widths, b2, out, .. } = of;
    let Widths { form, scale, value: w } = widths;
    out.n = if SLOPES { form.len() } else { 0 };
    out.value.resize(b2.len(), 0.0);
    out.slopes.iter_mut().for_each(|slopes| slopes.resize(b2.len(), 0.0));
    let Columns { value, slopes, .. } = out;
    let b2 = S::as_simd_f64s(b2).0;
    let value = S::as_mut_simd_f64s(value).0;
    let mut slopes = slopes.each_mut().map(|slopes| S::as_mut_simd_f64s(slopes).0);
    for i in 0..b2.len() {
        let u = simd.mul_f64s(b2[i], simd.splat_f64s(*scale));
        let (v, d) = match form {
            Form::Nothing => (S::f64s::zeroed(), [S::f64s::zeroed(); WIDTHS]),
            Form::Bell => bell(simd, w, u),
            Form::LorentzBell => lorentz_bell(simd, w, u),
            Form::TwoBells => bells(simd, w, u, false),
            Form::ThreeBells => bells(simd, w, u, true),
        };
        value[i] = v;
        if SLOPES {
            slopes.iter_mut().zip(d).take(form.len()).for_each(|(slopes, d)| slopes[i] = d);
        }
    }
}

type At<S> = (<S as Simd>::f64s, [<S as Simd>::f64s; WIDTHS]);

#[inline(always)]
fn bell<S: Simd>(simd: S, w: &[f64; WIDTHS], u: S::f64s) -> At<S> {
    let mut d = [S::f64s::zeroed(); WIDTHS];
    let v = exp(simd, simd.mul_f64s(u, simd.splat_f64s(-w[0])));
    d[0] = simd.neg_f64s(simd.mul_f64s(u, v));
    (v, d)
}

#[inline(always)]
fn lorentz_bell<S: Simd>(simd: S, w: &[f64; WIDTHS], u: S::f64s) -> At<S> {
    let mut d = [S::f64s::zeroed(); WIDTHS];
    let splat = |x: f64| simd.splat_f64s(x);
    let quarter = simd.mul_f64s(u, splat(0.25));
    let one = splat(1.0);
    let lorentz = simd.div_f64s(one, simd.mul_add_f64s(quarter, splat(w[0]), one));
    let bell = exp(simd, simd.mul_f64s(quarter, splat(-w[1])));
    let rest = splat(1.0 - w[2]);
    d[0] =
        simd.mul_f64s(simd.mul_f64s(simd.neg_f64s(rest), quarter), simd.mul_f64s(lorentz, lorentz));
    d[1] = simd.mul_f64s(splat(-w[2]), simd.mul_f64s(quarter, bell));
    d[2] = simd.sub_f64s(bell, lorentz);
    (simd.mul_add_f64s(rest, lorentz, simd.mul_f64s(splat(w[2]), bell)), d)
}

/// `(g1 e1 + a gB^2 (1 - gB u / 4) eB + c gC eC) / (g1 + a gB^2 + c gC)`, `e = exp(-g u / 4)`; the last bell
/// where there is a `third`.
#[inline(always)]
fn bells<S: Simd>(simd: S, w: &[f64; WIDTHS], u: S::f64s, third: bool) -> At<S> {
    let mut d = [S::f64s::zeroed(); WIDTHS];
    let splat = |x: f64| simd.splat_f64s(x);
    let mul = |x, y| simd.mul_f64s(x, y);
    let (g1, gb, gc) = (w[0], w[1], if third { w[2] } else { 0.0 });
    let (a, c) = if third { (w[3], w[4]) } else { (w[2], 0.0) };
    let norm = 1.0 / (g1 + a * gb * gb + c * gc);
    let (one, quarter) = (splat(1.0), mul(u, splat(0.25)));
    let e1 = exp(simd, mul(quarter, splat(-g1)));
    let eb = exp(simd, mul(quarter, splat(-gb)));
    let tb = mul(quarter, splat(gb));
    // 1 - gB u / 4, and the bell with it
    let low = simd.sub_f64s(one, tb);
    let second = mul(low, eb);
    let mut v = simd.mul_add_f64s(splat(g1), e1, mul(splat(a * gb * gb), second));
    let ec = if third { exp(simd, mul(quarter, splat(-gc))) } else { one };
    if third {
        v = simd.mul_add_f64s(splat(c * gc), ec, v);
    }
    let v = mul(v, splat(norm));
    let slope =
        |above: S::f64s, below: f64| mul(simd.sub_f64s(above, mul(splat(below), v)), splat(norm));
    d[0] = slope(mul(simd.sub_f64s(one, mul(quarter, splat(g1))), e1), 1.0);
    // of gB^2 (1 - t) e^-t, t = gB u / 4: gB e^-t (2 (1 - t) - t - t (1 - t))
    let inner = simd.sub_f64s(simd.sub_f64s(mul(splat(2.0), low), tb), mul(tb, low));
    d[1] = slope(mul(splat(a * gb), mul(inner, eb)), 2.0 * a * gb);
    let in_a = slope(mul(splat(gb * gb), second), gb * gb);
    if third {
        d[2] = slope(mul(splat(c), mul(simd.sub_f64s(one, mul(quarter, splat(gc))), ec)), c);
        d[3] = in_a;
        d[4] = slope(mul(splat(gc), ec), gc);
    } else {
        d[2] = in_a;
    }
    (v, d)
}

/// Sums of one segment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) value: f64,
    /// Of the absolute values of its terms.
    pub(super) size: f64,
    /// With each derivative of the first shape in place of its value, then with those of the second.
    pub(super) slopes: [[f64; WIDTHS]; 2],
    /// With b^2 and with b^4 as further factors.
    pub(super) moments: [f64; 2],
}

/// Sums `k exp(-(decay.0 b^2 + decay.1 b^4)) f D` over nodes.
pub(super) struct Add<'a> {
    pub(super) k: &'a [f64],
    pub(super) b2: &'a [f64],
    pub(super) decay: [f64; 2],
    pub(super) shapes: [&'a Columns; 2],
    /// Whether derivatives are wanted.
    pub(super) slopes: bool,
}

/// Columns of partial sums: value, size, moments, slopes.
const SUMS: usize = 4 + 2 * WIDTHS;

impl WithSimd for Add<'_> {
    type Output = Sums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Sums {
        let Self { k, b2, decay, shapes, slopes } = self;
        // narrower lanes take turns with the sums of a block
        let parts = BLOCK / S::F64_LANES;
        let mut sums = [[0.0; BLOCK]; SUMS];
        let (k, b2) = (S::as_simd_f64s(k).0, S::as_simd_f64s(b2).0);
        let values = shapes.map(|shape| S::as_simd_f64s(&shape.value).0);
        let columns =
            shapes.map(|shape| shape.slopes.each_ref().map(|slopes| S::as_simd_f64s(slopes).0));
        let plain = decay == [0.0; 2];
        for i in 0..k.len() {
            let mut put = |column: usize, term: S::f64s| {
                let sum = &mut S::as_mut_simd_f64s(&mut sums[column]).0[i % parts];
                *sum = simd.add_f64s(*sum, term);
            };
            let u = b2[i];
            let weight = match plain {
                true => k[i],
                false => {
                    let fourth = simd.mul_add_f64s(
                        u,
                        simd.splat_f64s(-decay[1]),
                        simd.splat_f64s(-decay[0]),
                    );
                    simd.mul_f64s(k[i], exp(simd, simd.mul_f64s(u, fourth)))
                }
            };
            let ahead = [values[1][i], values[0][i]].map(|other| simd.mul_f64s(weight, other));
            let term = simd.mul_f64s(ahead[0], values[0][i]);
            put(0, term);
            put(1, simd.abs_f64s(term));
            if !slopes {
                continue;
            }
            let moment = simd.mul_f64s(term, u);
            put(2, moment);
            put(3, simd.mul_f64s(moment, u));
            for side in 0..2 {
                for (w, column) in columns[side].iter().enumerate().take(shapes[side].n) {
                    put(4 + side * WIDTHS + w, simd.mul_f64s(ahead[side], column[i]));
                }
            }
        }
        let total = sums.map(|s| ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])));
        let of = |side: usize| std::array::from_fn(|w| total[4 + side * WIDTHS + w]);
        Sums {
            value: total[0],
            size: total[1],
            moments: [total[2], total[3]],
            slopes: [of(0), of(1)],
        }
    }
}
