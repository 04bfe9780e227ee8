//! The document as a whole: parameters, channels, processes. No file is opened.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::data::Source;
use super::histfactory::HistFactory;
use super::pdf::PdfSpec;
use super::{Version, expected, selection};
use crate::error::{Error, Result};
use crate::spec::fields::{
    elements, fields, kind, non_empty, number, required_fields, string, word,
};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted, suggestion};
use crate::unbinned::Observable;
use crate::unbinned::model::{Gaussian, Parameter, check_parameter};
use crate::unbinned::yields::Yield;

/// A specification that says what it must, with the names in it resolved. Its files may not be there.
#[derive(Debug, Clone)]
pub struct Specification {
    pub(super) version: Version,
    /// Name of the parameter of interest: one of `parameters`, or of the workspace where there is one.
    pub(super) poi: Option<String>,
    pub(super) parameters: Vec<ParameterSpec>,
    pub(super) histfactory: Option<HistFactory>,
    pub(super) channels: Vec<ChannelSpec>,
}

/// A parameter, what is not stated left to the workspace.
#[derive(Debug, Clone)]
pub(super) struct ParameterSpec {
    pub(super) name: String,
    pub(super) init: Option<f64>,
    pub(super) bounds: Option<(f64, f64)>,
    pub(super) constraint: Option<Gaussian>,
}

#[derive(Debug, Clone)]
pub(super) struct ChannelSpec {
    pub(super) name: String,
    pub(super) include_in_fit: bool,
    /// There where the events are not given by the caller.
    pub(super) source: Option<Source>,
    /// The document's names, and observables named as their columns are.
    pub(super) observables: Vec<(String, Observable)>,
    pub(super) processes: Vec<ProcessSpec>,
}

#[derive(Debug, Clone)]
pub(super) struct ProcessSpec {
    pub(super) name: String,
    pub(super) pdf: PdfSpec,
    pub(super) expected: Yield,
}

/// What all parts of a document may ask.
pub(super) struct Context {
    pub(super) version: Version,
    indices: HashMap<String, usize>,
    /// Channels that need not say where their events are.
    given: HashSet<String>,
}

impl Context {
    /// Index of the parameter that `value` names.
    pub(super) fn parameter(&self, value: &Value, place: &Place) -> Result<usize> {
        let name = string(value, place)?;
        self.indices.get(name).copied().ok_or_else(|| {
            let mut names: Vec<&str> = self.indices.keys().map(String::as_str).collect();
            names.sort_unstable();
            let near = suggestion(name, names.iter().copied());
            let near = if near.is_empty() { format!("; there are {}", list(names)) } else { near };
            place.error(format!("there is no parameter {}{near}", quoted(name)))
        })
    }
}

/// An argument's error as one of the document.
pub(in crate::unbinned) fn told<T>(place: &Place, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::Argument(message) => place.error(message),
        other => other,
    })
}

/// Lower and upper bound.
pub(super) fn bounds(value: &Value, place: &Place) -> Result<(f64, f64)> {
    match elements(value, place, number)?[..] {
        [lower, upper] => Ok((lower, upper)),
        ref other => Err(place.error(format!("two numbers are needed, found {}", other.len()))),
    }
}

impl Specification {
    /// Reads a parsed document.
    ///
    /// # Errors
    ///
    /// [`Error::Specification`] with the JSON pointer to what is wrong, or known and not supported.
    pub fn new(value: &Value) -> Result<Self> {
        Self::with_events(value, HashSet::new())
    }

