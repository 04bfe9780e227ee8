//! Other formats, recognised to be refused by name.

use serde_json::Value;

use super::fields::kind;
use super::place::Place;
use crate::Result;

/// Refuses a document that is plainly no pyhf workspace.
pub(super) fn refuse(value: &Value) -> Result<()> {
    let root = Place::ROOT;
    let object = match value {
        Value::Object(object) => object,
        Value::Array(elements) if elements.iter().any(|element| element.get("op").is_some()) => {
            return Err(root.error(
                "this is a JSON patch, not a workspace: give the workspace it belongs to and this \
                 file as a patch",
            ));
        }
        other => {
            let message = format!("expected an object at the root, found {}", kind(other));
            return Err(root.error(message));
        }
    };
    if object.contains_key("channels") {
        return Ok(());
    }
    let hs3_version = value.pointer("/metadata/hs3_version").is_some();
    if let Some(key) =
        ["distributions", "likelihoods"].iter().find(|key| object.contains_key(**key))
    {
        return Err(root.key(key).error(
            "this is an HS3 document (RooFit's JSON), which is not read yet: only pyhf's workspace \
             JSON is; unbinned likelihoods in HS3 are read by `neyman unbinned convert`",
        ));
    }
    if hs3_version {
        return Err(root.key("metadata").error("this is an HS3 document, which is not read yet"));
    }
    if object.contains_key("patches") {
        return Err(root.error(
            "this is a patchset, not a workspace: give the background-only workspace it belongs to \
             and this file as a patchset",
        ));
    }
    Ok(())
}
