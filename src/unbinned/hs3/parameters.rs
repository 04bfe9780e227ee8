//! Parameters: what refers to them, with which factor, and what the specification makes of them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::Origins;
use super::document::{Chosen, Document, Item, Range, Start};
use crate::error::{Error, Result};
use crate::spec::fields::{elements, fields, number, string};
use crate::spec::place::Place;
use crate::spec::text::{list, quoted, suggestion};

/// A number, or one times a parameter.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    pub(super) factor: f64,
    pub(super) parameter: Option<String>,
}

impl Linear {
    pub(super) fn times(mut self, factor: f64) -> Self {
        self.factor *= factor;
        self
    }
}

/// Parameters as they turn out to be used.
#[derive(Debug)]
pub(super) struct Parameters<'d, 'v> {
    document: &'d Document<'v>,
    chosen: &'d Chosen<'v>,
    /// Names of observables, which are no parameters.
    observables: HashSet<String>,
    used: Vec<Used>,
}

#[derive(Debug)]
struct Used {
    name: String,
    /// Where it is used as it is, and where with the other sign.
    plain: Option<String>,
    negated: Option<String>,
    constraint: Option<(f64, f64)>,
}

impl<'d, 'v> Parameters<'d, 'v> {
    pub(super) fn new(
        document: &'d Document<'v>,
        chosen: &'d Chosen<'v>,
        observables: HashSet<String>,
    ) -> Self {
        Self { document, chosen, observables, used: Vec::new() }
    }