    /// The same where the events of the channels `given` come from elsewhere: these need no key `data`.
    pub(super) fn with_events(value: &Value, given: HashSet<String>) -> Result<Self> {
        let root = Place::ROOT;
        if crate::unbinned::hs3::is_hs3(value) {
            let message = "this is an HS3 document: `neyman unbinned convert --to neyman` makes a specification of it";
            return Err(root.error(message));
        }
        let object = fields(value, &root, &["schema_version", "model", "channels"], &["$schema"])?;
        if let Some(schema) = object.get("$schema") {
            string(schema, &root.key("$schema"))?;
        }
        let versions = [Version::NextstatV0, Version::V1];
        let names = versions.map(Version::as_str);
        let version = word(&object["schema_version"], &root.key("schema_version"), &names)?;
        let version = versions[version];
        let place = root.key("model");
        let optional: &[&str] = match version {
            Version::V1 => &["poi", "histfactory"],
            Version::NextstatV0 => &["poi"],
        };
        let model = fields(&object["model"], &place, &["parameters"], optional)?;
        let histfactory = model.get("histfactory").filter(|h| !h.is_null());
        let histfactory =
            histfactory.map(|h| HistFactory::new(h, &place.key("histfactory"))).transpose()?;
        let joint = histfactory.is_some();
        let parameters =
            non_empty(&model["parameters"], &place.key("parameters"), |value, place| {
                parameter(value, place, joint)
            })?;
        let mut indices = HashMap::new();
        for (k, parameter) in parameters.iter().enumerate() {
            if indices.insert(parameter.name.clone(), k).is_some() {
                let message = format!("parameter {} is there twice", quoted(&parameter.name));
                return Err(place.key("parameters").index(k).key("name").error(message));
            }
        }
        let context = Context { version, indices, given };
        let poi = model.get("poi").filter(|poi| !poi.is_null());
        let at = place.key("poi");
        let poi = poi.map(|poi| match joint {
            true => name(poi, &at),
            false => context.parameter(poi, &at).map(|k| parameters[k].name.clone()),
        });
        let poi = poi.transpose()?;
        let place = root.key("channels");
        let channels =
            non_empty(&object["channels"], &place, |value, place| channel(value, place, &context))?;
        for (i, channel) in channels.iter().enumerate() {
            if channels[..i].iter().any(|c| c.name == channel.name) {
                let message = format!("channel {} is there twice", quoted(&channel.name));
                return Err(place.index(i).key("name").error(message));
            }
        }
        if channels.iter().all(|c| !c.include_in_fit) {
            return Err(place.error("no channel is left: each has include_in_fit false"));
        }
        Ok(Self { version, poi, parameters, histfactory, channels })
    }
}

/// A parameter; `joint` with a workspace it need not say all.
fn parameter(value: &Value, place: &Place, joint: bool) -> Result<ParameterSpec> {
    let (required, optional): (&[&str], &[&str]) = match joint {
        true => (&["name"], &["init", "bounds", "constraint"]),
        false => (&["name", "init", "bounds"], &["constraint"]),
    };
    let object = fields(value, place, required, optional)?;
    let constraint = object.get("constraint").filter(|c| !c.is_null());
    let constraint = constraint.map(|c| constraint_of(c, &place.key("constraint"))).transpose()?;
    let init = object.get("init").map(|init| number(init, &place.key("init"))).transpose()?;
    let bounds = object.get("bounds").map(|b| bounds(b, &place.key("bounds"))).transpose()?;
    let name = name(&object["name"], &place.key("name"))?;
    // with all that a check needs and that is not stated
    let (lower, upper) = bounds.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let within = init.unwrap_or(0.0_f64.max(lower).min(upper));
    let whole = Parameter { name: name.clone(), init: within, bounds: (lower, upper), constraint };
    told(place, check_parameter(&whole))?;
    Ok(ParameterSpec { name, init, bounds, constraint })
}

fn constraint_of(value: &Value, place: &Place) -> Result<Gaussian> {
    let object = fields(value, place, &["type", "mean", "sigma"], &[])?;
    word(&object["type"], &place.key("type"), &["gaussian"])?;
    let center = number(&object["mean"], &place.key("mean"))?;
    Ok(Gaussian { center, sigma: number(&object["sigma"], &place.key("sigma"))? })
}

