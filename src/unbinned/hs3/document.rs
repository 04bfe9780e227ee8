//! The document's sections and the analysis that is meant.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::spec::fields::{elements, kind, non_empty, number, required_fields, string};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted, suggestion};

/// A named object of the document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'v> {
    pub(super) section: &'static str,
    pub(super) index: usize,
    pub(super) name: &'v str,
    pub(super) value: &'v Value,
}

impl<'v> Item<'v> {
    pub(super) fn object(&self) -> &'v Map<String, Value> {
        self.value.as_object().expect("items are objects")
    }

    pub(super) fn kind(&self) -> &'v str {
        self.object().get("type").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn pointer(&self) -> String {
        format!("/{}/{}", self.section, self.index)
    }
}

/// An array of named objects; empty where the document lacks it.
#[derive(Debug)]
pub(super) struct Section<'v> {
    key: &'static str,
    items: Vec<Item<'v>>,
}

impl<'v> Section<'v> {
    fn new(
        root: &'v Map<String, Value>,
        key: &'static str,
        required: &[&'static str],
    ) -> Result<Self> {
        let place = Place::ROOT.key(key);
        let Some(value) = root.get(key) else { return Ok(Self { key, items: Vec::new() }) };
        let Value::Array(array) = value else {
            return Err(place.error(format!("expected an array, found {}", kind(value))));
        };
        let mut items: Vec<Item<'v>> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (index, value) in array.iter().enumerate() {
            let place = place.index(index);
            let object = required_fields(value, &place, &["name"])?;
            let name = string(&object["name"], &place.key("name"))?;
            required_fields(value, &place, required)?;
            if required.contains(&"type") {
                string(&object["type"], &place.key("type"))?;
            }
            if !seen.insert(name) {
                let message = format!("{} is there twice in {key}", quoted(name));
                return Err(place.key("name").error(message));
            }
            items.push(Item { section: key, index, name, value });
        }
        Ok(Self { key, items })
    }

    pub(super) fn find(&self, name: &str) -> Option<Item<'v>> {
        self.items.iter().find(|item| item.name == name).copied()
    }

    /// The one that `value` names.
    pub(super) fn named(&self, value: &Value, place: &Place) -> Result<Item<'v>> {
        let name = string(value, place)?;
        self.find(name).ok_or_else(|| {
            let names = || self.items.iter().map(|item| item.name);
            let near = suggestion(name, names());
            let near = match near.is_empty() {
                true if self.items.is_empty() => ", which are none".into(),
                true => format!("; there are {}", list(names())),
                false => near,
            };
            place.error(format!("there is no {} in {}{near}", quoted(name), self.key))
        })
    }

    /// The only one, or none.
    fn only(&self) -> Result<Option<Item<'v>>> {
        match &self.items[..] {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => Err(Place::ROOT.key(self.key).error(format!(
                "which of {} is meant? Without an analysis that says so there can be one",
                list(several.iter().map(|item| item.name))
            ))),
        }
    }
}

#[derive(Debug)]
pub(super) struct Document<'v> {
    pub(super) distributions: Section<'v>,
    pub(super) functions: Section<'v>,
    pub(super) data: Section<'v>,
    likelihoods: Section<'v>,
    domains: Section<'v>,
    points: Section<'v>,
    analyses: Section<'v>,
}

const TOP: [&str; 9] = [
    "metadata",
    "distributions",
    "functions",
    "data",
    "likelihoods",
    "domains",
    "parameter_points",
    "analyses",
    "misc",
];

