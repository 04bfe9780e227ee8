//! Shapes with their start values, and which of them are fitted.

use std::path::Path;

use serde_json::Value;

use super::config::unknown;
use super::document;
use crate::error::Result;
use crate::spec::fields::{elements, fields, kind, non_empty, number, string};
use crate::spec::place::Place;
use crate::spec::text::quoted;
use crate::tmd::fit::Role;
use crate::tmd::sidis::Zeta;
use crate::tmd::{Evolution, Shape};

/// A parameter of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct FnpParameter {
    /// Start value, and the truth of synthetic data.
    pub init: f64,
    /// What a fit does with it.
    pub role: Role,
}

/// The shapes of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fnp {
    /// zeta.
    pub zeta: Zeta,
    /// Of both shapes.
    pub evolution: Evolution,
    /// The shape in x: that of the u quark, the one flavour that a cross section has here.
    pub pdf: Shape,
    /// The shape in z; `None`: that in x.
    pub ff: Option<Shape>,
    /// In the order of the plan: evolution, shape in x, shape in z.
    pub parameters: Vec<FnpParameter>,
    /// Flavours that are described and in no cross section.
    pub without_effect: Vec<String>,
}

/// Flavours with the shapes that files without one mean.
const FLAVOURS: [(&str, Shape); 4] =
    [("u", Shape::Map22Pdf), ("d", Shape::Map24), ("ubar", Shape::Gauss), ("dbar", Shape::Gauss)];

