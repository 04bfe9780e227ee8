//! Densities by their names.

use std::path::Path;

use serde_json::{Map, Value};

use super::document::{Context, told};
use super::flow::FlowSpec;
use super::simulated::{SYSTEMATICS, Simulated};
use crate::error::Result;
use crate::spec::fields::{elements, fields, non_empty, number, numbers, required_fields, string};
use crate::spec::place::Place;
use crate::spec::text::{count, list, quoted, suggestion};
use crate::unbinned::Observable;
use crate::unbinned::model::Slot;
use crate::unbinned::pdf::Pdf;

/// With a list of parameters.
const PARAMETRIC: [&str; 11] = [
    "gaussian",
    "exponential",
    "crystal_ball",
    "double_crystal_ball",
    "chebyshev",
    "polynomial",
    "bernstein",
    "argus",
    "voigtian",
    "breit_wigner",
    "lognormal",
];
/// Without.
const OTHERS: [&str; 9] = [
    "uniform",
    "histogram",
    "kde",
    "spline",
    "product",
    "histogram_from_tree",
    "kde_from_tree",
    "flow",
    "conditional_flow",
];
/// Known, and not supported.
const REFUSED: [&str; 1] = ["dcr_surrogate"];

/// A density as the document has it. What is in files comes in when they are opened.
#[derive(Debug, Clone)]
pub(super) enum PdfSpec {
    /// With where its parameters come from.
    Inline {
        name: String,
        pdf: Pdf,
        shape: Vec<Slot>,
    },
    /// Of simulated events.
    Simulated {
        name: String,
        events: Simulated,
    },
    /// Of densities of different observables.
    Product(Vec<PdfSpec>),
    Flow(FlowSpec),
}

impl PdfSpec {
    pub(super) fn new(
        value: &Value,
        place: &Place,
        observables: &[(String, Observable)],
        context: &Context,
    ) -> Result<Self> {
        let object = required_fields(value, place, &["type"])?;
        let kind = string(&object["type"], &place.key("type"))?;
        let (required, optional) = keys(kind, &place.key("type"))?;
        let object = fields(value, place, required, optional)?;
        if kind == "product" {
            let at = place.key("components");
            let parts = non_empty(&object["components"], &at, |value, place| {
                Self::new(value, place, observables, context)
            })?;
            different(&parts, &at)?;
            return Ok(Self::Product(parts));
        }
        if object.contains_key("manifest") {
            return Ok(Self::Flow(FlowSpec::new(object, place, observables, context)?));
        }
        let name = string(&object["observable"], &place.key("observable"))?;
        let observable = find(observables, name, &place.key("observable"))?;
        let name = name.to_owned();
        let (pdf, shape) = match kind {
            "histogram_from_tree" | "kde_from_tree" => {
                let events = Simulated::new(object, place, observable, context)?;
                return Ok(Self::Simulated { name, events });
            }
            "uniform" => (Pdf::uniform(observable), Vec::new()),
            "histogram" => (histogram(object, place, observable)?, Vec::new()),
            "kde" => (kde(object, place, observable)?, Vec::new()),
            "spline" => (spline(object, place, observable)?, Vec::new()),
            _ => parametric(kind, &object["params"], &place.key("params"), observable, context)?,
        };
        Ok(Self::Inline { name, pdf, shape })
    }

    /// The key that says what it is a density of.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Inline { .. } | Self::Simulated { .. } => "observable",
            Self::Product(_) => "components",
            Self::Flow(_) => "manifest",
        }
    }

    /// The document's names of its observables, where no file has to be opened for them.
    pub(super) fn observables(&self) -> Option<Vec<String>> {
        match self {
            Self::Inline { name, .. } | Self::Simulated { name, .. } => Some(vec![name.clone()]),
            Self::Product(parts) => {
                let names: Option<Vec<_>> = parts.iter().map(Self::observables).collect();
                Some(names?.concat())
            }
            Self::Flow(_) => None,
        }
    }

    /// The density, and where its parameters come from; files are found from `base`.
    pub(super) fn open(&self, base: &Path, place: &Place) -> Result<(Pdf, Vec<Slot>)> {
        match self {
            Self::Inline { pdf, shape, .. } => Ok((pdf.clone(), shape.clone())),
            Self::Simulated { events, .. } => Ok((events.open(base, place)?, Vec::new())),
            Self::Product(parts) => {
                let at = place.key("components");
                let parts = parts.iter().enumerate().map(|(i, p)| p.open(base, &at.index(i)));
                let (factors, shapes): (Vec<_>, Vec<_>) =
                    parts.collect::<Result<Vec<_>>>()?.into_iter().unzip();
                Ok((told(&at, Pdf::product(factors))?, shapes.concat()))
            }
            Self::Flow(flow) => flow.open(base, place),
        }
    }
}

/// Keys of a density, those it must have and those it may have.
fn keys(kind: &str, place: &Place) -> Result<(&'static [&'static str], &'static [&'static str])> {
    let supported = || PARAMETRIC.into_iter().chain(OTHERS);
    if REFUSED.contains(&kind) {
        return Err(place.error(format!(
            "densities of type {} are not supported yet; supported are {}",
            quoted(kind),
            list(supported())
        )));
    }
    Ok(match kind {
        "uniform" => (&["type", "observable"], &[]),
        "histogram" => (&["type", "observable", "bin_edges", "bin_content"], &["pseudo_count"]),
        "kde" => (&["type", "observable", "bandwidth", "centers"], &["weights"]),
        "spline" => (&["type", "observable", "knots_x", "knots_y"], &[]),
        "product" => (&["type", "components"], &[]),
        "flow" => (&["type", "manifest"], &[]),
        "conditional_flow" => (&["type", "manifest", "context_params"], &[]),
        "histogram_from_tree" => (
            &["type", "observable", "bin_edges", "source"],
            &["pseudo_count", "max_events", SYSTEMATICS[0], SYSTEMATICS[1]],
        ),
        "kde_from_tree" => (
            &["type", "observable", "bandwidth", "source"],
            &["max_events", SYSTEMATICS[0], SYSTEMATICS[1]],
        ),
        kind if PARAMETRIC.contains(&kind) => (&["type", "observable", "params"], &[]),
        _ => {
            let near = suggestion(kind, supported().chain(REFUSED));
            return Err(place.error(format!(
                "there is no density {}{near}; supported are {}",
                quoted(kind),
                list(supported())
            )));
        }
    })
}

