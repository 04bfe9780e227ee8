//! A likelihood: pairs of distributions and data, which are channels and constraints.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::data::{self, Datum};
use super::density::{density, refuse};
use super::document::{Chosen, Document, Item, items};
use super::parameters::{Linear, Parameters};
use super::{Imported, Origins};
use crate::error::Result;
use crate::spec::fields::{elements, fields, kind, number, string};
use crate::spec::place::Place;
use crate::spec::text::{count, quoted};
use crate::unbinned::Observable;

/// How far fractions of a mixture may be from 1 together.
const ROUNDING: f64 = 1e-6;

/// A density and how many events of it are expected.
struct Component<'v> {
    density: Item<'v>,
    expected: Linear,
    /// Where the number of events stands.
    pointer: String,
}

struct Reader<'d, 'v> {
    document: &'d Document<'v>,
    parameters: Parameters<'d, 'v>,
    origins: Origins,
}

/// The specification of the chosen likelihood, with its events, and where its parts come from.
pub(super) fn read(document: &Document<'_>, chosen: &Chosen<'_>) -> Result<(Imported, Origins)> {
    let likelihood = chosen.likelihood;
    let section = Place::ROOT.key(likelihood.section);
    let place = section.index(likelihood.index);
    let object = fields(
        likelihood.value,
        &place,
        &["name", "distributions", "data"],
        &["aux_distributions"],
    )?;
    let own = place.key("distributions");
    let distributions = items(&document.distributions, &object["distributions"], &own)?;
    let with = place.key("data");
    let data =
        elements(&object["data"], &with, |value, place| match value {
            Value::String(_) => data::of(document.data.named(value, place)?),
            Value::Number(_) => number(value, place).map(Datum::Number),
            other => Err(place
                .error(format!("expected a number or the name of data, found {}", kind(other)))),
        })?;
    if data.len() != distributions.len() {
        return Err(with.error(format!(
            "{} of data for {}; there must be as many",
            count(data.len(), "name"),
            count(distributions.len(), "distribution")
        )));
    }
    let mut axes: HashMap<usize, Vec<Observable>> = HashMap::new();
    for datum in &data {
        if let Datum::Events(item) = datum {
            axes.insert(item.index, data::axes(*item)?);
        }
    }
    let observables: HashSet<String> =
        axes.values().flatten().map(|axis| axis.name().to_owned()).collect();
    let parameters = Parameters::new(document, chosen, observables);
    let mut reader = Reader { document, parameters, origins: Origins::default() };
    let (mut channels, mut events) = (Vec::new(), HashMap::new());
    for (i, (distribution, datum)) in distributions.iter().zip(&data).enumerate() {
        let place = own.index(i);
        match datum {
            Datum::Number(value) => reader.constraint(*distribution, Some(*value))?,
            Datum::Events(item) => {
                let axes = &axes[&item.index];
                data::agree(*item, axes, &reader.parameters)?;
                let at = format!("/channels/{}", channels.len());
                reader.origins.add(&*at, place.pointer());
                channels.push(reader.channel(*distribution, axes, &at)?);
                if events.insert(distribution.name.to_owned(), data::events(*item, axes)?).is_some()
                {
                    let name = quoted(distribution.name);
                    return Err(place.error(format!("{name} is there twice with events")));
                }
            }
        }
    }
    if channels.is_empty() {
        return Err(with.error("no data of type unbinned: there are no events"));
    }
    if let Some(names) = object.get("aux_distributions").filter(|names| !names.is_null()) {
        let terms = elements(names, &place.key("aux_distributions"), |name, place| {
            document.distributions.named(name, place)
        })?;
        terms.into_iter().try_for_each(|term| reader.constraint(term, None))?;
    }
    let Reader { parameters, mut origins, .. } = reader;
    let (model, notes) = parameters.finish(&mut origins)?;
    let version = crate::unbinned::spec::Version::V1.as_str();
    let document = json!({"schema_version": version, "model": model, "channels": channels});
    Ok((Imported { document, events, notes }, origins))
}