impl<'v> Document<'v> {
    pub(super) fn new(value: &'v Value) -> Result<Self> {
        let root = crate::spec::fields::fields(value, &Place::ROOT, &["metadata"], &TOP)?;
        let place = Place::ROOT.key("metadata");
        let metadata = required_fields(&root["metadata"], &place, &["hs3_version"])?;
        let place = place.key("hs3_version");
        let version = string(&metadata["hs3_version"], &place)?;
        if version != "0.2" && !version.starts_with("0.2.") {
            let message = format!("version {} of HS3; 0.2 is read", quoted(version));
            return Err(place.error(message));
        }
        Ok(Self {
            distributions: Section::new(root, "distributions", &["name", "type"])?,
            functions: Section::new(root, "functions", &["name", "type"])?,
            data: Section::new(root, "data", &["name", "type"])?,
            likelihoods: Section::new(root, "likelihoods", &["name", "distributions", "data"])?,
            domains: Section::new(root, "domains", &["name", "type", "axes"])?,
            points: Section::new(root, "parameter_points", &["name", "parameters"])?,
            analyses: Section::new(root, "analyses", &["name", "likelihood"])?,
        })
    }
}

/// A parameter's value in the parameter point.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) value: f64,
    pub(super) constant: bool,
    /// Where it stands in the parameter point.
    pub(super) index: usize,
    pub(super) pointer: String,
}

/// A parameter's range and where the document has it.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) lo: f64,
    pub(super) hi: f64,
    pub(super) pointer: String,
}

/// What is to be read of the document.
#[derive(Debug)]
pub(super) struct Chosen<'v> {
    pub(super) likelihood: Item<'v>,
    pub(super) starts: HashMap<&'v str, Start>,
    pub(super) ranges: HashMap<&'v str, Range>,
    /// With the pointer to its name.
    pub(super) poi: Option<(&'v str, String)>,
}

impl<'v> Chosen<'v> {
    pub(super) fn new(document: &Document<'v>, analysis: Option<&str>) -> Result<Self> {
        let all = Place::ROOT.key("analyses");
        let analysis = match analysis {
            Some(name) => Some(document.analyses.named(&Value::from(name), &all)?),
            None if document.analyses.items.len() > 1 => {
                let names = list(document.analyses.items.iter().map(|item| item.name));
                return Err(all.error(format!("which analysis is meant? There are {names}")));
            }
            None => document.analyses.items.first().copied(),
        };
        let Some(analysis) = analysis else {
            let likelihood = document.likelihoods.only()?;
            let none = || Place::ROOT.key("likelihoods").error("there is no likelihood");
            return Ok(Self {
                likelihood: likelihood.ok_or_else(none)?,
                starts: starts(document.points.only()?)?,
                ranges: ranges(document.domains.only()?.into_iter())?,
                poi: None,
            });
        };
        let place = all.index(analysis.index);
        let known = [
            "name",
            "likelihood",
            "parameter_of_interest",
            "parameters_of_interest",
            "domain",
            "domains",
            "init",
            "prior",
            "aux_likelihood_terms",
        ];
        let object = crate::spec::fields::fields(analysis.value, &place, &known[..2], &known)?;
        let given = |key: &str| object.get(key).filter(|value| !value.is_null());
        let terms = given("aux_likelihood_terms").and_then(Value::as_array);
        if terms.is_some_and(|terms| !terms.is_empty()) {
            return Err(place.key("aux_likelihood_terms").error(
                "terms of an analysis are not covered: name them in aux_distributions of the likelihood",
            ));
        }
        let likelihood =
            document.likelihoods.named(&object["likelihood"], &place.key("likelihood"))?;
        let point = match given("init") {
            Some(init) => Some(document.points.named(init, &place.key("init"))?),
            // what RooFit writes
            None => match document.points.find("default_values") {
                Some(point) => Some(point),
                None => document.points.only()?,
            },
        };
        let mut domains = Vec::new();
        if let Some(domain) = given("domain") {
            domains.push(document.domains.named(domain, &place.key("domain"))?);
        }
        if let Some(names) = given("domains") {
            domains.extend(elements(names, &place.key("domains"), |name, place| {
                document.domains.named(name, place)
            })?);
        }
        if domains.is_empty() {
            domains.extend(document.domains.only()?);
        }
        Ok(Self {
            likelihood,
            starts: starts(point)?,
            ranges: ranges(domains.into_iter())?,
            poi: poi(object, &place)?,
        })
    }
}