/// The channel's observable of that name in the document.
pub(super) fn find<'o>(
    observables: &'o [(String, Observable)],
    name: &str,
    place: &Place,
) -> Result<&'o Observable> {
    let found = observables.iter().find(|(own, _)| own == name).map(|(_, observable)| observable);
    found.ok_or_else(|| {
        let names = || observables.iter().map(|(own, _)| &**own);
        place.error(format!(
            "the channel has no observable {}{}; there are {}",
            quoted(name),
            suggestion(name, names()),
            list(names())
        ))
    })
}

/// A product's densities are of different observables.
fn different(parts: &[PdfSpec], place: &Place) -> Result<()> {
    let mut seen: Vec<String> = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let names = part.observables().unwrap_or_default();
        if let Some(name) = names.iter().find(|name| seen.contains(name)) {
            return Err(place.index(i).key(part.key()).error(format!(
                "another density of this product is one of {}, too; a product's densities are of different \
                 observables",
                quoted(name)
            )));
        }
        seen.extend(names);
    }
    Ok(())
}

/// Names of parameters, or numbers.
pub(super) fn slots(value: &Value, place: &Place, context: &Context) -> Result<Vec<Slot>> {
    elements(value, place, |value, place| match value {
        Value::String(_) => context.parameter(value, place).map(Slot::Parameter),
        _ => number(value, place).map(Slot::Constant),
    })
}

fn parametric(
    kind: &str,
    params: &Value,
    place: &Place,
    observable: &Observable,
    context: &Context,
) -> Result<(Pdf, Vec<Slot>)> {
    let mut shape = slots(params, place, context)?;
    let order = shape.len().saturating_sub(1);
    let pdf = match kind {
        "gaussian" => Ok(Pdf::gaussian(observable)),
        "exponential" => Ok(Pdf::exponential(observable)),
        "crystal_ball" => Ok(Pdf::crystal_ball(observable)),
        "double_crystal_ball" if shape.len() == 7 => Ok(Pdf::asymmetric_crystal_ball(observable)),
        "double_crystal_ball" => Ok(Pdf::double_crystal_ball(observable)),
        "chebyshev" => Pdf::chebyshev(observable, shape.len()),
        "polynomial" => Pdf::polynomial(observable, order),
        "bernstein" => Pdf::bernstein(observable, order),
        "voigtian" => Ok(Pdf::voigtian(observable)),
        "breit_wigner" => Ok(Pdf::breit_wigner(observable)),
        "lognormal" => Pdf::lognormal(observable),
        _ => {
            if shape.len() == 2 {
                // the cut-off is the window's end
                shape.insert(0, Slot::Constant(observable.hi()));
            }
            Pdf::argus(observable)
        }
    };
    let pdf = told(place, pdf)?;
    let names = pdf.parameter_names();
    if shape.len() != names.len() {
        return Err(place.error(format!(
            "{} for {} of {}: {}",
            count(shape.len(), "value"),
            count(names.len(), "parameter"),
            quoted(kind),
            names.join(", ")
        )));
    }
    Ok((pdf, shape))
}

fn histogram(object: &Map<String, Value>, place: &Place, observable: &Observable) -> Result<Pdf> {
    let edges = numbers(&object["bin_edges"], &place.key("bin_edges"))?;
    let mut contents = numbers(&object["bin_content"], &place.key("bin_content"))?;
    let extra = pseudo_count(object, place)?;
    contents.iter_mut().for_each(|content| *content += extra);
    told(place, Pdf::histogram(observable, &edges, &contents))
}

/// What is added to each bin.
pub(super) fn pseudo_count(object: &Map<String, Value>, place: &Place) -> Result<f64> {
    let Some(extra) = object.get("pseudo_count").filter(|extra| !extra.is_null()) else {
        return Ok(0.0);
    };
    let at = place.key("pseudo_count");
    match number(extra, &at)? {
        extra if extra >= 0.0 => Ok(extra),
        extra => Err(at.error(format!("{extra} is added to each bin; 0 or more can be"))),
    }
}

fn spline(object: &Map<String, Value>, place: &Place, observable: &Observable) -> Result<Pdf> {
    let knots = numbers(&object["knots_x"], &place.key("knots_x"))?;
    let values = numbers(&object["knots_y"], &place.key("knots_y"))?;
    told(place, Pdf::spline(observable, &knots, &values))
}

fn kde(object: &Map<String, Value>, place: &Place, observable: &Observable) -> Result<Pdf> {
    let bandwidth = number(&object["bandwidth"], &place.key("bandwidth"))?;
    let centers = numbers(&object["centers"], &place.key("centers"))?;
    let weights = object.get("weights").filter(|weights| !weights.is_null());
    let weights = weights.map(|w| numbers(w, &place.key("weights"))).transpose()?;
    told(place, Pdf::kde(observable, &centers, weights.as_deref(), bandwidth))
}
