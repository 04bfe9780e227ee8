//! Yields.

use serde_json::{Map, Value};

use super::Version;
use super::document::{Context, told};
use crate::error::Result;
use crate::model::interpolation::{HistoSysInterpolation, NormSysInterpolation};
use crate::spec::fields::{elements, fields, number, required_fields, word};
use crate::spec::place::Place;
use crate::unbinned::yields::{Base, Modifier, Yield};

pub(super) fn read(value: &Value, place: &Place, context: &Context) -> Result<Yield> {
    let object = required_fields(value, place, &["type"])?;
    let types = ["fixed", "parameter", "scaled"];
    let keys: &[&str] = match word(&object["type"], &place.key("type"), &types)? {
        0 => &["type", "value"],
        1 => &["type", "name"],
        _ => &["type", "base_yield", "scale"],
    };
    let object = fields(value, place, keys, &["modifiers"])?;
    let base = match keys[1] {
        "value" => Base::Fixed(events(object, "value", place)?),
        "name" => Base::Parameter(context.parameter(&object["name"], &place.key("name"))?),
        _ => Base::Scaled {
            base: events(object, "base_yield", place)?,
            parameter: context.parameter(&object["scale"], &place.key("scale"))?,
        },
    };
    let modifiers = object.get("modifiers").filter(|m| !m.is_null());
    let modifiers = modifiers.map(|list| {
        elements(list, &place.key("modifiers"), |value, place| modifier(value, place, context))
    });
    Ok(Yield { base, modifiers: modifiers.transpose()?.unwrap_or_default() })
}

/// A number of events.
fn events(object: &Map<String, Value>, key: &str, place: &Place) -> Result<f64> {
    let place = place.key(key);
    match number(&object[key], &place)? {
        events if events >= 0.0 => Ok(events),
        events => Err(place.error(format!("{events} events are expected; 0 or more can be"))),
    }
}

fn modifier(value: &Value, place: &Place, context: &Context) -> Result<Modifier> {
    let required = ["type", "param", "lo", "hi"];
    let object = fields(value, place, &required, &["interp_code"])?;
    let types = ["normsys", "weightsys", "norm_sys", "weight_sys"];
    let is_normsys = word(&object["type"], &place.key("type"), &types)? % 2 == 0;
    let parameter = context.parameter(&object["param"], &place.key("param"))?;
    let lo = number(&object["lo"], &place.key("lo"))?;
    let hi = number(&object["hi"], &place.key("hi"))?;
    let codes = if is_normsys { ["code1", "code4"] } else { ["code0", "code4p"] };
    // v0 has kinks by default
    let smooth = match object.get("interp_code").filter(|code| !code.is_null()) {
        Some(code) => word(code, &place.key("interp_code"), &codes)? == 1,
        None => context.version == Version::V1,
    };
    let made = match (is_normsys, smooth) {
        (true, true) => {
            Modifier::normsys(parameter, lo, hi, NormSysInterpolation::PolynomialExponential)
        }
        (true, false) => {
            Modifier::normsys(parameter, lo, hi, NormSysInterpolation::PiecewiseExponential)
        }
        (false, true) => {
            Modifier::weightsys(parameter, lo, hi, HistoSysInterpolation::PolynomialLinear)
        }
        (false, false) => {
            Modifier::weightsys(parameter, lo, hi, HistoSysInterpolation::PiecewiseLinear)
        }
    };
    told(place, made)
}
