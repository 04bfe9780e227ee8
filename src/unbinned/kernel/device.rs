//! The same sums on a device: the table of a point, and from the device's sums to derivatives by the same chain rule.

use super::layout::{Layout, Order, Right};
use super::{Part, Point, chain};
use crate::accelerator::events::{
    ABSENT, EventPlan, EventTotals, FormCode, Frame, Held, HeldSet, head, process,
};
use crate::accelerator::flows::FlowCall;
use crate::unbinned::pdf::local::{Form, Functions, Local, Peak, QUANTITIES};
use crate::unbinned::sum::Sum;

/// A process's own terms are in units of its yield, or of this much less than the largest process where that is more:
/// processes without yield have a derivative as well.
const LEAST: f64 = -40.0;
/// No column: NONE in the kernels.
const NONE: u32 = u32::MAX;

/// What a device has of a process whose columns are given.
#[derive(Debug, Clone, Copy)]
pub(in crate::unbinned) enum Stored<'a> {
    /// Nothing: it has a formula.
    Formula,
    /// This one of its columns.
    Column(usize),
    /// This one of its flows, in the context of the point.
    Flow(usize, &'a [f64]),
}

/// What a device needs to know of a point.
pub(in crate::unbinned) struct Table {
    pub(in crate::unbinned) plan: EventPlan,
    levels: Levels,
}

impl Table {
    /// `None` where a number is not finite.
    pub(in crate::unbinned) fn new(
        point: &Point<'_>,
        given: &[Stored<'_>],
        held: &Held,
        set: &HeldSet,
    ) -> Option<Self> {
        let (plan, levels) = plan(point, given, held, set)?;
        Some(Self { plan, levels })
    }

    /// Sums over a channel's events from those of the device; `None` where a number is beyond what it computes with.
    pub(in crate::unbinned) fn part(
        &self,
        point: &Point<'_>,
        set: &HeldSet,
        totals: &EventTotals,
    ) -> Option<Part> {
        if totals.beyond {
            return None;
        }
        let Self { levels, .. } = self;
        let moments = levels.in_model_units(point.layout, &totals.moments, set.unit);
        let log_likelihood: Sum =
            [set.unit * totals.log_likelihood, levels.top * set.weight_sum].into_iter().collect();
        let part = chain::part(point, &moments, log_likelihood, totals.zero_density);
        part.is_finite().then_some(part)
    }
}

/// What all events share and the device does not see.
struct Levels {
    /// What the logarithms are relative to.
    top: f64,
    /// Of each process: the unit of its terms.
    units: Vec<f64>,
}

impl Levels {
    /// Sums of products of terms whose units are those of the model's densities.
    fn in_model_units(&self, layout: &Layout, moments: &[f64], weight: f64) -> Vec<f64> {
        let mut units = vec![0.0; layout.terms];
        for (columns, unit) in layout.processes.iter().zip(&self.units) {
            units[columns.terms..][..1 + columns.slopes].fill(*unit);
        }
        let mut all = vec![0.0; moments.len()];
        for row in &layout.rows {
            for (right, at) in &row.with {
                let other = if let Right::Term(term) = right { units[*term] } else { 1.0 };
                all[*at] = moments[*at] * weight * units[row.term] * other;
            }
        }
        all
    }
}

/// The table, where all its numbers are finite.
fn plan(
    point: &Point<'_>,
    given: &[Stored<'_>],
    held: &Held,
    set: &HeldSet,
) -> Option<(EventPlan, Levels)> {
    let Point { layout, locals, yields } = point;
    let frame = held.frame;
    let constant = |p: usize| match &locals[p].form {
        Form::Given => match given[p] {
            Stored::Formula => 0.0,
            Stored::Column(column) => set.middles[column],
            Stored::Flow(flow, _) => held.flows[flow].middle,
        },
        Form::Powers { c, .. } | Form::Argus { c, .. } => c[0],
        Form::Cauchy { top, .. } => *top,
        Form::Peak(peak) => -peak.norm,
        Form::Series { norm, .. } => -norm,
    };
    let constants: Vec<f64> = (0..locals.len()).map(constant).collect();
    let all: Vec<f64> = constants.iter().zip(*yields).map(|(c, nu)| c + libm::log(*nu)).collect();
    let largest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // without any yield no event has a density, and the level is as good as any
    let top = if largest.is_finite() { largest } else { 0.0 };
    let mut levels = Levels { top, units: Vec::new() };

    let mut words = vec![0; head::WORDS];
    words[head::PROCESSES] = locals.len() as u32;
    words[head::SPLIT] = u32::from(frame.split);
    words[head::TERMS] = layout.terms as u32;
    words[head::SHAPES] = layout.shapes as u32;
    words[head::MOMENTS] = layout.moments as u32;
    // columns of working memory
    let (first_term, first_shape) = (1, 1 + layout.terms);
    let (mut tables, mut numbers) = (Vec::new(), Vec::new());
    let tables_at = head::WORDS + process::WORDS * locals.len();
    for (p, (local, columns)) in locals.iter().zip(&layout.processes).enumerate() {
        let mut own = [0; process::WORDS];
        own[process::NUMBERS] = numbers.len() as u32;
        own[process::SLOPES] = columns.slopes as u32;
        own[process::CURVES] = columns.curves as u32;
        own[process::TERM] = (first_term + columns.terms) as u32;
        own[process::SHAPE] = (first_shape + columns.shapes) as u32;
        own[process::TABLE] = (tables_at + tables.len()) as u32;
        let mixed = if all[p].is_finite() { all[p] - top } else { ABSENT };
        let term = frame.level(mixed.max(LEAST));
        numbers.extend([frame.level(mixed), term]);
        levels.units.push(libm::exp((constants[p] - top) - term[0]));
        let mut writer = Writer { held, own: &mut own, tables: &mut tables, numbers: &mut numbers };
        writer.density(local, columns.slopes + columns.curves, given[p]);
        words.extend(own);
    }
    words.extend(tables);
    words[head::ROWS] = words.len() as u32;
    let mut pairs = vec![[0, NONE]; layout.moments];
    for row in &layout.rows {
        for (right, at) in &row.with {
            let right = match right {
                Right::One => NONE,
                Right::Term(term) => (first_term + term) as u32,
                Right::Shape(shape) => (first_shape + shape) as u32,
            };
            pairs[*at] = [(first_term + row.term) as u32, right];
        }
    }
    words.extend(pairs.concat());
    let flows: Vec<FlowCall> = given.iter().filter_map(|g| call(*g, layout.order, held)).collect();
    let mut all = numbers.iter().flatten().chain(&levels.units);
    let finite = all.all(|x| x.is_finite());
    let finite = finite && flows.iter().flat_map(|call| &call.context).all(|x| x.is_finite());
    finite.then_some((EventPlan { words, numbers, flows }, levels))
}

/// What a flow is asked for, where it is one.
fn call(given: Stored<'_>, order: Order, held: &Held) -> Option<FlowCall> {
    let Stored::Flow(flow, context) = given else { return None };
    let scaled = context.iter().zip(&held.flows[flow].context);
    let context = scaled.flat_map(|(c, (shift, scale))| [(c - shift) / scale, 1.0 / scale]);
    let order = [order >= Order::Gradient, order == Order::Hessian];
    Some(FlowCall { flow, order, context: context.collect() })
}

/// Writes what one density is.
struct Writer<'a> {
    held: &'a Held,
    own: &'a mut [u32; process::WORDS],
    tables: &'a mut Vec<u32>,
    numbers: &'a mut Vec<[f64; 2]>,
}

impl Writer<'_> {
    fn number(&mut self, x: f64) {
        self.numbers.push(self.held.frame.number(x));
    }

