//! Whole fits on the device: the host uploads data and a ladder of curvatures, lets the kernel empty the
//! queue in shares, and reads what is done.

use std::ops::Range;
use std::time::{Duration, Instant};

use cudarc::driver::{CudaSlice, PushKernelArg};

use super::loaded::Cuda;
use super::working::Working;
use crate::Result;
use crate::accelerator::layout::results::{self, CONTROL, RESULT};
use crate::accelerator::layout::{Header, JobTables, LEVELS, Use, lay_out};
use crate::accelerator::{DeviceFits, FitJob, Outcome, Stages};

/// A kernel call should take about this long: a desktop's driver resets a card that seems to hang for
/// two seconds.
const CALL: Duration = Duration::from_millis(200);
/// Fits in device memory at a time.
const MOST_FITS: usize = 1 << 17;
/// How a fit stands that waits for a level of the ladder: WAITING in `cuda/lane.cuh`.
const WAITING: u32 = 4;

/// Memory of a batch of fits in work.
struct Memory {
    main: CudaSlice<f64>,
    auxiliary: CudaSlice<f64>,
    start: CudaSlice<f64>,
    /// Parameters and NLL, `[n_fits, n_parameters + 1]`.
    results: CudaSlice<f64>,
    /// Counters, then `RESULT` words a fit.
    control: CudaSlice<u32>,
}

/// What stays the same over a job.
struct Job<'a> {
    cuda: &'a Cuda,
    job: &'a FitJob<'a>,
    stages: &'a Stages<'a>,
    /// Levels of the ladder uploaded so far, and their tables.
    levels: usize,
    index: CudaSlice<u32>,
    numbers: CudaSlice<f64>,
}

impl Cuda {
    pub(super) fn fit(&self, job: &FitJob<'_>, stages: &Stages<'_>) -> Result<DeviceFits> {
        let attempt = |fits: &mut DeviceFits| -> Result<()> {
            let _turn = self.context.busy.lock().unwrap_or_else(|e| e.into_inner());
            let (index, numbers) = self.ladder(job, stages, 1)?;
            let mut run = Job { cuda: self, job, stages, levels: 1, index, numbers };
            let most = run.most_fits()?;
            for first in (0..job.n_fits).step_by(most) {
                run.batch(first..(first + most).min(job.n_fits), fits)?;
            }
            Ok(())
        };
        let check = |fits: &[Option<Outcome>]| self.comparison().fits(fits, job);
        DeviceFits::of(job, stages, self.host_fallback, attempt, check)
    }

    /// The first levels of the ladder in device memory.
    fn ladder(
        &self,
        job: &FitJob<'_>,
        stages: &Stages<'_>,
        levels: usize,
    ) -> Result<(CudaSlice<u32>, CudaSlice<f64>)> {
        let tables = JobTables::new(job.fixed, stages.shared, levels);
        let index = self.context.table("the inverse curvature's indices", &tables.index)?;
        let numbers = self.context.table("the inverse curvature", &tables.numbers)?;
        Ok((index, numbers))
    }
}

