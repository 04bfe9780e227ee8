//! pyhf's JSON, schema 1.0.0: a [`Value`] to a [`Workspace`] with every field's type checked.
//!
//! What follows from several fields together (lengths, names, sharing) is `check`'s.

use serde_json::{Map, Value};

use super::place::Place;
use super::text::{count, list, quoted, suggestion};
use super::{
    Channel, Measurement, Modifier, ModifierKind, Observation, ParameterConfig, Sample, Warning,
    Workspace, foreign,
};
use crate::Result;

/// The schema version read and written.
pub const SCHEMA_VERSION: &str = "1.0.0";

const MODIFIER_TYPES: [&str; 7] =
    ["histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror"];

/// The types and shapes of all fields, nothing more.
pub(super) fn extract(value: &Value, warnings: &mut Vec<Warning>) -> Result<Workspace> {
    let root = Place::ROOT;
    foreign::refuse(value)?;
    let object =
        fields(value, &root, &["channels", "observations", "measurements", "version"], &[])?;
    let place = root.key("version");
    let version = string(&object["version"], &place)?;
    if version != SCHEMA_VERSION {
        return Err(place.error(format!(
            "unknown version {}: this program reads pyhf's schema {SCHEMA_VERSION}",
            quoted(version)
        )));
    }
    Ok(Workspace {
        channels: non_empty(&object["channels"], &root.key("channels"), |value, place| {
            channel(value, place, warnings)
        })?,
        observations: non_empty(&object["observations"], &root.key("observations"), observation)?,
        measurements: non_empty(&object["measurements"], &root.key("measurements"), measurement)?,
    })
}

fn channel(value: &Value, place: &Place, warnings: &mut Vec<Warning>) -> Result<Channel> {
    let object = fields(value, place, &["name", "samples"], &[])?;
    Ok(Channel {
        name: name(object, place)?,
        samples: non_empty(&object["samples"], &place.key("samples"), |value, place| {
            sample(value, place, warnings)
        })?,
    })
}

fn sample(value: &Value, place: &Place, warnings: &mut Vec<Warning>) -> Result<Sample> {
    let object = fields(value, place, &["name", "data", "modifiers"], &[])?;
    Ok(Sample {
        name: name(object, place)?,
        data: numbers(&object["data"], &place.key("data"))?,
        modifiers: elements(&object["modifiers"], &place.key("modifiers"), |value, place| {
            modifier(value, place, warnings)
        })?,
    })
}

fn modifier(value: &Value, place: &Place, warnings: &mut Vec<Warning>) -> Result<Modifier> {
    let object = fields(value, place, &["name", "type", "data"], &[])?;
    let name = name(object, place)?;
    let (data, at) = (&object["data"], place.key("data"));
    let kind = match string(&object["type"], &place.key("type"))? {
        "normfactor" => null(data, &at, "normfactor").map(|()| ModifierKind::NormFactor)?,
        "shapefactor" => null(data, &at, "shapefactor").map(|()| ModifierKind::ShapeFactor)?,
        "lumi" => {
            if name != "lumi" {
                return Err(place.key("name").error(format!(
                    "a modifier of type lumi must be named \"lumi\", not {}",
                    quoted(&name)
                )));
            }
            null(data, &at, "lumi").map(|()| ModifierKind::Lumi)?
        }
        "normsys" => {
            let object = open_fields(data, &at, ["hi", "lo"], warnings)?;
            ModifierKind::NormSys {
                hi: factor(&object["hi"], &at.key("hi"))?,
                lo: factor(&object["lo"], &at.key("lo"))?,
            }
        }
        "histosys" => {
            let object = open_fields(data, &at, ["hi_data", "lo_data"], warnings)?;
            ModifierKind::HistoSys {
                hi_data: numbers(&object["hi_data"], &at.key("hi_data"))?,
                lo_data: numbers(&object["lo_data"], &at.key("lo_data"))?,
            }
        }
        "shapesys" => ModifierKind::ShapeSys(uncertainties(data, &at)?),
        "staterror" => ModifierKind::StatError(uncertainties(data, &at)?),
        other => {
            return Err(place.key("type").error(format!(
                "unknown modifier type {}{}; known are {}",
                quoted(other),
                suggestion(other, MODIFIER_TYPES),
                list(MODIFIER_TYPES)
            )));
        }
    };
    Ok(Modifier { name, kind })
}

