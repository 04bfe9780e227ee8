//! Channels whose events lie on a device, alone or together with those of other data sets.

use std::sync::Arc;

use rayon::prelude::*;

use super::channel::{Asked, Compiled, Sums};
use super::{Channel, Evaluation, UnbinnedModel, check_point, evaluate};
use crate::accelerator::events::{EventDevice, EventTotals, Events, HeldSet};
use crate::accelerator::flows::FlowEvents;
use crate::error::{Error, Result};
use crate::spec::text::quoted;
use crate::unbinned::kernel::Order;
use crate::unbinned::kernel::device::{Stored, Table};

/// Where a channel's events lie as well, and sums over them are worked out.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) device: Arc<dyn EventDevice>,
    /// Which of its data sets they are.
    set: usize,
    /// What the device cannot finish the processor may.
    pub(super) help: bool,
    /// Of each process that is a flow with free parameters: its number there.
    pub(super) flows: Vec<Option<usize>>,
    /// Some of them are of layers, which the device works out.
    pub(super) has_layers: bool,
}

impl Place {
    fn held(&self) -> &HeldSet {
        &self.device.held().sets[self.set]
    }

    /// The device computes in f32.
    pub(super) fn is_single(&self) -> bool {
        self.device.held().frame.split
    }

    /// Whether it sums over flows.
    pub(super) fn has_flows(&self) -> bool {
        self.flows.iter().any(Option::is_some)
    }

    /// Places of other data of the channel, side by side on the same device. It must have no flows.
    pub(super) fn with<'a>(&self, data: impl Iterator<Item = &'a Compiled>) -> Result<Vec<Self>> {
        let alone = |channel: &'a Compiled| channel.given_to_device(Vec::new());
        let events = data.map(alone).collect::<Result<Vec<_>>>()?;
        let device = self.device.with(&events)?;
        let place = |set| Self { device: Arc::clone(&device), set, ..self.clone() };
        Ok((0..events.len()).map(place).collect())
    }
}

/// One of many points of many models whose events lie together.
pub(in crate::unbinned) struct Task<'a> {
    pub(in crate::unbinned) model: &'a UnbinnedModel,
    pub(in crate::unbinned) theta: Vec<f64>,
    /// As in [`UnbinnedModel::evaluate`].
    pub(in crate::unbinned) constant: f64,
}

