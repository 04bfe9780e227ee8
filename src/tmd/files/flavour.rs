//! Flavours, and distributions as files describe them.

use serde_json::{Map, Value};

use super::config::unknown;
use crate::error::{Error, Result};
use crate::spec::fields::{elements, fields, kind, non_empty, number, string};
use crate::spec::place::Place;
use crate::spec::text::quoted;
use crate::tmd::Shape;
use crate::tmd::fit::Role;

/// Quarks with the charge in thirds of the proton's.
const FLAVOURS: [(&str, f64); 10] = [
    ("u", 2.0),
    ("d", -1.0),
    ("ubar", -2.0),
    ("dbar", 1.0),
    ("s", -1.0),
    ("sbar", 1.0),
    ("c", 2.0),
    ("cbar", -2.0),
    ("b", -1.0),
    ("bbar", 1.0),
];

/// The flavours' names, in the order in which they are summed.
pub(super) fn names() -> Vec<&'static str> {
    FLAVOURS.iter().map(|(name, _)| *name).collect()
}

/// The square of a flavour's charge.
pub(super) fn charge_squared(flavour: &str) -> f64 {
    let thirds = FLAVOURS.iter().find(|(name, _)| *name == flavour).map_or(0.0, |(_, q)| *q);
    thirds * thirds / 9.0
}

/// The distribution that a flavour of a file without a shape has, as programs of the field take it.
pub(super) fn usual(flavour: &str) -> Shape {
    match flavour {
        "u" => Shape::Map22Pdf,
        "d" => Shape::Map24,
        _ => Shape::Gauss,
    }
}

/// An object with flavours for keys.
pub(super) fn by_flavour<'v>(value: &'v Value, place: &Place) -> Result<&'v Map<String, Value>> {
    let Value::Object(flavours) = value else {
        return Err(place.error(format!("expected an object, found {}", kind(value))));
    };
    let names = names();
    match flavours.keys().find(|key| !names.contains(&key.as_str())) {
        Some(other) => Err(place.key(other).error(unknown("flavour", other, &names))),
        None => Ok(flavours),
    }
}

/// A parameter of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct FnpParameter {
    /// Start value, and the truth of synthetic data.
    pub init: f64,
    /// What a fit does with it.
    pub role: Role,
}

/// What a file says of a parameter's role.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    Role(Role),
    /// A link to a parameter of the list of that name, of its own where there is none.
    Link {
        list: Option<String>,
        index: usize,
        factor: f64,
        /// Where it stands.
        pointer: String,
    },
}

/// What finds a list by its name, the one that asks for no name: the index of its first parameter, and how many.
pub(super) type Find<'a> = dyn Fn(Option<&str>) -> Option<(usize, usize)> + 'a;

/// Parameters of one list of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameters(Vec<(f64, Told)>);

/// A distribution with a shape of its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub(super) shape: Shape,
    pub(super) parameters: Parameters,
}

/// A flavour's distribution.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Own(Described),
    /// That of another flavour, parameters included.
    As(String),
}

/// Distributions by flavour, in the order of [`names`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Flavours(Vec<(String, Given)>);

