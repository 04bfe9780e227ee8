//! What a flow is, in JSON: `docs/howto/flows.md` describes it.

use std::path::Path;

use serde_json::{Map, Value};

use super::layered::{Base, Layered};
use super::layers::{Affine, Change, Layer};
use super::network::{Activation, Network};
use super::rational::Rational;
use super::safetensors::Tensors;
use super::{Flow, Source};
use crate::error::{Error, Result};
use crate::spec::fields::{
    elements, fields, kind, non_empty, number, numbers, required_fields, string, word,
};
use crate::spec::json;
use crate::spec::place::Place;
use crate::spec::text::quoted;

const VERSION: &str = "neyman_flow_v1";
/// The peers' version, whose networks are in ONNX.
const ONNX: &str = "nextstat_flow_v0";
const LAYERS: [&str; 6] =
    ["logit", "unit", "standardize", "permutation", "affine_coupling", "rq_spline_coupling"];

pub(super) fn read(path: &Path) -> Result<Flow> {
    let bytes = |path: &Path| {
        std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })
    };
    let value = json::parse(&bytes(path)?)?;
    let root = Place::ROOT;
    let object = required_fields(&value, &root, &["schema_version"])?;
    let at = root.key("schema_version");
    let version = string(&object["schema_version"], &at)?;
    match version {
        ONNX => return exported(path, &value, &at),
        VERSION if object.contains_key("models") => {
            return exported(path, &value, &root.key("models"));
        }
        VERSION => {}
        other => {
            let message = format!("{} is not known; {VERSION} is, and {ONNX}", quoted(other));
            return Err(at.error(message));
        }
    }
    let required = ["schema_version", "observable_names", "weights", "layers"];
    let optional = [
        "$schema",
        "context_names",
        "context_mean",
        "context_std",
        "base_distribution",
        "training",
        "validation",
    ];
    let object = fields(&value, &root, &required, &optional)?;
    let observables = names(object, "observable_names", &root)?;
    if observables.is_empty() {
        return Err(root.key("observable_names").error("this array must not be empty"));
    }
    let context = match object.get("context_names") {
        Some(_) => names(object, "context_names", &root)?,
        None => Vec::new(),
    };
    let scale = |key: &str, default: f64| match object.get(key) {
        Some(_) => sized(object, key, &root, context.len()),
        None => Ok(vec![default; context.len()]),
    };
    let (mean, std) = (scale("context_mean", 0.0)?, scale("context_std", 1.0)?);
    above_zero(&std, "context_std", &root)?;
    let base = match object.get("base_distribution") {
        None => Base::Normal,
        Some(name) => {
            let place = root.key("base_distribution");
            [Base::Normal, Base::Uniform][word(name, &place, &["standard_normal", "uniform"])?]
        }
    };
    let place = root.key("weights");
    let file = string(&object["weights"], &place)?;
    let file = path.parent().unwrap_or(Path::new("")).join(file);
    let told = |why: String| place.error(format!("{}: {why}", file.display()));
    let tensors = Tensors::new(&bytes(&file)?).map_err(told)?;
    let reader = Reader { tensors, observables: observables.len(), context: context.len(), base };
    let own = root.key("layers");
    let layers = non_empty(&object["layers"], &own, |value, place| reader.layer(value, place))?;
    let layers = layers.into_iter().enumerate().map(|(i, (kind, layer))| {
        let place = own.index(i);
        reader.check_order(i, kind, &layer, &place)?;
        Ok(layer)
    });
    let layers = layers.collect::<Result<Vec<_>>>()?;
    if base == Base::Uniform && !matches!(layers[0], Layer::Scale { .. }) {
        let message = "a uniform base needs \"unit\" as the first layer";
        return Err(own.index(0).key("type").error(message));
    }
    let support = match &layers[0] {
        Layer::Logit { lower, upper } => {
            Some(lower.iter().zip(upper).map(|(lo, hi)| (*lo, *hi)).collect())
        }
        Layer::Scale { shift, scale } if base == Base::Uniform => {
            Some(shift.iter().zip(scale).map(|(lo, width)| (*lo, lo + width)).collect())
        }
        _ => None,
    };
    let context_scale = mean.into_iter().zip(std).collect();
    let layered = Layered { observables: observables.len(), context_scale, layers, base, support };
    Ok(Flow { observables, context, source: Source::Layers(layered) })
}

/// A flow whose models are in ONNX; `place` says so.
#[cfg(feature = "onnx")]
fn exported(path: &Path, value: &Value, _: &Place) -> Result<Flow> {
    super::onnx::read(path, value, value["schema_version"] == ONNX)
}

