//! Toys: their data, and their fits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use neyman::fit::FitBatch;
use neyman::model::toys::ToySampler;
use neyman::session::{Session, ToyChunk, ToyData, ToyEvents, ToyPlan};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::asking::Asking;
use crate::convert::{argument, array, rows_of};
use crate::devices::describe;
use crate::work::{Control, long};

/// More numbers than this in one answer are a slip.
const MOST: u64 = 1 << 36;

fn check(rows: u64, columns: usize) -> PyResult<usize> {
    match rows.checked_mul(columns.max(1) as u64) {
        Some(n) if n <= MOST => Ok(rows as usize),
        _ => Err(argument(format!("{rows} toys do not fit into memory: ask for fewer at once"))),
    }
}

/// Data of a range of toys, `[n_toys, n_bins + n_auxiliary]`.
pub(crate) fn throw<'py>(
    py: Python<'py>,
    session: &Arc<Session>,
    truth: Vec<f64>,
    seed: u64,
    range: (u64, u64),
) -> PyResult<Bound<'py, PyAny>> {
    let model = session.model();
    let (n, m) = (model.n_bins(), model.n_auxiliary());
    let toys = check(range.1 - range.0, n + m)?;
    let session = Arc::clone(session);
    let data = long(py, None, move |control: &Control| {
        let sampler = ToySampler::new(session.model(), &truth)?;
        let mut data = vec![0.0; toys * (n + m)];
        for (i, row) in data.chunks_mut((n + m).max(1)).enumerate() {
            if control.stop.load(Ordering::Relaxed) {
                break;
            }
            let (main, auxiliary) = row.split_at_mut(n);
            sampler.draw(seed, range.0 + i as u64, main, auxiliary);
        }
        Ok(data)
    })?;
    Ok(rows_of(py, data, toys, n + m)?.into_any())
}

/// Fits of a range of toys, by name as in the files of `neyman toys`.
pub(crate) fn fit<'py>(
    py: Python<'py>,
    asking: Asking,
    plan: ToyPlan,
    chunk: usize,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let (n, bins, auxiliary) = asking.sizes();
    let columns = 2 * n + if plan.keep_data { bins + auxiliary } else { 0 };
    let toys = check(plan.range.end - plan.range.start, columns)?;
    let (first, held) = (plan.range.start, !plan.hold.is_empty());
    let (device, warnings, all) = long(py, progress, move |control: &Control| {
        control.expect(toys as u64);
        let mut all = All::default();
        let (device, warnings) = asking.toys(&plan, chunk, &control.stop, &mut |chunk| {
            control.add(chunk.fits.len() as u64);
            all.add(chunk);
            Ok(())
        })?;
        Ok((device, warnings, all))
    })?;
    let d = PyDict::new(py);
    d.set_item("device", describe(py, &device)?)?;
    d.set_item("warnings", warnings)?;
    d.set_item("toy", array(py, (first..first + toys as u64).collect()))?;
    let mut failure = None;
    for (batch, suffix) in [(all.fits, ""), (all.conditional, "_conditional")] {
        if suffix.is_empty() || held {
            failure = failure.or_else(|| batch.failure.clone());
            put(py, &d, batch, suffix, toys, n)?;
        }
    }
    d.set_item("failure", failure)?;
    if held {
        d.set_item("t_mu", array(py, all.t_mu))?;
    }
    if let Some(data) = all.data {
        d.set_item("main", rows_of(py, data.main, toys, bins)?)?;
        d.set_item("auxiliary", rows_of(py, data.auxiliary, toys, auxiliary)?)?;
    }
    if let Some(events) = all.events {
        d.set_item("uncertainties", rows_of(py, events.uncertainties, toys, n)?)?;
        d.set_item("events", array(py, events.numbers))?;
    }
    Ok(d)
}

fn put(
    py: Python<'_>,
    d: &Bound<'_, PyDict>,
    batch: FitBatch,
    suffix: &str,
    toys: usize,
    n: usize,
) -> PyResult<()> {
    let key = |name: &str| format!("{name}{suffix}");
    d.set_item(key("parameters"), rows_of(py, batch.parameters, toys, n)?)?;
    d.set_item(key("nll"), array(py, batch.nll))?;
    d.set_item(key("edm"), array(py, batch.edm))?;
    d.set_item(key("evaluations"), array(py, batch.evaluations))?;
    let status = batch.status.iter().map(|&s| s as u8).collect();
    d.set_item(key("status"), array::<u8>(py, status))?;
    d.set_item(key("negative_bin"), array(py, batch.negative_bin))
}

/// Chunks, joined.
#[derive(Default)]
struct All {
    fits: FitBatch,
    conditional: FitBatch,
    t_mu: Vec<f64>,
    data: Option<ToyData>,
    events: Option<ToyEvents>,
}

impl All {
    fn add(&mut self, chunk: ToyChunk) {
        self.t_mu.extend(chunk.t_mu());
        append(&mut self.fits, chunk.fits);
        if let Some(batch) = chunk.conditional {
            append(&mut self.conditional, batch);
        }
        if let Some(data) = chunk.data {
            let here = self.data.get_or_insert_default();
            here.main.extend(data.main);
            here.auxiliary.extend(data.auxiliary);
        }
        if let Some(events) = chunk.events {
            let here = self.events.get_or_insert_default();
            here.uncertainties.extend(events.uncertainties);
            here.numbers.extend(events.numbers);
        }
    }
}

fn append(here: &mut FitBatch, next: FitBatch) {
    here.parameters.extend(next.parameters);
    here.nll.extend(next.nll);
    here.edm.extend(next.edm);
    here.evaluations.extend(next.evaluations);
    here.status.extend(next.status);
    here.negative_bin.extend(next.negative_bin);
    here.on_host += next.on_host;
    here.failure = here.failure.take().or(next.failure);
}