/// The standard's text has one key, its example the other.
fn poi<'v>(object: &'v Map<String, Value>, place: &Place) -> Result<Option<(&'v str, String)>> {
    let keys = ["parameters_of_interest", "parameter_of_interest"];
    let Some(key) = keys.into_iter().find(|key| object.contains_key(*key)) else { return Ok(None) };
    let place = place.key(key);
    let Value::Array(names) = &object[key] else {
        return Err(place.error(format!("expected an array, found {}", kind(&object[key]))));
    };
    match &names[..] {
        [] => Ok(None),
        [name] => Ok(Some((string(name, &place.index(0))?, place.index(0).pointer()))),
        several => {
            Err(place.error(format!("{} parameters of interest; there can be one", several.len())))
        }
    }
}

fn starts(point: Option<Item<'_>>) -> Result<HashMap<&str, Start>> {
    let mut starts = HashMap::new();
    let Some(point) = point else { return Ok(starts) };
    let section = Place::ROOT.key(point.section);
    let item = section.index(point.index);
    let at = item.key("parameters");
    let Value::Array(parameters) = &point.object()["parameters"] else {
        return Err(
            at.error(format!("expected an array, found {}", kind(&point.object()["parameters"])))
        );
    };
    for (index, value) in parameters.iter().enumerate() {
        let place = at.index(index);
        let object = required_fields(value, &place, &["name", "value"])?;
        let name = string(&object["name"], &place.key("name"))?;
        let constant = match object.get("const") {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                let message = format!("expected true or false, found {}", kind(other));
                return Err(place.key("const").error(message));
            }
        };
        let value = number(&object["value"], &place.key("value"))?;
        let start = Start { value, constant, index, pointer: place.pointer() };
        if starts.insert(name, start).is_some() {
            let message = format!("parameter {} is there twice", quoted(name));
            return Err(place.key("name").error(message));
        }
    }
    Ok(starts)
}

/// Of all domains; one that is there twice must be the same.
fn ranges<'v>(domains: impl Iterator<Item = Item<'v>>) -> Result<HashMap<&'v str, Range>> {
    let mut ranges: HashMap<&str, Range> = HashMap::new();
    for domain in domains {
        let section = Place::ROOT.key(domain.section);
        let place = section.index(domain.index);
        if domain.kind() != "product_domain" {
            return Err(place.key("type").error(format!(
                "domains of type {} are not covered; product_domain is",
                quoted(domain.kind())
            )));
        }
        let at = place.key("axes");
        let Value::Array(axes) = &domain.object()["axes"] else {
            return Err(
                at.error(format!("expected an array, found {}", kind(&domain.object()["axes"])))
            );
        };
        for (index, value) in axes.iter().enumerate() {
            let place = at.index(index);
            let object = required_fields(value, &place, &["name", "min", "max"])?;
            let name = string(&object["name"], &place.key("name"))?;
            let lo = number(&object["min"], &place.key("min"))?;
            let hi = number(&object["max"], &place.key("max"))?;
            if let Some(other) = ranges.get(name).filter(|r| (r.lo, r.hi) != (lo, hi)) {
                return Err(place.error(format!(
                    "{} has the range [{}, {}] at {}, too",
                    quoted(name),
                    other.lo,
                    other.hi,
                    other.pointer
                )));
            }
            ranges.insert(name, Range { lo, hi, pointer: place.pointer() });
        }
    }
    Ok(ranges)
}

/// An array that is not empty, of the items that its names mean.
pub(super) fn items<'v>(
    section: &Section<'v>,
    value: &Value,
    place: &Place,
) -> Result<Vec<Item<'v>>> {
    non_empty(value, place, |name, place| section.named(name, place))
}
