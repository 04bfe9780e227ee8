//! Sums over events of mixtures, from log-densities in a graphics processor's memory.
//!
//! What repeats for each event would be rounded alike each time, and 10^6 events make 0.1 of it in f32. So
//! of `ln sum_p exp(a_p + L_pi)`, with a_p the logarithm of a yield, the kernel gets `d_pi = L_pi - c_p`, c_p
//! near the mean of the toy's `L_p`, and `b_p = a_p + c_p - A`, A the largest of `a_p + c_p`; A comes back in
//! f64, times the sum of weights, and so does what `b_p` loses by rounding, times the derivative in it. Weights
//! are in units of the toy's mean.
//!
//! In f32 a constant must not have digits that all sums with it lose alike: c_p and b_p are multiples of
//! [`GRID`], which sums up to 32 keep. What `b_p` loses by that is small enough for the first derivative:
//! 10^6 events make 10^-6 of its square.

use std::sync::Arc;

use super::context::Context;
use super::shaders::{Arithmetic, Kernel};
use super::words::{decode_real, encode_real};
use crate::accelerator::DeviceInfo;
use crate::accelerator::mixture::{
    Column, ColumnMut, MixtureDevice, MixtureSums, Toys, bad_log_density, bad_room, bad_weight,
    is_log_density, is_weight, nothing_loaded,
};
use crate::{Error, Result};

/// Most events of a share: SHARE in `shaders/reduce.wgsl`.
const SHARE: u32 = 256;
/// Stands for minus infinity: ABSENT there.
const ABSENT: f64 = -1e37;
/// Numbers whose sums and products stay within f32.
const LARGEST: f64 = 1e30;
/// A process' own sum is in units of its yield, or of this much less than the largest process where that is
/// more: processes without yield have a derivative as well.
const LEAST: f64 = -40.0;
/// Of constants in f32.
const GRID: f64 = 1.0 / 524_288.0;
/// Words before the shares: Job there.
const JOB: usize = 8;

/// Weights in units of their toy's mean.
struct Weights {
    /// None without weights.
    relative: Option<Vec<f64>>,
    /// The mean of each toy.
    units: Vec<f64>,
    /// The sum of each toy, in no unit.
    sums: Vec<f64>,
}

/// What is in the device's memory.
struct Loaded {
    single: bool,
    log_p: wgpu::Buffer,
    weights: Option<wgpu::Buffer>,
    /// `[toys, processes]`: what log-densities are relative to.
    middles: Vec<f64>,
    /// Of every toy: the sum and the unit of its weights.
    weight_sums: Vec<f64>,
    weight_units: Vec<f64>,
}

/// A graphics processor opened for batches of one shape.
pub struct GpuMixture {
    context: Arc<Context>,
    info: DeviceInfo,
    toys: Toys,
    first_share: Vec<u32>,
    job: wgpu::Buffer,
    loaded: Option<Loaded>,
}

/// A sum that rounds little, by parts.
fn sum(values: &[f64]) -> f64 {
    values.chunks(512).map(|part| part.iter().sum::<f64>()).sum()
}

/// The mean of those that are finite; 0 without.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for x in values.filter(|x| x.is_finite()) {
        n += 1.0;
        sum += x;
    }
    if n > 0.0 { sum / n } else { 0.0 }
}

impl GpuMixture {
    /// A batch on an open device.
    ///
    /// # Errors
    /// Where the device has no memory for it.
    pub fn new(context: Arc<Context>, info: DeviceInfo, toys: Toys) -> Result<Self> {
        let (shares, first_share) = toys.shares(SHARE);
        let words = [vec![0; JOB], shares].concat();
        let job = context.table("shares of events", &words)?;
        Ok(Self { context, info, toys, first_share, job, loaded: None })
    }

    fn arithmetic(&self) -> Arithmetic {
        self.context.evaluation()
    }

