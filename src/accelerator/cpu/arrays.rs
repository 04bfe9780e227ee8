//! Exponentials and logarithms of whole arrays by the system: Apple's Accelerate, where the crate is
//! built for macOS with the feature `accelerate`. Its bits are not those of [`math`].

use std::sync::atomic::{AtomicBool, Ordering};

use pulp::Simd;

use super::interpolation::{coefficients, exponent};
use super::kernel::Work;
use super::math;
use crate::accelerator::program::{ChannelRun, Program};

/// Element by element: result, argument.
type Function = fn(&mut [f64], &[f64]);

/// Who computes them, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrays {
    pub(super) name: &'static str,
    pub(super) exp: Function,
    pub(super) ln: Function,
}

static WANTED: AtomicBool = AtomicBool::new(true);

/// Whether processors opened from now on use Accelerate. They do unless told not to, in builds for
/// macOS with the feature `accelerate`; in others this changes nothing.
pub fn set_accelerate(wanted: bool) {
    WANTED.store(wanted, Ordering::Relaxed);
}

/// What this build has, unless it is not wanted.
pub(super) fn chosen() -> Option<Arrays> {
    let wanted = WANTED.load(Ordering::Relaxed);
    available().filter(|_| wanted)
}

#[cfg(not(all(feature = "accelerate", target_os = "macos")))]
fn available() -> Option<Arrays> {
    None
}

#[cfg(all(feature = "accelerate", target_os = "macos"))]
fn available() -> Option<Arrays> {
    Some(Arrays { name: "Accelerate", exp: vforce::exp, ln: vforce::ln })
}

/// The channel's normsys exponentials into `w.function`, all at once; false where none is needed.
#[inline(always)]
pub(super) fn exponentials<S: Simd>(
    simd: S,
    p: &Program,
    w: &mut Work<'_, S::f64s>,
    channel: &ChannelRun,
    x: &[S::f64s],
    arrays: &Arrays,
) -> bool {
    let (mut n, mut needed) = (0, false);
    for sample in &p.samples[channel.samples.clone()] {
        for (entry, &k) in sample.normsys.clone().zip(&p.normsys[sample.normsys.clone()]) {
            let k = k as usize;
            let (argument, _) = exponent(simd, coefficients(p, entry), x[k]);
            w.argument[n] = math::clamp_exponent(simd, argument);
            needed |= w.beyond[k];
            n += 1;
        }
    }
    if needed {
        let argument = bytemuck::cast_slice::<S::f64s, f64>(&w.argument[..n]);
        (arrays.exp)(bytemuck::cast_slice_mut::<S::f64s, f64>(&mut w.function[..n]), argument);
    }
    needed
}

/// `ln(rate / count)` of the channel's bins into `w.function`, all at once; false where none is needed.
#[inline(always)]
pub(super) fn logarithms<S: Simd>(
    simd: S,
    w: &mut Work<'_, S::f64s>,
    main: &[S::f64s],
    arrays: &Arrays,
) -> bool {
    let mut needed = false;
    for (b, count) in main.iter().enumerate() {
        let (ratio, far) = math::far_ratio(simd, *count, w.rate[b]);
        w.argument[b] = ratio;
        needed |= far;
    }
    if needed {
        let argument = bytemuck::cast_slice::<S::f64s, f64>(&w.argument[..main.len()]);
        let function = &mut w.function[..main.len()];
        (arrays.ln)(bytemuck::cast_slice_mut::<S::f64s, f64>(function), argument);
    }
    needed
}

#[cfg(all(feature = "accelerate", target_os = "macos"))]
mod vforce {
    use std::ffi::c_int;

    #[link(name = "Accelerate", kind = "framework")]
    unsafe extern "C" {
        fn vvexp(y: *mut f64, x: *const f64, n: *const c_int);
        fn vvlog(y: *mut f64, x: *const f64, n: *const c_int);
    }

    fn length(y: &[f64], x: &[f64]) -> c_int {
        assert_eq!(y.len(), x.len());
        c_int::try_from(x.len()).expect("a channel's arrays are short")
    }

    pub(super) fn exp(y: &mut [f64], x: &[f64]) {
        let n = length(y, x);
        // SAFETY: both arrays have n elements, and they do not overlap
        unsafe { vvexp(y.as_mut_ptr(), x.as_ptr(), &raw const n) }
    }

