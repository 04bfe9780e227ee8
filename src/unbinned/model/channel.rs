//! One channel's sums over events, chunk by chunk, in variables of its own: yields first, then the free parameters
//! of its densities.

use std::ops::Range;

use rayon::prelude::*;

use super::{Channel, Process, Slot, check_names};
use crate::error::{Error, Result};
use crate::spec::text::{count, list, quoted};
use crate::unbinned::events::{EventTable, Observable};
use crate::unbinned::packed::place;
use crate::unbinned::pdf::Pdf;
use crate::unbinned::reduce::mix;
use crate::unbinned::sum::{CHUNK, PARALLEL, Sum};

/// What to work out; each with all that stands before it, except that a Hessian brings no information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::unbinned) enum Order {
    Value,
    Gradient,
    /// `sum w d d'`, d the derivatives of an event's log-likelihood: never negative, and in the mean the Hessian.
    Information,
    Hessian,
}

/// A channel that is known to be consistent.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    channel: Channel,
    /// Of each process without free parameters in its shape: its log-density at every event.
    columns: Vec<Option<Vec<f64>>>,
    /// Free parameters of shapes: process, place in its shape, parameter of the model.
    pub(super) free: Vec<Free>,
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
    /// Minus the second derivatives of `sum w ln(..)`, or the information; lower triangle.
    pub(super) second: Vec<Sum>,
}

