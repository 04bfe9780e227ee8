//! A model as an HS3 document.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::VERSION;
use crate::error::{Error, Result};
use crate::spec::text::quoted;
use crate::unbinned::model::{Channel, Parameter, Process, Slot};
use crate::unbinned::pdf::Pdf;
use crate::unbinned::yields::{Base, Yield};
use crate::unbinned::{Observable, UnbinnedModel};

/// The model and its events as an HS3 document, which [`import`](super::import) makes the same model of. Parameters whose
/// bounds are equal are const. Names that more than one thing has are made different by the channel's name and
/// underscores; those of parameters stay.
///
/// # Errors
///
/// [`Error::Argument`] with channel and process: a density that HS3 lacks, by its name; a yield with modifiers; numbers
/// that JSON lacks.
pub fn export(model: &UnbinnedModel, poi: Option<usize>) -> Result<Value> {
    if model.binned().is_some() {
        return Err(Error::Unsupported(
            "the binned part of a joint fit is not exported to HS3: leave out model.histfactory"
                .into(),
        ));
    }
    let parameters = model.parameters();
    let names: HashSet<String> = parameters.iter().map(|p| p.name.clone()).collect();
    let mut writer = Writer { parameters, names, ..Writer::default() };
    let channels: Vec<&Channel> = model.channels().collect();
    let observables = writer.observables(&channels);
    // names of channels stay wherever they can
    let own: Vec<String> = channels.iter().map(|c| writer.unique(&c.name, &c.name)).collect();
    let (mut data, mut pairs) = (Vec::new(), (Vec::new(), Vec::new()));
    for ((channel, observables), name) in channels.iter().zip(&observables).zip(&own) {
        writer.channel(channel, name, observables)?;
        let events = writer.unique(&format!("{}_data", channel.name), "");
        data.push(entries(channel, observables, &events)?);
        pairs.0.push(Value::from(name.as_str()));
        pairs.1.push(Value::from(events));
    }
    // as RooFit has them: what was measured is const, and pyhs3 leaves out constraints that are paired with data
    let (mut constraints, mut measured) = (Vec::new(), Vec::new());
    for parameter in parameters {
        let Some(constraint) = parameter.constraint else { continue };
        let what = || format!("the constraint of {}", quoted(&parameter.name));
        let name = writer.unique(&format!("{}_constraint", parameter.name), "");
        let x = writer.unique(&format!("{}_measured", parameter.name), "");
        let sigma = finite(constraint.sigma, what)?;
        measured.push(json!({"name": x, "value": finite(constraint.center, what)?, "const": true}));
        writer.distributions.push(json!({
            "name": name, "type": "gaussian_dist", "x": x, "mean": parameter.name, "sigma": sigma,
        }));
        constraints.push(name);
    }
    let (mut axes, mut values) = (Vec::new(), Vec::new());
    for Parameter { name, init, bounds: (lower, upper), .. } in parameters {
        let what = || format!("parameter {}", quoted(name));
        let mut value = json!({"name": name, "value": finite(*init, what)?});
        if lower == upper {
            value["const"] = true.into();
        } else {
            let (min, max) = (finite(*lower, what)?, finite(*upper, what)?);
            axes.push(json!({"name": name, "min": min, "max": max}));
        }
        values.push(value);
    }
    values.append(&mut measured);
    let [likelihood, domain, init, analysis] =
        ["likelihood", "domain", "init", "analysis"].map(|name| writer.unique(name, ""));
    // the standard's key, and the one of RooFit and pyhs3
    let mut first = json!({
        "name": analysis, "likelihood": likelihood, "domain": domain, "domains": [domain], "init": init,
    });
    if let Some(poi) = poi {
        let name = &parameters.get(poi).ok_or_else(|| {
            Error::Argument(format!("the parameter of interest is number {poi}; there is none"))
        })?;
        first["parameters_of_interest"] = json!([name.name]);
    }
    let package = json!({"name": "neyman", "version": env!("CARGO_PKG_VERSION")});
    let mut pairs = json!({"name": likelihood, "distributions": pairs.0, "data": pairs.1});
    if !constraints.is_empty() {
        pairs["aux_distributions"] = constraints.into();
    }
    let mut document = json!({
        "metadata": {"hs3_version": VERSION, "packages": [package]},
        "distributions": writer.distributions,
        "data": data,
        "likelihoods": [pairs],
        "domains": [{"name": domain, "type": "product_domain", "axes": axes}],
        "parameter_points": [{"name": init, "parameters": values}],
        "analyses": [first],
    });
    if !writer.functions.is_empty() {
        document["functions"] = writer.functions.into();
    }
    Ok(document)
}