fn observation(value: &Value, place: &Place) -> Result<Observation> {
    let object = fields(value, place, &["name", "data"], &[])?;
    let at = place.key("data");
    let data = numbers(&object["data"], &at)?;
    if let Some(bin) = data.iter().position(|count| *count < 0.0) {
        let message = format!("an observed count cannot be negative (found {})", data[bin]);
        return Err(at.index(bin).error(message));
    }
    Ok(Observation { name: name(object, place)?, data })
}

fn measurement(value: &Value, place: &Place) -> Result<Measurement> {
    let object = fields(value, place, &["name", "config"], &[])?;
    let at = place.key("config");
    let config = fields(&object["config"], &at, &["poi", "parameters"], &[])?;
    let poi = string(&config["poi"], &at.key("poi"))?;
    Ok(Measurement {
        name: name(object, place)?,
        poi: (!poi.is_empty()).then(|| poi.to_owned()),
        parameters: elements(&config["parameters"], &at.key("parameters"), parameter)?,
    })
}

fn parameter(value: &Value, place: &Place) -> Result<ParameterConfig> {
    let optional = ["inits", "bounds", "auxdata", "factors", "sigmas", "fixed"];
    let object = fields(value, place, &["name"], &optional)?;
    let numbers_of =
        |key: &str| object.get(key).map(|value| numbers(value, &place.key(key))).transpose();
    let bounds = |value| non_empty(value, &place.key("bounds"), bound);
    let sigmas = numbers_of("sigmas")?;
    if let Some(bad) = sigmas.iter().flatten().position(|sigma| *sigma <= 0.0) {
        return Err(place.key("sigmas").index(bad).error("a width must be greater than 0"));
    }
    Ok(ParameterConfig {
        name: name(object, place)?,
        inits: numbers_of("inits")?,
        bounds: object.get("bounds").map(bounds).transpose()?,
        auxdata: numbers_of("auxdata")?,
        factors: numbers_of("factors")?,
        sigmas,
        fixed: match object.get("fixed") {
            None => None,
            Some(Value::Bool(fixed)) => Some(*fixed),
            Some(other) => {
                let message = format!("expected true or false, found {}", kind(other));
                return Err(place.key("fixed").error(message));
            }
        },
    })
}

fn bound(value: &Value, place: &Place) -> Result<(f64, f64)> {
    let Value::Array(pair) = value else {
        return Err(place.error(format!("expected a pair [lower, upper], found {}", kind(value))));
    };
    let [lower, upper] = pair.as_slice() else {
        let found = count(pair.len(), "element");
        return Err(place.error(format!("expected a pair [lower, upper], found {found}")));
    };
    let (lower, upper) = (number(lower, &place.index(0))?, number(upper, &place.index(1))?);
    if lower > upper {
        let message = format!("the lower bound {lower} is above the upper bound {upper}");
        return Err(place.error(message));
    }
    Ok((lower, upper))
}

/// A normsys factor: the interpolation takes its logarithm.
fn factor(value: &Value, place: &Place) -> Result<f64> {
    match number(value, place)? {
        factor if factor > 0.0 => Ok(factor),
        factor => Err(place.error(format!(
            "a normsys factor must be greater than 0, for the interpolation takes its logarithm \
             (found {factor})"
        ))),
    }
}

fn uncertainties(value: &Value, place: &Place) -> Result<Vec<f64>> {
    let data = numbers(value, place)?;
    match data.iter().position(|uncertainty| *uncertainty < 0.0) {
        None => Ok(data),
        Some(bin) => Err(place
            .index(bin)
            .error(format!("an absolute uncertainty cannot be negative (found {})", data[bin]))),
    }
}