    fn numbers(&mut self, all: &[f64]) {
        all.iter().for_each(|x| self.number(*x));
    }

    /// A place of the observable as the device stores it.
    fn place(&self, x: f64) -> f64 {
        (x - self.held.frame.middle) / self.held.frame.half
    }

    /// `columns`: how many slopes and curves are wanted.
    fn density(&mut self, local: &Local, columns: usize, given: Stored<'_>) {
        let Frame { middle, half, .. } = self.held.frame;
        let code = match &local.form {
            Form::Given => match given {
                Stored::Flow(flow, _) => {
                    self.own[process::KIND] = self.held.flows[flow].column;
                    FormCode::Columns
                }
                Stored::Column(column) => {
                    // the observable is the first
                    self.own[process::KIND] = 1 + column as u32;
                    FormCode::Given
                }
                Stored::Formula => FormCode::Given,
            },
            Form::Powers { origin, inverse, c, columns, logarithm } => {
                self.own[process::KIND] = *columns as u32;
                self.own[process::LOGARITHM] = u32::from(*logarithm);
                let (origin, inverse) = match logarithm {
                    true => (*origin, *inverse),
                    false => (self.place(*origin), inverse * half),
                };
                self.numbers(&[origin, inverse, c[1], c[2], middle, half]);
                FormCode::Powers
            }
            Form::Argus { m0, inverse, pile, c } => {
                let sum = (m0 + middle) / half;
                let unit = half * half * inverse;
                self.numbers(&[self.place(*m0), sum, unit, c[1], c[2], *pile, middle, half]);
                FormCode::Argus
            }
            Form::Cauchy { mu, inverse, .. } => {
                self.numbers(&[self.place(*mu), inverse * half]);
                FormCode::Cauchy
            }
            Form::Peak(peak) => {
                self.peak(peak, columns);
                FormCode::Peak
            }
            Form::Series { basis, window: [lo, hi], c, free, .. } => {
                self.own[process::KIND] = *basis as u32;
                self.own[process::COUNT] = c.len() as u32;
                let place = |k: usize| free.iter().position(|f| *f == k);
                self.tables.extend((0..c.len()).map(|k| place(k).map_or(NONE, |at| at as u32)));
                let (origin, inverse) = (self.place(0.5 * (lo + hi)), 2.0 * half / (hi - lo));
                self.numbers(&[origin, inverse, middle, half]);
                self.series(*basis, c);
                FormCode::Series
            }
        };
        self.own[process::FORM] = code as u32;
    }

    fn series(&mut self, basis: Functions, c: &[f64]) {
        if basis != Functions::Bernstein {
            return self.numbers(c);
        }
        // degree over k
        let mut choices = vec![1.0];
        for k in 1..c.len() {
            choices.push(choices[k - 1] * (c.len() - k) as f64 / k as f64);
        }
        self.numbers(c);
        self.numbers(&choices);
    }

    fn peak(&mut self, peak: &Peak, columns: usize) {
        let half = self.held.frame.half;
        self.number(self.place(peak.mu));
        for side in &peak.sides {
            let inverse = 1.0 / side.sigma;
            let (alpha, ratio) = match side.alpha.is_finite() {
                true => (side.alpha, side.alpha / side.n),
                false => (f64::MAX, 1.0),
            };
            let top = if side.alpha.is_finite() { -0.5 * alpha * alpha } else { 0.0 };
            self.numbers(&[inverse * half, alpha, side.n, 1.0 / side.n, ratio, inverse, top]);
        }
        let mut places = [[NONE; 2]; QUANTITIES];
        for (quantity, to) in &peak.outputs {
            let within = |column: &usize| *column < columns;
            places[*quantity] =
                to.map(|column| column.filter(within).map_or(NONE, |column| column as u32));
        }
        self.tables.extend(places.concat());
    }
}
