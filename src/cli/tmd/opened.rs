//! The files of a run, ready to be evaluated.

use std::path::PathBuf;

use neyman::tmd::files::{DrellYan, Inputs, Source as Document, Tables};
use neyman::tmd::fit::Role;
use neyman::tmd::quadrature::{Measure, Rule};
use neyman::tmd::sidis::Point;
use neyman::tmd::{Plan, PlanSession, Sidis};
use serde_json::{Value, json};

use super::super::arguments::Global;
use super::super::arguments::tmd::{Files, Quadrature};
use super::super::document::Source;
use super::super::failure::{Failure, one_line};
use super::super::json::number;
use super::super::{load, output};

/// Points that are taken where nothing is said.
const POINTS: usize = 20;

/// What cross sections come from.
pub(super) enum Origin {
    Points(Sidis),
    Tables(DrellYan),
}

pub(super) struct Opened {
    pub(super) origin: Origin,
    pub(super) session: PlanSession,
    /// Start values.
    pub(super) init: Vec<f64>,
    /// What a fit does with the parameters.
    pub(super) roles: Vec<Role>,
    /// Difference that a quarter more nodes make, `[n_points]`; none where nodes are given.
    pub(super) quadrature_error: Option<Vec<f64>>,
    names: Vec<String>,
    warnings: Vec<String>,
}

/// Names of files that stand without theirs.
struct Unnamed<'a>(std::slice::Iter<'a, PathBuf>);

impl Unnamed<'_> {
    fn or(&mut self, named: &Option<PathBuf>, name: &str, all: &str) -> Result<PathBuf, Failure> {
        named
            .as_ref()
            .or_else(|| self.0.next())
            .cloned()
            .ok_or_else(|| Failure::usage(format!("the file of --{name} is missing: {all} needed")))
    }

    fn end(mut self) -> Result<(), Failure> {
        match self.0.next() {
            None => Ok(()),
            Some(file) => {
                let file = file.display();
                Err(Failure::usage(format!("{file}: there is no use for one more file")))
            }
        }
    }
}

impl Opened {
    pub(super) fn new(global: &Global, files: &Files) -> Result<Self, Failure> {
        // a wrong name shows before files are read
        let request = load::request(global)?;
        let unread = match files.tables.is_empty() {
            true => Self::points(files)?,
            false => Self::tables(files)?,
        };
        let Unread { origin, plan, init, roles, quadrature_error, names, warnings } = unread;
        if !global.quiet {
            let line = |warning: &String| one_line(&format!("warning: {warning}"));
            warnings.iter().for_each(|warning| output::note(&line(warning)));
        }
        let session = PlanSession::open(plan, request)?;
        load::say_device(global, session.info());
        Ok(Self { origin, session, init, roles, quadrature_error, names, warnings })
    }

    fn points(files: &Files) -> Result<Unread, Failure> {
        let mut unnamed = Unnamed(files.files.iter());
        let all = "CONFIG, KINEMATICS and FNP are";
        let config = unnamed.or(&files.config, "config", all)?;
        let kinematics = unnamed.or(&files.kinematics, "kinematics", all)?;
        let fnp = unnamed.or(&files.fnp, "fnp", all)?;
        unnamed.end()?;
        let points = files.points.unwrap_or(POINTS);
        let mut inputs = Inputs::read(&config, &kinematics, &fnp)?;
        match files.quadrature {
            Some(quadrature) => {
                let (b_min, b_max, grid) = inputs.config.grid;
                let nodes = |usual: usize| files.nodes.unwrap_or(usual);
                inputs.config.rule = match quadrature {
                    Quadrature::SinhGl => Rule::SinhGaussLegendre { nodes: nodes(64) },
                    Quadrature::Ogata => Rule::Ogata { nodes: nodes(128) },
                    Quadrature::Trapezoid => {
                        let measure = Measure::Linear;
                        Rule::Trapezoid { b_min, b_max, nodes: nodes(grid), measure }
                    }
                };
            }
            None => inputs.choose_rule(points)?,
        }
        let warnings = inputs.warnings()?;
        let sidis = inputs.sidis(points)?;
        let init = inputs.init();
        Ok(Unread {
            plan: sidis.plan()?,
            quadrature_error: sidis.quadrature_error(&init)?,
            origin: Origin::Points(sidis),
            roles: inputs.roles(),
            init,
            names: [config, kinematics, fnp].map(|file| file.display().to_string()).to_vec(),
            warnings,
        })
    }