#[cfg(not(feature = "onnx"))]
fn exported(_: &Path, _: &Value, place: &Place) -> Result<Flow> {
    Err(place.error(
        "models in ONNX are not read by this build: build it with the feature \"onnx\", or write the flow's weights as \
         docs/howto/flows.md says",
    ))
}

struct Reader {
    tensors: Tensors,
    observables: usize,
    context: usize,
    base: Base,
}

impl Reader {
    /// A layer with its type.
    fn layer(&self, value: &Value, place: &Place) -> Result<(&'static str, Layer)> {
        let object = required_fields(value, place, &["type"])?;
        let kind = LAYERS[word(&object["type"], &place.key("type"), &LAYERS)?];
        let n = self.observables;
        let layer = match kind {
            "logit" | "unit" => {
                let object = fields(value, place, &["type", "lower", "upper"], &[])?;
                let lower = sized(object, "lower", place, n)?;
                let upper = sized(object, "upper", place, n)?;
                let widths: Vec<f64> = lower.iter().zip(&upper).map(|(lo, hi)| hi - lo).collect();
                if let Some(i) = widths.iter().position(|w| !(*w > 0.0 && w.is_finite())) {
                    let message = format!("{} is not above the lower end {}", upper[i], lower[i]);
                    return Err(place.key("upper").index(i).error(message));
                }
                match kind {
                    "logit" => Layer::Logit { lower, upper },
                    _ => Layer::Scale { shift: lower, scale: widths },
                }
            }
            "standardize" => {
                let object = fields(value, place, &["type", "mean", "std"], &[])?;
                let shift = sized(object, "mean", place, n)?;
                let scale = sized(object, "std", place, n)?;
                above_zero(&scale, "std", place)?;
                Layer::Scale { shift, scale }
            }
            "permutation" => {
                let object = fields(value, place, &["type", "order"], &[])?;
                let order = self.indices(&object["order"], &place.key("order"))?;
                if order.len() != n {
                    let message = format!("{} indices for {n} observables", order.len());
                    return Err(place.key("order").error(message));
                }
                Layer::Permutation(order)
            }
            kind => self.coupling(value, place, kind == "affine_coupling")?,
        };
        Ok((kind, layer))
    }

    fn coupling(&self, value: &Value, place: &Place, affine: bool) -> Result<Layer> {
        let required = ["type", "identity", "transform", "network"];
        let optional: &[&str] = match affine {
            true => &["activation", "form", "log_scale", "limit"],
            false => &[
                "activation",
                "bins",
                "tail_bound",
                "min_bin_width",
                "min_bin_height",
                "min_derivative",
            ],
        };
        let object = fields(value, place, &required, optional)?;
        let identity = self.indices(&object["identity"], &place.key("identity"))?;
        let transform = self.indices(&object["transform"], &place.key("transform"))?;
        let twice = identity.iter().any(|i| transform.contains(i));
        if twice || transform.is_empty() || identity.len() + transform.len() != self.observables {
            return Err(place.key("transform").error(
                "\"identity\" and \"transform\" together name each observable once, \"transform\" at least one",
            ));
        }
        let activation = match object.get("activation") {
            Some(name) => word(name, &place.key("activation"), &Activation::NAMES)?,
            None => 0,
        };
        let change = match affine {
            true => Change::Affine(read_affine(object, place)?),
            false => Change::Rational(self.read_rational(object, place)?),
        };
        let each = match &change {
            Change::Affine(_) => 2,
            Change::Rational(rational) => rational.parameters(),
        };
        let at = place.key("network");
        let network = Network::new(
            &self.tensors,
            string(&object["network"], &at)?,
            Activation::ALL[activation],
            identity.len() + self.context,
            each * transform.len(),
        );
        let network = network.map_err(|why| at.error(why))?;
        Ok(Layer::Coupling { identity, transform, network, change })
    }

