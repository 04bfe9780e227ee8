//! Models whose inputs and outputs lie in the memory of the card that runs them: nothing of an event travels to the host.

use std::ffi::{CString, c_void};
use std::fmt;
use std::sync::{Arc, OnceLock};

use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use ort::value::{DynValueRefMut, PrimitiveTensorElementType, Shape, TensorRefMut};
use ort::{AsPointer, ortsys};

use super::interface::Interface;
use super::model::Model;
use super::{Exported, GRADIENT};
use crate::accelerator::flows::{CardInput, CardModel, CardRows};
use crate::error::Result;

/// A batch begins at a multiple of so many rows: 256 bytes, whatever its numbers.
const ALIGNED: usize = 64;

/// From bytes of a card's memory, which begin at an address there, to the processor's address of them.
type Reach = fn(u64, usize) -> *mut c_void;
static REACH: OnceLock<Reach> = OnceLock::new();

/// Lets models that the processor runs read and write the memory of cards: for machines where both have the same.
///
/// # Safety
///
/// What `reach` gives is memory of so many bytes, which lives as long as the card's, and both see what the other wrote
/// when it is done.
#[doc(hidden)]
pub unsafe fn reach_cards(reach: Reach) {
    // the first one counts
    let _ = REACH.set(reach);
}

/// The models at these events, where they run on this card; derivatives are wanted in the context's places `free`.
pub(in crate::unbinned::pdf::flow) fn on_card(
    flow: &Arc<Exported>,
    x: &[&[f64]],
    free: &[usize],
    card: usize,
) -> Result<Vec<Box<dyn CardModel>>> {
    let mut own = vec![false];
    if !flow.log_prob.has(GRADIENT) && flow.gradient.is_some() {
        own.push(true);
    }
    let model = |gradient: bool| Resident::model(flow, gradient);
    let runs_there = |gradient: &bool| match model(*gradient).card() {
        Some(runs) => runs == card,
        None => REACH.get().is_some(),
    };
    let rows = |gradient: bool| rows(flow, model(gradient).interface(), x, free);
    if !own.iter().all(runs_there) {
        return Ok(Vec::new());
    }
    let all = own.into_iter().map(|gradient| Ok((gradient, rows(gradient)?)));
    let all: Vec<(bool, Option<CardRows>)> = all.collect::<Result<_>>()?;
    let mut models: Vec<Box<dyn CardModel>> = Vec::new();
    for (gradient, rows) in all {
        // more rows than can be counted: by way of the host
        let Some(rows) = rows else { return Ok(Vec::new()) };
        let session = match model(gradient).card() {
            Some(_) => None,
            None => Some(model(gradient).on_processor()?),
        };
        let flow = Arc::clone(flow);
        models.push(Box::new(Resident { flow, gradient, card, rows, bound: Vec::new(), session }));
    }
    Ok(models)
}

/// The rows of a model at these events, in batches whose sizes are those of [`super::batch`].
fn rows(
    flow: &Exported,
    interface: &Interface,
    x: &[&[f64]],
    free: &[usize],
) -> Result<Option<CardRows>> {
    let (inside, columns) = flow.enter(x, 0)?;
    let (n, most) = (inside.len(), interface.most());
    let stride = most.next_multiple_of(ALIGNED);
    let last = (n - 1) / most;
    let all = last * stride + interface.size(n - last * most).next_multiple_of(ALIGNED);
    let (Ok(_), Ok(batch), Ok(stride)) =
        (u32::try_from(all), u32::try_from(most), u32::try_from(stride))
    else {
        return Ok(None);
    };
    let inputs = interface.inputs.iter().map(|input| {
        let (width, end) = (input.columns.len(), input.columns.end);
        let of_context = end.saturating_sub(input.columns.start.max(columns.len()));
        let mut numbers = vec![0.0; all * width];
        for (row, numbers) in numbers.chunks_exact_mut(width).enumerate() {
            // filled up with the last event
            let (first, at) = (row / stride as usize * most, row % stride as usize);
            let event = (first + at.min(most - 1)).min(n - 1);
            for (number, column) in numbers.iter_mut().zip(input.columns.clone()) {
                *number = columns.get(column).map_or(0.0, |x| x[event]);
            }
        }
        let first = if of_context > 0 { width - of_context } else { 0 };
        CardInput { width: width as u32, context: [first as u32, of_context as u32], numbers }
    });
    let inputs = inputs.collect();
    let mut outputs = [0; 3];
    for (width, out) in outputs.iter_mut().zip(&interface.outputs) {
        *width = out.as_ref().map_or(0, |out| out.shape.iter().product::<i64>() as u32);
    }
    Ok(Some(CardRows {
        double: interface.double,
        context: flow.context,
        batch,
        stride,
        all: all as u32,
        inputs,
        outputs,
        free: free.iter().map(|place| *place as u32).collect(),
        inside: inside.into_iter().map(u32::from).collect(),
    }))
}

/// A model with its batches.
struct Resident {
    flow: Arc<Exported>,
    /// Whether it is the one that the gradient alone is of.
    gradient: bool,
    card: usize,
    rows: CardRows,
    bound: Vec<Bound>,
    /// The processor's; a card has one for all.
    session: Option<Session>,
}

