//! A set of predictions: everything but the parameters, worked out.

use std::collections::HashMap;

use pulp::Arch;
use rayon::prelude::*;

use super::kernel::{Add, Columns, Fill, Sums, padded};
use super::shape::{Form, Shape, Widths};
use crate::accelerator::tmd as device;
use crate::error::{Error, Result};
use crate::spec::text::{count, list, quoted, suggestion};

/// Points handed to a thread at a time.
pub(super) const SHARE: usize = 32;

/// What multiplies each of the two shapes because of their scale: `E(b, zeta)`, 1 at `zeta` = 1 GeV^2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evolution {
    /// `exp(-g2^2 b^2 ln(zeta) / 4)` of g2 (MAP22, arXiv:2206.07598, equation 28).
    Map,
    /// `exp(-(g2 + g2B b^2) b^2 ln(zeta) / 4)` of g2 and g2B (PV19, arXiv:1912.07550, equation 2.43).
    Pv19,
}

impl Evolution {
    /// The evolution of that name: `map` or `pv19`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is none.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "map" => Ok(Self::Map),
            "pv19" => Ok(Self::Pv19),
            other => Err(Error::Argument(format!(
                "there is no evolution {}; there are \"map\" and \"pv19\"",
                quoted(other)
            ))),
        }
    }

    /// Names of its parameters, which stand before all others.
    pub fn parameter_names(self) -> &'static [&'static str] {
        match self {
            Self::Map => &["g2"],
            Self::Pv19 => &["g2", "g2B"],
        }
    }

    /// Coefficients of b^2 and b^4 in minus the logarithm of `E^2`, and their derivatives by parameter.
    pub(super) fn decay(self, p: &[f64], ln_zeta: f64) -> ([f64; 2], [[f64; 2]; 2]) {
        let half = 0.5 * ln_zeta;
        match self {
            Self::Map => ([half * p[0] * p[0], 0.0], [[2.0 * half * p[0], 0.0], [0.0, 0.0]]),
            Self::Pv19 => ([half * p[0], half * p[1]], [[half, 0.0], [0.0, half]]),
        }
    }
}

/// One of the two factors of a term: which distribution, at which momentum fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Side {
    /// Index of the distribution.
    pub distribution: usize,
    /// x or z.
    pub x: f64,
}

/// A sum over nodes that adds to one point: `sum_n factor_n E(b_n)^2 f(x, b_n) D(z, b_n)`.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Index of the point.
    pub point: usize,
    /// f and D.
    pub sides: [Side; 2],
    /// Of both, GeV^2.
    pub zeta: f64,
    /// Nodes b, 1/GeV.
    pub b: Vec<f64>,
    /// Weight, Bessel function, luminosity and prefactor, one a node.
    pub factor: Vec<f64>,
}

/// Predictions of points as functions of parameters.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) evolution: Evolution,
    /// With the place of their first parameter.
    pub(super) distributions: Vec<(Shape, usize)>,
    pub(super) parameters: Vec<String>,
    /// Of each point, its range of `terms`.
    points: Vec<std::ops::Range<usize>>,
    terms: Vec<Term>,
    /// Squares of nodes, padded.
    grids: Vec<Vec<f64>>,
    /// Distribution and momentum fraction of each factor.
    instances: Vec<(usize, f64)>,
}

#[derive(Debug, Clone)]
struct Term {
    instances: [usize; 2],
    grid: usize,
    ln_zeta: f64,
    factor: Vec<f64>,
}

/// A shape at some momentum fraction, with the derivatives of its widths.
pub(super) struct Instance {
    pub(super) widths: Widths,
    /// `[width][parameter of the shape]`
    jacobian: Vec<f64>,
}

/// Predictions at a point of parameter space.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// `[n_points]`
    pub values: Vec<f64>,
    /// Derivatives, `[n_points, n_parameters]`, or empty.
    pub jacobian: Vec<f64>,
    /// Sum of the sizes of a point's terms over the size of their sum: how many digits cancel, `[n_points]`.
    pub cancellation: Vec<f64>,
}

