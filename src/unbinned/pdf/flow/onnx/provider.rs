//! Sessions of onnxruntime on the first provider that runs all of a model.

use std::path::Path;

use ort::ep::{self, ExecutionProviderDispatch};
use ort::session::Session;
use ort::session::builder::SessionBuilder;

use super::EpKind;
use super::batch::SIZES;
use super::interface::{Interface, Wanted};
use super::library;
use crate::error::{Error, Result};

/// A model on a provider, and why not on those before it.
pub(super) struct Committed {
    pub(super) session: Session,
    pub(super) interface: Interface,
    pub(super) kind: EpKind,
    pub(super) passed_over: Vec<String>,
}

/// Why a model cannot be used.
pub(super) enum Refused {
    /// It is at fault.
    Model(String),
    /// What should run it is.
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Opens a model on the first of the configured providers that takes all of its operations.
pub(super) fn commit(path: &Path, wanted: &Wanted<'_>) -> Result<Committed, Refused> {
    let providers = library::opened()?.1.providers;
    // what the model says of itself, whatever runs it
    let session = on_processor(path)?;
    let interface = Interface::new(&session, wanted).map_err(Refused::Model)?;
    let mut passed_over = Vec::new();
    for kind in providers {
        match on(kind, path, &interface) {
            Ok(None) => return Ok(Committed { session, interface, kind, passed_over }),
            Ok(Some(session)) => return Ok(Committed { session, interface, kind, passed_over }),
            Err(why) => {
                // the rest is about files of the library's source
                let why = why.lines().next().unwrap_or_default().trim().trim_end_matches('.');
                passed_over.push(format!("{}: {why}", kind.as_str()));
            }
        }
    }
    let message =
        format!("none of the providers runs {}: {}", path.display(), passed_over.join("; "));
    Err(Refused::Other(Error::Device { device: "onnxruntime".into(), message }))
}

/// Another session of a model that is open.
pub(super) fn again(path: &Path) -> Result<Session, Refused> {
    on_processor(path)
}

fn on_processor(path: &Path) -> Result<Session, Refused> {
    let commit = |builder: ort::Result<SessionBuilder>| builder?.commit_from_file(path);
    commit(builder()?).map_err(|error| Refused::Model(error.to_string()))
}

/// One thread a session, which has the same order of sums each time.
fn builder() -> Result<ort::Result<SessionBuilder>> {
    let environment = library::opened()?.0;
    let builder = || {
        Session::builder(&environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_deterministic_compute(true)
            .map_err(ort::Error::from)
    };
    Ok(builder())
}

/// A session on a provider, `None` for the processor.
fn on(kind: EpKind, path: &Path, interface: &Interface) -> Result<Option<Session>, String> {
    let provider = match kind {
        EpKind::Cpu => return Ok(None),
        // 11 bits of an f32 product are too few for a likelihood
        EpKind::Cuda => ep::CUDA::default().with_tf32(false).build(),
        EpKind::TensorRt if interface.double => return Err("it does not calculate in f64".into()),
        EpKind::TensorRt => tensor_rt(interface),
    };
    let session = || {
        builder()
            .map_err(|error| error.to_string())?
            .and_then(|builder| {
                builder
                    // no part of it elsewhere, or what runs it could not be said
                    .with_disable_cpu_fallback()?
                    .with_execution_providers([provider.error_on_failure()])?
                    .commit_from_file(path)
            })
            .map_err(|error| error.to_string())
    };
    session().map(Some)
}

fn tensor_rt(interface: &Interface) -> ExecutionProviderDispatch {
    let settings = library::settings();
    // a profile is the sizes of batches that will come
    let shapes = |rows: usize| {
        let of = |input: &super::interface::Input| {
            format!("{}:{rows}x{}", input.name, input.columns.len())
        };
        interface.inputs.iter().map(of).collect::<Vec<_>>().join(",")
    };
    let [least, .., most] = SIZES;
    let mut provider = ep::TensorRT::default().with_fp16(settings.fp16);
    if interface.rows.is_none() {
        provider = provider
            .with_profile_min_shapes(shapes(least))
            .with_profile_opt_shapes(shapes(most))
            .with_profile_max_shapes(shapes(most));
    }
    if let Some(folder) = &settings.engine_cache {
        provider = provider.with_engine_cache(true).with_engine_cache_path(folder.display());
    }
    provider.build()
}
