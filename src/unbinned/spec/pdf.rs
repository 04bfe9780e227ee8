//! Densities by their names.

use serde_json::{Map, Value};

use super::document::{Context, told};
use crate::error::Result;
use crate::spec::fields::{elements, fields, number, numbers, required_fields, string};
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
const OTHERS: [&str; 3] = ["uniform", "histogram", "kde"];
/// Known, and not supported.
const REFUSED: [&str; 7] = [
    "spline",
    "product",
    "flow",
    "conditional_flow",
    "dcr_surrogate",
    "histogram_from_tree",
    "kde_from_tree",
];

/// The observable's name, the density and where its parameters come from.
pub(super) fn read(
    value: &Value,
    place: &Place,
    observables: &[(String, Observable)],
    context: &Context,
) -> Result<(String, Pdf, Vec<Slot>)> {
    let object = required_fields(value, place, &["type"])?;
    let kind = string(&object["type"], &place.key("type"))?;
    let supported = || PARAMETRIC.into_iter().chain(OTHERS);
    if REFUSED.contains(&kind) {
        return Err(place.key("type").error(format!(
            "densities of type {} are not supported yet; supported are {}",
            quoted(kind),
            list(supported())
        )));
    }
    let (required, optional): (&[&str], &[&str]) = match kind {
        "uniform" => (&["type", "observable"], &[]),
        "histogram" => (&["type", "observable", "bin_edges", "bin_content"], &["pseudo_count"]),
        "kde" => (&["type", "observable", "bandwidth", "centers"], &["weights"]),
        kind if PARAMETRIC.contains(&kind) => (&["type", "observable", "params"], &[]),
        _ => {
            let near = suggestion(kind, supported().chain(REFUSED));
            return Err(place.key("type").error(format!(
                "there is no density {}{near}; supported are {}",
                quoted(kind),
                list(supported())
            )));
        }
    };
    let object = fields(value, place, required, optional)?;
    let name = string(&object["observable"], &place.key("observable"))?;
    let Some((_, observable)) = observables.iter().find(|(own, _)| own == name) else {
        let names = || observables.iter().map(|(own, _)| &**own);
        return Err(place.key("observable").error(format!(
            "the channel has no observable {}{}; there are {}",
            quoted(name),
            suggestion(name, names()),
            list(names())
        )));
    };
    let (pdf, shape) = match kind {
        "uniform" => (Pdf::uniform(observable), Vec::new()),
        "histogram" => (histogram(object, place, observable)?, Vec::new()),
        "kde" => (kde(object, place, observable)?, Vec::new()),
        _ => parametric(kind, &object["params"], &place.key("params"), observable, context)?,
    };
    Ok((name.to_owned(), pdf, shape))
}

fn parametric(
    kind: &str,
    params: &Value,
    place: &Place,
    observable: &Observable,
    context: &Context,
) -> Result<(Pdf, Vec<Slot>)> {
    let mut shape = elements(params, place, |value, place| match value {
        Value::String(_) => context.parameter(value, place).map(Slot::Parameter),
        _ => number(value, place).map(Slot::Constant),
    })?;
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
    if let Some(extra) = object.get("pseudo_count").filter(|extra| !extra.is_null()) {
        let at = place.key("pseudo_count");
        let extra = number(extra, &at)?;
        if extra < 0.0 {
            return Err(at.error(format!("{extra} is added to each bin; 0 or more can be")));
        }
        contents.iter_mut().for_each(|content| *content += extra);
    }
    told(place, Pdf::histogram(observable, &edges, &contents))
}

fn kde(object: &Map<String, Value>, place: &Place, observable: &Observable) -> Result<Pdf> {
    let bandwidth = number(&object["bandwidth"], &place.key("bandwidth"))?;
    let centers = numbers(&object["centers"], &place.key("centers"))?;
    let weights = object.get("weights").filter(|weights| !weights.is_null());
    let weights = weights.map(|w| numbers(w, &place.key("weights"))).transpose()?;
    told(place, Pdf::kde(observable, &centers, weights.as_deref(), bandwidth))
}
