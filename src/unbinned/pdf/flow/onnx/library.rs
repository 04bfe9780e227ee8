//! The library onnxruntime, looked for when the first model is opened, and what the process wants of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use ort::environment::Environment;

use super::EpKind;
use crate::error::{Error, Result};

/// What models in ONNX are run with, in the whole process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The library's file. `None`: the system's, by its usual names.
    pub library: Option<PathBuf>,
    /// What may run a model; the first that can run all of it does.
    pub providers: Vec<EpKind>,
    /// Folder where TensorRT keeps what it made of a model, which takes it minutes.
    pub engine_cache: Option<PathBuf>,
    /// Whether TensorRT may calculate with 11 bits. Likelihoods need more.
    pub fp16: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            library: None,
            providers: vec![EpKind::TensorRt, EpKind::Cuda, EpKind::Cpu],
            engine_cache: None,
            fp16: false,
        }
    }
}

/// A library in use.
struct Opened {
    environment: Environment,
    file: PathBuf,
}

#[derive(Default)]
struct State {
    settings: Settings,
    opened: Option<Opened>,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);

/// Where the system finds it, as its packages and archives name it.
const NAMES: &[&str] = if cfg!(windows) {
    &["onnxruntime.dll"]
} else if cfg!(target_os = "macos") {
    &["libonnxruntime.dylib", "libonnxruntime.1.dylib"]
} else {
    &["libonnxruntime.so", "libonnxruntime.so.1"]
};
const REMEDY: &str = "install onnxruntime 1.17 or later (pip install onnxruntime brings it) and name the file of its \
                      library: the command and Python take it from ORT_DYLIB_PATH, Rust from onnx::configure";

fn state() -> MutexGuard<'static, State> {
    // nothing is left half done by a panic
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says what models in ONNX are run with from here on; those that are open stay as they are.
///
/// # Errors
///
/// [`Error::Argument`]: no provider; another library than the one in use, of which a process has one.
pub fn configure(settings: Settings) -> Result<()> {
    let mut state = state();
    if settings.providers.is_empty() {
        return Err(Error::Argument("onnxruntime: at least one provider is needed".into()));
    }
    if let (Some(opened), Some(wanted)) = (&state.opened, &settings.library)
        && *wanted != opened.file
    {
        return Err(Error::Argument(format!(
            "onnxruntime: {} is in use, and a process cannot have {} as well",
            opened.file.display(),
            wanted.display()
        )));
    }
    state.settings = settings;
    Ok(())
}

/// What is configured.
pub fn settings() -> Settings {
    state().settings.clone()
}

/// The library, opened if it is not yet, and the settings. A process has one environment; where there is no library,
/// the next call looks again.
pub(super) fn opened() -> Result<(Environment, Settings)> {
    let mut state = state();
    if state.opened.is_none() {
        state.opened = Some(open(state.settings.library.as_deref())?);
    }
    let opened = state.opened.as_ref().expect("just opened");
    Ok((opened.environment.clone(), state.settings.clone()))
}

fn open(library: Option<&Path>) -> Result<Opened> {
    let names = match library {
        Some(file) => vec![file.to_owned()],
        None => NAMES.iter().map(PathBuf::from).collect(),
    };
    let mut reasons = Vec::new();
    for file in names {
        // a name without a folder is the system's to find
        let named = file.components().count() == 1;
        if !named && !file.is_file() {
            reasons.push(format!("{} is not there", file.display()));
            continue;
        }
        match ort::init_from(&file) {
            Ok(builder) => {
                // failures come back as errors: nothing is to be printed, and nothing sent anywhere
                let quiet = builder.with_logger(Arc::new(|_, _, _, _, _| {}));
                let environment = quiet.with_telemetry(false).build();
                let environment = environment.map_err(|error| unusable(&error.to_string()))?;
                return Ok(Opened { environment, file });
            }
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(unusable(&reasons.join("; ")))
}

fn unusable(why: &str) -> Error {
    Error::Device { device: "onnxruntime".into(), message: format!("{why}; {REMEDY}") }
}
