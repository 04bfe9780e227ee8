//! Shapes with their start values, and which of them are fitted.

use std::path::Path;

use serde_json::Value;

use super::document;
use super::flavour::{Described, Flavours, FnpParameter, Parameters, usual};
use crate::error::{Error, Result};
use crate::spec::fields::{fields, number, string};
use crate::spec::place::Place;
use crate::spec::text::quoted;
use crate::tmd::sidis::Zeta;
use crate::tmd::{Evolution, Shape};

/// The shapes of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fnp {
    /// zeta.
    pub zeta: Zeta,
    /// Of all distributions.
    pub evolution: Evolution,
    evolution_parameters: Parameters,
    /// Shapes in x.
    flavours: Flavours,
    fragmentation: Fragmentation,
}

/// Where shapes in x and z stand by flavour.
const IN_X: &str = "/flavors";
const IN_Z: &str = "/fragmentation/flavors";

/// Shapes in z.
#[derive(Debug, Clone, PartialEq)]
enum Fragmentation {
    /// Of each flavour that in x.
    AsInX,
    /// The same for all flavours.
    One(Described),
    ByFlavour(Flavours),
}

/// The shapes of some cross sections as a plan has them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Laid {
    /// Names and shapes.
    pub(super) distributions: Vec<(String, Shape)>,
    /// Of each flavour, its distributions in x and z.
    pub(super) sides: Vec<[usize; 2]>,
    /// In the order of the plan: evolution, shapes in x, shapes in z.
    pub(super) parameters: Vec<FnpParameter>,
    /// Flavours that are described and in no cross section.
    pub(super) without_effect: Vec<String>,
}

/// Which list of flavours.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    X,
    Z,
}