    pub(super) fn ln(y: &mut [f64], x: &[f64]) {
        let n = length(y, x);
        // SAFETY: both arrays have n elements, and they do not overlap
        unsafe { vvlog(y.as_mut_ptr(), x.as_ptr(), &raw const n) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use pulp::Arch;

    use super::*;
    use crate::accelerator::cpu::{Accelerator, Cpu, LaneBlock, LaneValues};
    use crate::model::interpolation::{Interpolation, NormSysInterpolation};
    use crate::model::{Model, ModelOptions};
    use crate::spec::{LoadOptions, load};

    static CALLS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

    fn apply(function: usize, f: fn(f64) -> f64, y: &mut [f64], x: &[f64]) {
        CALLS[function].fetch_add(1, Ordering::Relaxed);
        assert_eq!(y.len(), x.len());
        y.iter_mut().zip(x).for_each(|(y, x)| *y = f(*x));
    }

    /// What a system could be, with the same interface.
    const OTHER: Arrays = Arrays {
        name: "other",
        exp: |y, x| apply(0, libm::exp, y, x),
        ln: |y, x| apply(1, libm::log, y, x),
    };

    /// NLL and gradient of every lane, each lane at another point.
    fn evaluate(cpu: &Cpu, program: &Program, model: &Model, seed: u32) -> (Vec<f64>, Vec<f64>) {
        let lanes = cpu.lanes();
        let mut random = seed;
        let mut uniform = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(random >> 8) / f64::from(1 << 24)
        };
        let observed = model.observed();
        let spread = |values: &[f64]| -> Vec<f64> {
            values.iter().flat_map(|v| std::iter::repeat_n(*v, lanes)).collect()
        };
        let mut parameters = spread(&model.init());
        for (k, lanes) in parameters.chunks_mut(lanes).enumerate() {
            let beyond = program.normsys_parameters.contains(&(k as u32));
            for value in lanes {
                *value += if beyond { 4.0 * uniform() - 2.0 } else { 0.6 * uniform() };
            }
        }
        let (main, auxiliary) = (spread(&observed.main), spread(&observed.auxiliary));
        let n = parameters.len();
        let (mut nll, mut negative) = (vec![0.0; lanes], vec![0.0; lanes]);
        let (mut gradient, mut jump) = (vec![0.0; n], vec![0.0; n]);
        let block = LaneBlock { parameters: &parameters, main: &main, auxiliary: &auxiliary };
        let mut out = LaneValues {
            nll: &mut nll,
            gradient: &mut gradient,
            jump: &mut jump,
            negative_bin: &mut negative,
        };
        cpu.evaluate(&block, &mut out).expect("a block that fits");
        (nll, gradient)
    }

    /// Functions of arrays stand in for those of lanes, to rounding.
    #[test]
    fn arrays_give_what_lanes_give() {
        let text = include_bytes!("../../../tests/data/all_modifiers.json");
        let loaded = load(text, &LoadOptions::default()).unwrap();
        for normsys in [
            NormSysInterpolation::PiecewiseExponential,
            NormSysInterpolation::PolynomialExponential,
        ] {
            let interpolation = Interpolation { normsys, ..Interpolation::default() };
            let options = ModelOptions { interpolation, ..ModelOptions::default() };
            let model = Model::new(&loaded.workspace, loaded.measurement, &options).unwrap();
            let model = Arc::new(model);
            let program = Arc::new(Program::new(Arc::clone(&model)));
            assert!(!program.normsys_parameters.is_empty());
            let before = CALLS.each_ref().map(|c| c.load(Ordering::Relaxed));
            for arch in [Arch::Scalar, Arch::new()] {
                let own = Cpu::with(arch, Arc::clone(&program), "");
                let mut other = Cpu::with(arch, Arc::clone(&program), "");
                other.arrays = Some(OTHER);
                for seed in 0..200 {
                    let (nll, gradient) = evaluate(&own, &program, &model, seed);
                    let (nll_2, gradient_2) = evaluate(&other, &program, &model, seed);
                    let scale = gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()));
                    for (a, b) in nll.iter().zip(&nll_2) {
                        assert!((a - b).abs() <= 1e-14 * (1.0 + a.abs()), "{seed}: {a} {b}");
                    }
                    for (a, b) in gradient.iter().zip(&gradient_2) {
                        assert!((a - b).abs() <= 1e-14 * (1.0 + scale), "{seed}: {a} {b}");
                    }
                }
            }
            for (calls, before) in CALLS.iter().zip(before) {
                assert!(calls.load(Ordering::Relaxed) > before + 100, "the arrays are not used");
            }
        }
    }

    /// Without the feature, or elsewhere, nothing but our own functions.
    #[test]
    fn accelerate_is_said() {
        let built = cfg!(all(feature = "accelerate", target_os = "macos"));
        assert_eq!(available().is_some(), built);
        let described = crate::accelerator::cpu::describe(2, "").description;
        assert_eq!(described.contains("Accelerate"), built);
    }

    #[cfg(all(feature = "accelerate", target_os = "macos"))]
    #[test]
    fn vforce_agrees_with_libm() {
        for n in [1, 2, 3, 7, 64, 1001] {
            let x: Vec<f64> = (0..n).map(|i| f64::from(i) * 0.731 % 60.0 - 30.0).collect();
            let mut y = vec![0.0; x.len()];
            vforce::exp(&mut y, &x);
            for (x, y) in x.iter().zip(&y) {
                let want = libm::exp(*x);
                assert!((y - want).abs() <= 1e-15 * want, "exp({x}) = {y}, not {want}");
            }
            let arguments = y.clone();
            vforce::ln(&mut y, &arguments);
            for (x, y) in arguments.iter().zip(&y) {
                let want = libm::log(*x);
                assert!(
                    (y - want).abs() <= 1e-15 * want.abs().max(1.0),
                    "ln({x}) = {y}, not {want}"
                );
            }
        }
    }
}