impl Job<'_> {
    /// Fits that device memory has room for at a time.
    fn most_fits(&self) -> Result<usize> {
        let context = &*self.cuda.context;
        let header = &self.cuda.header;
        let (free, _) = context.context.mem_get_info().map_err(|e| context.error("memory", e))?;
        let (n, words) = (header.n_parameters as usize, RESULT as usize);
        let numbers = header.n_main as usize + header.n_auxiliary as usize + 2 * n + 1;
        Ok((free / 4 / (8 * numbers + 4 * words)).clamp(1, MOST_FITS))
    }

    /// Fits of `range` through both stages.
    fn batch(&mut self, range: Range<usize>, fits: &mut DeviceFits) -> Result<()> {
        let context = &*self.cuda.context;
        let job = self.job;
        let mut header = self.cuda.header;
        let n = header.n_parameters as usize;
        header.n_fits = range.len() as u32;
        header.c_results = CONTROL;
        let of = |width: u32| range.start * width as usize..range.end * width as usize;
        let one_start = job.start.len() == n;
        header.start_stride = if one_start { 0 } else { header.n_parameters };
        let starts = if one_start { 0..n } else { of(header.n_parameters) };
        let words = (CONTROL + RESULT * header.n_fits) as usize;
        let mut memory = Memory {
            main: context.table("data", &job.main[of(header.n_main)])?,
            auxiliary: context.table("data", &job.auxiliary[of(header.n_auxiliary)])?,
            start: context.table("starts", &job.start[starts])?,
            results: context.room("results", range.len() * (n + 1))?,
            control: context.table("results", &vec![0; words])?,
        };
        header.patience = self.stages.shared_patience;
        header.rounding = 1e-13f32.to_bits();
        header.tolerance = (self.stages.shared_edm as f32).to_bits();
        let stragglers = self.shared_stage(header, &mut memory, &range, fits)?;
        let Some(patience) = self.stages.own_patience.filter(|_| stragglers > 0) else {
            return Ok(());
        };
        header.stage = 1;
        header.patience = patience;
        header.tolerance = (self.stages.own_edm as f32).to_bits();
        lay_out(&mut header, Use::Own);
        self.stage(&mut header, &mut memory, &range, fits)?;
        Ok(())
    }

    /// The first stage, again for those that wait until the levels that they want are there; returns the
    /// number of stragglers.
    fn shared_stage(
        &mut self,
        mut header: Header,
        memory: &mut Memory,
        range: &Range<usize>,
        fits: &mut DeviceFits,
    ) -> Result<u32> {
        let mut stragglers = 0;
        loop {
            lay_out(&mut header, Use::Shared);
            header.levels = self.levels as u32;
            let (found, wanted) = self.stage(&mut header, memory, range, fits)?;
            stragglers += found;
            if wanted <= self.levels {
                return Ok(stragglers);
            }
            self.levels = (2 * wanted).min(LEVELS);
            (self.index, self.numbers) = self.cuda.ladder(self.job, self.stages, self.levels)?;
        }
    }

    /// Let the kernel empty the queue, and read what it did; returns the number of stragglers and the
    /// highest level of the ladder that a fit waits for.
    fn stage(
        &self,
        header: &mut Header,
        memory: &mut Memory,
        range: &Range<usize>,
        fits: &mut DeviceFits,
    ) -> Result<(u32, usize)> {
        let context = &*self.cuda.context;
        let mut working = Working::new(context, &context.stream, &context.fit, header, 0)?;
        let (mut stragglers, mut wanted) = (0, 0);
        let (mut done, mut share) = (0, 4 * header.n_slots);
        while done < header.n_fits {
            let begin = Instant::now();
            header.budget = done.saturating_add(share).min(header.n_fits);
            let queue = &mut memory.control.slice_mut(0..1);
            context
                .stream
                .memcpy_htod(&[done], queue)
                .map_err(|e| context.error("starting a kernel", e))?;
            self.launch(header, memory, &mut working)?;
            context.wait()?;
            let took = begin.elapsed();
            let part = done as usize..header.budget as usize;
            let (found, level) = self.harvest(memory, range, part, fits)?;
            stragglers += found;
            wanted = wanted.max(level);
            done = header.budget;
            if took < CALL {
                share = share.saturating_mul(2);
            } else if took > 4 * CALL {
                share = (share / 2).max(header.n_slots);
            }
        }
        Ok((stragglers, wanted))
    }

    fn launch(&self, header: &Header, memory: &mut Memory, working: &mut Working) -> Result<()> {
        let (cuda, context) = (self.cuda, &*self.cuda.context);
        let mut call = context.stream.launch_builder(&context.fit);
        call.arg(header).arg(&working.resident).arg(&cuda.index).arg(&cuda.numbers);
        call.arg(&memory.main).arg(&memory.auxiliary).arg(&memory.start);
        call.arg(&mut working.reals)
            .arg(&mut working.lows)
            .arg(&mut memory.results)
            .arg(&mut memory.control);
        call.arg(&self.index).arg(&self.numbers);
        // SAFETY: the kernel's arguments in its order (cuda/fit.cuh), each as long as the header and the slots say.
        unsafe { call.launch(working.launch) }
            .map_err(|e| context.error("starting a kernel", e))?;
        Ok(())
    }

    /// Read what the fits `part` of `range` came to; returns the number of stragglers and the highest
    /// level waited for.
    fn harvest(
        &self,
        memory: &Memory,
        range: &Range<usize>,
        part: Range<usize>,
        fits: &mut DeviceFits,
    ) -> Result<(u32, usize)> {
        let context = &*self.cuda.context;
        let (row, word) = (self.job.fixed.len() + 1, RESULT as usize);
        let rows = context.read(&memory.results, part.start * row, part.len() * row)?;
        let first = CONTROL as usize + part.start * word;
        let words = context.read(&memory.control, first, part.len() * word)?;
        let waiting = words.chunks_exact(word).filter(|w| w[0] == WAITING).map(|w| w[2] as usize);
        let part = range.start + part.start..range.start + part.end;
        let wanted = waiting.max().unwrap_or(0);
        let program = &self.cuda.program;
        Ok((results::collect(program, self.job, part, &rows, &words, fits), wanted))
    }
}