/// Densities at the events of a chunk.
struct Densities<'a> {
    value: std::borrow::Cow<'a, [f64]>,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
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
        Ok(Self { channel, columns, free })
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The sums at `theta`, with these yields.
    pub(super) fn sums(&self, theta: &[f64], yields: &[f64], order: Order) -> Result<Sums> {
        let n = self.channel.events.n();
        let shapes: Vec<Vec<f64>> =
            self.channel.processes.iter().map(|p| shape(p, theta)).collect();
        let log_yields: Vec<f64> = yields.iter().map(|nu| libm::log(*nu)).collect();
        let starts: Vec<usize> = (0..n).step_by(CHUNK).collect();
        let chunk = |start: &usize| {
            self.chunk(*start..n.min(start + CHUNK), &shapes, yields, &log_yields, order)
        };
        let parts: Vec<Part> = if n < PARALLEL {
            starts.iter().map(chunk).collect::<Result<_>>()?
        } else {
            starts.par_iter().map(chunk).collect::<Result<_>>()?
        };
        let (m, pairs) = self.sizes(order);
        let mut sums = Sums {
            log_likelihood: Sum::default(),
            zero_density: 0,
            first: vec![Sum::default(); m],
            second: vec![Sum::default(); pairs],
        };
        for part in parts {
            sums.log_likelihood.join(part.log_likelihood);
            sums.zero_density += part.zero_density;
            sums.first.iter_mut().zip(&part.first).for_each(|(sum, term)| sum.add(*term));
            sums.second.iter_mut().zip(&part.second).for_each(|(sum, term)| sum.add(*term));
        }
        Ok(sums)
    }

    /// Number of first and of second derivatives.
    fn sizes(&self, order: Order) -> (usize, usize) {
        let m = self.channel.processes.len() + self.free.len();
        match order {
            Order::Value => (0, 0),
            Order::Gradient => (m, 0),
            Order::Information | Order::Hessian => (m, m * (m + 1) / 2),
        }
    }

    fn chunk(
        &self,
        events: Range<usize>,
        shapes: &[Vec<f64>],
        yields: &[f64],
        log_yields: &[f64],
        order: Order,
    ) -> Result<Part> {
        let n = events.len();
        let densities: Vec<Densities<'_>> = (0..shapes.len())
            .map(|p| self.densities(p, events.clone(), &shapes[p], order))
            .collect::<Result<_>>()?;
        let weights = self.channel.events.weights().map(|w| &w[events]);
        let processes = yields.len();
        let (m, pairs) = self.sizes(order);
        let mut part = Part { first: vec![0.0; m], second: vec![0.0; pairs], ..Part::default() };
        let (mut shares, mut d) = (vec![0.0; processes], vec![0.0; m]);
        for i in 0..n {
            let weight = weights.map_or(1.0, |w| w[i]);
            if weight == 0.0 {
                continue;
            }
            let Some(log) = mix(log_yields, |p| densities[p].value[i], &mut shares) else {
                part.zero_density += 1;
                continue;
            };
            part.log_likelihood.add(weight * log);
            if order == Order::Value {
                continue;
            }
            for (p, u) in d[..processes].iter_mut().enumerate() {
                // of a yield of 0, too
                *u = match yields[p] >= 1e-100 {
                    true => shares[p] / yields[p],
                    false => libm::exp(densities[p].value[i] - log),
                };
            }
            for (d, free) in d[processes..].iter_mut().zip(&self.free) {
                *d = shares[free.process] * densities[free.process].gradient[free.slot * n + i];
            }
            part.first.iter_mut().zip(&d).for_each(|(sum, d)| *sum += weight * d);
            if order == Order::Gradient {
                continue;
            }
            let mut at = 0;
            for a in 0..m {
                let scaled = weight * d[a];
                for b in &d[..=a] {
                    part.second[at] += scaled * b;
                    at += 1;
                }
            }
            if order == Order::Hessian {
                self.bend(&mut part.second, &densities, (n, i), &d, &shares, weight);
            }
        }
        Ok(part)
    }

    /// What an event's log-likelihood has in second derivatives besides `-d d'`: with u and r the derivative in a
    /// yield and the share of its process, and L its log-density, `u L_j` in yield and parameter j, and
    /// `r (L_jk + L_j L_k)` in two parameters of one process.
    #[inline]
    fn bend(
        &self,
        second: &mut [f64],
        densities: &[Densities<'_>],
        (n, i): (usize, usize),
        d: &[f64],
        shares: &[f64],
        weight: f64,
    ) {
        let processes = shares.len();
        for (a, free) in self.free.iter().enumerate() {
            let Free { process, slot, .. } = *free;
            let Densities { gradient, hessian, .. } = &densities[process];
            let slope = gradient[slot * n + i];
            second[place(processes + a, process)] -= weight * d[process] * slope;
            for (b, other) in self.free[..=a].iter().enumerate() {
                if other.process == process {
                    let curved = hessian[place(slot, other.slot) * n + i];
                    let both = curved + slope * gradient[other.slot * n + i];
                    second[place(processes + a, processes + b)] -= weight * shares[process] * both;
                }
            }
        }
    }

    /// Log-densities of process `p` with the derivatives that `order` needs.
    fn densities(
        &self,
        p: usize,
        events: Range<usize>,
        shape: &[f64],
        order: Order,
    ) -> Result<Densities<'_>> {
        let (n, k) = (events.len(), shape.len());
        if let Some(column) = &self.columns[p] {
            let value = column[events].into();
            return Ok(Densities { value, gradient: Vec::new(), hessian: Vec::new() });
        }
        let start = events.start;
        let Process { name, pdf, .. } = &self.channel.processes[p];
        let x = columns_of(&self.channel.events, pdf, events)?;
        let room = |wanted: bool, values: usize| vec![0.0; if wanted { values * n } else { 0 }];
        let mut value = vec![0.0; n];
        let mut gradient = room(order >= Order::Gradient, k);
        let mut hessian = room(order == Order::Hessian, k * (k + 1) / 2);
        let done = match order {
            Order::Value => pdf.log_prob(shape, &x, &mut value),
            Order::Gradient | Order::Information => {
                pdf.log_prob_gradient(shape, &x, &mut value, &mut gradient)
            }
            Order::Hessian => {
                pdf.log_prob_hessian(shape, &x, &mut value, &mut gradient, &mut hessian)
            }
        };
        done.map_err(|error| {
            let (channel, process) = (quoted(&self.channel.name), quoted(name));
            let from = if start > 0 { format!(", events from {start} on") } else { String::new() };
            Error::Argument(format!("channel {channel}, process {process}{from}: {error}"))
        })?;
        Ok(Densities { value: value.into(), gradient, hessian })
    }
}

/// Sums over a chunk: short enough that plain ones lose nothing, save where events are compared to the last digit.
#[derive(Default)]
struct Part {
    log_likelihood: Sum,
    zero_density: usize,
    first: Vec<f64>,
    second: Vec<f64>,
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
