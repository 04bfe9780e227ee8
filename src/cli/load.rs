//! From arguments to a model on a device: the one place that knows how workspaces are read.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use neyman::Result;
use neyman::accelerator::{DeviceChoice, DeviceInfo, DeviceRequest};
use neyman::model::{Model, ModelOptions, PoiChoice};
use neyman::results::ToyRun;
use neyman::session::{Session, SessionOptions};
use neyman::spec::patchset::{PatchChoice, PatchSet};
use neyman::spec::{
    self, LoadOptions, Measurement, PatchSource, PatchedWorkspaces, Warning, Workspace,
    display_name,
};

use super::arguments::{Global, WorkspaceArguments};
use super::failure::{Failure, display_file, one_line};
use super::table::{count, count_of};
use super::{cache, input, output};

/// A workspace with its model.
pub(crate) struct Loaded {
    pub(crate) workspace: Workspace,
    /// Index of the measurement in use.
    pub(crate) measurement: usize,
    pub(crate) model: Model,
    pub(crate) warnings: Vec<Warning>,
    /// The file's name.
    pub(crate) file: String,
    /// sha256 of the patched workspace, as pyhf computes it.
    pub(crate) digest: String,
}

impl Loaded {
    pub(crate) fn measurement(&self) -> &Measurement {
        &self.workspace.measurements[self.measurement]
    }
}

/// Reads the files and compiles the model.
pub(crate) fn load(arguments: &WorkspaceArguments) -> Result<Loaded, Failure> {
    let bytes = input::read(&arguments.workspace)?;
    let options = options(arguments, &arguments.patch)?;
    compile(&bytes, &options, arguments).map_err(|error| {
        let digest = error.is_digest();
        let failure = Failure::in_file(&arguments.workspace, error);
        let about_poi = failure.path().is_some_and(|path| path.ends_with("/config/poi"));
        if digest {
            failure.hint("--no-verify applies the patch all the same")
        } else if about_poi {
            failure.hint(
                "--no-poi for fits and toys of a background-only workspace; --poi names another; \
                 --patch adds a signal",
            )
        } else {
            failure
        }
    })
}

/// How the workspace is read, with these patches.
fn options(arguments: &WorkspaceArguments, patches: &[PathBuf]) -> Result<LoadOptions, Failure> {
    let patches = patches.iter().map(|path| patch(path, arguments.patch_name.as_deref()));
    Ok(LoadOptions {
        patches: patches.collect::<Result<_, _>>()?,
        measurement: arguments.measurement.clone(),
        poi: poi_to_check(arguments),
        skip_verification: arguments.no_verify,
        ..LoadOptions::default()
    })
}

/// The device of a run that goes on: where it began. Automatic choice goes by timings, which differ from
/// time to time, and devices differ in the last digits.
pub(crate) fn request_of_begun(
    asked: DeviceRequest,
    begun: impl FnOnce() -> Option<ToyRun>,
) -> DeviceRequest {
    let run = if asked.device == DeviceChoice::Auto { begun() } else { None };
    let device = run.map(|run| (run.device.parse(), run.precision.parse()));
    match device {
        Some((Ok(device), Ok(precision))) => DeviceRequest { device, precision, ..asked },
        // a damaged file; the store says so
        _ => asked,
    }
}

/// What the reader of the workspace is to check instead of the measurement's parameter of interest.
/// It knows modifiers, not their components (`stat[1]`): those are left to the model.
fn poi_to_check(arguments: &WorkspaceArguments) -> Option<String> {
    match &arguments.poi {
        Some(name) if name.ends_with(']') => Some(String::new()),
        Some(name) => Some(name.clone()),
        None => arguments.no_poi.then(String::new),
    }
}

fn compile(bytes: &[u8], options: &LoadOptions, arguments: &WorkspaceArguments) -> Result<Loaded> {
    let mut loaded = spec::load(bytes, options)?;
    if arguments.poi.is_some() {
        loaded.workspace.measurements[loaded.measurement].poi.clone_from(&arguments.poi);
    }
    let model = model(&loaded, arguments)?;
    let warnings = loaded.warnings.into_iter().chain(model.warnings().iter().cloned()).collect();
    Ok(Loaded {
        workspace: loaded.workspace,
        measurement: loaded.measurement,
        model,
        warnings,
        file: display_file(&arguments.workspace).to_string(),
        digest: loaded.digest,
    })
}

/// The model of a workspace as the arguments want it.
pub(crate) fn model(loaded: &spec::Loaded, arguments: &WorkspaceArguments) -> Result<Model> {
    let poi = match &arguments.poi {
        Some(name) => PoiChoice::Named(name.clone()),
        None if arguments.no_poi => PoiChoice::None,
        None => PoiChoice::FromMeasurement,
    };
    let options = ModelOptions { poi, interpolation: arguments.interpolation };
    let model = Model::new(&loaded.workspace, loaded.measurement, &options)?;
    Ok(model.with_negative_rates(arguments.negative_rates.into()))
}

