//! Semi-inclusive deep-inelastic scattering: cross sections of points in (x, z, Q^2, PhT).

use std::f64::consts::PI;

use super::luminosity::Luminosity;
use super::plan::{Evolution, Plan, Segment, Side};
use super::quadrature::{At, Nodes, Rule};
use super::shape::Shape;
use crate::error::{Error, Result};

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

/// All that a plan of cross sections is made from.
#[derive(Debug, Clone)]
pub struct Sidis {
    /// Where.
    pub points: Vec<Point>,
    /// The shape in x.
    pub pdf: Shape,
    /// The shape in z; `None`: that in x with the same parameters, as the programs do that fit one alone.
    pub ff: Option<Shape>,
    /// How both depend on zeta.
    pub evolution: Evolution,
    /// zeta.
    pub zeta: Zeta,
    /// What else is under the integral.
    pub factor: Factor,
    /// How it is done.
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

    /// The plan: `prefactor` times the integral of `b J0(qT b) L(b) E^2 f D`.
    ///
    /// # Errors
    ///
    /// As for [`Sidis::nodes`]; a luminosity of another length than its nodes, or not finite.
    pub fn plan(&self) -> Result<Plan> {
        let nodes = self.nodes()?;
        let segment = |(i, (point, nodes)): (usize, (&Point, Nodes))| {
            let factor = self.factor_at(i, point, &nodes)?;
            let prefactor = point.prefactor();
            let side = |distribution: usize, x: f64| Side { distribution, x };
            Ok(Segment {
                point: i,
                sides: [side(0, point.x), side(usize::from(self.ff.is_some()), point.z)],
                zeta: match self.zeta {
                    Zeta::Constant(zeta) => zeta,
                    Zeta::Q2 => point.q2,
                },
                factor: nodes.weight.iter().zip(factor).map(|(w, l)| prefactor * w * l).collect(),
                b: nodes.b,
            })
        };
        let segments = self.points.iter().zip(nodes).enumerate().map(segment);
        let mut distributions = vec![("pdf".to_owned(), self.pdf)];
        distributions.extend(self.ff.map(|ff| ("ff".to_owned(), ff)));
        let segments = segments.collect::<Result<_>>()?;
        Plan::new(self.evolution, &distributions, self.points.len(), segments)
    }

    /// By how much a quarter more nodes change the predictions at `parameters`, relative, `[n_points]`; `None` for
    /// a luminosity that is known at these nodes alone.
    ///
    /// # Errors
    ///
    /// As for [`Sidis::plan`] and [`Plan::predict`].
    pub fn quadrature_error(&self, parameters: &[f64]) -> Result<Option<Vec<f64>>> {
        if matches!(self.factor, Factor::Array(_)) {
            return Ok(None);
        }
        let finer = Self { rule: self.rule.finer(), ..self.clone() };
        self.difference(&finer, parameters).map(Some)
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

    fn factor_at(&self, i: usize, point: &Point, nodes: &Nodes) -> Result<Vec<f64>> {
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