impl Plan {
    /// Predictions of `n_points` from segments. `distributions` are names and shapes; their parameters are called
    /// `name.parameter` and follow those of the evolution.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a name twice, a point without a segment, an index beyond the end, a momentum fraction,
    /// scale, node or factor that is not finite or not above 0 where it must be.
    pub fn new(
        evolution: Evolution,
        distributions: &[(String, Shape)],
        n_points: usize,
        segments: Vec<Segment>,
    ) -> Result<Self> {
        let mut parameters: Vec<String> =
            evolution.parameter_names().iter().map(|name| (*name).to_owned()).collect();
        let mut own = Vec::new();
        for (i, (name, shape)) in distributions.iter().enumerate() {
            if name.is_empty() || distributions[..i].iter().any(|(other, _)| other == name) {
                let message = format!(
                    "distribution {i} is called {}; each needs a name of its own",
                    quoted(name)
                );
                return Err(Error::Argument(message));
            }
            own.push((*shape, parameters.len()));
            parameters.extend(shape.parameter_names().iter().map(|p| format!("{name}.{p}")));
        }
        let mut plan = Self {
            evolution,
            distributions: own,
            parameters,
            points: Vec::new(),
            terms: Vec::with_capacity(segments.len()),
            grids: Vec::new(),
            instances: Vec::new(),
        };
        plan.add(n_points, segments)?;
        Ok(plan)
    }

    fn add(&mut self, n_points: usize, mut segments: Vec<Segment>) -> Result<()> {
        segments.sort_by_key(|segment| segment.point);
        let (mut grids, mut instances) = (HashMap::new(), HashMap::new());
        for segment in segments {
            check_segment(&segment, n_points, self.distributions.len())?;
            let Segment { point, sides, zeta, b, factor } = segment;
            while self.points.len() <= point {
                self.points.push(self.terms.len()..self.terms.len());
            }
            let bits: Vec<u64> = b.iter().map(|b| b.to_bits()).collect();
            let grid = *grids.entry(bits).or_insert_with(|| {
                self.grids.push(padded(b.iter().map(|b| b * b)));
                self.grids.len() - 1
            });
            let instance = |side: Side| {
                let key = (side.distribution, side.x.to_bits());
                *instances.entry(key).or_insert_with(|| {
                    self.instances.push((side.distribution, side.x));
                    self.instances.len() - 1
                })
            };
            let instances = sides.map(instance);
            let ln_zeta = libm::log(zeta);
            self.terms.push(Term { instances, grid, ln_zeta, factor: padded(factor) });
            self.points[point].end = self.terms.len();
        }
        let empty = self.points.iter().position(|terms| terms.is_empty());
        match empty.or((self.points.len() < n_points).then_some(self.points.len())) {
            Some(point) => Err(Error::Argument(format!("point {point} has no segment"))),
            None => Ok(()),
        }
    }

    /// Names of the parameters, in the order of every array of them.
    pub fn parameter_names(&self) -> &[String] {
        &self.parameters
    }

    /// Number of points.
    pub fn n_points(&self) -> usize {
        self.points.len()
    }

    /// Number of terms of all sums, nodes without effect included.
    pub fn n_terms(&self) -> usize {
        self.terms.iter().map(|term| term.factor.len()).sum()
    }

    /// Index of a parameter.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is none of that name.
    pub fn parameter_index(&self, name: &str) -> Result<usize> {
        let names = || self.parameters.iter().map(String::as_str);
        names().position(|n| n == name).ok_or_else(|| {
            let near = suggestion(name, names());
            let near =
                if near.is_empty() { format!("; there are {}", list(names())) } else { near };
            Error::Argument(format!("there is no parameter {}{near}", quoted(name)))
        })
    }

    /// Whether a parameter enters squared alone, so that its sign is without meaning.
    pub fn is_even(&self, parameter: usize) -> bool {
        if parameter < self.evolution.parameter_names().len() {
            return self.evolution == Evolution::Map;
        }
        let owner = self.distributions.iter().rev().find(|(_, offset)| *offset <= parameter);
        owner.is_some_and(|(shape, offset)| shape.is_even(parameter - offset))
    }

    /// Predictions at `parameters`, `[n_parameters]`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a wrong number of values or one that is not finite; a prediction that is not.
    pub fn predict(&self, parameters: &[f64]) -> Result<Prediction> {
        self.evaluate(parameters, false)
    }

    /// With the exact derivatives.
    ///
    /// # Errors
    ///
    /// As for [`Plan::predict`].
    pub fn jacobian(&self, parameters: &[f64]) -> Result<Prediction> {
        self.evaluate(parameters, true)
    }