impl<'v> Reader<'_, 'v> {
    fn channel(&mut self, item: Item<'v>, axes: &[Observable], at: &str) -> Result<Value> {
        let mut processes = Vec::new();
        for (p, component) in self.extended(item)?.into_iter().enumerate() {
            let at = format!("{at}/processes/{p}");
            self.origins.add(&*at, component.density.pointer());
            self.origins.add(format!("{at}/yield"), component.pointer.clone());
            let Reader { document, parameters, origins } = self;
            let pdf = density(
                document,
                parameters,
                origins,
                component.density,
                axes,
                &format!("{at}/pdf"),
            )?;
            let expected = parameters.expected(&component.expected, &component.pointer)?;
            processes.push(json!({"name": component.density.name, "pdf": pdf, "yield": expected}));
        }
        let observables: Vec<Value> = axes
            .iter()
            .map(|axis| json!({"name": axis.name(), "bounds": [axis.lo(), axis.hi()]}))
            .collect();
        Ok(json!({"name": item.name, "observables": observables, "processes": processes}))
    }

    /// The processes of a distribution that says how many events it expects.
    fn extended(&mut self, item: Item<'v>) -> Result<Vec<Component<'v>>> {
        let section = Place::ROOT.key(item.section);
        let place = section.index(item.index);
        match item.kind() {
            "mixture_dist" => {
                let mixture = Mixture::new(self.document, item)?;
                if !mixture.extended {
                    return Err(not_extended(&place));
                }
                let at = place.key("coefficients");
                let mut components = Vec::new();
                for (i, (density, coefficient)) in
                    mixture.summands.iter().zip(mixture.coefficients).enumerate()
                {
                    let place = at.index(i);
                    let expected = self.parameters.linear(coefficient, &place)?;
                    self.divide(*density, expected, &place, &mut Vec::new(), &mut components)?;
                }
                Ok(components)
            }
            "rate_extended_dist" => {
                let object = fields(item.value, &place, &["name", "type", "rate", "dist"], &[])?;
                let density =
                    self.document.distributions.named(&object["dist"], &place.key("dist"))?;
                let at = place.key("rate");
                let expected = self.parameters.linear(&object["rate"], &at)?;
                let mut components = Vec::new();
                self.divide(density, expected, &at, &mut Vec::new(), &mut components)?;
                Ok(components)
            }
            "product_dist" => self.with_constraints(item),
            other if super::density::is_known(other) => Err(not_extended(&place)),
            _ => Err(refuse(item)),
        }
    }

    /// RooFit's models: an extended distribution times constraints.
    fn with_constraints(&mut self, item: Item<'v>) -> Result<Vec<Component<'v>>> {
        let section = Place::ROOT.key(item.section);
        let place = section.index(item.index);
        let object = fields(item.value, &place, &["name", "type", "factors"], &["x"])?;
        let at = place.key("factors");
        let factors = items(&self.document.distributions, &object["factors"], &at)?;
        let extends = |factor: &Item<'v>| -> Result<bool> {
            Ok(match factor.kind() {
                "mixture_dist" => Mixture::new(self.document, *factor)?.extended,
                kind => kind == "rate_extended_dist",
            })
        };
        let flags: Vec<bool> = factors.iter().map(extends).collect::<Result<_>>()?;
        match flags.iter().filter(|flag| **flag).count() {
            0 => return Err(not_extended(&place)),
            1 => {}
            n => return Err(at.error(format!("{n} extended distributions; there can be one"))),
        }
        let mut components = Vec::new();
        for (factor, extended) in factors.into_iter().zip(flags) {
            match extended {
                true => components = self.extended(factor)?,
                false => self.constraint(factor, None)?,
            }
        }
        Ok(components)
    }

    /// `expected` events of a density, or of the parts of a mixture with fractions that are numbers.
    fn divide(
        &mut self,
        item: Item<'v>,
        expected: Linear,
        at: &Place,
        within: &mut Vec<usize>,
        components: &mut Vec<Component<'v>>,
    ) -> Result<()> {
        if item.kind() != "mixture_dist" {
            let pointer = at.pointer();
            components.push(Component { density: item, expected, pointer });
            return Ok(());
        }
        let section = Place::ROOT.key(item.section);
        let place = section.index(item.index);
        if within.contains(&item.index) {
            let message = format!("mixture {} is made of itself", quoted(item.name));
            return Err(place.key("summands").error(message));
        }
        let mixture = Mixture::new(self.document, item)?;
        if mixture.extended {
            return Err(place.error(
                "this mixture says itself how many events it expects, and so does what refers to it; one must be left",
            ));
        }
        let at = place.key("coefficients");
        let mut fractions = Vec::new();
        for (i, value) in mixture.coefficients.iter().enumerate() {
            let place = at.index(i);
            let fraction = self.parameters.linear(value, &place)?;
            // a parameter that does not change is a number here
            let constant = match &fraction.parameter {
                None => Some(1.0),
                Some(name) => self.parameters.constant(name),
            };
            let Some(constant) = constant else {
                return Err(place.error(
                    "fractions that are parameters are not covered: give the numbers of events of each summand \
                     (n coefficients and extended: true)",
                ));
            };
            let fraction = fraction.factor * constant;
            if !(0.0..=1.0 + ROUNDING).contains(&fraction) {
                return Err(place.error(format!("{fraction} is no fraction from 0 to 1")));
            }
            fractions.push(fraction);
        }
        let sum: f64 = fractions.iter().sum();
        if fractions.len() < mixture.summands.len() {
            if sum > 1.0 + ROUNDING {
                return Err(at.error(format!("these fractions are {sum} together, more than 1")));
            }
            fractions.push((1.0 - sum).max(0.0));
        } else if (sum - 1.0).abs() > ROUNDING {
            return Err(at.error(format!("these fractions are {sum} together, not 1")));
        }
        let sum: f64 = fractions.iter().sum();
        within.push(item.index);
        for (i, (summand, fraction)) in mixture.summands.iter().zip(&fractions).enumerate() {
            let expected = expected.clone().times(fraction / sum);
            let place = at.index(i.min(mixture.coefficients.len().saturating_sub(1)));
            self.divide(*summand, expected, &place, within, components)?;
        }
        within.pop();
        Ok(())
    }

    /// A normal distribution of a measurement: of `data`, or of a number in the document.
    fn constraint(&mut self, item: Item<'v>, data: Option<f64>) -> Result<()> {
        let section = Place::ROOT.key(item.section);
        let place = section.index(item.index);
        if !matches!(item.kind(), "gaussian_dist" | "normal_dist") {
            return Err(place.key("type").error(format!(
                "constraints of type {} are not covered; gaussian_dist is",
                quoted(item.kind())
            )));
        }
        let object = fields(item.value, &place, &["name", "type", "x", "mean", "sigma"], &[])?;
        let at = place.key("sigma");
        let sigma = self.parameters.linear(&object["sigma"], &at)?;
        let sigma = match &sigma.parameter {
            None => Some(sigma.factor),
            Some(name) => self.parameters.constant(name).map(|value| sigma.factor * value),
        };
        let Some(sigma) = sigma.filter(|sigma| *sigma > 0.0 && sigma.is_finite()) else {
            return Err(
                at.error("a constraint's width must be a number above 0 that does not change")
            );
        };
        let (x, mean) = (place.key("x"), place.key("mean"));
        if let Some(center) = data {
            // x is the name of what was measured, and the value is given
            string(&object["x"], &x)?;
            return self.center(&object["mean"], &mean, center, sigma);
        }
        let fixed = |value: &Value, place: &Place| -> Result<Option<f64>> {
            let linear = self.parameters.linear(value, place)?;
            Ok(match &linear.parameter {
                None => Some(linear.factor),
                Some(name) => self.parameters.constant(name).map(|value| linear.factor * value),
            })
        };
        match (fixed(&object["x"], &x)?, fixed(&object["mean"], &mean)?) {
            (Some(center), None) => self.center(&object["mean"], &mean, center, sigma),
            (None, Some(center)) => self.center(&object["x"], &x, center, sigma),
            (None, None) => Err(place.error(
                "which of x and mean was measured? It must be a number, or const in the parameter point",
            )),
            (Some(_), Some(_)) => Err(place.error(
                "this is no constraint: neither x nor mean is a parameter that can change",
            )),
        }
    }

    fn center(&mut self, parameter: &Value, at: &Place, center: f64, sigma: f64) -> Result<()> {
        let linear = self.parameters.linear(parameter, at)?;
        let Some(name) = linear.parameter.filter(|_| linear.factor != 0.0) else {
            return Err(at.error("a constraint needs a parameter here"));
        };
        // a measurement of k p is one of p
        let factor = linear.factor;
        self.parameters.constrain(&name, center / factor, sigma / factor.abs(), at)
    }
}

