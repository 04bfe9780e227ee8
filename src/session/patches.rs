//! The same statement for many signals: all patches of a patchset on one workspace.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::{Limit, LimitOptions, Session};
use crate::accelerator::DeviceRequest;
use crate::model::Model;
use crate::spec::{Loaded, PatchedWorkspaces};
use crate::{Error, Result};

/// Upper limits for the patches of a set with these indices, patches side by side. `model` compiles the workspace of a patch;
/// `done` hears of every limit as it comes, with the index of its patch. One patch that fails does not keep
/// the others from theirs. `None` where `stop` came first.
pub fn limits_of_patches(
    workspaces: &PatchedWorkspaces,
    patches: Range<usize>,
    model: &(dyn Fn(&Loaded) -> Result<Model> + Sync),
    device: &DeviceRequest,
    options: &LimitOptions,
    stop: &AtomicBool,
    done: &(dyn Fn(usize, &Result<Limit>) + Sync),
) -> Vec<Option<Result<Limit>>> {
    let one = |index: usize| {
        let session = Session::new(model(&workspaces.load(index)?)?, device)?;
        let data = session.model().observed().clone();
        session.limit(&data, options)
    };
    let named = |index: usize, error: Error| match error {
        Error::Specification { path, message } => Error::Specification {
            path,
            message: format!("{message} (patch {})", workspaces.patchset().patches[index].name),
        },
        other => other,
    };
    patches
        .into_par_iter()
        .map(|index| {
            (!stop.load(Ordering::Relaxed)).then(|| {
                let limit = one(index).map_err(|error| named(index, error));
                done(index, &limit);
                limit
            })
        })
        .collect()
}