pub(super) fn name(value: &Value, place: &Place) -> Result<String> {
    match string(value, place)? {
        "" => Err(place.error("this name is empty")),
        name => Ok(name.to_owned()),
    }
}

fn channel(value: &Value, place: &Place, context: &Context) -> Result<ChannelSpec> {
    let object = required_fields(value, place, &["name"])?;
    let is_given = object["name"].as_str().is_some_and(|name| context.given.contains(name));
    let (required, optional): (&[&str], &[&str]) = match is_given {
        true => (&["name", "observables", "processes"], &["data", "include_in_fit"]),
        false => (&["name", "data", "observables", "processes"], &["include_in_fit"]),
    };
    let object = fields(value, place, required, optional)?;
    let include_in_fit = match object.get("include_in_fit") {
        None => true,
        Some(Value::Bool(flag)) => *flag,
        Some(other) => {
            let message = format!("expected true or false, found {}", kind(other));
            return Err(place.key("include_in_fit").error(message));
        }
    };
    let own = place.key("observables");
    let observables = non_empty(&object["observables"], &own, observable)?;
    for (i, (name, of)) in observables.iter().enumerate() {
        if observables[..i].iter().any(|(other, o)| other == name || o.name() == of.name()) {
            let message = format!("observable {} is there twice", quoted(name));
            return Err(own.index(i).error(message));
        }
    }
    let own = place.key("processes");
    let processes = non_empty(&object["processes"], &own, |value, place| {
        let object = fields(value, place, &["name", "pdf", "yield"], &[])?;
        Ok(ProcessSpec {
            name: name(&object["name"], &place.key("name"))?,
            pdf: PdfSpec::new(&object["pdf"], &place.key("pdf"), &observables, context)?,
            expected: expected::read(&object["yield"], &place.key("yield"), context)?,
        })
    })?;
    let known = |process: &ProcessSpec| process.pdf.observables();
    let mut first: Option<Vec<String>> = None;
    for (i, process) in processes.iter().enumerate() {
        let Some(names) = known(process) else { continue };
        let first = first.get_or_insert_with(|| names.clone());
        same_observables(first, &names, process.pdf.key(), &own.index(i).key("pdf"))?;
    }
    for (i, process) in processes.iter().enumerate() {
        if processes[..i].iter().any(|p| p.name == process.name) {
            let message = format!("process {} is there twice", quoted(&process.name));
            return Err(own.index(i).key("name").error(message));
        }
    }
    let source = object
        .get("data")
        .map(|data| Source::new(data, &place.key("data"), context))
        .transpose()?;
    Ok(ChannelSpec {
        name: name(&object["name"], &place.key("name"))?,
        include_in_fit,
        source,
        observables,
        processes,
    })
}

/// All processes of a channel are of the observables that the first one is of.
pub(super) fn same_observables(
    first: &[String],
    names: &[String],
    key: &str,
    place: &Place,
) -> Result<()> {
    if names.len() == first.len() && names.iter().all(|name| first.contains(name)) {
        return Ok(());
    }
    Err(place.key(key).error(format!(
        "this density is one of {}, that of the first process one of {}; all processes of a channel need the \
         same observables: products make densities of several",
        list(names.iter().map(String::as_str)),
        list(first.iter().map(String::as_str))
    )))
}

/// Its name, and the observable named as its column is.
fn observable(value: &Value, place: &Place) -> Result<(String, Observable)> {
    let object = fields(value, place, &["name", "bounds"], &["expr"])?;
    let own = name(&object["name"], &place.key("name"))?;
    let column = match object.get("expr").filter(|expr| !expr.is_null()) {
        None => own.clone(),
        Some(expr) => selection::column(expr, &place.key("expr"))?,
    };
    let (lo, hi) = bounds(&object["bounds"], &place.key("bounds"))?;
    Ok((own, told(&place.key("bounds"), Observable::new(column, lo, hi))?))
}
