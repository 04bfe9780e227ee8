//! A session with memory that is bound to it, for batches of a few sizes.

use std::fmt::Debug;
use std::ops::Range;

use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use ort::value::{PrimitiveTensorElementType, Tensor};

use super::interface::Interface;

/// Sizes of batches. A batch is filled up with its last event: how many there are of it must not decide which of its
/// kernels the library takes, one way for 4000 events and another for 4001.
pub(super) const SIZES: [usize; 3] = [64, 512, 4096];

/// Events with a context.
pub(super) struct Batch<'a> {
    pub(super) columns: &'a [&'a [f64]],
    pub(super) context: &'a [f64],
    /// Not empty, and no more than a batch holds.
    pub(super) events: Range<usize>,
}

/// What a thread runs a model with.
pub(super) trait Run: Send {
    /// One slice an output that the model has, row after row.
    fn run(&mut self, batch: &Batch<'_>, out: &mut [Vec<f64>]) -> ort::Result<()>;

    /// What it runs.
    fn session(&mut self) -> &mut Session;
}

/// Numbers of a model.
trait Number: PrimitiveTensorElementType + Debug + Copy + Send + 'static {
    fn of(x: f64) -> Self;
    fn wide(self) -> f64;
}

impl Number for f64 {
    fn of(x: f64) -> Self {
        x
    }

    fn wide(self) -> f64 {
        self
    }
}

impl Number for f32 {
    fn of(x: f64) -> Self {
        x as Self
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }
}

struct Runner<T: Number> {
    session: Session,
    interface: Interface,
    bound: Vec<Bound<T>>,
    /// Results lie on a device until they are waited for.
    waits: bool,
}

struct Bound<T: Number> {
    rows: usize,
    binding: IoBinding,
    inputs: Vec<Tensor<T>>,
}

pub(super) fn runner(session: Session, interface: &Interface, waits: bool) -> Box<dyn Run> {
    let interface = interface.clone();
    match interface.double {
        true => Box::new(Runner::<f64> { session, interface, bound: Vec::new(), waits }),
        false => Box::new(Runner::<f32> { session, interface, bound: Vec::new(), waits }),
    }
}

impl Interface {
    /// Most events of a batch.
    pub(super) fn most(&self) -> usize {
        self.rows.unwrap_or(SIZES[SIZES.len() - 1])
    }

    /// Rows of a batch of so many events.
    pub(super) fn size(&self, events: usize) -> usize {
        let fits = SIZES.into_iter().find(|size| events <= *size);
        self.rows.or(fits).unwrap_or(self.most())
    }

    /// Numbers on both sides of one of the context that the model's type of numbers has: the step of a central difference
    /// of gradients, which balances rounding and the fourth derivative.
    pub(super) fn step(&self, c: f64) -> [f64; 2] {
        match self.double {
            true => {
                let h = f64::EPSILON.cbrt() * c.abs().max(1.0);
                [c - h, c + h]
            }
            false => {
                let h = f64::from(f32::EPSILON).cbrt() * c.abs().max(1.0);
                [c - h, c + h].map(|c| f64::from(c as f32))
            }
        }
    }
}

impl<T: Number> Runner<T> {
    fn bind(&self, rows: usize) -> ort::Result<Bound<T>> {
        let memory = Allocator::default();
        let mut binding = self.session.create_binding()?;
        let tensor = |shape: Vec<i64>| Tensor::<T>::new(&memory, shape);
        let long = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let inputs = self.interface.inputs.iter();
        let inputs = inputs.map(|input| tensor(vec![long(rows), long(input.columns.len())]));
        let inputs = inputs.collect::<ort::Result<_>>()?;
        for out in self.interface.outputs.iter().flatten() {
            let shape = [long(rows)].into_iter().chain(out.shape.iter().copied()).collect();
            binding.bind_output(&out.name, tensor(shape)?)?;
        }
        Ok(Bound { rows, binding, inputs })
    }
}

impl<T: Number> Run for Runner<T> {
    fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    fn run(&mut self, batch: &Batch<'_>, out: &mut [Vec<f64>]) -> ort::Result<()> {
        let (events, n) = (batch.events.clone(), batch.events.len());
        let rows = self.interface.size(n);
        let at = match self.bound.iter().position(|bound| bound.rows == rows) {
            Some(at) => at,
            None => {
                self.bound.push(self.bind(rows)?);
                self.bound.len() - 1
            }
        };
        let Self { session, interface, bound, waits } = self;
        let Bound { binding, inputs, .. } = &mut bound[at];
        for (input, tensor) in interface.inputs.iter().zip(inputs) {
            let (_, values) = tensor.extract_tensor_mut();
            for (row, values) in values.chunks_exact_mut(input.columns.len()).enumerate() {
                let event = events.start + row.min(n - 1);
                for (value, column) in values.iter_mut().zip(input.columns.clone()) {
                    *value = T::of(match batch.columns.get(column) {
                        Some(x) => x[event],
                        None => batch.context[column - batch.columns.len()],
                    });
                }
            }
            // once more: a device has a copy of what was bound
            binding.bind_input(&input.name, tensor)?;
        }
        let found = session.run_binding(binding)?;
        if *waits {
            binding.synchronize_outputs()?;
        }
        for (needed, out) in interface.outputs.iter().flatten().zip(out) {
            let width = needed.shape.iter().product::<i64>().max(0) as usize;
            let (_, values) = found[&*needed.name].try_extract_tensor::<T>()?;
            out.clear();
            out.extend(values[..n * width].iter().map(|x| x.wide()));
        }
        Ok(())
    }
}