impl Compiled {
    /// With the events on a device that `open` gives, or here.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a density that no device knows and that follows parameters, and as `open`.
    pub(super) fn on_device(
        &self,
        here: bool,
        help: bool,
        init: &[f64],
        open: impl FnOnce(&[Events<'_>]) -> Result<Option<Arc<dyn EventDevice>>>,
    ) -> Result<Self> {
        let Channel { name, processes, .. } = self.channel();
        let (mut flows, mut numbers) = (Vec::new(), vec![None; processes.len()]);
        for (p, process) in processes.iter().enumerate() {
            if here || self.columns[p].is_some() || process.pdf.has_form() {
                continue;
            }
            let flow = self.flow_events(p, init)?.ok_or_else(|| {
                Error::Unsupported(format!(
                    "channel {}, process {}: devices have no formula for the density {}, whose parameters are \
                     free; use the device cpu",
                    quoted(name),
                    quoted(&process.name),
                    process.pdf.kind()
                ))
            })?;
            numbers[p] = Some(flows.len());
            flows.push(flow);
        }
        let has_layers = flows.iter().any(|flow| matches!(flow, FlowEvents::Layers(_)));
        let device = open(&[self.given_to_device(flows)?])?;
        let mut placed = self.clone();
        let place = |device| Place { device, set: 0, help, flows: numbers, has_layers };
        placed.place = device.map(place);
        Ok(placed)
    }

    fn given_to_device(&self, flows: Vec<FlowEvents>) -> Result<Events<'_>> {
        let Channel { events, processes, .. } = self.channel();
        let observable = &processes[0].pdf.observables()[0];
        Ok(Events {
            x: events.column(observable.name())?,
            window: [observable.lo(), observable.hi()],
            weights: events.weights(),
            columns: self.columns.iter().flatten().map(|column| &**column).collect(),
            flows,
        })
    }

    /// The table of a point for the device, where there is one and it has formulas for the point.
    fn table(&self, asked: &Asked) -> Option<Table> {
        let place = self.place.as_ref().filter(|_| asked.formulas)?;
        let mut next = 0..;
        let stored = |p: usize| match (&self.columns[p], place.flows[p]) {
            (Some(_), _) => next.next().map_or(Stored::Formula, Stored::Column),
            (None, Some(flow)) => Stored::Flow(flow, asked.shape(p)),
            (None, None) => Stored::Formula,
        };
        let stored: Vec<Stored<'_>> = (0..self.columns.len()).map(stored).collect();
        Table::new(&asked.point(), &stored, place.device.held(), place.held())
    }
}

/// The sums of one channel, wherever its events lie.
pub(super) fn sums(
    channel: &Compiled,
    theta: &[f64],
    yields: Vec<f64>,
    order: Order,
) -> Result<Sums> {
    let asked = channel.asked(theta, yields, order)?;
    match together(&[(channel, &asked)])?.pop().flatten() {
        Some(sums) => Ok(sums),
        None => channel.sums_here(&asked),
    }
}

/// The sums of channels whose events lie together; `None` where they do not, or a number is beyond the device.
fn together(all: &[(&Compiled, &Asked)]) -> Result<Vec<Option<Sums>>> {
    let Some(device) = all.iter().find_map(|(channel, _)| channel.place.as_ref()) else {
        return Ok(all.iter().map(|_| None).collect());
    };
    let device = &device.device;
    let place = |i: usize| all[i].0.place.as_ref().filter(|p| Arc::ptr_eq(&p.device, device));
    let n = 0..all.len();
    let table = |i: usize| place(i).and_then(|_| all[i].0.table(all[i].1));
    let tables: Vec<Option<Table>> = n.clone().into_par_iter().map(table).collect();
    let point = |i: usize| Some((place(i)?.set, &tables[i].as_ref()?.plan));
    let points: Vec<_> = n.clone().filter_map(point).collect();
    let mut totals = device.sums(&points)?.into_iter();
    let mut of = |table: &Option<Table>| table.as_ref().and_then(|_| totals.next());
    let totals: Vec<Option<EventTotals>> = tables.iter().map(&mut of).collect();
    let sums = |i: usize| {
        let point = all[i].1.point();
        let part = tables[i].as_ref()?.part(&point, place(i)?.held(), totals[i].as_ref()?)?;
        Some(Sums::of(&point, [part]))
    };
    Ok(n.into_par_iter().map(sums).collect())
}

/// [`UnbinnedModel::evaluate`] at many points of models whose events lie together: one call of the device a channel.
/// The same bits as one by one.
///
/// # Errors
///
/// [`Error::Device`] where the device fails; what is wrong with a point is its own.
pub(in crate::unbinned) fn evaluate_all<'a>(
    tasks: &[Task<'a>],
    order: Order,
) -> Result<Vec<Result<Evaluation>>> {
    let ask = |task: &Task<'_>| {
        let Task { model, theta, .. } = task;
        check_point(&model.parameters, theta)?;
        let one = |channel: &Arc<Compiled>| {
            let expected = evaluate::expected(channel, theta, Order::Value)?;
            channel.asked(theta, expected.iter().map(|e| e.value).collect(), order)
        };
        model.channels.iter().map(one).collect::<Result<Vec<Asked>>>()
    };
    let asked: Vec<Result<Vec<Asked>>> = tasks.par_iter().map(ask).collect();
    let channels = tasks.iter().map(|task| task.model.channels.len()).max().unwrap_or(0);
    let mut sums: Vec<Vec<Option<Sums>>> = tasks.iter().map(|_| Vec::new()).collect();
    for number in 0..channels {
        let one = |(at, task): (usize, &Task<'a>)| {
            let asked = asked[at].as_ref().ok()?.get(number)?;
            Some((at, (&*task.model.channels[number], asked)))
        };
        let (places, all): (Vec<_>, Vec<_>) = tasks.iter().enumerate().filter_map(one).unzip();
        places.into_iter().zip(together(&all)?).for_each(|(at, found)| sums[at].push(found));
    }
    let end = |((task, asked), sums): ((&Task<'_>, Result<Vec<Asked>>), Vec<_>)| {
        let (asked, mut sums): (_, Vec<Option<Sums>>) = (asked?, sums);
        task.model.put_together(&task.theta, order, task.constant, |number, _| {
            match sums[number].take() {
                Some(sums) => Ok(sums),
                None => task.model.channels[number].sums_here(&asked[number]),
            }
        })
    };
    Ok(tasks.par_iter().zip(asked).zip(sums).map(end).collect())
}
