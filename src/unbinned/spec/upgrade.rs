//! Specifications of `nextstat_unbinned_spec_v0` as such of ours, and their files found from elsewhere.

use serde_json::Value;

use super::Version;
use super::document::Specification;
use crate::error::Result;

/// The same model as a `neyman_unbinned_spec_v1`: interpolations that a v0 has by default are written out. `rebase` is
/// given the names of files (events, manifests of flows).
///
/// # Errors
///
/// As for [`Specification::new`].
pub fn to_v1(value: &Value, rebase: impl Fn(&str) -> String) -> Result<Value> {
    let version = Specification::new(value)?.version;
    let mut document = value.clone();
    if let Some(object) = document.as_object_mut() {
        // v0's, or a file beside it
        object.remove("$schema");
    }
    document["schema_version"] = Version::V1.as_str().into();
    for channel in list(document.get_mut("channels")) {
        file(channel.get_mut("data"), "file", &rebase);
        for process in list(channel.get_mut("processes")) {
            files_of_pdf(process.get_mut("pdf"), &rebase);
            if version != Version::NextstatV0 {
                continue;
            }
            for modifier in list(process.get_mut("yield").and_then(|y| y.get_mut("modifiers"))) {
                if modifier.get("interp_code").is_none_or(Value::is_null) {
                    let norm = matches!(modifier["type"].as_str(), Some("normsys" | "norm_sys"));
                    modifier["interp_code"] = if norm { "code1" } else { "code0" }.into();
                }
            }
        }
    }
    Ok(document)
}

fn list(value: Option<&mut Value>) -> &mut [Value] {
    value.and_then(Value::as_array_mut).map_or(&mut [], |list| &mut list[..])
}

fn file(object: Option<&mut Value>, key: &str, rebase: &impl Fn(&str) -> String) {
    if let Some(Value::String(name)) = object.and_then(|object| object.get_mut(key)) {
        *name = rebase(name);
    }
}

fn files_of_pdf(pdf: Option<&mut Value>, rebase: &impl Fn(&str) -> String) {
    let Some(pdf) = pdf else { return };
    file(pdf.get_mut("source"), "file", rebase);
    file(Some(&mut *pdf), "manifest", rebase);
    for component in list(pdf.get_mut("components")) {
        files_of_pdf(Some(component), rebase);
    }
}
