//! From arguments to a model on a device: the one place that knows how workspaces are read.

use neyman::accelerator::{DeviceChoice, DeviceInfo};
use neyman::model::Model;
use neyman::session::Session;
use neyman::spec::{Measurement, Warning, Workspace};
use neyman::{Error, Result};

use super::arguments::{Global, WorkspaceArguments};
use super::failure::{Failure, display_file};
use super::table::{count, display_name};
use super::{input, output};

/// A workspace with its model.
pub(crate) struct Loaded {
    pub(crate) workspace: Workspace,
    /// Index of the measurement in use.
    pub(crate) measurement: usize,
    pub(crate) model: Model,
    pub(crate) warnings: Vec<Warning>,
}

impl Loaded {
    pub(crate) fn measurement(&self) -> &Measurement {
        &self.workspace.measurements[self.measurement]
    }
}

/// Reads the files and compiles the model.
pub(crate) fn load(arguments: &WorkspaceArguments) -> Result<Loaded, Failure> {
    let bytes = input::read(&arguments.workspace)?;
    let patches =
        arguments.patch.iter().map(|path| input::read(path)).collect::<Result<Vec<_>, _>>()?;
    compile(&bytes, &patches, arguments).map_err(|e| Failure::in_file(&arguments.workspace, e))
}

fn compile(bytes: &[u8], patches: &[Vec<u8>], arguments: &WorkspaceArguments) -> Result<Loaded> {
    // until the reader is merged
    let _ = (bytes, patches, arguments);
    Err(Error::Unsupported("workspaces cannot be read yet".into()))
}

/// Loads, warns on stderr, and opens the device.
pub(crate) fn open(
    global: &Global,
    arguments: &WorkspaceArguments,
) -> Result<(Loaded, Session), Failure> {
    // a wrong device shows before a large file is read
    let device = device(&global.device)?;
    let loaded = load(arguments)?;
    warn(global, arguments, &loaded.warnings);
    let session = Session::new(loaded.model.clone(), &device)?;
    if global.verbose {
        let info = session.device();
        output::note(&format!("device: {} ({})", info.description, info.reason));
    }
    Ok((loaded, session))
}

/// The device named on the command line.
fn device(name: &str) -> Result<DeviceChoice> {
    match name {
        "auto" => Ok(DeviceChoice::Auto),
        "cpu" => Ok(DeviceChoice::Cpu),
        _ => Err(Error::Device {
            device: display_name(name),
            message: "not in this build, which has: auto, cpu".into(),
        }),
    }
}

/// All devices this build can use here.
pub(crate) fn devices() -> Vec<DeviceInfo> {
    // until the accelerators can be asked
    let threads = rayon::current_num_threads();
    vec![DeviceInfo {
        name: "cpu".into(),
        precision: "f64".into(),
        description: format!("{} ({})", std::env::consts::ARCH, count(threads, "thread")),
        reason: String::new(),
    }]
}

/// Shows the first few warnings; all of them with `--verbose`.
pub(crate) fn warn(global: &Global, arguments: &WorkspaceArguments, warnings: &[Warning]) {
    const FEW: usize = 5;
    if global.quiet {
        return;
    }
    let file = display_file(&arguments.workspace);
    let shown = if global.verbose { warnings.len() } else { warnings.len().min(FEW) };
    for warning in &warnings[..shown] {
        output::note(&super::failure::one_line(&format!(
            "warning: {file}: {}: {}",
            warning.path, warning.message
        )));
    }
    if warnings.len() > shown {
        let more = count(warnings.len() - shown, "more warning");
        output::note(&format!("warning: {file}: {more}, shown by neyman validate"));
    }
}