struct Bound {
    binding: IoBinding,
    inputs: Vec<(CString, DynValueRefMut<'static>)>,
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { card, gradient, bound, .. } = self;
        let model = Self::model(&self.flow, *gradient);
        f.debug_struct("Resident")
            .field("model", model)
            .field("card", card)
            .field("batches", &bound.len())
            .finish_non_exhaustive()
    }
}

impl Resident {
    fn model(flow: &Exported, gradient: bool) -> &Model {
        match &flow.gradient {
            Some(model) if gradient => model,
            _ => &flow.log_prob,
        }
    }

    /// What to do with the session that runs it.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Session, &mut Vec<Bound>) -> ort::Result<T>,
    ) -> Result<T> {
        let Self { flow, gradient, bound, session, .. } = self;
        let model = Self::model(flow, *gradient);
        let done = match session {
            Some(session) => work(session, bound),
            None => model.with_session(|session| work(session, bound)),
        };
        done.map_err(|error| model.failed(&error.to_string()))
    }

    /// A tensor where a card has it.
    ///
    /// # Safety
    /// As [`CardModel::bind`].
    unsafe fn tensor<T: PrimitiveTensorElementType + fmt::Debug>(
        card: Option<usize>,
        at: u64,
        shape: Vec<i64>,
    ) -> ort::Result<TensorRefMut<'static, T>> {
        let bytes = shape.iter().product::<i64>() as usize * size_of::<T>();
        let (device, number, at) = match (card, REACH.get()) {
            (None, Some(reach)) => (AllocationDevice::CPU, 0, reach(at, bytes)),
            (card, _) => (AllocationDevice::CUDA, card.unwrap_or(0), at as usize as *mut c_void),
        };
        let info =
            MemoryInfo::new(device, number as i32, AllocatorType::Device, MemoryType::Default)?;
        // SAFETY: the caller's memory, on the device that is named.
        unsafe { TensorRefMut::from_raw(info, at, Shape::from(shape)) }
    }

    /// # Safety
    /// As [`CardModel::bind`].
    unsafe fn bind_all<T: PrimitiveTensorElementType + fmt::Debug>(
        &mut self,
        inputs: &[u64],
        outputs: [u64; 3],
    ) -> Result<()> {
        let interface = Self::model(&self.flow, self.gradient).interface().clone();
        let n = self.rows.inside.len();
        let (most, stride) = (self.rows.batch as usize, self.rows.stride as usize);
        let card = self.session.is_none().then_some(self.card);
        let place = |at: u64, batch: usize, width: i64| {
            at + (batch * stride) as u64 * width as u64 * size_of::<T>() as u64
        };
        self.with(|session, bound| {
            bound.clear();
            for (batch, start) in (0..n).step_by(most).enumerate() {
                let rows = interface.size(most.min(n - start)) as i64;
                let mut binding = session.create_binding()?;
                let mut own = Vec::with_capacity(inputs.len());
                for (input, at) in interface.inputs.iter().zip(inputs) {
                    let width = input.columns.len() as i64;
                    // SAFETY: as the caller promises: rows of this batch.
                    let tensor = unsafe {
                        Self::tensor::<T>(card, place(*at, batch, width), vec![rows, width])
                    };
                    own.push((name(&input.name)?, tensor?.into_dyn()));
                }
                for (out, at) in interface.outputs.iter().zip(outputs) {
                    let Some(out) = out else { continue };
                    let width = out.shape.iter().product();
                    let shape = [rows].into_iter().chain(out.shape.iter().copied()).collect();
                    // SAFETY: as above.
                    let tensor = unsafe { Self::tensor::<T>(card, place(at, batch, width), shape) };
                    binding.bind_output(&out.name, tensor?)?;
                }
                bound.push(Bound { binding, inputs: own });
            }
            Ok(())
        })
    }
}

fn name(name: &str) -> ort::Result<CString> {
    CString::new(name).map_err(|_| ort::Error::new("a name of an input has a zero byte"))
}

impl CardModel for Resident {
    fn rows(&self) -> &CardRows {
        &self.rows
    }

    unsafe fn bind(&mut self, inputs: &[u64], outputs: [u64; 3]) -> Result<()> {
        match self.rows.double {
            // SAFETY: the caller promises the same.
            true => unsafe { self.bind_all::<f64>(inputs, outputs) },
            // SAFETY: likewise.
            false => unsafe { self.bind_all::<f32>(inputs, outputs) },
        }?;
        // the caller has what it needs
        self.rows.inputs = Vec::new();
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        self.with(|session, bound| {
            for Bound { binding, inputs } in &mut *bound {
                for (name, tensor) in inputs {
                    // each time: where a kernel wants it elsewhere, this copies. The wrapper would copy it once more.
                    // SAFETY: binding, name and tensor live; the binding keeps what it takes.
                    ortsys![unsafe BindInput(binding.ptr_mut(), name.as_ptr(), tensor.ptr())?];
                }
                let session = session.ptr().cast_mut();
                // SAFETY: the session that made the binding, which nobody else uses now. The wrapper would ask for
                // allocators of the outputs, which it has no need of.
                ortsys![unsafe RunWithBinding(session, std::ptr::null(), binding.ptr())?];
            }
            bound.iter().try_for_each(|bound| bound.binding.synchronize_outputs())
        })
    }

    fn step(&self, c: f64) -> [f64; 2] {
        Self::model(&self.flow, self.gradient).interface().step(c)
    }
}
