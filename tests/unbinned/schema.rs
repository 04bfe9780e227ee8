//! As much of JSON Schema as `docs/unbinned_spec_v1.schema.json` is made of.

use serde_json::Value;

/// Keys that say something about a value, and those that only tell.
const KNOWN: [&str; 20] = [
    "type",
    "required",
    "additionalProperties",
    "properties",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "minimum",
    "exclusiveMinimum",
    "const",
    "enum",
    "oneOf",
    "anyOf",
    "$ref",
    "$schema",
    "$defs",
    "title",
    "description",
    "default",
];

pub(crate) fn is_valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let object = schema.as_object().expect("a schema");
    for key in object.keys() {
        assert!(KNOWN.contains(&&**key), "the test does not know {key}");
    }
    let all = |key: &str, holds: &dyn Fn(&Value) -> bool| object.get(key).is_none_or(holds);
    let matching = |list: &Value| {
        list.as_array().expect("schemas").iter().filter(|s| is_valid(root, s, value)).count()
    };
    let least = |limit: &Value, n: Option<usize>| {
        n.is_none_or(|n| n as u64 >= limit.as_u64().expect("a number"))
    };
    let most = |limit: &Value, n: Option<usize>| {
        n.is_none_or(|n| n as u64 <= limit.as_u64().expect("a number"))
    };
    let length = value.as_array().map(Vec::len);
    let number = value.as_f64();
    all("$ref", &|path| {
        let path = path.as_str().expect("a path").strip_prefix('#').expect("of this document");
        is_valid(root, root.pointer(path).expect("a definition"), value)
    }) && all("type", &|of| match of {
        Value::Array(any) => any.iter().any(|of| is_a(of, value)),
        of => is_a(of, value),
    }) && all("const", &|of| of == value)
        && all("enum", &|of| of.as_array().expect("values").contains(value))
        && all("oneOf", &|list| matching(list) == 1)
        && all("anyOf", &|list| matching(list) > 0)
        && all("minItems", &|limit| least(limit, length))
        && all("maxItems", &|limit| most(limit, length))
        && all("minLength", &|limit| least(limit, value.as_str().map(str::len)))
        && all("minimum", &|limit| number.is_none_or(|x| x >= limit.as_f64().expect("a number")))
        && all("exclusiveMinimum", &|limit| {
            number.is_none_or(|x| x > limit.as_f64().expect("a number"))
        })
        && all("items", &|of| {
            value.as_array().is_none_or(|list| list.iter().all(|v| is_valid(root, of, v)))
        })
        && all("required", &|keys| {
            let keys = keys.as_array().expect("keys");
            value
                .as_object()
                .is_none_or(|o| keys.iter().all(|k| o.contains_key(k.as_str().expect("a key"))))
        })
        && all("properties", &|of| {
            value.as_object().is_none_or(|o| {
                o.iter().all(|(key, value)| match of.get(key) {
                    Some(schema) => is_valid(root, schema, value),
                    None => schema.get("additionalProperties") != Some(&Value::Bool(false)),
                })
            })
        })
}

fn is_a(name: &Value, value: &Value) -> bool {
    match name.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the test does not know the type {other}"),
    }
}