fn not_extended(place: &Place) -> crate::Error {
    place.error(
        "this distribution says nothing of the number of events; likelihoods here are extended: make it a \
         rate_extended_dist, or a mixture_dist with a coefficient for each summand",
    )
}

struct Mixture<'v> {
    summands: Vec<Item<'v>>,
    coefficients: &'v [Value],
    extended: bool,
}

impl<'v> Mixture<'v> {
    fn new(document: &Document<'v>, item: Item<'v>) -> Result<Self> {
        let section = Place::ROOT.key(item.section);
        let place = section.index(item.index);
        let required = ["name", "type", "summands", "coefficients"];
        fields(item.value, &place, &required, &["x", "extended"])?;
        let object = item.object();
        let summands = items(&document.distributions, &object["summands"], &place.key("summands"))?;
        let at = place.key("coefficients");
        let Value::Array(coefficients) = &object["coefficients"] else {
            let found = kind(&object["coefficients"]);
            return Err(at.error(format!("expected an array, found {found}")));
        };
        let all = coefficients.len() == summands.len();
        if !all && coefficients.len() + 1 != summands.len() {
            return Err(at.error(format!(
                "{} for {}; as many are needed, or one less",
                count(coefficients.len(), "coefficient"),
                count(summands.len(), "summand")
            )));
        }
        let extended = match object.get("extended").filter(|value| !value.is_null()) {
            None => all,
            Some(Value::Bool(true)) if !all => {
                return Err(place
                    .key("extended")
                    .error("an extended mixture needs a coefficient for each summand"));
            }
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                let message = format!("expected true or false, found {}", kind(other));
                return Err(place.key("extended").error(message));
            }
        };
        Ok(Self { summands, coefficients, extended })
    }
}