    pub(super) fn start(&self, name: &str) -> Option<&'d Start> {
        self.chosen.starts.get(name)
    }

    pub(super) fn range(&self, name: &str) -> Option<&'d Range> {
        self.chosen.ranges.get(name)
    }

    /// A parameter that does not change.
    pub(super) fn constant(&self, name: &str) -> Option<f64> {
        self.start(name).filter(|start| start.constant).map(|start| start.value)
    }

    /// A number, the name of a parameter or of a function that is one of them times numbers.
    pub(super) fn linear(&self, value: &Value, place: &Place) -> Result<Linear> {
        self.follow(value, place, &mut Vec::new())
    }

    fn follow(&self, value: &Value, place: &Place, within: &mut Vec<usize>) -> Result<Linear> {
        if !value.is_string() {
            return number(value, place).map(|factor| Linear { factor, parameter: None });
        }
        let name = string(value, place)?;
        if let Some(function) = self.document.functions.find(name) {
            if within.contains(&function.index) {
                let message = format!("function {} is made of itself", quoted(name));
                return Err(place.error(message));
            }
            within.push(function.index);
            let result = self.function(function, within);
            within.pop();
            return result;
        }
        if self.observables.contains(name) {
            let message = format!(
                "{} is an observable: a number, a parameter or a function of parameters is needed",
                quoted(name)
            );
            return Err(place.error(message));
        }
        if self.start(name).is_none() && self.range(name).is_none() {
            let known = || {
                let mut names: Vec<&str> =
                    self.chosen.starts.keys().chain(self.chosen.ranges.keys()).copied().collect();
                names.sort_unstable();
                names.dedup();
                names
            };
            return Err(place.error(format!(
                "there is no {} among the functions, the parameter point and the domain{}",
                quoted(name),
                suggestion(name, known().into_iter())
            )));
        }
        Ok(Linear { factor: 1.0, parameter: Some(name.to_owned()) })
    }

    fn function(&self, function: Item<'v>, within: &mut Vec<usize>) -> Result<Linear> {
        let section = Place::ROOT.key(function.section);
        let place = section.index(function.index);
        match function.kind() {
            "product" => {
                let object = fields(function.value, &place, &["name", "type", "factors"], &[])?;
                let at = place.key("factors");
                let factors =
                    elements(&object["factors"], &at, |v, place| self.follow(v, place, within))?;
                self.product(&factors, &at)
            }
            "generic_function" => {
                let object = fields(function.value, &place, &["name", "type", "expression"], &[])?;
                let at = place.key("expression");
                let expression = string(&object["expression"], &at)?;
                // RooFit's way to turn a sign
                let name = expression.trim().strip_prefix('-').map(str::trim);
                let word = |c: char| c.is_alphanumeric() || c == '_';
                match name.filter(|n| n.starts_with(|c: char| !c.is_numeric()) && n.chars().all(word)) {
                    Some(name) => {
                        Ok(self.follow(&Value::from(name), &at, within)?.times(-1.0))
                    }
                    None => Err(at.error(format!(
                        "{}: functions of type generic_function are covered where they turn a parameter's sign",
                        quoted(expression)
                    ))),
                }
            }
            other => Err(place.key("type").error(format!(
                "functions of type {} are not covered; product of numbers and one parameter is",
                quoted(other)
            ))),
        }
    }

    /// Parameters that do not change are numbers where another one is left.
    fn product(&self, factors: &[Linear], place: &Place) -> Result<Linear> {
        let mut factor: f64 = factors.iter().map(|f| f.factor).product();
        let mut names: Vec<&String> = factors.iter().filter_map(|f| f.parameter.as_ref()).collect();
        if names.len() > 1 {
            names.retain(|name| {
                let constant = self.constant(name);
                factor *= constant.unwrap_or(1.0);
                constant.is_none()
            });
        }
        match names[..] {
            [] => Ok(Linear { factor, parameter: None }),
            [name] => Ok(Linear { factor, parameter: Some(name.clone()) }),
            _ => Err(place.error(format!(
                "a product of {} is not covered: all but one must be const in the parameter point",
                list(names.iter().map(|name| name.as_str()))
            ))),
        }
    }

    /// A density's parameter as the specification has it.
    pub(super) fn slot(&mut self, value: &Value, place: &Place) -> Result<Value> {
        self.signed_slot(value, place, 1.0)
    }

    /// `sign` (1 or -1) times a density's parameter.
    pub(super) fn signed_slot(&mut self, value: &Value, place: &Place, sign: f64) -> Result<Value> {
        let Linear { factor, parameter } = self.linear(value, place)?.times(sign);
        match parameter {
            None => Ok(json!(factor)),
            Some(name) if factor == 1.0 => Ok(self.take(&name, place.pointer(), false).into()),
            Some(name) if factor == -1.0 && sign == -1.0 => {
                Ok(self.take(&name, place.pointer(), true).into())
            }
            Some(name) => Err(place.error(format!(
                "{} times {} is not covered here; parameters of densities are numbers or parameters",
                factor * sign,
                quoted(&name)
            ))),
        }
    }

    /// A number of events, which the document has at `pointer`.
    pub(super) fn expected(&mut self, of: &Linear, pointer: &str) -> Result<Value> {
        let factor = of.factor;
        if !(factor >= 0.0 && factor.is_finite()) {
            let message = format!("a yield of {factor} (times a parameter); 0 or more can be");
            return Err(Error::specification(pointer, message));
        }
        Ok(match &of.parameter {
            None => json!({"type": "fixed", "value": factor}),
            Some(name) => {
                let name = self.take(name, pointer.to_owned(), false);
                match factor == 1.0 {
                    true => json!({"type": "parameter", "name": name}),
                    false => json!({"type": "scaled", "base_yield": factor, "scale": name}),
                }
            }
        })
    }

    /// Constrains a parameter.
    pub(super) fn constrain(
        &mut self,
        name: &str,
        center: f64,
        sigma: f64,
        place: &Place,
    ) -> Result<()> {
        let at = self.place_of(name);
        let used = &mut self.used[at];
        if used.constraint.is_some() {
            let message = format!("parameter {} has a constraint already", quoted(name));
            return Err(place.error(message));
        }
        used.constraint = Some((center, sigma));
        Ok(())
    }

    fn place_of(&mut self, name: &str) -> usize {
        self.used.iter().position(|used| used.name == name).unwrap_or_else(|| {
            self.used.push(Used {
                name: name.to_owned(),
                plain: None,
                negated: None,
                constraint: None,
            });
            self.used.len() - 1
        })
    }

    /// Notes that a parameter is used; its name in the specification.
    fn take(&mut self, name: &str, pointer: String, negated: bool) -> String {
        let at = self.place_of(name);
        let used = &mut self.used[at];
        let slot = if negated { &mut used.negated } else { &mut used.plain };
        slot.get_or_insert(pointer);
        if negated { self.negated_name(name) } else { name.to_owned() }
    }

    /// A name that nothing has.
    fn negated_name(&self, name: &str) -> String {
        let mut new = format!("minus_{name}");
        while self.start(&new).is_some() || self.range(&new).is_some() {
            new.push('_');
        }
        new
    }

    /// The specification's `model`, and what to say of it.
    pub(super) fn finish(mut self, origins: &mut Origins) -> Result<(Value, Vec<String>)> {
        let order = |used: &Used| self.chosen.starts.get(&*used.name).map(|start| start.index);
        self.used.sort_by_key(order);
        let (mut notes, mut parameters) = (Vec::new(), Vec::new());
        for (k, used) in self.used.iter().enumerate() {
            if let (Some(plain), Some(negated)) = (&used.plain, &used.negated) {
                return Err(Error::specification(
                    negated,
                    format!(
                        "{} is c of exp(-c x), which is exp(lambda x) here with lambda = -c; as it is used at \
                         {plain}, too, it cannot change its sign",
                        quoted(&used.name)
                    ),
                ));
            }
            let name = match used.negated.is_some() {
                true => self.negated_name(&used.name),
                false => used.name.clone(),
            };
            if used.negated.is_some() {
                notes.push(format!(
                    "parameter {} is minus {}: HS3 has exp(-c x), specifications have exp(lambda x)",
                    quoted(&name),
                    quoted(&used.name)
                ));
            }
            let (value, at) = self.parameter(used, &name)?;
            origins.add(format!("/model/parameters/{k}"), at);
            parameters.push(value);
        }
        let mut model = json!({"parameters": parameters});
        if let Some((name, pointer)) = &self.chosen.poi {
            let Some(used) = self.used.iter().find(|used| used.name == *name) else {
                let message = format!("the likelihood does not depend on {}", quoted(name));
                return Err(Error::specification(pointer, message));
            };
            let negated = used.negated.is_some();
            let name = if negated { self.negated_name(name) } else { (*name).to_owned() };
            model["poi"] = name.into();
            origins.add("/model/poi", pointer);
        }
        Ok((model, notes))
    }

    /// As the specification has it, and where the document does.
    fn parameter(&self, used: &Used, name: &str) -> Result<(Value, String)> {
        let sign = if used.negated.is_some() { -1.0 } else { 1.0 };
        let Some(start) = self.start(&used.name) else {
            let range = self.range(&used.name).expect("known by one of both");
            let message = format!("parameter {} has no value to start at", quoted(&used.name));
            return Err(Error::specification(&range.pointer, message));
        };
        let value = sign * start.value;
        let (bounds, at) = match self.range(&used.name) {
            _ if start.constant => ([value; 2], start.pointer.clone()),
            Some(range) => {
                let mut bounds = [sign * range.lo, sign * range.hi];
                if sign < 0.0 {
                    bounds.reverse();
                }
                (bounds, range.pointer.clone())
            }
            None => {
                let message = format!(
                    "parameter {} is not in the domain; only one that is const need not be",
                    quoted(&used.name)
                );
                return Err(Error::specification(&start.pointer, message));
            }
        };
        let mut parameter = json!({"name": name, "init": value, "bounds": bounds});
        if let Some((center, sigma)) = used.constraint {
            parameter["constraint"] =
                json!({"type": "gaussian", "mean": sign * center, "sigma": sigma});
        }
        Ok((parameter, at))
    }
}
