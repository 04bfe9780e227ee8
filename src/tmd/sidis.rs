//! Semi-inclusive deep-inelastic scattering: cross sections of points in (x, z, Q^2, PhT).

use std::f64::consts::PI;

use super::luminosity::Luminosity;
use super::plan::{Evolution, Plan, Segment, Side};
use super::quadrature::{At, Nodes, Rule};
use super::shape::Shape;
use crate::error::{Error, Result};
use crate::spec::text::{list, quoted};

/// Where something is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Momentum fraction of the parton, in (0, 1).
    pub x: f64,
    /// Momentum fraction of the hadron, in (0, 1).
    pub z: f64,
    /// Virtuality of the photon, GeV^2.
    pub q2: f64,
    /// Transverse momentum of the hadron, GeV.
    pub pht: f64,
    /// The ends of a bin around `pht`, GeV, that the cross section is averaged over: its integral, divided by the
    /// width.
    pub bin: Option<(f64, f64)>,
}

impl Point {
    /// Q, GeV.
    pub fn q(&self) -> f64 {
        self.q2.sqrt()
    }

    /// Transverse momentum of the photon where hadrons are collinear, `PhT / z`, GeV.
    pub fn qt(&self) -> f64 {
        self.pht / self.z
    }

    /// Inelasticity at the centre-of-mass energy `vs` (GeV): `Q^2 / (x s)`.
    pub fn y(&self, vs: f64) -> f64 {
        self.q2 / (self.x * vs * vs)
    }

    /// What the integral over b is at: `PhT / z`, or the bin of that.
    pub fn at(&self) -> At {
        match self.bin {
            None => At::Point(self.qt()),
            Some((low, high)) => At::Bin(low / self.z, high / self.z),
        }
    }

    /// What multiplies the integral: `4 pi qT / (2 Q z)`; over a bin, whose integral holds qT, the width of the bin
    /// in qT divides instead.
    pub fn prefactor(&self) -> f64 {
        let qt = match self.at() {
            At::Point(qt) => qt,
            At::Bin(low, high) => 1.0 / (high - low),
        };
        4.0 * PI * qt / (2.0 * self.q() * self.z)
    }
}

/// The scale zeta of both distributions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Zeta {
    /// The same at every point, GeV^2.
    Constant(f64),
    /// Q^2.
    Q2,
}

/// The factor between the integral's weights and the shapes.
#[derive(Debug, Clone, PartialEq)]
pub enum Factor {
    /// One of the built-in luminosities.
    BuiltIn(Luminosity),
    /// The user's, on the nodes of [`Sidis::nodes`]: `[n_points][n_nodes]`.
    Array(Vec<Vec<f64>>),
}

/// A flavour's part of all cross sections.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// The flavour's name.
    pub flavour: String,
    /// Index of the distribution in x.
    pub pdf: usize,
    /// Index of the distribution in z.
    pub ff: usize,
    /// What multiplies its luminosity: the square of the charge, where that does not hold it.
    pub weight: f64,
    /// What else is under its integral.
    pub factor: Factor,
}

/// What is summed: `sum_q w_q L_q(b) f_q(x, b) D_q(z, b)` is under a point's integral.
#[derive(Debug, Clone, PartialEq)]
pub struct Channels {
    /// Names and shapes of the distributions; parameters are called `name.parameter`.
    pub distributions: Vec<(String, Shape)>,
    /// One a flavour.
    pub terms: Vec<Channel>,
}

impl Channels {
    /// One flavour, u, for all: the shape in x is called `pdf`, that in z `ff`; without one it is that in x with the
    /// same parameters, as the programs do that fit one alone.
    pub fn one(pdf: Shape, ff: Option<Shape>, factor: Factor) -> Self {
        let mut distributions = vec![("pdf".to_owned(), pdf)];
        distributions.extend(ff.map(|ff| ("ff".to_owned(), ff)));
        let ff = usize::from(ff.is_some());
        let term = Channel { flavour: "u".into(), pdf: 0, ff, weight: 1.0, factor };
        Self { distributions, terms: vec![term] }
    }

    /// Whether luminosities are known at the nodes alone that they were made for.
    pub fn is_at_nodes(&self) -> bool {
        self.terms.iter().any(|channel| matches!(channel.factor, Factor::Array(_)))
    }
}

