//! Settings of a run, with the keys that programs of the field write.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{document, flavour};
use crate::error::Result;
use crate::spec::fields::{fields, non_empty, number, string};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted, suggestion};
use crate::tmd::luminosity::Luminosity;
use crate::tmd::quadrature::{Measure, Rule};

/// What runs with a perturbative luminosity set. It is no part of this program: a luminosity is built in, or the
/// user's table.
const PERTURBATIVE: [&str; 10] = [
    "PerturbativeOrder",
    "pdfset",
    "ffset",
    "TMDscales",
    "alphaem",
    "xgridpdf",
    "xgridff",
    "Qgrid",
    "xbgrid",
    "zgrid",
];

/// Where the luminosity comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LuminositySource {
    /// One of those built in.
    BuiltIn {
        /// Which.
        luminosity: Luminosity,
        /// Flavours that have it times the squares of their charges, in the order in which they are summed; empty for
        /// one luminosity for all, without a charge.
        flavours: Vec<String>,
    },
    /// A file of values on the nodes that `neyman tmd nodes` writes.
    File(PathBuf),
}

/// Settings of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Points with qT / Q at or above this are left out, where it is given.
    pub cut: Option<f64>,
    /// The logarithmic grid of programs that truncate the integral: b_min and b_max, 1/GeV, and the number of
    /// nodes. It selects nothing by itself: [`Config::rule`] does.
    pub grid: (f64, f64, usize),
    /// The quadrature.
    pub rule: Rule,
    /// The largest relative change of a prediction by a quarter more nodes that is taken, where it is given: another
    /// rule is tried beyond.
    pub tolerance: Option<f64>,
    /// What multiplies the shapes.
    pub luminosity: LuminositySource,
    /// Keys that were given and that nothing depends on here.
    pub without_effect: Vec<String>,
    /// All keys that were given.
    pub(super) given: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cut: None,
            grid: (1e-2, 2.0, 256),
            rule: Rule::SinhGaussLegendre { nodes: 64 },
            tolerance: None,
            luminosity: LuminositySource::BuiltIn {
                luminosity: Luminosity::Toy,
                flavours: Vec::new(),
            },
            without_effect: Vec::new(),
            given: Vec::new(),
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Io`]; [`crate::Error::Syntax`]; [`crate::Error::Specification`] with the pointer to an
    /// unknown key, a wrong type, or a grid that is none.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let folder = path.as_ref().parent().unwrap_or(Path::new(""));
        Self::from_value(&document(path.as_ref())?, folder)
    }

    /// Files are found from `folder`.
    pub(super) fn from_value(value: &Value, folder: &Path) -> Result<Self> {
        let root = Place::ROOT;
        let own = ["qToQcut", "bgrid", "quadrature", "luminosity"];
        let known: Vec<&str> = own.into_iter().chain(PERTURBATIVE).collect();
        let object = fields(value, &root, &[], &known)?;
        let mut config = Self::default();
        let given = |key: &str| object.get(key).filter(|value| !value.is_null());
        if let Some(cut) = given("qToQcut") {
            let place = root.key("qToQcut");
            let cut = number(cut, &place)?;
            if cut <= 0.0 {
                return Err(place.error(format!("{cut} leaves no point; it is above 0")));
            }
            config.cut = Some(cut);
        }
        if let Some(value) = given("bgrid") {
            config.grid = grid(value, &root.key("bgrid"))?;
        }
        if let Some(value) = given("luminosity") {
            let place = root.key("luminosity");
            config.luminosity = luminosity(value, &place, folder)?;
        }
        if let Some(value) = given("quadrature") {
            (config.rule, config.tolerance) = rule(value, &root.key("quadrature"), config.grid)?;
        }
        config.without_effect = PERTURBATIVE
            .iter()
            .filter(|key| object.contains_key(**key))
            .map(|key| (*key).to_owned())
            .collect();
        config.given = object.keys().cloned().collect();
        Ok(config)
    }

    /// The grid as a rule, for comparison.
    pub fn trapezoid(&self, measure: Measure) -> Rule {
        let (b_min, b_max, nodes) = self.grid;
        Rule::Trapezoid { b_min, b_max, nodes, measure }
    }
}

fn luminosity(value: &Value, place: &Place, folder: &Path) -> Result<LuminositySource> {
    if value.is_object() && value.get("file").is_some() {
        let object = fields(value, place, &["file"], &["flavors"])?;
        if object.contains_key("flavors") {
            return Err(place.key("flavors").error(
                "a file's luminosities hold the squares of charges, which would be multiplied twice; the flavours are \
                 those of the file",
            ));
        }
        let file = string(&object["file"], &place.key("file"))?;
        return Ok(LuminositySource::File(folder.join(file)));
    }
    if value.is_object() {
        let object = fields(value, place, &["name", "flavors"], &[])?;
        let luminosity = built_in(&object["name"], &place.key("name"))?;
        let flavours = summed(&object["flavors"], &place.key("flavors"))?;
        return Ok(LuminositySource::BuiltIn { luminosity, flavours });
    }
    Ok(LuminositySource::BuiltIn { luminosity: built_in(value, place)?, flavours: Vec::new() })
}

fn built_in(value: &Value, place: &Place) -> Result<Luminosity> {
    match string(value, place)? {
        "toy" => Ok(Luminosity::Toy),
        "ll1" => Ok(Luminosity::OneLoop),
        other => Err(place.error(unknown("luminosity", other, &["toy", "ll1"]))),
    }
}

/// Flavours of a list, each once.
fn summed(value: &Value, place: &Place) -> Result<Vec<String>> {
    let known = flavour::names();
    let mut given: Vec<&str> = Vec::new();
    non_empty(value, place, |value, place| {
        let name = string(value, place)?.to_owned();
        let Some(known) = known.iter().find(|known| **known == name) else {
            return Err(place.error(unknown("flavour", &name, &known)));
        };
        if given.contains(known) {
            let message = "stands here twice: the square of its charge would be summed twice";
            return Err(place.error(format!("{} {message}", quoted(known))));
        }
        given.push(known);
        Ok(())
    })?;
    Ok(known.into_iter().filter(|known| given.contains(known)).map(str::to_owned).collect())
}

fn grid(value: &Value, place: &Place) -> Result<(f64, f64, usize)> {
    let object = fields(value, place, &[], &["b_min", "b_max", "Nb"])?;
    let (b_min, b_max, nodes) = Config::default().grid;
    let read = |key: &str, other: f64| {
        object.get(key).map_or(Ok(other), |value| number(value, &place.key(key)))
    };
    let (b_min, b_max) = (read("b_min", b_min)?, read("b_max", b_max)?);
    if b_min <= 0.0 {
        let message = format!("b_min = {b_min}; a logarithmic grid begins above 0");
        return Err(place.key("b_min").error(message));
    }
    if b_max <= b_min {
        let message = format!("b_max = {b_max} must be above b_min = {b_min}");
        return Err(place.key("b_max").error(message));
    }
    let nodes = match object.get("Nb") {
        Some(value) => whole(value, &place.key("Nb"))?,
        None => nodes,
    };
    Ok((b_min, b_max, nodes))
}

fn whole(value: &Value, place: &Place) -> Result<usize> {
    let given = number(value, place)?;
    if given.fract() != 0.0 || !(2.0..=4096.0).contains(&given) {
        return Err(place.error(format!("{given} nodes; a whole number from 2 to 4096 is needed")));
    }
    Ok(given as usize)
}

fn rule(
    value: &Value,
    place: &Place,
    (b_min, b_max, n): (f64, f64, usize),
) -> Result<(Rule, Option<f64>)> {
    let object = fields(value, place, &["rule"], &["nodes", "tolerance"])?;
    let tolerance = object.get("tolerance").map(|value| {
        let at = place.key("tolerance");
        match number(value, &at)? {
            tolerance if tolerance > 0.0 => Ok(tolerance),
            other => Err(at.error(format!("{other}; a relative error above 0 is needed"))),
        }
    });
    let tolerance = tolerance.transpose()?;
    let at = place.key("rule");
    let nodes = object.get("nodes").map(|value| whole(value, &place.key("nodes"))).transpose()?;
    let name = string(&object["rule"], &at)?;
    let trapezoid = |measure| Rule::Trapezoid { b_min, b_max, nodes: nodes.unwrap_or(n), measure };
    let rule = match name {
        "sinh-gl" => Rule::SinhGaussLegendre { nodes: nodes.unwrap_or(64) },
        "ogata" => Rule::Ogata { nodes: nodes.unwrap_or(128) },
        "trapezoid" => trapezoid(Measure::Linear),
        "trapezoid-log" => trapezoid(Measure::Logarithmic),
        other => {
            let known = ["sinh-gl", "ogata", "trapezoid", "trapezoid-log"];
            return Err(at.error(unknown("quadrature", other, &known)));
        }
    };
    Ok((rule, tolerance))
}

/// What is said of a word that is none of those known.
pub(super) fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let near = suggestion(word, known.iter().copied());
    format!("there is no {what} {}{near}; there are {}", quoted(word), list(known.iter().copied()))
}