    /// A constant as the kernel gets it.
    fn rounded(&self, x: f64) -> f64 {
        let x = if self.arithmetic() == Arithmetic::F32 { (x / GRID).round() * GRID } else { x };
        let mut words = Vec::new();
        encode_real(self.arithmetic(), [x], &mut words);
        decode_real(self.arithmetic(), &words)[0]
    }

    fn encoded(&self, what: &str, values: impl IntoIterator<Item = f64>) -> Result<wgpu::Buffer> {
        let mut words = Vec::new();
        encode_real(self.arithmetic(), values, &mut words);
        self.context.table(what, &words)
    }

    /// The first event that is at fault, as the processor finds it.
    fn check(&self, log_p: Column<'_>, weights: Option<&[f64]>) -> Result<()> {
        let n = self.toys.events();
        for i in 0..n {
            let weight = weights.map_or(1.0, |w| w[i]);
            if !is_weight(weight) {
                return Err(bad_weight(i, weight));
            }
            let log = |p: usize| log_p.get(p * n + i);
            if let Some(p) = (0..self.toys.processes()).find(|p| !is_log_density(log(*p))) {
                return Err(bad_log_density(p, i, log(p)));
            }
        }
        Ok(())
    }

    /// Log-densities relative to the mean of their toy and process, and these means.
    fn centered(&self, log_p: Column<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
        let (n, processes, n_toys) = (self.toys.events(), self.toys.processes(), self.toys.n());
        let mut relative = vec![ABSENT; n * processes];
        let mut middles = vec![0.0; n_toys * processes];
        for t in 0..n_toys {
            for p in 0..processes {
                let middle = mean(self.toys.range(t).map(|i| log_p.get(p * n + i)));
                let middle = self.rounded(middle);
                middles[t * processes + p] = middle;
                for i in self.toys.range(t) {
                    let log = log_p.get(p * n + i);
                    if log == f64::NEG_INFINITY {
                        continue;
                    }
                    let x = log - middle;
                    if x.is_nan() || x.abs() >= LARGEST {
                        return Err(Error::Argument(format!(
                            "process {p}, event {i}: its log-density is {log}, beyond what {} \
                             computes with; use the device cpu",
                            self.info.name
                        )));
                    }
                    relative[p * n + i] = x;
                }
            }
        }
        Ok((relative, middles))
    }

