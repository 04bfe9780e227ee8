//! Toy data: numbers of events, events, auxiliary measurements. Toy `i` of seed `s` depends on nothing but the model,
//! the truth, `s` and `i`.

use crate::error::{Error, Result};
use crate::model::Data;
use crate::model::toys::{ToySampler, uniform, words};
use crate::spec::text::{count, quoted};
use crate::unbinned::events::{EventTable, Observable, OutOfBounds};
use crate::unbinned::model::{Binned, Channel, Process, Slot};
use crate::unbinned::pdf::Sampler;
use crate::unbinned::{UnbinnedModel, model};

/// More events than this are not thrown: a toy would not fit into memory.
const MOST_EVENTS: f64 = 1e9;
/// Stream of the first process's events; those below are of numbers of events and auxiliary measurements, which
/// [`ToySampler`] draws.
const EVENTS: u32 = 1 << 31;
/// Streams of an observable, one a process, and the observables that have some.
const PROCESSES: usize = 1 << 20;
const OBSERVABLES: usize = 1024;

/// Throws toys of one truth.
///
/// Numbers of events of all processes, counts of a binned part, its Poisson auxiliary data and then all normal
/// auxiliary measurements are drawn as main and auxiliary data of a binned model. Observable `d` of event `e` of
/// process `p` (counted over all channels) uses word `e % 2` of Philox block `e / 2` of stream `2^31 + 2^20 d + p`;
/// events that a flow's windows reject are counted, too. Events lie process by process.
#[derive(Debug, Clone)]
pub struct Thrower<'m> {
    model: &'m UnbinnedModel,
    truth: Vec<f64>,
    numbers: ToySampler,
    /// Of each channel's processes, `None` where nothing is expected.
    samplers: Vec<Vec<Option<Sampler>>>,
    /// Events of all channels.
    expected: f64,
}

impl<'m> Thrower<'m> {
    /// Toys of `model` at `truth`, `[n_parameters]`. Auxiliary measurements scatter around the truth, those of fixed
    /// parameters too.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: another number of values, one that is not finite or outside a density's domain, a
    /// yield below 0. [`Error::Unsupported`]: a density that cannot be integrated, a flow that lies outside its windows
    /// almost everywhere; more than 1024 observables; more events than fit into memory.
    pub fn new(model: &'m UnbinnedModel, truth: &[f64]) -> Result<Self> {
        model::check_point(model.parameters(), truth)?;
        let (mut rates, mut samplers, mut total) = (Vec::new(), Vec::new(), 0.0);
        for channel in model.channels() {
            let sampler = |process: &Process| {
                let named = |error| in_process(channel, process, error);
                let expected = process.expected.at(truth, &mut [], &mut []).map_err(named)?;
                let name =
                    format!("process {} of {}", quoted(&process.name), quoted(&channel.name));
                rates.push((expected, name));
                total += expected;
                let shape = shape(process, truth);
                let some = (expected > 0.0).then(|| process.pdf.sampler(&shape));
                some.transpose().map_err(named)
            };
            let all = channel.processes.iter().map(sampler).collect::<Result<Vec<_>>>()?;
            samplers.push(all);
        }
        if total > MOST_EVENTS {
            let message = format!("toys of {total:.3e} events; {MOST_EVENTS:e} is the most");
            return Err(Error::Unsupported(message));
        }
        let observables = |c: &Channel| c.processes[0].pdf.observables().len();
        let most = model.channels().map(observables).max().unwrap_or(0);
        if most > OBSERVABLES || rates.len() > PROCESSES {
            return Err(Error::Unsupported(format!(
                "toys of {} and {most} observables; {PROCESSES} and {OBSERVABLES} are the most",
                count(rates.len(), "process")
            )));
        }
        if let Some(binned) = model.binned() {
            let data = binned.expected(truth)?;
            let all = data.main.into_iter().chain(data.auxiliary).enumerate();
            rates.extend(all.map(|(datum, rate)| (rate, binned.name(datum))));
        }
        let normal = model.parameters().iter().zip(truth);
        let normal = normal.filter_map(|(p, truth)| p.constraint.map(|c| (*truth, c.sigma)));
        let numbers = ToySampler::of(&rates, normal)?;
        Ok(Self { model, truth: truth.to_vec(), numbers, samplers, expected: total })
    }

    /// The model that toys are thrown of.
    pub fn model(&self) -> &UnbinnedModel {
        self.model
    }

    /// The point that they are thrown at, `[n_parameters]`.
    pub fn truth(&self) -> &[f64] {
        &self.truth
    }

    /// Events of a toy in the mean, of all channels.
    pub(super) fn expected(&self) -> f64 {
        self.expected
    }

