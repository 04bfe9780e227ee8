//! Patchsets (pyhf's schema 1.0.0): signal patches for one background-only workspace, which they
//! name by its digest.

use std::collections::HashSet;

use serde_json::{Number, Value};

use super::digest::digest;
use super::patch::apply_in_place;
use super::place::Place;
use super::pyhf::{SCHEMA_VERSION, elements, fields, kind, non_empty, required_fields, string};
use super::text::{count, display_name, list, quoted, suggestion};
use crate::{Error, Result};

/// A set of patches for one workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchSet {
    /// What the patches are.
    pub description: String,
    /// Names of the values that tell the patches apart.
    pub labels: Vec<String>,
    /// `(kind, reference)`, such as `("hepdata", "ins1234567")`.
    pub references: Vec<(String, String)>,
    /// `(algorithm, digest)` of the workspace that the patches are for.
    pub digests: Vec<(String, String)>,
    /// The patches.
    pub patches: Vec<Patch>,
}

/// One patch of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Name, unique in the set.
    pub name: String,
    /// One value per label of the set.
    pub values: Vec<PatchValue>,
    /// The operations (RFC 6902).
    pub operations: Value,
}

/// A point's coordinate along one label.
#[derive(Debug, Clone)]
pub enum PatchValue {
    /// A number; `2100` and `2100.0` are equal.
    Number(Number),
    /// Anything else.
    Text(String),
}

/// Which patch of a set.
#[derive(Debug, Clone, PartialEq)]
pub enum PatchChoice {
    /// The patch of that name.
    Name(String),
    /// The patch with these values, one per label.
    Values(Vec<PatchValue>),
}

impl PatchSet {
    /// Reads a patchset.
    pub fn from_value(value: &Value) -> Result<Self> {
        let root = Place::ROOT;
        if value.is_array() {
            return Err(root.error("this is a JSON patch, not a patchset: give it as a patch"));
        }
        let object = fields(value, &root, &["metadata", "patches", "version"], &[])?;
        let place = root.key("version");
        let version = string(&object["version"], &place)?;
        if version != SCHEMA_VERSION {
            let message = format!(
                "unknown version {}: this program reads patchsets of schema {SCHEMA_VERSION}",
                quoted(version)
            );
            return Err(place.error(message));
        }
        let place = root.key("metadata");
        // other keys are free text
        let required = ["description", "digests", "labels", "references"];
        let metadata = required_fields(&object["metadata"], &place, &required)?;
        let strings = |key: &str| pairs(&metadata[key], &place.key(key));
        let set = Self {
            description: string(&metadata["description"], &place.key("description"))?.to_owned(),
            labels: non_empty(&metadata["labels"], &place.key("labels"), |value, place| {
                string(value, place).map(str::to_owned)
            })?,
            references: strings("references")?,
            digests: strings("digests")?,
            patches: non_empty(&object["patches"], &root.key("patches"), patch)?,
        };
        if set.digests.is_empty() {
            return Err(place.key("digests").error("expected a digest, such as \"sha256\""));
        }
        set.check_patches()?;
        Ok(set)
    }

    /// Names and values are unique, and there is a value per label.
    fn check_patches(&self) -> Result<()> {
        let (mut names, mut values) = (HashSet::new(), HashSet::new());
        for (index, patch) in self.patches.iter().enumerate() {
            let fail = |key, message| {
                Err(Error::specification(format!("/patches/{index}/metadata/{key}"), message))
            };
            if !names.insert(&patch.name) {
                return fail("name", format!("a second patch named {}", quoted(&patch.name)));
            }
            if patch.values.len() != self.labels.len() {
                let message = format!(
                    "expected {} ({}), found {}",
                    count(self.labels.len(), "value"),
                    list(self.labels.iter().map(String::as_str)),
                    patch.values.len()
                );
                return fail("values", message);
            }
            let key: Vec<_> = patch.values.iter().map(PatchValue::key).collect();
            if !values.insert(key) {
                let message = format!("a second patch with the values {}", point(&patch.values));
                return fail("values", message);
            }
        }
        Ok(())
    }

    /// The patch chosen.
    pub fn patch(&self, choice: &PatchChoice) -> Result<&Patch> {
        Ok(&self.patches[self.index(choice)?])
    }