    fn tables(files: &Files) -> Result<Unread, Failure> {
        // settings may be left out, and stand before the shapes
        let (config, fnp) = match (&files.config, &files.fnp, &*files.files) {
            (config, Some(fnp), []) => (config.clone(), fnp.clone()),
            (config, None, [fnp]) => (config.clone(), fnp.clone()),
            (None, Some(fnp), [config]) => (Some(config.clone()), fnp.clone()),
            (None, None, [config, fnp]) => (Some(config.clone()), fnp.clone()),
            (_, None, []) => {
                return Err(Failure::usage("the file of --fnp is missing: tables need shapes"));
            }
            _ => {
                let message = "with --tables there are two files more at most: CONFIG and FNP";
                return Err(Failure::usage(message));
            }
        };
        let pairs = Tables::pairs(&files.tables)?;
        let settings = config.clone().map(Document::File);
        let of = DrellYan::read(&pairs, settings.as_ref(), &Document::File(fnp.clone()))?;
        let tables = pairs.into_iter().flat_map(|(table, data)| [table, data]);
        let names = config.into_iter().chain([fnp]).chain(tables);
        Ok(Unread {
            plan: of.plan()?,
            init: of.init(),
            roles: of.roles(),
            quadrature_error: None,
            names: names.map(|file| file.display().to_string()).collect(),
            warnings: of.warnings().to_vec(),
            origin: Origin::Tables(of),
        })
    }

    pub(super) fn plan(&self) -> &Plan {
        self.session.plan()
    }

    pub(super) fn source(&self, seed: Option<u64>) -> Source {
        Source::of_files(&self.names, &self.warnings, self.session.info(), seed)
    }

    /// The largest of the quadrature's errors; NaN where they are not known.
    pub(super) fn worst_error(&self) -> f64 {
        let Some(errors) = &self.quadrature_error else { return f64::NAN };
        errors.iter().map(|error| error.abs()).fold(0.0, f64::max)
    }

    /// The quadrature in a line.
    pub(super) fn rule(&self) -> String {
        match (&self.origin, &self.quadrature_error) {
            (Origin::Tables(_), _) => "nodes of the tables".into(),
            (Origin::Points(sidis), None) => {
                format!("{}; luminosities are known at these nodes alone", sidis.rule)
            }
            (Origin::Points(sidis), Some(_)) => {
                let (rule, error) = (sidis.rule, self.worst_error());
                format!("{rule}; a quarter more change predictions by {error:.1e} at most")
            }
        }
    }

    /// Where the points are, an object each.
    pub(super) fn places(&self) -> Vec<Value> {
        match &self.origin {
            Origin::Points(sidis) => sidis.points.iter().map(place).collect(),
            Origin::Tables(of) => {
                let names = of.tables.names().flat_map(|(name, points)| points.map(move |_| name));
                let one = |(name, qt): (&str, f64)| json!({"table": name, "qT": number(qt)});
                names.zip(of.tables.qt()).map(one).collect()
            }
        }
    }
}

/// [`Opened`] before a device.
struct Unread {
    origin: Origin,
    plan: Plan,
    init: Vec<f64>,
    roles: Vec<Role>,
    quadrature_error: Option<Vec<f64>>,
    names: Vec<String>,
    warnings: Vec<String>,
}

fn place(point: &Point) -> Value {
    let mut place = json!({
        "x": number(point.x),
        "z": number(point.z),
        "Q2": number(point.q2),
        "PhT": number(point.pht),
        "qT": number(point.qt()),
    });
    if let Some((low, high)) = point.bin {
        place["PhT_low"] = number(low);
        place["PhT_high"] = number(high);
    }
    place
}