impl Fnp {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Io`]; [`crate::Error::Syntax`]; [`crate::Error::Specification`] with the pointer to a key
    /// that is missing or unknown, a wrong number of values, a zeta that is not above 0.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_value(&document(path.as_ref())?)
    }

    pub(super) fn from_value(value: &Value) -> Result<Self> {
        let root = Place::ROOT;
        let object =
            fields(value, &root, &["evolution", "flavors"], &["hadron", "zeta", "fragmentation"])?;
        let zeta = match object.get("zeta") {
            None => Zeta::Constant(1.0),
            Some(Value::String(text)) if text == "Q2" => Zeta::Q2,
            Some(value) => {
                let place = root.key("zeta");
                let zeta = number(value, &place)?;
                if zeta <= 0.0 {
                    let message = format!("zeta = {zeta} GeV^2: its logarithm needs it above 0");
                    return Err(place.error(message));
                }
                Zeta::Constant(zeta)
            }
        };
        let mut parameters = evolution(&object["evolution"], &root.key("evolution"))?;
        let place = root.key("flavors");
        let names = FLAVOURS.map(|(name, _)| name);
        let Value::Object(flavours) = &object["flavors"] else {
            let found = kind(&object["flavors"]);
            return Err(place.error(format!("expected an object, found {found}")));
        };
        if let Some(other) = flavours.keys().find(|key| !names.contains(&key.as_str())) {
            return Err(place.key(other).error(unknown("flavour", other, &names)));
        }
        let mut pdf = None;
        for (name, usual) in FLAVOURS {
            let Some(value) = flavours.get(name) else { continue };
            let own = place.key(name);
            let offset = parameters.len();
            let (shape, all) = described(value, &own, name, usual, offset)?;
            if name == "u" {
                parameters.extend(all);
                pdf = Some(shape);
            }
        }
        let pdf = pdf.ok_or_else(|| place.error("the flavour \"u\" is needed"))?;
        let ff = object.get("fragmentation").filter(|value| !value.is_null());
        let ff = ff.map(|value| {
            let place = root.key("fragmentation");
            let offset = parameters.len();
            described(value, &place, "fragmentation", Shape::Map22Ff, offset)
        });
        let ff = ff.transpose()?.map(|(shape, all)| {
            parameters.extend(all);
            shape
        });
        let without_effect = flavours.keys().filter(|name| *name != "u").cloned().collect();
        Ok(Self { zeta, evolution: Evolution::Map, pdf, ff, parameters, without_effect })
    }
}

fn evolution(value: &Value, place: &Place) -> Result<Vec<FnpParameter>> {
    let object = fields(value, place, &["init_g2"], &["free_mask"])?;
    let init = number(&object["init_g2"], &place.key("init_g2"))?;
    let roles = match object.get("free_mask") {
        Some(mask) => roles(mask, &place.key("free_mask"), "evolution", 1, 0)?,
        None => vec![Role::FREE],
    };
    Ok(vec![FnpParameter { init, role: roles[0] }])
}

fn described(
    value: &Value,
    place: &Place,
    name: &str,
    usual: Shape,
    offset: usize,
) -> Result<(Shape, Vec<FnpParameter>)> {
    let object = fields(value, place, &["init_params"], &["free_mask", "shape", "bounds"])?;
    let shape = match object.get("shape") {
        None => usual,
        Some(value) => {
            let at = place.key("shape");
            let word = string(value, &at)?;
            Shape::named(word).map_err(|error| at.error(error.to_string()))?
        }
    };
    let needed = shape.parameter_names().len();
    let at = place.key("init_params");
    let init = elements(&object["init_params"], &at, number)?;
    let said = match name {
        "fragmentation" => name.to_owned(),
        flavour => format!("flavor {flavour}"),
    };
    if init.len() != needed {
        return Err(at.error(format!(
            "{said}: {} needs {needed} parameters, got {}",
            shape.name(),
            init.len()
        )));
    }
    let mut roles = match object.get("free_mask") {
        Some(mask) => roles(mask, &place.key("free_mask"), &said, needed, offset)?,
        None => vec![Role::FREE; needed],
    };
    if let Some(value) = object.get("bounds") {
        bounds(value, &place.key("bounds"), &said, &mut roles)?;
    }
    let parameters = init.into_iter().zip(roles).map(|(init, role)| FnpParameter { init, role });
    Ok((shape, parameters.collect()))
}

/// Whether each parameter is free, or what it follows: `"[1]"` or `"2*[1]"`, the index of one of the same list.
fn roles(
    mask: &Value,
    place: &Place,
    said: &str,
    needed: usize,
    offset: usize,
) -> Result<Vec<Role>> {
    let roles = non_empty(mask, place, |value, place| {
        match value {
        Value::Bool(true) => Ok(Role::FREE),
        Value::Bool(false) => Ok(Role::Fixed),
        Value::String(text) => linked(text, needed, offset).ok_or_else(|| {
            place.error(format!(
                "{} is no link: \"[1]\" or \"2*[1]\" are, with the index of a parameter of this list",
                quoted(text)
            ))
        }),
        other => Err(place.error(format!("expected true, false or a link, found {}", kind(other)))),
    }
    })?;
    if roles.len() != needed {
        return Err(place.error(format!(
            "{said}: free_mask has {} entries, init_params {needed}",
            roles.len()
        )));
    }
    Ok(roles)
}

fn linked(text: &str, needed: usize, offset: usize) -> Option<Role> {
    let (factor, rest) = match text.split_once('*') {
        Some((factor, rest)) => (factor.trim().parse().ok()?, rest),
        None => (1.0, text),
    };
    // the list's own name may stand before the bracket
    let index = rest.trim().strip_suffix(']')?.split_once('[')?.1;
    let index: usize = index.parse().ok()?;
    (index < needed).then_some(Role::Linked { to: offset + index, factor })
}

fn bounds(value: &Value, place: &Place, said: &str, roles: &mut [Role]) -> Result<()> {
    let all = elements(value, place, |value, place| {
        if value.is_null() {
            return Ok((f64::NEG_INFINITY, f64::INFINITY));
        }
        match elements(value, place, number)?[..] {
            [lower, upper] if lower < upper => Ok((lower, upper)),
            _ => Err(place.error("two rising numbers, or null for none, are needed")),
        }
    })?;
    if all.len() != roles.len() {
        let message = format!("{said}: {} bounds for {} parameters", all.len(), roles.len());
        return Err(place.error(message));
    }
    for (role, (lower, upper)) in roles.iter_mut().zip(all) {
        if *role == Role::FREE {
            *role = Role::Free { lower, upper };
        }
    }
    Ok(())
}
