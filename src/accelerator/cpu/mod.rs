//! The processor: f64, one toy per SIMD lane. Reference and embedded default.

mod arrays;
mod interpolation;
mod kernel;
pub(crate) mod math;

use std::any::Any;
use std::sync::{Arc, Mutex};

use pulp::{Arch, Simd, WithSimd};

pub use arrays::set_accelerate;

use arrays::Arrays;

use super::{Accelerator, DeviceInfo, LaneBlock, LaneCurvature, LaneValues, Problem, Program};
use crate::aligned::Aligned;
use crate::{Error, Result};

/// The processor with a program loaded.
pub struct Cpu {
    program: Arc<Program>,
    arch: Arch,
    lanes: usize,
    /// The system's own functions, where it has some and they are wanted.
    arrays: Option<Arrays>,
    info: DeviceInfo,
    /// Working memory, one per concurrent call.
    scratch: Mutex<Vec<Box<dyn Any + Send>>>,
}

impl Cpu {
    /// The widest instruction set the processor has.
    pub fn new(program: Arc<Program>, reason: &str) -> Self {
        Self::with(Arch::new(), program, reason)
    }

    /// A given instruction set.
    pub(crate) fn with(arch: Arch, program: Arc<Program>, reason: &str) -> Self {
        let lanes = arch.dispatch(Lanes);
        let info = describe(lanes, reason);
        let arrays = arrays::chosen();
        Self { program, arch, lanes, arrays, info, scratch: Mutex::new(Vec::new()) }
    }
}

/// The processor as a device, without a program.
pub fn describe(lanes: usize, reason: &str) -> DeviceInfo {
    let set = match (lanes, cfg!(target_arch = "aarch64")) {
        (8, _) => "AVX-512",
        (4, _) => "AVX2",
        (2, true) => "NEON",
        _ => "scalar",
    };
    let threads = rayon::current_num_threads();
    let system = arrays::chosen().map_or(String::new(), |a| format!(", {}", a.name));
    DeviceInfo {
        name: "cpu".into(),
        backend: "cpu".into(),
        driver: String::new(),
        precision: "f64".into(),
        description: format!("{set}, {lanes} lanes, {threads} threads{system}"),
        reason: reason.into(),
    }
}

/// Lanes of the widest instruction set.
pub fn lanes() -> usize {
    Arch::new().dispatch(Lanes)
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F64_LANES
    }
}

impl Accelerator for Cpu {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn problem(&self) -> &dyn Problem {
        &*self.program
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn host(&self) -> &dyn Accelerator {
        self
    }

    fn evaluate(&self, block: &LaneBlock<'_>, out: &mut LaneValues<'_>) -> Result<()> {
        self.evaluate_bins(block, out, &mut [])
    }

    fn curvature(&self, block: &LaneBlock<'_>, out: &mut LaneCurvature<'_>) -> Result<()> {
        let p = &*self.program;
        let structure = p.structure();
        let fits = out.wide.len() == p.n_main() * structure.wide.len() * self.lanes
            && out.narrow.len() == structure.narrow.len() * self.lanes
            && out.constraint.len() == p.lower.len() * self.lanes
            && out.weight.len() == p.n_main() * self.lanes;
        self.check(block, fits)?;
        let arrays = self.arrays;
        self.with_scratch(|spare| {
            self.arch.dispatch(FindCurvature { program: p, block, out, arrays, spare })
        });
        Ok(())
    }
}

impl Cpu {
    /// [`evaluate`](Accelerator::evaluate), and d NLL / d rate of each bin, `[n_main, lanes]`, unless
    /// `bin_slopes` is empty.
    ///
    /// # Errors
    /// Where a length does not fit the program.
    pub fn evaluate_bins(
        &self,
        block: &LaneBlock<'_>,
        out: &mut LaneValues<'_>,
        bin_slopes: &mut [f64],
    ) -> Result<()> {
        let p = &*self.program;
        let n = p.lower.len() * self.lanes;
        let fits = out.nll.len() == self.lanes
            && out.negative_bin.len() == self.lanes
            && out.gradient.len() == n
            && (out.jump.len() == n || out.jump.is_empty() && p.kinks.is_empty())
            && (bin_slopes.len() == p.n_main() * self.lanes || bin_slopes.is_empty());
        self.check(block, fits)?;
        let arrays = self.arrays;
        self.with_scratch(|spare| {
            self.arch.dispatch(Evaluate { program: p, block, out, bin_slopes, arrays, spare })
        });
        Ok(())
    }