impl Flavours {
    pub(super) fn read(value: &Value, place: &Place, usual: fn(&str) -> Shape) -> Result<Self> {
        let object = by_flavour(value, place)?;
        let mut all = Vec::with_capacity(object.len());
        for name in names() {
            let Some(value) = object.get(name) else { continue };
            let own = place.key(name);
            let given = match value {
                Value::String(other) => match object.get(other) {
                    Some(Value::Object(_)) => Given::As(other.clone()),
                    _ => {
                        return Err(own.error(format!(
                            "{} is no flavour of this list with a shape of its own",
                            quoted(other)
                        )));
                    }
                },
                value => {
                    let said = format!("flavor {name}");
                    Given::Own(Described::read(value, &own, &said, usual(name))?)
                }
            };
            all.push((name.to_owned(), given));
        }
        Ok(Self(all))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// The flavour whose shape this one has, with that.
    pub(super) fn of(&self, flavour: &str) -> Option<(&str, &Described)> {
        let find = |name: &str| self.0.iter().find(|(own, _)| own == name);
        let (name, given) = find(flavour)?;
        match given {
            Given::Own(described) => Some((name, described)),
            Given::As(other) => match find(other)? {
                (name, Given::Own(described)) => Some((name, described)),
                _ => None,
            },
        }
    }
}

impl Described {
    pub(super) fn read(value: &Value, place: &Place, said: &str, usual: Shape) -> Result<Self> {
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
        if init.len() != needed {
            return Err(at.error(format!(
                "{said}: {} needs {needed} parameters, got {}",
                shape.name(),
                init.len()
            )));
        }
        Ok(Self { shape, parameters: Parameters::read(init, object, place, said)? })
    }
}

impl Parameters {
    /// Start values with the `free_mask` and the `bounds` beside them.
    pub(super) fn read(
        init: Vec<f64>,
        object: &Map<String, Value>,
        place: &Place,
        said: &str,
    ) -> Result<Self> {
        let n = init.len();
        let mut told = match object.get("free_mask") {
            Some(mask) => non_empty(mask, &place.key("free_mask"), role)?,
            None => vec![Told::Role(Role::FREE); n],
        };
        if told.len() != n {
            let message = format!("{said}: free_mask has {} entries, init_params {n}", told.len());
            return Err(place.key("free_mask").error(message));
        }
        if let Some(value) = object.get("bounds") {
            bounds(value, &place.key("bounds"), said, &mut told)?;
        }
        Ok(Self(init.into_iter().zip(told).collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The parameters in a plan.
    ///
    /// # Errors
    ///
    /// [`Error::Specification`] for a link to what is not there.
    pub(super) fn resolved(&self, find: &Find<'_>) -> Result<Vec<FnpParameter>> {
        let one = |(init, told): &(f64, Told)| {
            let role = match told {
                Told::Role(role) => *role,
                Told::Link { list, index, factor, pointer } => {
                    let of = list.as_deref().map_or("this list".to_owned(), quoted);
                    let error = |what: String| {
                        let message = format!("a link to parameter {index} of {of}: {what}");
                        Error::specification(pointer, message)
                    };
                    let (first, n) = find(list.as_deref())
                        .ok_or_else(|| error("it is no list of this cross section".into()))?;
                    if *index >= n {
                        return Err(error(format!("it has {n}, the first is 0")));
                    }
                    Role::Linked { to: first + index, factor: *factor }
                }
            };
            Ok(FnpParameter { init: *init, role })
        };
        self.0.iter().map(one).collect()
    }
}

/// Whether a parameter is free, or what it follows: `"[1]"` or `"2*u[1]"`, the index of one of this list or of
/// another's.
fn role(value: &Value, place: &Place) -> Result<Told> {
    match value {
        Value::Bool(true) => Ok(Told::Role(Role::FREE)),
        Value::Bool(false) => Ok(Told::Role(Role::Fixed)),
        Value::String(text) => linked(text, place).ok_or_else(|| {
            place.error(format!(
                "{} is no link: \"[1]\", \"2*[1]\" or \"2*u[1]\" are, with the index of a parameter of this list or \
                 of another flavour's",
                quoted(text)
            ))
        }),
        other => Err(place.error(format!("expected true, false or a link, found {}", kind(other)))),
    }
}

fn linked(text: &str, place: &Place) -> Option<Told> {
    let (factor, rest) = match text.split_once('*') {
        Some((factor, rest)) => (factor.trim().parse().ok()?, rest),
        None => (1.0, text),
    };
    let (list, index) = rest.trim().strip_suffix(']')?.split_once('[')?;
    let list = Some(list.trim().to_owned()).filter(|list| !list.is_empty());
    let index = index.trim().parse().ok()?;
    Some(Told::Link { list, index, factor, pointer: place.pointer() })
}

fn bounds(value: &Value, place: &Place, said: &str, told: &mut [Told]) -> Result<()> {
    let all = elements(value, place, |value, place| {
        if value.is_null() {
            return Ok((f64::NEG_INFINITY, f64::INFINITY));
        }
        match elements(value, place, number)?[..] {
            [lower, upper] if lower < upper => Ok((lower, upper)),
            _ => Err(place.error("two rising numbers, or null for none, are needed")),
        }
    })?;
    if all.len() != told.len() {
        let message = format!("{said}: {} bounds for {} parameters", all.len(), told.len());
        return Err(place.error(message));
    }
    for (told, (lower, upper)) in told.iter_mut().zip(all) {
        if *told == Told::Role(Role::FREE) {
            *told = Told::Role(Role::Free { lower, upper });
        }
    }
    Ok(())
}