/// Nodes of a rule that others are held against.
const REFERENCE: usize = 2048;

/// A quadrature that was chosen by its error.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The one.
    pub rule: Rule,
    /// All that were tried, with their errors: the largest relative change by more nodes.
    pub tried: Vec<(Rule, f64)>,
}

/// All that a plan of cross sections is made from.
#[derive(Debug, Clone)]
pub struct Sidis {
    /// Where.
    pub points: Vec<Point>,
    /// What.
    pub channels: Channels,
    /// How distributions depend on zeta.
    pub evolution: Evolution,
    /// zeta.
    pub zeta: Zeta,
    /// How the integral is done.
    pub rule: Rule,
}

impl Sidis {
    /// Nodes of the points, one set each.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for kinematics out of range, naming the point, and for a rule that is none.
    pub fn nodes(&self) -> Result<Vec<Nodes>> {
        let points = self.points.iter().enumerate();
        let base = self.rule.base();
        points
            .map(|(i, point)| {
                let named = |error| match error {
                    Error::Argument(message) => Error::Argument(format!("point {i}: {message}")),
                    other => other,
                };
                point
                    .check()
                    .and_then(|()| self.rule.nodes_from(&base, point.at(), point.q()))
                    .map_err(named)
            })
            .collect()
    }

    /// The plan: `prefactor` times the integral of `b J0(qT b) E^2 sum_q w_q L_q f_q D_q`.
    ///
    /// # Errors
    ///
    /// As for [`Sidis::nodes`]; a luminosity of another length than its nodes, or not finite.
    pub fn plan(&self) -> Result<Plan> {
        let nodes = self.nodes()?;
        let mut segments = Vec::with_capacity(nodes.len() * self.channels.terms.len());
        for (i, (point, nodes)) in self.points.iter().zip(&nodes).enumerate() {
            let zeta = match self.zeta {
                Zeta::Constant(zeta) => zeta,
                Zeta::Q2 => point.q2,
            };
            for channel in &self.channels.terms {
                let luminosity = channel.luminosity(i, point, nodes)?;
                let scale = point.prefactor() * channel.weight;
                let side = |distribution: usize, x: f64| Side { distribution, x };
                segments.push(Segment {
                    point: i,
                    sides: [side(channel.pdf, point.x), side(channel.ff, point.z)],
                    zeta,
                    factor: nodes
                        .weight
                        .iter()
                        .zip(luminosity)
                        .map(|(w, l)| scale * w * l)
                        .collect(),
                    b: nodes.b.clone(),
                });
            }
        }
        let (distributions, n) = (&self.channels.distributions, self.points.len());
        Plan::new(self.evolution, distributions, n, segments)
    }