    /// The program.
    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// The program, to change its numbers; none where somebody else has it, too.
    pub(crate) fn program_mut(&mut self) -> Option<&mut Program> {
        Arc::get_mut(&mut self.program)
    }

    fn check(&self, block: &LaneBlock<'_>, output_fits: bool) -> Result<()> {
        let p = &*self.program;
        let input_fits = block.parameters.len() == p.lower.len() * self.lanes
            && block.main.len() == p.n_main() * self.lanes
            && block.auxiliary.len() == p.n_auxiliary() * self.lanes;
        if input_fits && output_fits {
            return Ok(());
        }
        Err(Error::Argument("a lane block does not fit the program".into()))
    }

    /// Lend working memory to one call.
    fn with_scratch(&self, call: impl FnOnce(Spare) -> Box<dyn Any + Send>) {
        let spare = self.scratch.lock().unwrap_or_else(|e| e.into_inner()).pop();
        let used = call(spare);
        self.scratch.lock().unwrap_or_else(|e| e.into_inner()).push(used);
    }
}

type Spare = Option<Box<dyn Any + Send>>;

fn scratch<S: Simd>(spare: Spare, program: &Program) -> Box<kernel::Scratch<S::f64s>> {
    let spare = spare.and_then(|s| s.downcast().ok());
    spare.unwrap_or_else(|| Box::new(kernel::Scratch::new(program)))
}

struct Evaluate<'a, 'b, 'c> {
    program: &'a Program,
    block: &'a LaneBlock<'b>,
    out: &'a mut LaneValues<'c>,
    bin_slopes: &'a mut [f64],
    arrays: Option<Arrays>,
    spare: Spare,
}

impl WithSimd for Evaluate<'_, '_, '_> {
    type Output = Box<dyn Any + Send>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let mut scratch = scratch::<S>(self.spare, self.program);
        let mut lanes = kernel::Block {
            parameters: S::as_simd_f64s(self.block.parameters).0,
            main: S::as_simd_f64s(self.block.main).0,
            auxiliary: S::as_simd_f64s(self.block.auxiliary).0,
            gradient: S::as_mut_simd_f64s(self.out.gradient).0,
            jump: S::as_mut_simd_f64s(self.out.jump).0,
            bin_slopes: S::as_mut_simd_f64s(self.bin_slopes).0,
            arrays: self.arrays.as_ref(),
            negative_bin: simd.splat_f64s(-1.0),
        };
        let nll = kernel::evaluate(simd, self.program, &mut scratch, &mut lanes);
        S::as_mut_simd_f64s(self.out.nll).0[0] = nll;
        S::as_mut_simd_f64s(self.out.negative_bin).0[0] = lanes.negative_bin;
        scratch
    }
}

struct FindCurvature<'a, 'b, 'c> {
    program: &'a Program,
    block: &'a LaneBlock<'b>,
    out: &'a mut LaneCurvature<'c>,
    arrays: Option<Arrays>,
    spare: Spare,
}

impl WithSimd for FindCurvature<'_, '_, '_> {
    type Output = Box<dyn Any + Send>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let mut scratch = scratch::<S>(self.spare, self.program);
        let mut row = Aligned::new(self.program.lower.len());
        let mut lanes = kernel::Block {
            parameters: S::as_simd_f64s(self.block.parameters).0,
            main: S::as_simd_f64s(self.block.main).0,
            auxiliary: S::as_simd_f64s(self.block.auxiliary).0,
            gradient: &mut row,
            jump: &mut [],
            bin_slopes: &mut [],
            arrays: self.arrays.as_ref(),
            negative_bin: simd.splat_f64s(-1.0),
        };
        let mut out = kernel::Derivatives {
            wide: S::as_mut_simd_f64s(self.out.wide).0,
            narrow: S::as_mut_simd_f64s(self.out.narrow).0,
            constraint: S::as_mut_simd_f64s(self.out.constraint).0,
            weight: S::as_mut_simd_f64s(self.out.weight).0,
        };
        kernel::curvature(simd, self.program, &mut scratch, &mut lanes, &mut out);
        scratch
    }
}