    /// The model with the data of toy number `toy` of `seed`. Events have the observables of the channel's densities
    /// alone, and no weights.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a flow that leads to numbers that are not finite; else none that [`Thrower::new`] has
    /// not told of.
    pub fn toy(&self, seed: u64, toy: u64) -> Result<UnbinnedModel> {
        let parameters = self.model.parameters();
        let constrained = parameters.iter().filter(|p| p.constraint.is_some()).count();
        let binned = self.model.binned().map(Binned::data);
        let processes = self.samplers.iter().map(Vec::len).sum::<usize>();
        let bins = binned.map_or(0, |data| data.main.len());
        let poisson = binned.map_or(0, |data| data.auxiliary.len());
        let mut counts = vec![0.0; processes + bins + poisson];
        let mut auxiliary = vec![0.0; constrained];
        self.numbers.draw(seed, toy, &mut counts, &mut auxiliary);
        let mut process = 0;
        let mut tables = Vec::with_capacity(self.samplers.len());
        for (channel, samplers) in self.model.channels().zip(&self.samplers) {
            let here = &counts[process..process + samplers.len()];
            let total = here.iter().sum::<f64>() as usize;
            let observables = channel.processes[0].pdf.observables();
            let room = || Vec::with_capacity(total);
            let mut columns: Vec<Vec<f64>> = observables.iter().map(|_| room()).collect();
            for ((sampler, of), count) in samplers.iter().zip(&channel.processes).zip(here) {
                let own = of.pdf.observables();
                let stream = |d: usize| EVENTS + (d * PROCESSES + process) as u32;
                let numbers = |d: usize| {
                    let mut words = Words { seed, toy, stream: stream(d), next: 0, last: 0 };
                    move || uniform(words.next())
                };
                if let Some(sampler) = sampler {
                    // its own observables in its own order, which may be another
                    let place = |own: &Observable| observables.iter().position(|o| o == own);
                    let order: Vec<usize> = own.iter().filter_map(place).collect();
                    let mut there: Vec<Vec<f64>> =
                        order.iter().map(|at| std::mem::take(&mut columns[*at])).collect();
                    let filled = sampler.fill(*count as usize, numbers, &mut there);
                    filled.map_err(|error| in_process(channel, of, error))?;
                    order.iter().zip(there).for_each(|(at, column)| columns[*at] = column);
                }
                process += 1;
            }
            tables.push(table(observables, columns, None)?);
        }
        let mut auxiliary = auxiliary.into_iter();
        let mut center = |p: &model::Parameter| p.constraint.and_then(|_| auxiliary.next());
        let centers: Vec<f64> = parameters.iter().map(|p| center(p).unwrap_or(0.0)).collect();
        let (main, auxiliary) = counts[processes..].split_at(bins);
        let data = Data { main: main.to_vec(), auxiliary: auxiliary.to_vec() };
        self.model.with_events(tables)?.with_centers(&centers)?.with_binned_data(data)
    }
}

/// The words of one stream, one after the other.
struct Words {
    seed: u64,
    toy: u64,
    stream: u32,
    /// Number of the next word.
    next: u64,
    /// The second word of a block whose first one was taken.
    last: u64,
}

impl Words {
    #[inline]
    fn next(&mut self) -> u64 {
        let (block, second) = ((self.next / 2) as u32, self.next % 2 == 1);
        self.next += 1;
        if second {
            return self.last;
        }
        let [first, last] = words(self.seed, self.toy, block, self.stream);
        self.last = last;
        first
    }
}

/// A table of the observables' columns.
pub(super) fn table(
    observables: &[Observable],
    columns: Vec<Vec<f64>>,
    weights: Option<Vec<f64>>,
) -> Result<EventTable> {
    let names = observables.iter().map(|o| o.name().to_owned());
    EventTable::new(observables, names.zip(columns).collect(), weights, OutOfBounds::Error)
}

/// Values of a density's parameters.
pub(super) fn shape(process: &Process, theta: &[f64]) -> Vec<f64> {
    let value = |slot: &Slot| match *slot {
        Slot::Parameter(k) => theta[k],
        Slot::Constant(value) => value,
    };
    process.shape.iter().map(value).collect()
}

/// An error with the process that it is of.
pub(super) fn in_process(channel: &Channel, process: &Process, error: Error) -> Error {
    let place = format!("channel {}, process {}", quoted(&channel.name), quoted(&process.name));
    match error {
        Error::Argument(message) => Error::Argument(format!("{place}: {message}")),
        Error::Unsupported(message) => Error::Unsupported(format!("{place}: {message}")),
        other => other,
    }
}