    fn weights(&self, weights: Option<&[f64]>) -> Result<Weights> {
        let ranges = (0..self.toys.n()).map(|t| self.toys.range(t));
        let Some(weights) = weights else {
            let sums = ranges.map(|range| range.len() as f64).collect();
            return Ok(Weights { relative: None, units: vec![1.0; self.toys.n()], sums });
        };
        let (mut relative, mut units, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        for range in ranges {
            let total = sum(&weights[range.clone()]);
            let mean = total / range.len().max(1) as f64;
            let unit = if mean > 0.0 { mean } else { 1.0 };
            for i in range {
                let w = weights[i] / unit;
                if w != 0.0 && !(1.0 / LARGEST..LARGEST).contains(&w) {
                    return Err(Error::Argument(format!(
                        "event {i}: its weight is {}, beyond what {} computes with where the mean \
                         is {mean}; use the device cpu",
                        weights[i], self.info.name
                    )));
                }
                relative.push(w);
            }
            units.push(unit);
            sums.push(total);
        }
        Ok(Weights { relative: Some(relative), units, sums })
    }

    /// Sums of a toy from those of its shares, and what was kept from the kernel.
    fn join(
        &self,
        shares: &Shares<'_>,
        toy: usize,
        given: &Given,
        gradient: bool,
    ) -> Result<MixtureSums> {
        let processes = self.toys.processes();
        let (from, to) = (self.first_share[toy] as usize, self.first_share[toy + 1] as usize);
        let terms = 1 + processes;
        let unit = shares.weight_units[toy];
        let total = |k: usize| {
            let parts: Vec<f64> = (from..to).map(|s| shares.partials[s * terms + k]).collect();
            unit * sum(&parts)
        };
        let count = |k: usize| (from..to).map(|s| shares.found[2 * s + k] as usize).sum::<usize>();
        if gradient && count(1) > 0 {
            return Err(Error::Unsupported(format!(
                "the gradient of {} events is beyond what {} computes with; use the device cpu",
                count(1),
                self.info.name
            )));
        }
        let mut log_likelihood = total(0);
        let mut first = Vec::with_capacity(processes);
        for p in 0..processes {
            let at = toy * processes + p;
            let first_sum = total(1 + p) * libm::exp(given.own_unit[at]);
            // a process without yield has lost nothing
            if given.lost[at] != 0.0 {
                log_likelihood += given.lost[at] * first_sum * libm::exp(given.log_yields[at]);
            }
            first.push(first_sum);
        }
        log_likelihood += given.kept[toy];
        Ok(MixtureSums { log_likelihood, zero_density: count(0), first })
    }

    /// What the kernel gets for each toy and process, and what stays here.
    fn given(&self, loaded: &Loaded, log_yields: &[f64]) -> (Vec<f64>, Given) {
        let processes = self.toys.processes();
        let (mut factors, mut kept) = (Vec::new(), Vec::new());
        let (mut lost, mut own_unit) = (Vec::new(), Vec::new());
        let rows = log_yields.chunks_exact(processes).zip(loaded.middles.chunks_exact(processes));
        for ((log_yields, middles), weight_sum) in rows.zip(&loaded.weight_sums) {
            let levels: Vec<f64> = log_yields.iter().zip(middles).map(|(a, c)| a + c).collect();
            let largest = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            // without any yield no event has a density, and the level is as good as any
            let top = if largest.is_finite() { largest } else { 0.0 };
            let mixed: Vec<f64> = levels
                .iter()
                .map(|x| if x.is_finite() { self.rounded(x - top) } else { ABSENT })
                .collect();
            lost.extend(
                levels.iter().zip(&mixed).map(
                    |(x, b)| {
                        if x.is_finite() { (x - top) - b } else { 0.0 }
                    },
                ),
            );
            let own: Vec<f64> = levels.iter().map(|x| self.rounded((x - top).max(LEAST))).collect();
            own_unit.extend(middles.iter().zip(&own).map(|(c, e)| (c - top) - e));
            factors.extend(mixed.into_iter().chain(own));
            kept.push(top * weight_sum);
        }
        (factors, Given { kept, lost, own_unit, log_yields: log_yields.to_vec() })
    }
}

/// What the host keeps back.
struct Given {
    /// Of each toy: its largest level times the sum of its weights.
    kept: Vec<f64>,
    /// Of each toy and process: what its level lost by rounding.
    lost: Vec<f64>,
    /// The logarithm of the unit of its own sum.
    own_unit: Vec<f64>,
    log_yields: Vec<f64>,
}

/// What the kernel said of each share.
struct Shares<'a> {
    partials: &'a [f64],
    found: &'a [u32],
    weight_units: &'a [f64],
}

impl MixtureDevice for GpuMixture {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn toys(&self) -> &Toys {
        &self.toys
    }

    /// Faults are found here: what a kernel would make of NaN is for its compiler to say.
    fn load(&mut self, log_p: Column<'_>, weights: Option<&[f64]>) -> Result<()> {
        self.toys.check(log_p, weights)?;
        self.check(log_p, weights)?;
        self.loaded = None;
        let Weights { relative: weights, units, sums } = self.weights(weights)?;
        let (relative, middles) = self.centered(log_p)?;
        let single = matches!(log_p, Column::F32(_));
        let log_p = self.encoded("log-densities", relative)?;
        let weights = weights.map(|w| self.encoded("weights", w)).transpose()?;
        self.loaded = Some(Loaded {
            single,
            log_p,
            weights,
            middles,
            weight_sums: sums,
            weight_units: units,
        });
        Ok(())
    }

