//! One channel's sums over events, chunk by chunk, in variables of its own: yields first, then the free parameters
//! of its densities.

use std::ops::Range;
use std::sync::Arc;

use pulp::Arch;
use rayon::prelude::*;

use super::outside::Outside;
use super::placed::Place;
use super::{Channel, Process, Slot, check_names};
use crate::accelerator::flows::FlowEvents;
use crate::error::{Error, Result};
use crate::model::toys::words;
use crate::spec::text::{count, list, quoted};
use crate::unbinned::events::{EventTable, Observable};
use crate::unbinned::kernel::{self, Chunk, Layout, Order, Part, Point, Source, Workspace};
use crate::unbinned::packed::place;
use crate::unbinned::pdf::Pdf;
use crate::unbinned::pdf::local::{Form, Local};
use crate::unbinned::sum::{CHUNK, PARALLEL, Sum};

/// Philox stream of the events that are picked, of seed 0; no toy's.
const PICKS: u32 = u32::MAX - 1;

/// A channel that is known to be consistent.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    channel: Channel,
    /// Of each process without free parameters in its shape: its log-density at every event.
    pub(super) columns: Vec<Option<Vec<f64>>>,
    /// The instruction set that sums are worked out with; no bit depends on it.
    arch: Arch,
    /// Free parameters of shapes: process, place in its shape, parameter of the model.
    pub(super) free: Vec<Free>,
    /// Where the events lie as well, and sums over them are worked out.
    pub(super) place: Option<Place>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Free {
    process: usize,
    slot: usize,
    pub(super) parameter: usize,
}

/// Sums over events.
pub(super) struct Sums {
    pub(super) log_likelihood: Sum,
    pub(super) zero_density: usize,
    /// `sum w d`
    pub(super) first: Vec<Sum>,
    /// `sum w d d'` and what the second derivatives of the log-likelihood are above minus that; lower triangles.
    pub(super) information: Vec<Sum>,
    pub(super) bend: Vec<Sum>,
}

/// A point as the sums over events see it.
pub(super) struct Asked {
    shapes: Vec<Vec<f64>>,
    locals: Vec<Local>,
    /// All densities have formulas here, or columns.
    pub(super) formulas: bool,
    layout: Layout,
    yields: Vec<f64>,
}

impl Asked {
    pub(super) fn point(&self) -> Point<'_> {
        Point { layout: &self.layout, locals: &self.locals, yields: &self.yields }
    }

    /// Parameters of a process' shape.
    pub(super) fn shape(&self, process: usize) -> &[f64] {
        &self.shapes[process]
    }
}

impl Sums {
    /// Parts joined in their order.
    pub(super) fn of(point: &Point<'_>, parts: impl IntoIterator<Item = Part>) -> Self {
        let Layout { order, variables, .. } = *point.layout;
        let m = if order == Order::Value { 0 } else { variables };
        let pairs = if order == Order::Hessian { m * (m + 1) / 2 } else { 0 };
        let mut sums = Self {
            log_likelihood: Sum::default(),
            zero_density: 0,
            first: vec![Sum::default(); m],
            information: vec![Sum::default(); pairs],
            bend: vec![Sum::default(); pairs],
        };
        for part in parts {
            sums.log_likelihood.join(part.log_likelihood);
            sums.zero_density += part.zero_density;
            let Self { first, information, bend, .. } = &mut sums;
            let terms = [(first, part.first), (information, part.information), (bend, part.bend)];
            for (sums, terms) in terms {
                sums.iter_mut().zip(terms).for_each(|(sum, term)| sum.add(term));
            }
        }
        sums
    }
}

