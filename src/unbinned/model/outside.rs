//! Flows in ONNX whose context follows parameters, for devices: their columns at the events of a channel are worked out
//! here, chunk by chunk as for the sums of the processor, or by the models themselves on the card where the events lie.

use rayon::prelude::*;

use super::channel::{scalar, told};
use crate::accelerator::flows::{ABSENT, CardModel, FlowColumns, Size};
use crate::error::Result;
use crate::unbinned::kernel::Order;
use crate::unbinned::packed::place;
use crate::unbinned::pdf::Pdf;
use crate::unbinned::sum::{CHUNK, PARALLEL};

/// By how much the largest logarithm is above what all are relative to, at most. Sums of them lose least in f32 around the
/// mean, but where few of the events are in a narrow peak their terms' squares would leave f32.
const PEAK: f64 = 30.0;

/// A flow at the events of a channel.
#[derive(Debug)]
pub(super) struct Outside {
    pdf: Pdf,
    /// `[observables, N]`
    x: Vec<Vec<f64>>,
    /// Free places of its context.
    free: Vec<usize>,
    middle: f64,
    /// Channel and process.
    name: String,
}

impl Outside {
    /// With logarithms relative to about their mean at `context`.
    pub(super) fn new(
        pdf: &Pdf,
        x: &[&[f64]],
        free: Vec<usize>,
        context: &[f64],
        name: String,
    ) -> Self {
        let x = x.iter().map(|x| x.to_vec()).collect();
        let mut flow = Self { pdf: pdf.clone(), x, free, middle: 0.0, name };
        // what is wrong there whoever asks for it is told
        let values = flow.columns(context, Size { directions: 0, second: false });
        let values = values.unwrap_or_default();
        let possible = || values.iter().copied().filter(|x| *x > ABSENT);
        if let Some(largest) = possible().reduce(f64::max) {
            let mean = possible().sum::<f64>() / possible().count() as f64;
            flow.middle = mean.max(largest - PEAK);
        }
        flow
    }
}

impl FlowColumns for Outside {
    fn context(&self) -> usize {
        self.pdf.parameter_names().len()
    }

    fn directions(&self) -> usize {
        self.free.len()
    }

    fn middle(&self) -> f64 {
        self.middle
    }

    fn check(&self, context: &[f64]) -> Result<()> {
        self.pdf.check_context(context).map_err(|error| told(&self.name, 0, error))
    }

    fn columns(&self, context: &[f64], size: Size) -> Result<Vec<f64>> {
        let (n, k) = (self.x[0].len(), context.len());
        let order = match (size.directions, size.second) {
            (0, _) => Order::Value,
            (_, false) => Order::Gradient,
            (_, true) => Order::Hessian,
        };
        let starts: Vec<usize> = (0..n).step_by(CHUNK).collect();
        let part = |start: &usize| {
            let events = *start..n.min(start + CHUNK);
            let x: Vec<&[f64]> = self.x.iter().map(|x| &x[events.clone()]).collect();
            let found = scalar(&self.pdf, &x, context, order);
            found.map_err(|error| told(&self.name, *start, error))
        };
        let parts: Vec<Vec<f64>> = match n < PARALLEL {
            true => starts.iter().map(part).collect::<Result<_>>()?,
            false => starts.par_iter().map(part).collect::<Result<_>>()?,
        };
        // where the columns that are wanted stand among all: the logarithm, derivatives in the free places
        let mut wanted = vec![0];
        if order >= Order::Gradient {
            wanted.extend(self.free.iter().map(|a| 1 + a));
        }
        if order == Order::Hessian {
            for (row, a) in self.free.iter().enumerate() {
                wanted.extend(self.free[..=row].iter().map(|b| 1 + k + place(*a, *b)));
            }
        }
        let mut columns = Vec::with_capacity(n * wanted.len());
        for at in wanted {
            for (start, part) in starts.iter().zip(&parts) {
                let len = CHUNK.min(n - start);
                columns.extend_from_slice(&part[at * len..][..len]);
            }
        }
        for log in &mut columns[..n] {
            *log = if log.is_finite() { *log - self.middle } else { ABSENT };
        }
        Ok(columns)
    }

    fn on_card(&self, card: usize) -> Result<Vec<Box<dyn CardModel>>> {
        let x: Vec<&[f64]> = self.x.iter().map(Vec::as_slice).collect();
        let models = self.pdf.models_on_card(&x, &self.free, card);
        models.map_err(|error| match error {
            // the device's own
            error if error.is_device() => error,
            error => told(&self.name, 0, error),
        })
    }
}