    /// The same with other luminosities on the [`Sidis::nodes`], of each flavour `[n_points][n_nodes]`, in which the
    /// squares of charges stand already.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] where the flavours are not those of [`Sidis::channels`], each once.
    pub fn with_luminosities(&self, values: Vec<(String, Vec<Vec<f64>>)>) -> Result<Self> {
        let mut new = self.clone();
        let names = self.channels.terms.iter().map(|channel| channel.flavour.as_str());
        let names: Vec<&str> = names.collect();
        if let Some((other, _)) = values.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            let (other, known) = (quoted(other), list(names));
            let message = format!("there is no flavour {other} here; there are {known}");
            return Err(Error::Argument(message));
        }
        for channel in &mut new.channels.terms {
            let mut own = values.iter().filter(|(name, _)| *name == channel.flavour);
            let message = match (own.next(), own.next()) {
                (Some((_, values)), None) => {
                    (channel.weight, channel.factor) = (1.0, Factor::Array(values.clone()));
                    continue;
                }
                (None, _) => "there is no luminosity of the flavour",
                _ => "there are two luminosities of the flavour",
            };
            return Err(Error::Argument(format!("{message} {}", quoted(&channel.flavour))));
        }
        Ok(new)
    }

    /// By how much a quarter more nodes change the predictions at `parameters`, relative, `[n_points]`; `None` for
    /// a luminosity that is known at these nodes alone.
    ///
    /// # Errors
    ///
    /// As for [`Sidis::plan`] and [`Plan::predict`].
    pub fn quadrature_error(&self, parameters: &[f64]) -> Result<Option<Vec<f64>>> {
        if self.channels.is_at_nodes() {
            return Ok(None);
        }
        let finer = Self { rule: self.rule.finer(), ..self.clone() };
        self.difference(&finer, parameters).map(Some)
    }

    /// The quadrature itself where its error at `parameters`, the largest of [`Sidis::quadrature_error`], is within
    /// `tolerance`; else the first of Ogata's with 128 and 256 nodes that is, and the most exact one where none is.
    /// More of Ogata's nodes need not change their distance, so his rule is also held against 2048 nodes of the sinh
    /// rule.
    ///
    /// # Errors
    ///
    /// As for [`Sidis::quadrature_error`]; [`Error::Argument`] for luminosities that are known at their own nodes
    /// alone.
    pub fn settled(&self, tolerance: f64, parameters: &[f64]) -> Result<Settled> {
        let others = [128, 256].map(|nodes| Rule::Ogata { nodes });
        let mut tried: Vec<(Rule, f64)> = Vec::new();
        for rule in [self.rule].into_iter().chain(others) {
            if tried.iter().any(|(other, _)| *other == rule) {
                continue;
            }
            let with = Self { rule, ..self.clone() };
            let errors = with.quadrature_error(parameters)?;
            let mut errors = errors.ok_or_else(|| {
                Error::Argument(
                    "luminosities are known at the nodes of one quadrature alone: leave its tolerance out"
                        .into(),
                )
            })?;
            if matches!(rule, Rule::Ogata { .. }) {
                let rule = Rule::SinhGaussLegendre { nodes: REFERENCE };
                errors.extend(with.difference(&Self { rule, ..self.clone() }, parameters)?);
            }
            let size = |e: &f64| if e.is_finite() { e.abs() } else { f64::INFINITY };
            let worst = errors.iter().map(size).fold(0.0, f64::max);
            tried.push((rule, worst));
            if worst <= tolerance {
                break;
            }
        }
        let best = tried.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        Ok(Settled { rule: best.map_or(self.rule, |(rule, _)| *rule), tried })
    }

    /// Relative distance of the predictions to those of `reference`, `[n_points]`.
    ///
    /// # Errors
    ///
    /// As for [`Sidis::plan`] and [`Plan::predict`].
    pub fn difference(&self, reference: &Self, parameters: &[f64]) -> Result<Vec<f64>> {
        let own = self.plan()?.predict(parameters)?.values;
        let other = reference.plan()?.predict(parameters)?.values;
        Ok(own.iter().zip(&other).map(|(a, b)| (a - b) / b).collect())
    }
}

impl Channel {
    /// Its luminosity on the nodes of point `i`.
    fn luminosity(&self, i: usize, point: &Point, nodes: &Nodes) -> Result<Vec<f64>> {
        match &self.factor {
            Factor::BuiltIn(luminosity) => {
                nodes.b.iter().map(|b| luminosity.at(*b, point.q(), point.z)).collect()
            }
            Factor::Array(values) => match values.get(i) {
                Some(values) if values.len() == nodes.b.len() => Ok(values.clone()),
                other => Err(Error::Argument(format!(
                    "point {i}: the luminosity has {} values for {} nodes",
                    other.map_or(0, Vec::len),
                    nodes.b.len()
                ))),
            },
        }
    }
}

impl Point {
    fn check(&self) -> Result<()> {
        let inside = |name: &str, value: f64| match value > 0.0 && value < 1.0 {
            true => Ok(()),
            false => Err(Error::Argument(format!("{name} = {value} is outside (0, 1)"))),
        };
        inside("x", self.x)?;
        inside("z", self.z)?;
        for (name, value) in [("Q2", self.q2), ("PhT", self.pht)] {
            if !(value > 0.0 && value.is_finite()) {
                let message = format!("{name} = {value} must be above 0 and finite");
                return Err(Error::Argument(message));
            }
        }
        match self.bin {
            Some((low, high))
                if !(0.0 <= low && low <= self.pht && self.pht <= high && low < high) =>
            {
                let pht = self.pht;
                Err(Error::Argument(format!("PhT = {pht} is not in its bin, {low} to {high} GeV")))
            }
            _ => Ok(()),
        }
    }
}