impl Compiled {
    pub(super) fn new(channel: Channel, n_parameters: usize) -> Result<Self> {
        let name = quoted(&channel.name);
        let refuse = |message: String| Err(Error::Argument(format!("channel {name}: {message}")));
        if channel.processes.is_empty() {
            return refuse("it has no process".into());
        }
        if let Err(error) = check_names("process", channel.processes.iter().map(|p| &*p.name)) {
            return refuse(error.to_string());
        }
        let (mut columns, mut free) = (Vec::new(), Vec::new());
        for (p, process) in channel.processes.iter().enumerate() {
            let process_name = quoted(&process.name);
            let refuse = |message: String| refuse(format!("process {process_name}: {message}"));
            let names = process.pdf.parameter_names();
            if process.shape.len() != names.len() {
                return refuse(format!(
                    "{} for {}: {}",
                    count(process.shape.len(), "value"),
                    count(names.len(), "parameter"),
                    names.join(", ")
                ));
            }
            let first = channel.processes[0].pdf.observables();
            if let Err(error) = check_observables(&channel.events, &process.pdf, first) {
                return refuse(error.to_string());
            }
            for (slot, from) in process.shape.iter().enumerate() {
                if let Slot::Parameter(parameter) = *from {
                    free.push(Free { process: p, slot, parameter });
                }
            }
            let used = free.iter().filter(|f| f.process == p).map(|f| f.parameter);
            if let Some(beyond) =
                used.chain(process.expected.parameters()).find(|k| *k >= n_parameters)
            {
                return refuse(format!(
                    "it follows parameter {beyond}, but there are {}",
                    count(n_parameters, "parameter")
                ));
            }
            let fixed = free.iter().all(|f| f.process != p);
            columns.push(match fixed {
                true => {
                    let n = channel.events.n();
                    let mut column = vec![0.0; n];
                    let x = columns_of(&channel.events, &process.pdf, 0..n)?;
                    let told = process.pdf.log_prob(&shape(process, &[]), &x, &mut column);
                    if let Err(error) = told {
                        return refuse(error.to_string());
                    }
                    Some(column)
                }
                false => None,
            });
        }
        Ok(Self { channel, columns, free, arch: Arch::new(), place: None })
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// What a device needs to know of a flow whose context follows parameters, `init` at first; `None` where it has no
    /// layers and no model.
    pub(super) fn flow_events(&self, process: usize, init: &[f64]) -> Result<Option<FlowEvents>> {
        let Channel { events, processes, .. } = &self.channel;
        let pdf = &processes[process].pdf;
        let x = columns_of(events, pdf, 0..events.n())?;
        let free: Vec<usize> = self.slots(process).collect();
        if pdf.is_exported() {
            let at = shape(&processes[process], init);
            let columns = Outside::new(pdf, &x, free, &at, self.name_of(process));
            return Ok(Some(FlowEvents::Columns(Arc::new(columns))));
        }
        pdf.flow_events(&x, &free).map_err(|e| self.told(process, 0, e))
    }

    /// One event of every `stride` with `stride` times its weight, on the processor.
    pub(super) fn thinned(&self, stride: usize) -> Result<Self> {
        let Channel { name, events, processes } = &self.channel;
        let picked = picked(events.n(), stride);
        let some = |column: &Vec<f64>| picked.iter().map(|i| column[*i]).collect();
        let channel = Channel {
            name: name.clone(),
            events: events.some(&picked, stride as f64)?,
            processes: processes.clone(),
        };
        let columns = self.columns.iter().map(|c| c.as_ref().map(some)).collect();
        Ok(Self { channel, columns, free: self.free.clone(), arch: self.arch, place: None })
    }

    /// What is to be summed at `theta`, with these yields.
    pub(super) fn asked(&self, theta: &[f64], yields: Vec<f64>, order: Order) -> Result<Asked> {
        let shapes: Vec<Vec<f64>> =
            self.channel.processes.iter().map(|p| shape(p, theta)).collect();
        let locals: Vec<Option<Local>> =
            (0..shapes.len()).map(|p| self.local(p, &shapes[p])).collect::<Result<_>>()?;
        // at this point all have formulas, or columns where the events lie
        let flows = self.place.as_ref().map_or(&[][..], |place| &place.flows);
        let stored =
            |p: usize| self.columns[p].is_some() || flows.get(p).is_some_and(Option::is_some);
        let formulas = (0..locals.len()).all(|p| locals[p].is_some() || stored(p));
        let given = |(p, local): (usize, Option<Local>)| local.unwrap_or_else(|| self.given(p));
        let locals: Vec<Local> = locals.into_iter().enumerate().map(given).collect();
        let layout = Layout::new(&locals, order);
        Ok(Asked { shapes, locals, formulas, layout, yields })
    }

    /// A process whose columns are worked out by its scalar formulas.
    fn given(&self, p: usize) -> Local {
        Local::given(self.slots(p).count())
    }

    /// The sums, on the processor.
    pub(super) fn sums_here(&self, asked: &Asked) -> Result<Sums> {
        let n = self.channel.events.n();
        let (shapes, point) = (&asked.shapes, asked.point());
        let fallback: Vec<Local> = (0..shapes.len()).map(|p| self.given(p)).collect();
        let layout = Layout::new(&fallback, point.layout.order);
        let scalar = Point { layout: &layout, locals: &fallback, yields: point.yields };
        let chunk = |room: &mut Workspace, start: &usize| {
            let events = *start..n.min(start + CHUNK);
            if let Some(part) = self.chunk(events.clone(), shapes, &point, room)? {
                return Ok(part);
            }
            // numbers that the lanes cannot hold: event by event, which also tells what is wrong
            let mut room = Workspace::new(scalar.layout);
            let part = self.chunk(events, shapes, &scalar, &mut room)?;
            part.ok_or_else(|| self.beyond(*start))
        };
        let starts: Vec<usize> = (0..n).step_by(CHUNK).collect();
        let room = || Workspace::new(point.layout);
        let parts: Vec<Part> = if n < PARALLEL {
            let mut room = room();
            starts.iter().map(|start| chunk(&mut room, start)).collect::<Result<_>>()?
        } else {
            starts.par_iter().map_init(room, chunk).collect::<Result<_>>()?
        };
        Ok(Sums::of(&point, parts))
    }

    /// The free places of a process's shape.
    fn slots(&self, p: usize) -> impl Iterator<Item = usize> {
        self.free.iter().filter(move |f| f.process == p).map(|f| f.slot)
    }

    /// How the kernel makes a process's columns, where it does.
    fn local(&self, p: usize, shape: &[f64]) -> Result<Option<Local>> {
        if self.columns[p].is_some() {
            return Ok(None);
        }
        let free: Vec<usize> = self.slots(p).collect();
        self.channel.processes[p].pdf.local(shape, &free).map_err(|error| self.told(p, 0, error))
    }

    /// A chunk's sums, `None` where a number is beyond the kernel's formulas.
    fn chunk(
        &self,
        events: Range<usize>,
        shapes: &[Vec<f64>],
        point: &Point<'_>,
        room: &mut Workspace,
    ) -> Result<Option<Part>> {
        let order = point.layout.order;
        let mut rooms: Vec<Vec<f64>> = vec![Vec::new(); shapes.len()];
        for (p, room) in rooms.iter_mut().enumerate() {
            if self.columns[p].is_none() && point.locals[p].form == Form::Given {
                *room = self.scalar(p, events.clone(), &shapes[p], order)?;
            }
        }
        let n = events.len();
        let mut sources = Vec::with_capacity(shapes.len());
        for (p, process) in self.channel.processes.iter().enumerate() {
            sources.push(match &self.columns[p] {
                Some(column) => Source::Columns(&column[events.clone()], Vec::new()),
                None if rooms[p].is_empty() => {
                    let name = process.pdf.observables()[0].name();
                    Source::Events(&self.channel.events.column(name)?[events.clone()])
                }
                None => {
                    let (log_p, rest) = rooms[p].split_at(n);
                    let k = shapes[p].len();
                    let column = |at: usize| &rest[at * n..][..n];
                    let mut columns = Vec::new();
                    if order >= Order::Gradient {
                        columns.extend(self.slots(p).map(column));
                    }
                    if order == Order::Hessian {
                        for a in self.slots(p) {
                            let row = self.slots(p).take_while(|b| *b <= a);
                            columns.extend(row.map(|b| column(k + place(a, b))));
                        }
                    }
                    Source::Columns(log_p, columns)
                }
            });
        }
        let weights = self.channel.events.weights().map(|w| &w[events]);
        let chunk = Chunk { n, weights, sources };
        Ok(self.arch.dispatch(kernel::Sums { point, chunk: &chunk, room }))
    }

    /// Log-densities of process `p` by its scalar formulas, then the derivatives that `order` needs, in all of
    /// its parameters.
    fn scalar(
        &self,
        p: usize,
        events: Range<usize>,
        shape: &[f64],
        order: Order,
    ) -> Result<Vec<f64>> {
        let start = events.start;
        let pdf = &self.channel.processes[p].pdf;
        let x = columns_of(&self.channel.events, pdf, events)?;
        scalar(pdf, &x, shape, order).map_err(|error| self.told(p, start, error))
    }

    /// An error of a density, with where it is.
    fn told(&self, p: usize, start: usize, error: Error) -> Error {
        told(&self.name_of(p), start, error)
    }

    fn name_of(&self, p: usize) -> String {
        let (channel, process) =
            (quoted(&self.channel.name), quoted(&self.channel.processes[p].name));
        format!("channel {channel}, process {process}")
    }

    fn beyond(&self, start: usize) -> Error {
        Error::Argument(format!(
            "channel {}, events from {start} on: the likelihood or a derivative is beyond what f64 can hold",
            quoted(&self.channel.name)
        ))
    }
}

/// Log-densities by scalar formulas, then the derivatives that `order` needs, in all parameters.
pub(super) fn scalar(pdf: &Pdf, x: &[&[f64]], shape: &[f64], order: Order) -> Result<Vec<f64>> {
    let (n, k) = (x[0].len(), shape.len());
    let slopes = if order >= Order::Gradient { k } else { 0 };
    let curves = if order == Order::Hessian { k * (k + 1) / 2 } else { 0 };
    let mut room = vec![0.0; n * (1 + slopes + curves)];
    let (value, rest) = room.split_at_mut(n);
    let (gradient, hessian) = rest.split_at_mut(n * slopes);
    match order {
        Order::Value => pdf.log_prob(shape, x, value),
        Order::Gradient => pdf.log_prob_gradient(shape, x, value, gradient),
        Order::Hessian => pdf.log_prob_hessian(shape, x, value, gradient, hessian),
    }?;
    Ok(room)
}

/// An error of a process's density at events from `start` on.
pub(super) fn told(process: &str, start: usize, error: Error) -> Error {
    let from = if start > 0 { format!(", events from {start} on") } else { String::new() };
    Error::Argument(format!("{process}{from}: {error}"))
}

/// One index of every `stride`, a power of two up to 256, which one by Philox: whatever repeats in a file's order does
/// not show. The last few have one if it is among them.
fn picked(n: usize, stride: usize) -> Vec<usize> {
    const BYTES: usize = 16;
    let mut bytes = [0; BYTES];
    let mut picked = Vec::with_capacity(n / stride + 1);
    for (group, first) in (0..n).step_by(stride).enumerate() {
        if group % BYTES == 0 {
            let [low, high] = words(0, n as u64, (group / BYTES) as u32, PICKS);
            bytes[..8].copy_from_slice(&low.to_le_bytes());
            bytes[8..].copy_from_slice(&high.to_le_bytes());
        }
        let at = first + usize::from(bytes[group % BYTES]) % stride;
        if at < n {
            picked.push(at);
        }
    }
    picked
}

/// A density's observables are among those of the events, on their windows, and those of the `first` one.
fn check_observables(events: &EventTable, pdf: &Pdf, first: &[Observable]) -> Result<()> {
    for observable in pdf.observables() {
        events.column(observable.name())?;
        if !events.observables().contains(observable) {
            let message = format!(
                "its density is normalised on another window than that of {}",
                quoted(observable.name())
            );
            return Err(Error::Argument(message));
        }
    }
    let same = pdf.observables().len() == first.len()
        && pdf.observables().iter().all(|observable| first.contains(observable));
    if !same {
        let names = |all: &[Observable]| list(all.iter().map(Observable::name));
        return Err(Error::Argument(format!(
            "its density is one of {}, that of the first process one of {}; all processes of a channel \
             need the same observables",
            names(pdf.observables()),
            names(first)
        )));
    }
    Ok(())
}

/// The values of a density's observables at some events.
fn columns_of<'e>(events: &'e EventTable, pdf: &Pdf, some: Range<usize>) -> Result<Vec<&'e [f64]>> {
    let column = |o: &Observable| Ok(&events.column(o.name())?[some.clone()]);
    pdf.observables().iter().map(column).collect()
}

/// Values of a density's parameters.
pub(super) fn shape(process: &Process, theta: &[f64]) -> Vec<f64> {
    let value = |slot: &Slot| match *slot {
        Slot::Parameter(k) => theta[k],
        Slot::Constant(value) => value,
    };
    process.shape.iter().map(value).collect()
}
