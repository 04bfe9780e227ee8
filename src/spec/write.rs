//! A workspace as pyhf's JSON.

use serde_json::{Map, Value, json};

use super::{
    Channel, Measurement, Modifier, ModifierKind, ParameterConfig, SCHEMA_VERSION, Sample,
    Workspace,
};

/// The workspace as pyhf's JSON, schema 1.0.0. Reading it back gives the same workspace.
pub fn to_value(workspace: &Workspace) -> Value {
    let observation = |o: &super::Observation| json!({"name": o.name, "data": o.data});
    json!({
        "channels": array(&workspace.channels, channel),
        "observations": array(&workspace.observations, observation),
        "measurements": array(&workspace.measurements, measurement),
        "version": SCHEMA_VERSION,
    })
}

fn array<T>(elements: &[T], write: impl Fn(&T) -> Value) -> Value {
    elements.iter().map(write).collect()
}

fn channel(channel: &Channel) -> Value {
    json!({"name": channel.name, "samples": array(&channel.samples, sample)})
}

fn sample(sample: &Sample) -> Value {
    json!({
        "name": sample.name,
        "data": sample.data,
        "modifiers": array(&sample.modifiers, modifier),
    })
}

fn modifier(modifier: &Modifier) -> Value {
    let data = match &modifier.kind {
        ModifierKind::NormFactor | ModifierKind::ShapeFactor | ModifierKind::Lumi => Value::Null,
        ModifierKind::NormSys { hi, lo } => json!({"hi": hi, "lo": lo}),
        ModifierKind::HistoSys { hi_data, lo_data } => {
            json!({"hi_data": hi_data, "lo_data": lo_data})
        }
        ModifierKind::ShapeSys(data) | ModifierKind::StatError(data) => json!(data),
    };
    json!({"name": modifier.name, "type": modifier.kind.type_name(), "data": data})
}

fn measurement(measurement: &Measurement) -> Value {
    json!({
        "name": measurement.name,
        "config": {
            "poi": measurement.poi.as_deref().unwrap_or_default(),
            "parameters": array(&measurement.parameters, parameter),
        },
    })
}

fn parameter(config: &ParameterConfig) -> Value {
    let ParameterConfig { name, inits, bounds, auxdata, factors, sigmas, fixed } = config;
    let given = [
        ("inits", inits.as_ref().map(|values| json!(values))),
        ("bounds", bounds.as_ref().map(|values| json!(values))),
        ("auxdata", auxdata.as_ref().map(|values| json!(values))),
        ("factors", factors.as_ref().map(|values| json!(values))),
        ("sigmas", sigmas.as_ref().map(|values| json!(values))),
        ("fixed", fixed.map(Value::Bool)),
    ];
    let mut object = Map::new();
    object.insert("name".into(), json!(name));
    let given = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    object.extend(given);
    Value::Object(object)
}