/// A distribution on its way into a plan.
struct Part<'a> {
    /// In the plan.
    name: String,
    of: Of,
    /// In its list; shapes in z of all flavours are called by the list.
    flavour: &'a str,
    described: &'a Described,
}

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
        let (evolution, evolution_parameters) =
            evolution(&object["evolution"], &root.key("evolution"))?;
        let flavours = Flavours::read(&object["flavors"], &root.key("flavors"), usual)?;
        let place = root.key("fragmentation");
        let usual_in_z = |_: &str| Shape::Map22Ff;
        let fragmentation = match object.get("fragmentation").filter(|value| !value.is_null()) {
            None => Fragmentation::AsInX,
            Some(value) if value.get("flavors").is_some() => {
                let object = fields(value, &place, &["flavors"], &[])?;
                let flavours = &object["flavors"];
                let place = place.key("flavors");
                Fragmentation::ByFlavour(Flavours::read(flavours, &place, usual_in_z)?)
            }
            Some(value) => Fragmentation::One(Described::read(
                value,
                &place,
                "fragmentation",
                usual_in_z("u"),
            )?),
        };
        Ok(Self { zeta, evolution, evolution_parameters, flavours, fragmentation })
    }

    /// Shapes in x and z of one flavour, u, for all.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Specification`] where it is not described, where fragmentation is told by flavour, and for a
    /// link to what is not there.
    pub(super) fn one(&self) -> Result<Laid> {
        if let Fragmentation::ByFlavour(_) = self.fragmentation {
            return Err(Error::specification(
                IN_Z,
                "shapes by flavour need luminosities by flavour: say `luminosity: {name: ll1, flavors: [u, d]}` in \
                 config, or give a file that has them",
            ));
        }
        let mut laid = self.laid(&["u".to_owned()], |of, _| match of {
            Of::X => "pdf".to_owned(),
            Of::Z => "ff".to_owned(),
        })?;
        let others = self.flavours.names().filter(|name| *name != "u");
        laid.without_effect = others.map(str::to_owned).collect();
        Ok(laid)
    }

    /// Shapes of these flavours, each with a luminosity of its own.
    ///
    /// # Errors
    ///
    /// As above for each flavour; [`crate::Error::Specification`] for a flavour that is described and has no
    /// luminosity.
    pub(super) fn by_flavour(&self, flavours: &[String]) -> Result<Laid> {
        let in_z = match &self.fragmentation {
            Fragmentation::ByFlavour(in_z) => Some((in_z, IN_Z)),
            _ => None,
        };
        for (list, pointer) in [(&self.flavours, IN_X)].into_iter().chain(in_z) {
            if let Some(other) = list.names().find(|name| !flavours.iter().any(|f| f == name)) {
                let message = format!(
                    "the flavour {} has a shape and no luminosity; luminosities are of {}",
                    quoted(other),
                    flavours.join(", ")
                );
                return Err(Error::specification(format!("{pointer}/{other}"), message));
            }
        }
        let whole = matches!(self.fragmentation, Fragmentation::One(_));
        self.laid(flavours, |of, flavour| match of {
            Of::X => format!("pdf_{flavour}"),
            Of::Z if whole => "ff".to_owned(),
            Of::Z => format!("ff_{flavour}"),
        })
    }

    /// The shape of Drell-Yan tables, which have one for both hadrons and all flavours.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Specification`] where u is not described, or where fragmentation is, which there is not.
    pub(super) fn of_tables(&self, name: &str) -> Result<Laid> {
        if self.fragmentation != Fragmentation::AsInX {
            let message = "Drell-Yan cross sections have none: both shapes are that of flavors.u";
            return Err(Error::specification("/fragmentation", message));
        }
        let mut laid = self.one()?;
        laid.distributions[0].0 = name.to_owned();
        Ok(laid)
    }

    fn laid(&self, flavours: &[String], name: impl Fn(Of, &str) -> String) -> Result<Laid> {
        let mut parts: Vec<Part<'_>> = Vec::new();
        let mut sides = vec![[0; 2]; flavours.len()];
        let missing = |pointer: &str, flavour: &str| {
            let message = format!("the flavour {} is needed", quoted(flavour));
            Err(Error::specification(pointer, message))
        };
        for (flavour, sides) in flavours.iter().zip(&mut sides) {
            let Some((own, described)) = self.flavours.of(flavour) else {
                return missing(IN_X, flavour);
            };
            let name = name(Of::X, own);
            sides[0] = place(&mut parts, Part { name, of: Of::X, flavour: own, described });
            sides[1] = sides[0];
        }
        for (flavour, sides) in flavours.iter().zip(&mut sides) {
            match &self.fragmentation {
                Fragmentation::AsInX => {}
                Fragmentation::One(described) => {
                    let (name, flavour) = (name(Of::Z, flavour), "fragmentation");
                    sides[1] = place(&mut parts, Part { name, of: Of::Z, flavour, described });
                }
                Fragmentation::ByFlavour(all) => {
                    let Some((own, described)) = all.of(flavour) else {
                        return missing(IN_Z, flavour);
                    };
                    let name = name(Of::Z, own);
                    sides[1] = place(&mut parts, Part { name, of: Of::Z, flavour: own, described });
                }
            }
        }
        let parameters = self.parameters(&parts)?;
        let distributions = parts.into_iter().map(|part| (part.name, part.described.shape));
        let distributions = distributions.collect();
        Ok(Laid { distributions, sides, parameters, without_effect: Vec::new() })
    }

    /// Parameters of the plan, links among them.
    fn parameters(&self, parts: &[Part<'_>]) -> Result<Vec<FnpParameter>> {
        let mut ends = vec![self.evolution_parameters.len()];
        for part in parts {
            ends.push(ends[ends.len() - 1] + part.described.parameters.len());
        }
        let range = |i: usize| (ends[i], ends[i + 1] - ends[i]);
        let own = |name: Option<&str>| match name {
            None | Some("evolution") => Some((0, ends[0])),
            Some(_) => None,
        };
        let mut all = self.evolution_parameters.resolved(&own)?;
        for (i, part) in parts.iter().enumerate() {
            let find = |name: Option<&str>| match name {
                None => Some(range(i)),
                // the list's own kind first: "u" is in x among flavours, in z among those of fragmentation
                Some(name) => {
                    let named = |p: &Part<'_>| p.of == part.of && p.flavour == name;
                    let at = parts.iter().position(named);
                    at.or_else(|| parts.iter().position(|p| p.name == name)).map(range)
                }
            };
            all.extend(part.described.parameters.resolved(&find)?);
        }
        Ok(all)
    }
}

/// The index of a part, put at the end unless one of its name is there.
fn place<'a>(parts: &mut Vec<Part<'a>>, part: Part<'a>) -> usize {
    parts.iter().position(|other| other.name == part.name).unwrap_or_else(|| {
        parts.push(part);
        parts.len() - 1
    })
}

fn evolution(value: &Value, place: &Place) -> Result<(Evolution, Parameters)> {
    let optional = ["form", "init_g2B", "free_mask", "bounds"];
    let object = fields(value, place, &["init_g2"], &optional)?;
    let form = match object.get("form") {
        None => Evolution::Map,
        Some(value) => {
            let at = place.key("form");
            let word = string(value, &at)?;
            Evolution::named(word).map_err(|error| at.error(error.to_string()))?
        }
    };
    let mut init = vec![number(&object["init_g2"], &place.key("init_g2"))?];
    match (form, object.get("init_g2B")) {
        (Evolution::Map, None) => {}
        (Evolution::Pv19, Some(value)) => init.push(number(value, &place.key("init_g2B"))?),
        (Evolution::Map, Some(_)) => {
            let message = "g2B is a parameter of the form pv19: say `form: pv19` beside it";
            return Err(place.key("init_g2B").error(message));
        }
        (Evolution::Pv19, None) => {
            return Err(
                place.error("the key \"init_g2B\" is missing: the form pv19 has g2 and g2B")
            );
        }
    }
    Ok((form, Parameters::read(init, object, place, "evolution")?))
}