fn null(value: &Value, place: &Place, kind_of_modifier: &str) -> Result<()> {
    if value.is_null() {
        return Ok(());
    }
    Err(place
        .error(format!("a {kind_of_modifier} has no data: expected null, found {}", kind(value))))
}

fn name(object: &Map<String, Value>, place: &Place) -> Result<String> {
    string(&object["name"], &place.key("name")).map(str::to_owned)
}

pub(super) fn string<'v>(value: &'v Value, place: &Place) -> Result<&'v str> {
    value.as_str().ok_or_else(|| place.error(format!("expected a string, found {}", kind(value))))
}

fn number(value: &Value, place: &Place) -> Result<f64> {
    // a downstream crate may turn on arbitrary precision: infinities are possible then
    match value.as_f64() {
        Some(number) if number.is_finite() => Ok(number),
        _ => {
            let hint = match value {
                Value::String(text) if text.trim().parse::<f64>().is_ok() => ": remove the quotes",
                _ => "",
            };
            Err(place.error(format!("expected a number, found {}{hint}", kind(value))))
        }
    }
}

fn numbers(value: &Value, place: &Place) -> Result<Vec<f64>> {
    non_empty(value, place, number)
}

pub(super) fn elements<T>(
    value: &Value,
    place: &Place,
    mut read: impl FnMut(&Value, &Place) -> Result<T>,
) -> Result<Vec<T>> {
    let Value::Array(array) = value else {
        return Err(place.error(format!("expected an array, found {}", kind(value))));
    };
    array.iter().enumerate().map(|(index, value)| read(value, &place.index(index))).collect()
}

pub(super) fn non_empty<T>(
    value: &Value,
    place: &Place,
    read: impl FnMut(&Value, &Place) -> Result<T>,
) -> Result<Vec<T>> {
    let elements = elements(value, place, read)?;
    if elements.is_empty() {
        return Err(place.error("this array must not be empty"));
    }
    Ok(elements)
}

/// An object with all of `required`, and nothing but these and `optional`.
pub(super) fn fields<'v>(
    value: &'v Value,
    place: &Place,
    required: &[&str],
    optional: &[&str],
) -> Result<&'v Map<String, Value>> {
    let object = required_fields(value, place, required)?;
    let known = || required.iter().chain(optional).copied();
    match object.keys().find(|key| !known().any(|known| known == *key)) {
        None => Ok(object),
        Some(key) => Err(place.key(key).error(format!(
            "unknown key {}{}; known here are {}",
            quoted(key),
            suggestion(key, known()),
            list(known())
        ))),
    }
}

/// The schema leaves the data of normsys and histosys open to other keys; nothing reads them.
fn open_fields<'v>(
    value: &'v Value,
    place: &Place,
    required: [&str; 2],
    warnings: &mut Vec<Warning>,
) -> Result<&'v Map<String, Value>> {
    let object = required_fields(value, place, &required)?;
    if let Some(key) = object.keys().find(|key| !required.contains(&key.as_str())) {
        warnings.push(place.key(key).warning(format!("unknown key {} is ignored", quoted(key))));
    }
    Ok(object)
}

pub(super) fn required_fields<'v>(
    value: &'v Value,
    place: &Place,
    required: &[&str],
) -> Result<&'v Map<String, Value>> {
    let Value::Object(object) = value else {
        return Err(place.error(format!("expected an object, found {}", kind(value))));
    };
    match required.iter().find(|key| !object.contains_key(**key)) {
        None => Ok(object),
        Some(key) => {
            let near = suggestion(key, object.keys().map(String::as_str));
            let near = near.replace("did you mean", "is it").replace('?', "");
            Err(place.error(format!("the key {} is missing{near}", quoted(key))))
        }
    }
}

/// `the string "50.0"`, `an object`: what was found instead.
pub(super) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {}", quoted(text)),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}