/// A number of JSON.
fn finite(x: f64, what: impl Fn() -> String) -> Result<Value> {
    let number = serde_json::Number::from_f64(x).map(Value::Number);
    number.ok_or_else(|| Error::Argument(format!("{}: HS3 documents cannot hold {x}", what())))
}

/// A channel's events; `observables` are their names in the document.
fn entries(channel: &Channel, observables: &[(Observable, String)], name: &str) -> Result<Value> {
    let axis =
        |(o, name): &(Observable, String)| json!({"name": name, "min": o.lo(), "max": o.hi()});
    let columns: Vec<&[f64]> =
        observables.iter().map(|(o, _)| channel.events.column(o.name())).collect::<Result<_>>()?;
    let entry = |i: usize| columns.iter().map(|column| column[i]).collect::<Vec<f64>>();
    let mut data = json!({
        "name": name,
        "type": "unbinned",
        "entries": (0..channel.events.n()).map(entry).collect::<Vec<_>>(),
        "axes": observables.iter().map(axis).collect::<Vec<_>>(),
    });
    if let Some(weights) = channel.events.weights() {
        data["weights"] = weights.into();
    }
    Ok(data)
}

#[derive(Default)]
struct Writer<'m> {
    parameters: &'m [Parameter],
    names: HashSet<String>,
    distributions: Vec<Value>,
    functions: Vec<Value>,
    /// Functions that are parameters with the other sign.
    negated: HashMap<usize, String>,
}