/// The workspace with a patchset of which all patches are wanted: the last `--patch`.
pub(crate) fn patched(arguments: &WorkspaceArguments) -> Result<PatchedWorkspaces, Failure> {
    let bytes = input::read(&arguments.workspace)?;
    let Some((last, before)) = arguments.patch.split_last() else {
        return Err(Failure::usage("--patch FILE is needed: a patchset"));
    };
    let set = input::read(last)?;
    let options = options(arguments, before)?;
    PatchedWorkspaces::read(&bytes, &set, &options).map_err(|error| {
        let digest = error.is_digest();
        let failure = Failure::in_file(&arguments.workspace, error);
        if digest { failure.hint("--no-verify applies the patches all the same") } else { failure }
    })
}

/// A bar on stderr; indicatif itself stays silent where that is no terminal.
pub(crate) fn progress(global: &Global, n: u64, what: &str) -> ProgressBar {
    let target =
        if global.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(n), target);
    let template =
        format!("{{wide_bar}} {{human_pos}}/{{human_len}} {what}  {{per_sec}}  {{eta}} left");
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A JSON patch is a list, a patchset an object.
fn patch(path: &Path, name: Option<&str>) -> Result<PatchSource, Failure> {
    let bytes = input::read(path)?;
    let in_file = |error| Failure::in_file(path, error);
    let document = spec::json::parse(&bytes).map_err(in_file)?;
    if document.is_array() {
        return Ok(PatchSource::Patch(bytes));
    }
    let set = PatchSet::from_value(&document).map_err(in_file)?;
    let Some(name) = name else {
        const FEW: usize = 5;
        let mut names: Vec<_> =
            set.patches.iter().map(|p| display_name(&p.name)).take(FEW).collect();
        if set.patches.len() > FEW {
            names.push("...".into());
        }
        let patches = count_of(set.patches.len(), "patch", "patches");
        let message = format!(
            "{}: a patchset: choose one of its {patches} with --patch-name",
            display_file(path)
        );
        return Err(Failure::input(message).hint(format!("patches are {}", names.join(", "))));
    };
    Ok(PatchSource::PatchSet { bytes, choice: PatchChoice::Name(name.to_owned()) })
}

/// Loads, warns on stderr, and opens the device asked for.
pub(crate) fn open(
    global: &Global,
    arguments: &WorkspaceArguments,
) -> Result<(Loaded, Session), Failure> {
    // a wrong name shows before a large file is read
    open_on(&request(global)?, global, arguments)
}

/// The same on a device of the caller's.
pub(crate) fn open_on(
    request: &DeviceRequest,
    global: &Global,
    arguments: &WorkspaceArguments,
) -> Result<(Loaded, Session), Failure> {
    open_held(request, global, arguments, &[])
}

/// The same with parameters held at values.
pub(crate) fn open_held(
    request: &DeviceRequest,
    global: &Global,
    arguments: &WorkspaceArguments,
    held: &[(String, f64)],
) -> Result<(Loaded, Session), Failure> {
    let mut loaded = load(arguments)?;
    for (name, value) in held {
        let index = loaded.model.parameter_index(name);
        let index = index.ok_or_else(|| {
            neyman::Error::Argument(format!("the model has no parameter {}", display_name(name)))
        })?;
        loaded.model = loaded.model.with_fixed(index, *value)?;
    }
    warn(global, &arguments.workspace, &loaded.warnings);
    let options = SessionOptions { cache: cache::folder() };
    let session = Session::with_options(loaded.model.clone(), request, options)?;
    Ok((loaded, session))
}

/// What the command line asks of a device.
pub(crate) fn request(global: &Global) -> Result<DeviceRequest> {
    Ok(DeviceRequest {
        device: global.device.parse()?,
        precision: global.precision.parse()?,
        host_fallback: !global.no_host_fallback,
    })
}

/// Says with `--verbose` what runs, and why.
pub(crate) fn say_device(global: &Global, info: &DeviceInfo) {
    if global.verbose {
        let DeviceInfo { name, description, precision, reason, .. } = info;
        output::note(&one_line(&format!("device: {name}, {description}, {precision} ({reason})")));
    }
}

/// Shows the first few warnings; all of them with `--verbose`.
pub(crate) fn warn(global: &Global, file: &Path, warnings: &[Warning]) {
    let file = display_file(file);
    let lines: Vec<_> =
        warnings.iter().map(|w| format!("{file}: {}: {}", w.path, w.message)).collect();
    warn_lines(global, &lines, &format!("{file}: "), "shown by neyman validate");
}

/// Shows the first few lines, safe to print; all of them with `--verbose`. `rest` says where the
/// others can be seen.
pub(crate) fn warn_lines(global: &Global, lines: &[String], place: &str, rest: &str) {
    const FEW: usize = 5;
    if global.quiet {
        return;
    }
    let shown = if global.verbose { lines.len() } else { lines.len().min(FEW) };
    for line in &lines[..shown] {
        output::note(&one_line(&format!("warning: {line}")));
    }
    if lines.len() > shown {
        let more = count(lines.len() - shown, "more warning");
        output::note(&format!("warning: {place}{more}, {rest}"));
    }
}
