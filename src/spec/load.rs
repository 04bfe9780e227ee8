//! From files' bytes to a workspace ready to be modelled.

use serde_json::Value;

use super::patchset::{PatchChoice, PatchSet};
use super::{Warning, Workspace, check_measurement, digest, json, patch, place, workspace};
use crate::{Error, Result};

/// A patch to apply to the workspace's document before it is read.
#[derive(Debug, Clone)]
pub enum PatchSource {
    /// A JSON patch (RFC 6902).
    Patch(Vec<u8>),
    /// One patch of a patchset, verified against the workspace as it was before any patch.
    PatchSet {
        /// The patchset's file.
        bytes: Vec<u8>,
        /// Which of its patches.
        choice: PatchChoice,
    },
}

/// What to read besides the workspace, and how.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Patches, in the order in which they are applied.
    pub patches: Vec<PatchSource>,
    /// The measurement; the first where there is no name.
    pub measurement: Option<String>,
    /// Parameter of interest instead of the measurement's; the empty string for a model without
    /// one, as background-only workspaces need it.
    pub poi: Option<String>,
    /// Take patchsets whose digest is not the workspace's.
    pub skip_verification: bool,
    /// Largest file read, in bytes.
    pub max_bytes: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            patches: Vec::new(),
            measurement: None,
            poi: None,
            skip_verification: false,
            max_bytes: json::MAX_BYTES,
        }
    }
}

/// A workspace, checked for the measurement chosen.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The workspace, patched.
    pub workspace: Workspace,
    /// Index of the measurement chosen.
    pub measurement: usize,
    /// Legal but suspicious.
    pub warnings: Vec<Warning>,
    /// The patched document's sha256 digest, as pyhf computes it. The choice of measurement and
    /// parameter of interest does not enter.
    pub digest: String,
}

/// Reads, patches and checks a workspace.
pub fn load(bytes: &[u8], options: &LoadOptions) -> Result<Loaded> {
    let mut document = json::parse_limited(bytes, options.max_bytes)?;
    apply_patches(&mut document, options)?;
    finish(&document, options)
}

/// A workspace and a patchset, each read and verified once, for the workspaces of all patches.
#[derive(Debug, Clone)]
pub struct PatchedWorkspaces {
    document: Value,
    set: PatchSet,
    options: LoadOptions,
}

impl PatchedWorkspaces {
    /// Reads both files. `options.patches` are applied to the workspace first; the patchset is verified
    /// against it as it was before.
    ///
    /// # Errors
    /// Where a file is not what it should be, or the patchset was made for another workspace.
    pub fn read(bytes: &[u8], patchset: &[u8], options: &LoadOptions) -> Result<Self> {
        let mut document = json::parse_limited(bytes, options.max_bytes)?;
        let set = PatchSet::from_value(&json::parse_limited(patchset, options.max_bytes)?)
            .map_err(|error| in_patch(error, options.patches.len()))?;
        if !options.skip_verification {
            set.verify(&document)?;
        }
        apply_patches(&mut document, options)?;
        Ok(Self { document, set, options: options.clone() })
    }

    /// The patchset.
    pub fn patchset(&self) -> &PatchSet {
        &self.set
    }

    /// The workspace with patch `index` of the set applied, checked.
    ///
    /// # Errors
    /// Where there is no such patch, or it does not fit the workspace.
    pub fn load(&self, index: usize) -> Result<Loaded> {
        let Some(patch) = self.set.patches.get(index) else {
            let n = self.set.patches.len();
            return Err(Error::Argument(format!("there is no patch {index}: the set has {n}")));
        };
        let document = self.set.apply(&self.document, &PatchChoice::Name(patch.name.clone()))?;
        finish(&document, &self.options)
    }

    /// The unpatched document's sha256 digest, as pyhf computes it.
    ///
    /// # Errors
    /// As digests of documents do.
    pub fn digest(&self) -> Result<String> {
        digest::digest(&self.document, "sha256")
    }
}

/// What is to be checked once all patches are applied.
fn finish(document: &Value, options: &LoadOptions) -> Result<Loaded> {
    let (mut workspace, mut warnings) = workspace(document)?;
    let measurement = workspace.measurement(options.measurement.as_deref())?;
    if let Some(poi) = &options.poi {
        workspace.measurements[measurement].poi = (!poi.is_empty()).then(|| poi.clone());
    }
    let checked = check_measurement(&workspace, measurement);
    warnings.extend(checked.map_err(|error| match error {
        // the file is not to blame for a name it does not hold
        Error::Specification { path, message }
            if options.poi.is_some() && path.ends_with("/config/poi") =>
        {
            Error::Argument(message)
        }
        other => other,
    })?);
    let digest = digest::digest(document, "sha256")?;
    Ok(Loaded { workspace, measurement, warnings, digest })
}

fn apply_patches(document: &mut Value, options: &LoadOptions) -> Result<()> {
    // all are verified before the first changes the document
    let mut patches = Vec::with_capacity(options.patches.len());
    for (index, source) in options.patches.iter().enumerate() {
        let prepared = Prepared::read(source, document, options);
        patches.push(prepared.map_err(|error| in_patch(error, index))?);
    }
    for (index, prepared) in patches.iter().enumerate() {
        prepared.apply(document).map_err(|error| in_patch(error, index))?;
    }
    Ok(())
}

enum Prepared<'s> {
    Patch(Value),
    PatchSet(PatchSet, &'s PatchChoice),
}

impl<'s> Prepared<'s> {
    fn read(source: &'s PatchSource, document: &Value, options: &LoadOptions) -> Result<Self> {
        match source {
            PatchSource::Patch(bytes) => {
                json::parse_limited(bytes, options.max_bytes).map(Self::Patch)
            }
            PatchSource::PatchSet { bytes, choice } => {
                let value = json::parse_limited(bytes, options.max_bytes)?;
                let set = PatchSet::from_value(&value)?;
                if !options.skip_verification {
                    set.verify(document)?;
                }
                Ok(Self::PatchSet(set, choice))
            }
        }
    }

    fn apply(&self, document: &mut Value) -> Result<()> {
        match self {
            Self::Patch(patch) => patch::apply_in_place(document, patch, &place::Place::ROOT),
            Self::PatchSet(set, choice) => set.apply_in_place(document, choice),
        }
    }
}

/// Which of the files a path or line belongs to.
fn in_patch(error: Error, index: usize) -> Error {
    let which = format!("in patch {}: ", index + 1);
    match error {
        Error::Syntax { line, column, message } => {
            Error::Syntax { line, column, message: which + &message }
        }
        Error::Specification { path, message } => {
            Error::Specification { path, message: which + &message }
        }
        other => other,
    }
}