    fn sums(
        &self,
        log_yields: &[f64],
        gradient: bool,
        slopes: Option<ColumnMut<'_>>,
    ) -> Result<Vec<MixtureSums>> {
        let Some(loaded) = &self.loaded else { return Err(nothing_loaded()) };
        let (n_toys, processes) = (self.toys.n(), self.toys.processes());
        let n_numbers = self.toys.events() * processes;
        if log_yields.len() != n_toys * processes {
            return Err(Error::Argument(format!(
                "{} yields for {n_toys} toys of {processes} processes",
                log_yields.len()
            )));
        }
        if let Some(slopes) = &slopes {
            bad_room(slopes, loaded.single, n_numbers)?;
        }
        let (factors, given) = self.given(loaded, log_yields);
        let n_shares = self.first_share[n_toys];
        let (context, arithmetic) = (&*self.context, self.arithmetic());
        let real = arithmetic.real_words();
        let n_partials = u64::from(n_shares) * (1 + processes as u64) * real;
        let (mut partials, mut found, mut read_slopes) = (Vec::new(), Vec::new(), Vec::new());
        if n_shares > 0 {
            let _turn = context.busy.lock().unwrap_or_else(|e| e.into_inner());
            let pipeline = context.pipeline(Kernel::Reduce)?;
            let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
            let groups = n_shares.min(context.limits.max_compute_workgroups_per_dimension);
            let [weighted, sloped] = [loaded.weights.is_some(), slopes.is_some()].map(u32::from);
            let (p, n) = (processes as u32, self.toys.events() as u32);
            let job: [u32; JOB] = [0, p, n, n_shares, groups, weighted, sloped, 0];
            context.queue.write_buffer(&self.job, 0, bytemuck::cast_slice(&job));
            let none = self.encoded("nothing", [0.0])?;
            let factors = self.encoded("yields", factors)?;
            let partial = context.buffer("results", n_partials, storage)?;
            let n_counts = 2 * u64::from(n_shares) + 1;
            let counts = context.buffer("results", n_counts, storage)?;
            let wanted = if slopes.is_some() { n_numbers as u64 * real } else { 0 };
            let slope = context.buffer("derivatives", wanted, storage)?;
            let weights = loaded.weights.as_ref().unwrap_or(&none);
            let buffers = [&self.job, &loaded.log_p, weights, &factors, &partial, &counts, &slope];
            context.dispatch(pipeline, groups, &buffers)?;
            let parts = [(&partial, 0, n_partials), (&counts, 0, n_counts), (&slope, 0, wanted)];
            let read = context.read(&parts)?;
            if read[1].last() != Some(&0) {
                return Err(context.cut(Kernel::Reduce));
            }
            partials = decode_real(arithmetic, &read[0]);
            found.clone_from(&read[1]);
            read_slopes = decode_real(arithmetic, &read[2]);
            for row in read_slopes.chunks_exact_mut(self.toys.events()) {
                for (t, unit) in loaded.weight_units.iter().enumerate() {
                    row[self.toys.range(t)].iter_mut().for_each(|slope| *slope *= unit);
                }
            }
        }
        let weight_units = &loaded.weight_units;
        let shares = Shares { partials: &partials, found: &found, weight_units };
        let sums = (0..n_toys)
            .map(|t| {
                let mut sums = self.join(&shares, t, &given, gradient)?;
                if !gradient {
                    sums.first.clear();
                }
                Ok(sums)
            })
            .collect::<Result<Vec<_>>>()?;
        match slopes {
            Some(ColumnMut::F64(out)) => out.copy_from_slice(&read_slopes),
            Some(ColumnMut::F32(out)) => {
                out.iter_mut().zip(&read_slopes).for_each(|(out, slope)| *out = *slope as f32);
            }
            None => {}
        }
        Ok(sums)
    }
}