    fn evaluate(&self, parameters: &[f64], slopes: bool) -> Result<Prediction> {
        self.check_parameters(parameters)?;
        let instances = self.instances(parameters);
        let (n, p) = (self.n_points(), self.parameters.len());
        let mut all = Prediction {
            values: vec![0.0; n],
            jacobian: vec![0.0; if slopes { n * p } else { 0 }],
            cancellation: vec![0.0; n],
        };
        let rows = if slopes { p } else { 0 };
        let share = |i: usize, values: &mut [f64], lost: &mut [f64], jacobian: &mut [f64]| {
            let mut work = Work::new(self, &instances, parameters);
            for (j, value) in values.iter_mut().enumerate() {
                let row = &mut jacobian[j * rows..(j + 1) * rows];
                (*value, lost[j]) = work.point(i + j, 1.0, row);
            }
        };
        if n <= SHARE {
            share(0, &mut all.values, &mut all.cancellation, &mut all.jacobian);
        } else {
            let jacobian: Vec<&mut [f64]> = match rows {
                // no rows to share out
                0 => (0..n.div_ceil(SHARE)).map(|_| Default::default()).collect(),
                _ => all.jacobian.chunks_mut(SHARE * rows).collect(),
            };
            all.values
                .par_chunks_mut(SHARE)
                .zip(all.cancellation.par_chunks_mut(SHARE))
                .zip(jacobian)
                .enumerate()
                .for_each(|(i, ((values, lost), jacobian))| {
                    share(i * SHARE, values, lost, jacobian);
                });
        }
        self.checked(all)
    }

    /// A prediction, where it is one.
    pub(super) fn checked(&self, all: Prediction) -> Result<Prediction> {
        let (n, p) = (self.n_points(), self.parameters.len());
        let bad = all.values.iter().chain(&all.jacobian).position(|value| !value.is_finite());
        match bad {
            None => Ok(all),
            Some(at) => {
                let point = if at < n { at } else { (at - n) / p };
                Err(Error::Argument(format!(
                    "the prediction of point {point} or a derivative is not a number: the shapes have no \
                     value at these parameters"
                )))
            }
        }
    }

    pub(super) fn instances(&self, parameters: &[f64]) -> Vec<Instance> {
        self.instances.iter().map(|(d, x)| self.instance(*d, *x, parameters)).collect()
    }

    pub(super) fn instance(&self, distribution: usize, x: f64, parameters: &[f64]) -> Instance {
        let (shape, offset) = self.distributions[distribution];
        let n = shape.parameter_names().len();
        let mut jacobian = vec![0.0; super::shape::WIDTHS * n];
        let own = &parameters[offset..offset + n];
        Instance { widths: shape.widths(own, x, &mut jacobian), jacobian }
    }

    /// All but the parameters, for a device.
    pub(super) fn tables(&self) -> Result<device::TmdTables> {
        let instance = |(distribution, x): &(usize, f64)| {
            let (shape, first) = self.distributions[*distribution];
            let (kind, constants) = shape.kind(*x);
            device::Instance { kind, first, places: shape.places(), constants }
        };
        let instances: Vec<device::Instance> = self.instances.iter().map(instance).collect();
        let terms = |range: &std::ops::Range<usize>| {
            let own = self.terms[range.clone()].iter();
            own.map(|term| device::Term {
                instances: term.instances,
                grid: term.grid,
                ln_zeta: term.ln_zeta,
                factors: &term.factor,
            })
            .collect()
        };
        let quartic = self.evolution == Evolution::Pv19;
        let points = self.points.iter().map(terms);
        device::TmdTables::new(self.parameters.len(), quartic, &instances, &self.grids, points)
    }

    pub(super) fn check_parameters(&self, parameters: &[f64]) -> Result<()> {
        if parameters.len() != self.parameters.len() {
            let (given, needed) =
                (count(parameters.len(), "value"), count(self.parameters.len(), "parameter"));
            return Err(Error::Argument(format!("{given} for {needed}")));
        }
        match self.parameters.iter().zip(parameters).find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => Err(Error::Argument(format!(
                "parameter {} is {value}, not a finite number",
                quoted(name)
            ))),
            None => Ok(()),
        }
    }
}