    fn index(&self, choice: &PatchChoice) -> Result<usize> {
        let found = self.patches.iter().position(|patch| match choice {
            PatchChoice::Name(name) => patch.name == *name,
            PatchChoice::Values(values) => patch.values == *values,
        });
        found.ok_or_else(|| {
            let names = || self.patches.iter().map(|patch| &*patch.name);
            Error::Argument(match choice {
                PatchChoice::Name(name) => format!(
                    "the patchset has no patch {}{}; there are {}",
                    quoted(name),
                    suggestion(name, names()),
                    list(names())
                ),
                PatchChoice::Values(values) => format!(
                    "the patchset has no patch with the values {} of {}; there are {}",
                    point(values),
                    list(self.labels.iter().map(String::as_str)),
                    list(names())
                ),
            })
        })
    }

    /// Checks that the patches were made for this document (as it was published, before any patch).
    /// A mismatch is [`Error::Digest`]; who knows better applies the patch without verification.
    pub fn verify(&self, document: &Value) -> Result<()> {
        for (algorithm, expected) in &self.digests {
            let actual = digest(document, algorithm)?;
            if !actual.eq_ignore_ascii_case(expected) {
                let expected = display_name(expected);
                return Err(Error::Digest { algorithm: algorithm.clone(), expected, actual });
            }
        }
        Ok(())
    }

    /// The document with the patch chosen applied; paths in errors are those of the patchset.
    pub fn apply(&self, document: &Value, choice: &PatchChoice) -> Result<Value> {
        let mut patched = document.clone();
        self.apply_in_place(&mut patched, choice)?;
        Ok(patched)
    }

    pub(super) fn apply_in_place(&self, document: &mut Value, choice: &PatchChoice) -> Result<()> {
        let index = self.index(choice)?;
        let patches = Place::ROOT.key("patches");
        let patch = patches.index(index);
        apply_in_place(document, &self.patches[index].operations, &patch.key("patch"))
    }
}

impl PatchChoice {
    /// Values written as text with commas between them: `1500,230,100`.
    pub fn values(text: &str) -> Self {
        Self::Values(text.split(',').map(|value| PatchValue::from_text(value.trim())).collect())
    }
}

impl PatchValue {
    fn from_text(text: &str) -> Self {
        let number = serde_json::from_str(text).ok();
        number.map_or_else(|| Self::Text(text.to_owned()), Self::Number)
    }

    /// What equality compares.
    fn key(&self) -> (Option<u64>, Option<&str>) {
        match self {
            // + 0.0: zero has one sign
            Self::Number(number) => (number.as_f64().map(|value| (value + 0.0).to_bits()), None),
            Self::Text(text) => (None, Some(text)),
        }
    }
}

impl PartialEq for PatchValue {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

fn point(values: &[PatchValue]) -> String {
    let shown = values.iter().map(|value| match value {
        PatchValue::Number(number) => number.to_string(),
        PatchValue::Text(text) => quoted(text),
    });
    format!("({})", shown.collect::<Vec<_>>().join(", "))
}

fn patch(value: &Value, place: &Place) -> Result<Patch> {
    let object = fields(value, place, &["metadata", "patch"], &[])?;
    let at = place.key("metadata");
    let metadata = required_fields(&object["metadata"], &at, &["name", "values"])?;
    let operations = &object["patch"];
    if !operations.is_array() {
        let message = format!("expected an array of operations, found {}", kind(operations));
        return Err(place.key("patch").error(message));
    }
    Ok(Patch {
        name: string(&metadata["name"], &at.key("name"))?.to_owned(),
        values: elements(&metadata["values"], &at.key("values"), |value, place| match value {
            Value::Number(number) => Ok(PatchValue::Number(number.clone())),
            Value::String(text) => Ok(PatchValue::Text(text.clone())),
            other => {
                Err(place.error(format!("expected a number or a string, found {}", kind(other))))
            }
        })?,
        operations: operations.clone(),
    })
}

fn pairs(value: &Value, place: &Place) -> Result<Vec<(String, String)>> {
    let object = required_fields(value, place, &[])?;
    let pair = |(key, value): (&String, &Value)| {
        Ok((key.clone(), string(value, &place.key(key))?.to_owned()))
    };
    object.iter().map(pair).collect()
}

#[cfg(test)]
mod tests;
