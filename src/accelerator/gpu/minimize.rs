//! Whole fits on the device: the host uploads data, starts the kernel again and again, and looks now
//! and then how many fits are done.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::shaders::Kernel;
use super::{Gpu, Precision, words};
use crate::Result;
use crate::accelerator::layout::results::{self, CONTROL, RESULT, SLOT};
use crate::accelerator::layout::slot::WORKING_SHARE;
use crate::accelerator::layout::{Header, JobTables, LEVELS, Use, lay_out};
use crate::accelerator::{DeviceFits, FitJob, Outcome, Stages};

/// A kernel call should take about this long: short enough for desktops, whose drivers reset a
/// device that seems to hang, long enough that looking costs nothing.
const CALL: Duration = Duration::from_millis(60);
/// Iterations of one call at most.
pub(super) const MOST_BUDGET: u32 = 128;

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    /// The driver ended loops of a call early, and what that call wrote may be anything.
    Cut,
}

/// Memory of a batch of fits in work.
struct Memory {
    data: wgpu::Buffer,
    reals: wgpu::Buffer,
    control: wgpu::Buffer,
}

/// What stays the same over a job.
struct Job<'a> {
    gpu: &'a Gpu,
    job: &'a FitJob<'a>,
    stages: &'a Stages<'a>,
    /// Levels of the ladder uploaded so far.
    levels: usize,
    index: wgpu::Buffer,
    numbers: wgpu::Buffer,
}

impl Gpu {
    pub(super) fn fit(&self, job: &FitJob<'_>, stages: &Stages<'_>) -> Result<DeviceFits> {
        let attempt = |fits: &mut DeviceFits| -> Result<()> {
            let context = &*self.context;
            let _turn = context.busy.lock().unwrap_or_else(|e| e.into_inner());
            let tables = JobTables::new(job.fixed, stages.shared, 1);
            let (index, numbers) = self.upload(&tables)?;
            let mut run = Job { gpu: self, job, stages, levels: 1, index, numbers };
            let mut header = self.header;
            lay_out(&mut header, Use::Shared);
            let most = run.most_fits(&header)?;
            for first in (0..job.n_fits).step_by(most) {
                let range = first..(first + most).min(job.n_fits);
                run.batch(header, range, fits)?;
            }
            Ok(())
        };
        let check = |fits: &[Option<Outcome>]| self.check_fits(fits, job);
        DeviceFits::of(job, stages, self.host_fallback, attempt, check)
    }

    fn upload(&self, tables: &JobTables) -> Result<(wgpu::Buffer, wgpu::Buffer)> {
        let mut words = Vec::new();
        let numbers = tables.numbers.iter().copied();
        words::encode_low(self.context.fitting(), numbers, &mut words);
        let index = self.context.table("the inverse curvature's indices", &tables.index)?;
        Ok((index, self.context.table("the inverse curvature", &words)?))
    }
}