/// What a thread works with.
pub(super) struct Work<'a> {
    plan: &'a Plan,
    instances: &'a [Instance],
    parameters: &'a [f64],
    arch: Arch,
    columns: [Columns; 2],
    /// Instance and grid that the columns are of, and whether with derivatives: neighbours often share them.
    filled: [Option<(usize, usize, bool)>; 2],
}

impl<'a> Work<'a> {
    pub(super) fn new(plan: &'a Plan, instances: &'a [Instance], parameters: &'a [f64]) -> Self {
        let (arch, columns) = (Arch::new(), Default::default());
        Self { plan, instances, parameters, arch, columns, filled: [None; 2] }
    }

    /// A point's value, with how many times larger its terms are; adds `weight` times its derivatives to `row` unless
    /// that is empty.
    pub(super) fn point(&mut self, point: usize, weight: f64, row: &mut [f64]) -> (f64, f64) {
        let (mut value, mut size) = (0.0, 0.0);
        let slopes = !row.is_empty();
        for term in &self.plan.terms[self.plan.points[point].clone()] {
            let b2 = &self.plan.grids[term.grid];
            for (side, instance) in term.instances.into_iter().enumerate() {
                let widths = &self.instances[instance].widths;
                let wanted = Some((instance, term.grid, slopes));
                if self.filled[side] != wanted && widths.form != Form::Nothing {
                    self.arch.dispatch(Fill { widths, b2, slopes, out: &mut self.columns[side] });
                    self.filled[side] = wanted;
                }
            }
            if term.instances.iter().any(|i| self.instances[*i].widths.form == Form::Nothing) {
                continue;
            }
            let (decay, decay_slopes) = self.plan.evolution.decay(self.parameters, term.ln_zeta);
            let shapes = [&self.columns[0], &self.columns[1]];
            let sums = self.arch.dispatch(Add { k: &term.factor, b2, decay, shapes, slopes });
            value += sums.value;
            size += sums.size;
            if slopes {
                self.add_slopes(term, &sums, &decay_slopes, weight, row);
            }
        }
        (value, size / value.abs())
    }

    fn add_slopes(
        &self,
        term: &Term,
        sums: &Sums,
        decay: &[[f64; 2]; 2],
        weight: f64,
        row: &mut [f64],
    ) {
        for (slope, by) in
            row.iter_mut().zip(decay).take(self.plan.evolution.parameter_names().len())
        {
            *slope -= weight * (by[0] * sums.moments[0] + by[1] * sums.moments[1]);
        }
        for (side, instance) in term.instances.into_iter().enumerate() {
            let (shape, offset) = self.plan.distributions[self.plan.instances[instance].0];
            let n = shape.parameter_names().len();
            let Instance { widths, jacobian } = &self.instances[instance];
            for (w, slope) in sums.slopes[side].iter().enumerate().take(widths.form.len()) {
                let by = &jacobian[w * n..(w + 1) * n];
                let own = &mut row[offset..offset + n];
                let slope = weight * slope;
                own.iter_mut().zip(by).for_each(|(row, by)| *row += slope * by);
            }
        }
    }
}

fn check_segment(segment: &Segment, n_points: usize, distributions: usize) -> Result<()> {
    let Segment { point, sides, zeta, b, factor } = segment;
    let refuse = |message: String| Err(Error::Argument(format!("point {point}: {message}")));
    if *point >= n_points {
        return refuse(format!("there are {}", count(n_points, "point")));
    }
    for side in sides {
        if side.distribution >= distributions {
            return refuse(format!(
                "distribution {}, but there are {}",
                side.distribution,
                count(distributions, "distribution")
            ));
        }
        if !(side.x > 0.0 && side.x.is_finite()) {
            return refuse(format!("the momentum fraction {} must be above 0", side.x));
        }
    }
    if !(*zeta > 0.0 && zeta.is_finite()) {
        return refuse(format!("zeta = {zeta} GeV^2 must be above 0"));
    }
    if b.is_empty() || b.len() != factor.len() {
        return refuse(format!("{} for {}", count(factor.len(), "factor"), count(b.len(), "node")));
    }
    if let Some(bad) = b.iter().find(|b| !(b.is_finite() && **b >= 0.0)) {
        return refuse(format!("the node b = {bad} must be 0 or more and finite"));
    }
    match factor.iter().position(|f| !f.is_finite()) {
        Some(n) => refuse(format!("the factor at b = {} is {}", b[n], factor[n])),
        None => Ok(()),
    }
}
