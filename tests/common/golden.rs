//! Workspaces with numbers recorded from pyhf.

use neyman::model::interpolation::Interpolation;
use neyman::model::{Model, ModelOptions};
use neyman::spec::Loaded;
use serde_json::Value;

use super::{data_directory, load_workspace, numbers, read_json};

/// One workspace with its recorded numbers.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) recorded: Value,
    pub(crate) loaded: Loaded,
}

impl Golden {
    pub(crate) fn compile(&self, interpolation: Interpolation) -> Model {
        let options = ModelOptions { interpolation, ..ModelOptions::default() };
        Model::new(&self.loaded.workspace, self.loaded.measurement, &options)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The recorded points: label and all, then the parameters.
    pub(crate) fn points(&self) -> impl Iterator<Item = (&Value, Vec<f64>)> {
        let points = self.recorded["points"].as_array().expect("points");
        points.iter().map(|point| (point, numbers(&point["pars"])))
    }
}

/// All of them by name; none without the data directory.
pub(crate) fn goldens() -> Vec<Golden> {
    let Some(directory) = data_directory() else {
        return Vec::new();
    };
    let mut files: Vec<_> = std::fs::read_dir(directory.join("goldens"))
        .expect("goldens")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| !path.file_name().expect("name").to_string_lossy().starts_with('_'))
        .collect();
    files.sort();
    let goldens: Vec<Golden> = files
        .iter()
        .map(|path| {
            let recorded = read_json(path);
            let name = path.file_stem().expect("name").to_string_lossy().into_owned();
            let workspace = directory.join("workspaces").join(format!("{name}.json"));
            let measurement = recorded["measurement"].as_str();
            let loaded = load_workspace(&workspace, measurement, !recorded["poi"].is_null());
            Golden { name, recorded, loaded }
        })
        .collect();
    // an empty folder must not pass for a passed test
    assert!(goldens.len() > 40, "only {} goldens in {}", goldens.len(), directory.display());
    goldens
}
