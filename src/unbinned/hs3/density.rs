//! Densities by their HS3 names.

use serde_json::{Value, json};

use super::Origins;
use super::document::{Document, Item};
use super::parameters::Parameters;
use crate::error::Result;
use crate::spec::fields::{elements, fields, non_empty, string};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted};
use crate::unbinned::Observable;

/// Those of one observable.
const FUNDAMENTAL: [&str; 10] = [
    "gaussian_dist",
    "normal_dist",
    "exponential_dist",
    "crystalball_dist",
    "crystalball_doublesided_dist",
    "argus_dist",
    "chebychev_dist",
    "polynomial_dist",
    "lognormal_dist",
    "uniform_dist",
];
const COMPOSITE: [&str; 3] = ["mixture_dist", "product_dist", "rate_extended_dist"];

/// Whether distributions of this type are.
pub(super) fn is_known(kind: &str) -> bool {
    FUNDAMENTAL.contains(&kind) || COMPOSITE.contains(&kind)
}

/// A distribution that is not covered, by its type.
pub(super) fn refuse(item: Item<'_>) -> crate::Error {
    let section = Place::ROOT.key(item.section);
    let place = section.index(item.index);
    place.key("type").error(format!(
        "distributions of type {} are not covered; {} are",
        quoted(item.kind()),
        list(FUNDAMENTAL.into_iter().chain(COMPOSITE))
    ))
}

/// The density of a process as the specification has it; `at` is its place there.
pub(super) fn density<'d, 'v>(
    document: &'d Document<'v>,
    parameters: &mut Parameters<'d, 'v>,
    origins: &mut Origins,
    item: Item<'_>,
    axes: &[Observable],
    at: &str,
) -> Result<Value> {
    read(&mut Context { document, parameters, origins, axes, within: Vec::new() }, item, at)
}

struct Context<'a, 'd, 'v> {
    document: &'a Document<'v>,
    parameters: &'a mut Parameters<'d, 'v>,
    origins: &'a mut Origins,
    axes: &'a [Observable],
    /// Products that this density is part of.
    within: Vec<usize>,
}

fn read(context: &mut Context<'_, '_, '_>, item: Item<'_>, at: &str) -> Result<Value> {
    let section = Place::ROOT.key(item.section);
    let place = section.index(item.index);
    context.origins.add(at, place.pointer());
    if item.kind() == "product_dist" {
        return product(context, item, at);
    }
    let (kind, keys): (&str, &[&str]) = match item.kind() {
        "gaussian_dist" | "normal_dist" => ("gaussian", &["x", "mean", "sigma"]),
        "exponential_dist" => ("exponential", &["x", "c"]),
        "argus_dist" => ("argus", &["mass", "resonance", "slope", "power"]),
        "chebychev_dist" => ("chebyshev", &["x", "coefficients"]),
        "polynomial_dist" => ("polynomial", &["x", "coefficients"]),
        "lognormal_dist" => ("lognormal", &["x", "mu", "sigma"]),
        "uniform_dist" => ("uniform", &["x"]),
        "crystalball_dist" | "crystalball_doublesided_dist" => {
            return crystal_ball(context, item, &place);
        }
        "mixture_dist" | "rate_extended_dist" => {
            return Err(
                place.error(format!("a {} is not covered as part of a product", item.kind()))
            );
        }
        _ => return Err(refuse(item)),
    };
    let required: Vec<&str> = ["name", "type"].iter().chain(keys).copied().collect();
    let object = fields(item.value, &place, &required, &[])?;
    let observable = observable(context, &object[keys[0]], &place.key(keys[0]))?;
    let mut params = Vec::new();
    for key in &keys[1..] {
        let (value, place) = (&object[*key], place.key(key));
        let parameters = &mut *context.parameters;
        match *key {
            "coefficients" => {
                let list = elements(value, &place, |v, place| parameters.slot(v, place))?;
                params.extend(list);
            }
            // HS3's falls where ours rises
            "c" => params.push(parameters.signed_slot(value, &place, -1.0)?),
            _ => params.push(parameters.slot(value, &place)?),
        }
    }
    match (kind, params.is_empty()) {
        ("uniform", _) => Ok(json!({"type": kind, "observable": observable})),
        // no terms but the constant one
        ("chebyshev", true) => Ok(json!({"type": "uniform", "observable": observable})),
        ("polynomial", true) => {
            Err(place.key("coefficients").error("a polynomial needs a coefficient at least"))
        }
        _ => Ok(json!({"type": kind, "observable": observable, "params": params})),
    }
}