impl Writer<'_> {
    /// `name`, or that with `channel` before it, or with underscores: whatever nothing has.
    fn unique(&mut self, name: &str, channel: &str) -> String {
        let mut new = name.to_owned();
        if self.names.contains(&new) && !channel.is_empty() && channel != name {
            new = format!("{channel}_{name}");
        }
        while !self.names.insert(new.clone()) {
            new.push('_');
        }
        new
    }

    /// Each channel's observables with their names in the document: one name has one window.
    fn observables(&mut self, channels: &[&Channel]) -> Vec<Vec<(Observable, String)>> {
        let mut known: Vec<(Observable, String)> = Vec::new();
        let mut named = |channel: &Channel, observable: &Observable| {
            if let Some((_, name)) = known.iter().find(|(other, _)| other == observable) {
                return (observable.clone(), name.clone());
            }
            let name = self.unique(observable.name(), &channel.name);
            known.push((observable.clone(), name.clone()));
            (observable.clone(), name)
        };
        let of = |channel: &&Channel| {
            let observables = channel.processes[0].pdf.observables();
            observables.iter().map(|o| named(channel, o)).collect()
        };
        channels.iter().map(of).collect()
    }

    fn channel(
        &mut self,
        channel: &Channel,
        name: &str,
        observables: &[(Observable, String)],
    ) -> Result<()> {
        let (mut summands, mut coefficients) = (Vec::new(), Vec::new());
        for process in &channel.processes {
            let what =
                format!("channel {}, process {}", quoted(&channel.name), quoted(&process.name));
            let Process { pdf, shape, expected, .. } = process;
            let own = self.unique(&process.name, &channel.name);
            self.density(pdf, shape, &own, observables, &what)?;
            coefficients.push(self.expected(expected, &own, &what)?);
            summands.push(own);
        }
        self.distributions.push(json!({
            "name": name,
            "type": "mixture_dist",
            "summands": summands,
            "coefficients": coefficients,
            "extended": true,
        }));
        Ok(())
    }

    fn density(
        &mut self,
        pdf: &Pdf,
        shape: &[Slot],
        name: &str,
        observables: &[(Observable, String)],
        what: &str,
    ) -> Result<()> {
        if pdf.kind() == "product" {
            let (mut factors, mut rest) = (Vec::new(), shape);
            for (i, factor) in pdf.factors().iter().enumerate() {
                let own;
                (own, rest) = rest.split_at(factor.parameter_names().len());
                let part = self.unique(&format!("{name}_{}", i + 1), "");
                self.density(factor, own, &part, observables, what)?;
                factors.push(part);
            }
            let product = json!({"name": name, "type": "product_dist", "factors": factors});
            self.distributions.push(product);
            return Ok(());
        }
        let (kind, variable, keys): (&str, &str, &[&str]) = match (pdf.kind(), shape.len()) {
            ("gaussian", _) => ("gaussian_dist", "x", &["mean", "sigma"]),
            ("exponential", _) => ("exponential_dist", "x", &["c"]),
            ("double_crystal_ball", 6) => {
                ("crystalball_dist", "m", &["m0", "sigma", "alpha_L", "n_L", "alpha_R", "n_R"])
            }
            ("double_crystal_ball", _) => (
                "crystalball_dist",
                "m",
                &["m0", "sigma_L", "sigma_R", "alpha_L", "n_L", "alpha_R", "n_R"],
            ),
            ("argus", _) => ("argus_dist", "mass", &["resonance", "slope", "power"]),
            ("chebyshev", _) => ("chebychev_dist", "x", &["coefficients"]),
            ("polynomial", _) => ("polynomial_dist", "x", &["coefficients"]),
            ("lognormal", _) => ("lognormal_dist", "x", &["mu", "sigma"]),
            ("uniform", _) => ("uniform_dist", "x", &[]),
            (kind, _) => {
                let why = match kind {
                    "crystal_ball" => " with one tail",
                    "breit_wigner" => ", only a relativistic one",
                    _ => "",
                };
                return Err(Error::Argument(format!("{what}: HS3 {VERSION} has no {kind}{why}")));
            }
        };
        let of = pdf.observables()[0].name();
        let of = observables.iter().find(|(o, _)| o.name() == of).map(|(_, name)| name);
        let mut distribution = Map::new();
        distribution.insert("name".into(), name.into());
        distribution.insert("type".into(), kind.into());
        distribution
            .insert(variable.into(), of.expect("all are of the first one's").as_str().into());
        if keys == ["coefficients"] {
            let slots = shape.iter().map(|slot| self.slot(slot, what));
            distribution.insert("coefficients".into(), slots.collect::<Result<Value>>()?);
        } else if keys == ["c"] {
            distribution.insert("c".into(), self.negated(&shape[0], what)?);
        } else {
            for (key, slot) in keys.iter().zip(shape) {
                distribution.insert((*key).into(), self.slot(slot, what)?);
            }
        }
        self.distributions.push(distribution.into());
        Ok(())
    }

    fn slot(&self, slot: &Slot, what: &str) -> Result<Value> {
        match *slot {
            Slot::Parameter(k) => Ok(self.parameters[k].name.as_str().into()),
            Slot::Constant(x) => finite(x, || what.to_owned()),
        }
    }

    /// A density's parameter with the other sign: for a name, a function that has it.
    fn negated(&mut self, slot: &Slot, what: &str) -> Result<Value> {
        let k = match *slot {
            Slot::Parameter(k) => k,
            Slot::Constant(x) => return finite(-x, || what.to_owned()),
        };
        if let Some(name) = self.negated.get(&k) {
            return Ok(name.as_str().into());
        }
        let parameter = self.parameters[k].name.clone();
        let name = self.unique(&format!("minus_{parameter}"), "");
        self.functions.push(json!({"name": name, "type": "product", "factors": [-1, parameter]}));
        self.negated.insert(k, name.clone());
        Ok(name.into())
    }

    fn expected(&mut self, of: &Yield, process: &str, what: &str) -> Result<Value> {
        if let Some(modifier) = of.modifiers.first() {
            let name = quoted(&self.parameters[modifier.parameter()].name);
            return Err(Error::Argument(format!(
                "{what}: HS3 {VERSION} has no normsys or weightsys on yields of unbinned mixtures; this yield follows \
                 {name} so"
            )));
        }
        match of.base {
            Base::Fixed(events) => finite(events, || what.to_owned()),
            Base::Parameter(k) => Ok(self.parameters[k].name.as_str().into()),
            Base::Scaled { base, parameter } => {
                let name = self.unique(&format!("{process}_yield"), "");
                let factors = [
                    finite(base, || what.to_owned())?,
                    self.parameters[parameter].name.as_str().into(),
                ];
                self.functions.push(json!({"name": name, "type": "product", "factors": factors}));
                Ok(name.into())
            }
        }
    }
}