impl Job<'_> {
    /// Fits that results and data have room for at a time.
    fn most_fits(&self, header: &Header) -> Result<usize> {
        let context = &*self.gpu.context;
        let arithmetic = context.fitting();
        let limit = context.binding();
        let n = u64::from(header.n_parameters);
        let real = 4 * arithmetic.real_words();
        let slot = (u64::from(header.reals_slot) * real)
            .max(u64::from(header.lows_slot) * 4 * arithmetic.low_words());
        let results = (n + 1) * real;
        let data = (u64::from(header.n_main) + u64::from(header.n_auxiliary) + n) * real;
        if slot + results > limit || data > limit {
            return Err(context.error(format!(
                "a fit needs {} bytes of working memory at once and a binding holds at most {limit}",
                slot + results
            )));
        }
        // at least one slot stands before the results, and it may need more than its share
        let slots = (u64::from(header.reals_slot) * real).max(limit / WORKING_SHARE);
        let most = (limit - slots) / results;
        // a fit's control words and, since there are no more slots than fits, those of its slot
        let control = 4 * u64::from(CONTROL + SLOT + RESULT);
        Ok(most.min(limit / data).min(limit / control).clamp(1, 1 << 16) as usize)
    }

    /// Fits of `range`, once more with half the iterations in a call where the driver cannot do so many.
    fn batch(&mut self, header: Header, range: Range<usize>, fits: &mut DeviceFits) -> Result<()> {
        loop {
            if self.most_budget(0) == 0 {
                return Err(self.gpu.context.cut(Kernel::Fit));
            }
            if self.both_stages(header, &range, fits)? == Ended::Done {
                return Ok(());
            }
        }
    }

    /// Iterations that one call may make in a stage, 0 where the driver cannot do a single one.
    fn most_budget(&self, stage: u32) -> u32 {
        self.gpu.budgets[stage as usize].load(Ordering::Relaxed)
    }

    /// Fits of `range` through the stages.
    fn both_stages(
        &mut self,
        mut header: Header,
        range: &Range<usize>,
        fits: &mut DeviceFits,
    ) -> Result<Ended> {
        let gpu = self.gpu;
        let context = &*gpu.context;
        let arithmetic = context.fitting();
        let (real, low) = (arithmetic.real_words(), arithmetic.low_words());
        let n = header.n_parameters;
        header.n_fits = range.len() as u32;
        header.n_slots = context.slots(&header, arithmetic, header.n_fits);
        header.r_results = header.n_slots * header.reals_slot;
        header.c_slots = CONTROL;
        header.c_results = CONTROL + header.n_slots * SLOT;
        let one_start = self.job.start.len() == n as usize;
        header.start_stride = if one_start { 0 } else { n };
        header.d_start = header.n_fits * (header.n_main + header.n_auxiliary);
        let mut data = Vec::new();
        for i in range.clone() {
            let row = self.job.main_of(i).iter().chain(self.job.auxiliary_of(i));
            words::encode_real(arithmetic, row.copied(), &mut data);
        }
        for i in range.clone().take(if one_start { 1 } else { usize::MAX }) {
            words::encode_real(arithmetic, self.job.start_of(i).iter().copied(), &mut data);
        }
        let storage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        let n_reals = u64::from(header.r_results) + u64::from(header.n_fits) * u64::from(n + 1);
        let n_control = u64::from(header.c_results) + u64::from(header.n_fits * RESULT);
        let memory = Memory {
            data: context.table("data", &data)?,
            reals: context.buffer("working memory and results", n_reals * real, storage)?,
            control: context.buffer("results", n_control, storage)?,
        };
        let n_lows = u64::from(header.n_slots) * u64::from(header.lows_slot);
        let lows = context.buffer("working memory", n_lows * low, storage)?;
        header.stage = 0;
        header.patience = self.stages.shared_patience;
        self.steer(&mut header, self.stages.shared_edm);
        let wanted = range.len() as u32;
        if self.stage(&mut header, &memory, &lows, range, fits, wanted)? == Ended::Cut {
            return Ok(Ended::Cut);
        }
        drop(lows);
        let stragglers = self.harvest(&header, &memory, range, fits)?;
        let Some(patience) = self.stages.own_patience.filter(|_| stragglers > 0) else {
            return Ok(Ended::Done);
        };
        let mut own = header;
        lay_out(&mut own, Use::Own);
        let limit = context.binding();
        if u64::from(own.lows_slot) * 4 * low > limit || self.most_budget(1) == 0 {
            // the processor does it
            fits.own_stage = false;
            return Ok(Ended::Done);
        }
        own.n_slots = context.slots(&own, arithmetic, stragglers.min(header.n_slots));
        own.stage = 1;
        own.patience = patience;
        self.steer(&mut own, self.stages.own_edm);
        let n_lows = u64::from(own.n_slots) * u64::from(own.lows_slot);
        let lows = context.buffer("working memory", n_lows * low, storage)?;
        if self.stage(&mut own, &memory, &lows, range, fits, stragglers)? == Ended::Cut {
            return Ok(Ended::Cut);
        }
        self.harvest(&own, &memory, range, fits)?;
        Ok(Ended::Done)
    }

    /// Tolerances as far as the arithmetic carries them.
    fn steer(&self, header: &mut Header, edm: f64) {
        let (least, rounding) = match self.gpu.context.precision {
            Precision::F64 => (0.0, 1e-12f32),
            Precision::Df64 => (1e-11, 1e-12),
            Precision::F32 => (1e-5, 3e-6),
        };
        header.tolerance = (edm.max(least) as f32).to_bits();
        header.rounding = rounding.to_bits();
    }

    /// Call the kernel until `wanted` fits are done.
    fn stage(
        &mut self,
        header: &mut Header,
        memory: &Memory,
        lows: &wgpu::Buffer,
        range: &Range<usize>,
        fits: &mut DeviceFits,
        wanted: u32,
    ) -> Result<Ended> {
        let gpu = self.gpu;
        let context = &*gpu.context;
        let pipeline = context.pipeline(Kernel::Fit)?;
        // counters at 0, no fit in any slot
        let mut start = vec![0u32; (CONTROL + header.n_slots * SLOT) as usize];
        for slot in 0..header.n_slots {
            start[(CONTROL + slot * SLOT) as usize] = u32::MAX;
        }
        context.queue.write_buffer(&memory.control, 0, bytemuck::cast_slice(&start));
        let most = self.most_budget(header.stage);
        header.budget = most.min(4);
        let mut harvested = 0;
        // by then a fit in each slot has used up its evaluations and climbed the ladder
        let patience = u64::from(header.patience) + 4 * LEVELS as u64;
        let (mut last, mut idle) = (0, 0);
        loop {
            header.levels = self.levels as u32;
            let buffers = [
                &gpu.index,
                &gpu.numbers,
                &memory.data,
                &memory.reals,
                lows,
                &memory.control,
                &self.index,
                &self.numbers,
            ];
            let begin = Instant::now();
            gpu.dispatch(pipeline, header, &buffers)?;
            let counters = context.read(&[(&memory.control, 0, u64::from(CONTROL))])?.remove(0);
            let took = begin.elapsed();
            let (done, levels) = (counters[1], counters[2] as usize);
            if counters[3] != 0 {
                let half = header.budget / 2;
                gpu.budgets[header.stage as usize].fetch_min(half, Ordering::Relaxed);
                return Ok(Ended::Cut);
            }
            if done >= wanted {
                return Ok(Ended::Done);
            }
            idle = if done > last { 0 } else { idle + u64::from(header.budget) };
            last = done;
            if idle > patience + u64::from(MOST_BUDGET) {
                return Err(context.error(format!(
                    "no fit of {wanted} ended within {idle} iterations, {done} before: the kernel \
                     does not do as it is told"
                )));
            }
            if levels > self.levels {
                self.levels = (2 * levels).min(LEVELS);
                let tables = JobTables::new(self.job.fixed, self.stages.shared, self.levels);
                (self.index, self.numbers) = gpu.upload(&tables)?;
            }
            if took < CALL {
                header.budget = (2 * header.budget).min(most);
            } else if took > 4 * CALL {
                header.budget = (header.budget / 2).max(1);
            }
            // a device that is lost later takes only what has not been read
            if done - harvested > wanted / 4 + 256 {
                self.harvest(header, memory, range, fits)?;
                harvested = done;
            }
        }
    }

    /// Read what is done; returns the number of stragglers.
    fn harvest(
        &self,
        header: &Header,
        memory: &Memory,
        range: &Range<usize>,
        fits: &mut DeviceFits,
    ) -> Result<u32> {
        let context = &*self.gpu.context;
        let arithmetic = context.fitting();
        let real = arithmetic.real_words();
        let n = u64::from(header.n_parameters);
        let n_fits = u64::from(header.n_fits);
        let read = context.read(&[
            (&memory.reals, u64::from(header.r_results) * real, n_fits * (n + 1) * real),
            (&memory.control, u64::from(header.c_results), n_fits * u64::from(RESULT)),
        ])?;
        let rows = words::decode_real(arithmetic, &read[0]);
        Ok(results::collect(&self.gpu.program, self.job, range.clone(), &rows, &read[1], fits))
    }
}