    fn read_rational(&self, object: &Map<String, Value>, place: &Place) -> Result<Rational> {
        let at = place.key("bins");
        let bins = object.get("bins").map_or(Ok(8), |bins| {
            let found =
                || format!("expected a number of bins from 1 to 1024, found {}", kind(bins));
            let bins = bins.as_u64().filter(|n| (1..=1024).contains(n));
            bins.ok_or_else(|| at.error(found())).map(|n| n as usize)
        })?;
        let mut least = [1e-3; 3];
        let keys = ["min_bin_width", "min_bin_height", "min_derivative"];
        for (least, key) in least.iter_mut().zip(keys) {
            let Some(value) = object.get(key) else { continue };
            *least = number(value, &place.key(key))?;
            let most = if key == "min_derivative" { f64::INFINITY } else { 1.0 / bins as f64 };
            if !(*least >= 0.0 && *least < most) {
                let message = format!("{least} is not from 0 to less than {most}");
                return Err(place.key(key).error(message));
            }
        }
        let tail = object.get("tail_bound").filter(|tail| !tail.is_null());
        let tail = tail.map(|tail| number(tail, &place.key("tail_bound"))).transpose()?;
        let ends = match tail {
            Some(tail) if tail > 0.0 => [-tail, tail],
            Some(tail) => {
                let message = format!("{tail} is not above 0");
                return Err(place.key("tail_bound").error(message));
            }
            None => [0.0, 1.0],
        };
        Ok(Rational { bins, ends, linear_tails: tail.is_some(), least })
    }

    /// Indices of observables, each once.
    fn indices(&self, value: &Value, place: &Place) -> Result<Vec<usize>> {
        let mut seen = vec![false; self.observables];
        elements(value, place, |value, place| {
            let index = value.as_u64().and_then(|i| usize::try_from(i).ok());
            let index = index.filter(|i| *i < seen.len() && !seen[*i]).ok_or_else(|| {
                let n = self.observables;
                place.error(format!(
                    "expected an index below {n} that is not there yet, found {}",
                    kind(value)
                ))
            })?;
            seen[index] = true;
            Ok(index)
        })
    }

    /// What belongs at the beginning stands there, and what needs the unit interval has it.
    fn check_order(&self, i: usize, kind: &str, layer: &Layer, place: &Place) -> Result<()> {
        let refuse = |message: &str| Err(place.key("type").error(message));
        let uniform = self.base == Base::Uniform;
        let bounded =
            matches!(layer, Layer::Coupling { change: Change::Rational(r), .. } if !r.linear_tails);
        match kind {
            "logit" if i > 0 || uniform => {
                refuse("\"logit\" can be the first layer alone, to the base \"standard_normal\"")
            }
            "unit" if i > 0 || !uniform => {
                refuse("\"unit\" can be the first layer alone, to the base \"uniform\"")
            }
            "standardize" | "affine_coupling" if uniform => refuse(
                "this layer leaves the interval from 0 to 1, which the base \"uniform\" needs",
            ),
            "rq_spline_coupling" if uniform != bounded => refuse(
                "with the base \"uniform\" a spline has no \"tail_bound\", with \"standard_normal\" it needs one",
            ),
            _ => Ok(()),
        }
    }
}

fn read_affine(object: &Map<String, Value>, place: &Place) -> Result<Affine> {
    let choice = |key: &str, known: &[&str]| match object.get(key) {
        Some(name) => word(name, &place.key(key), known),
        None => Ok(0),
    };
    let subtract = choice("form", &["subtract", "add"])? == 0;
    let is_tanh = choice("log_scale", &["linear", "tanh"])? == 1;
    let at = place.key("limit");
    let limit = object.get("limit").map_or(Ok(1.0), |limit| number(limit, &at))?;
    if limit <= 0.0 || (object.contains_key("limit") && !is_tanh) {
        let message = format!(
            "{limit}: the limit of a \"log_scale\" of \"tanh\" is above 0, others have none"
        );
        return Err(at.error(message));
    }
    Ok(Affine { subtract, limit: is_tanh.then_some(limit) })
}

pub(super) fn names(object: &Map<String, Value>, key: &str, place: &Place) -> Result<Vec<String>> {
    let mut seen: Vec<String> = Vec::new();
    elements(&object[key], &place.key(key), |value, place| {
        let name = string(value, place)?;
        if name.is_empty() || seen.iter().any(|other| other == name) {
            return Err(place.error(format!("{} is empty or there twice", quoted(name))));
        }
        seen.push(name.to_owned());
        Ok(())
    })?;
    Ok(seen)
}

fn sized(object: &Map<String, Value>, key: &str, place: &Place, n: usize) -> Result<Vec<f64>> {
    let place = place.key(key);
    match object.get(key).map_or(Ok(Vec::new()), |list| numbers(list, &place))? {
        list if list.len() == n => Ok(list),
        list => Err(place.error(format!("{} numbers, but {n} are needed", list.len()))),
    }
}

fn above_zero(values: &[f64], key: &str, place: &Place) -> Result<()> {
    match values.iter().position(|x| *x < f64::MIN_POSITIVE) {
        Some(i) => Err(place.key(key).index(i).error(format!("{} is not above 0", values[i]))),
        None => Ok(()),
    }
}