/// What the distribution is one of, which the data have an axis for.
fn observable(context: &Context<'_, '_, '_>, value: &Value, place: &Place) -> Result<String> {
    let name = string(value, place)?;
    let names = || context.axes.iter().map(Observable::name);
    if names().any(|axis| axis == name) {
        return Ok(name.to_owned());
    }
    Err(place.error(format!(
        "{} is no axis of the data that this distribution is compared with; these have {}",
        quoted(name),
        list(names())
    )))
}

fn product(context: &mut Context<'_, '_, '_>, item: Item<'_>, at: &str) -> Result<Value> {
    let section = Place::ROOT.key(item.section);
    let place = section.index(item.index);
    let object = fields(item.value, &place, &["name", "type", "factors"], &["x"])?;
    if context.within.contains(&item.index) {
        let message = format!("product {} is made of itself", quoted(item.name));
        return Err(place.key("factors").error(message));
    }
    context.within.push(item.index);
    let mut components = Vec::new();
    let key = place.key("factors");
    let factors = non_empty(&object["factors"], &key, |name, place| {
        context.document.distributions.named(name, place)
    })?;
    for (i, factor) in factors.into_iter().enumerate() {
        components.push(read(context, factor, &format!("{at}/components/{i}"))?);
    }
    context.within.pop();
    Ok(json!({"type": "product", "components": components}))
}

/// Two tails. With one key for both sides the standard means both, RooFit and pyhs3 the lower one alone.
fn crystal_ball(context: &mut Context<'_, '_, '_>, item: Item<'_>, place: &Place) -> Result<Value> {
    let keys = ["sigma", "sigma_L", "sigma_R", "alpha", "alpha_L", "alpha_R", "n", "n_L", "n_R"];
    let object = fields(item.value, place, &["name", "type", "m", "m0"], &keys)?;
    let observable = observable(context, &object["m"], &place.key("m"))?;
    let mut params = vec![context.parameters.slot(&object["m0"], &place.key("m0"))?];
    let mut sides = Vec::new();
    for both in ["sigma", "alpha", "n"] {
        let own = [format!("{both}_L"), format!("{both}_R")];
        if object.contains_key(both) {
            if let Some(key) = own.iter().find(|key| object.contains_key(*key)) {
                return Err(place.key(key).error(format!("{both} is there, too; only one can be")));
            }
            if both != "sigma" {
                return Err(place.key(both).error(format!(
                    "{both} without a side: the standard has tails on both sides then, RooFit and pyhs3 have the \
                     lower one alone; write {both}_L and {both}_R for two tails (one tail cannot be said in HS3)"
                )));
            }
            let slot = context.parameters.slot(&object[both], &place.key(both))?;
            sides.push(vec![slot]);
            continue;
        }
        let mut slots = Vec::new();
        for key in &own {
            let value = object
                .get(key)
                .ok_or_else(|| place.error(format!("the key {} is missing", quoted(key))))?;
            slots.push(context.parameters.slot(value, &place.key(key))?);
        }
        sides.push(slots);
    }
    params.append(&mut sides[0]);
    // alpha and n of the left side, then of the right one
    let [_, alpha, n] = &sides[..] else { unreachable!("three") };
    for (alpha, n) in alpha.iter().zip(n) {
        params.extend([alpha.clone(), n.clone()]);
    }
    Ok(json!({"type": "double_crystal_ball", "observable": observable, "params": params}))
}
