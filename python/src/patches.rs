//! Statements about all patches of a patchset.

use std::sync::Arc;

use neyman::fit::Tolerance;
use neyman::session::{Limit, LimitOptions, TestOptions, limits_of_patches};
use neyman::spec::patchset::PatchValue;
use neyman::spec::{LoadOptions, Loaded, PatchedWorkspaces};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{array, known, matrix, raise, tolerance, vector};
use crate::devices::request;
use crate::model::Source;
use crate::work::{Control, long};

/// A workspace and a patchset.
#[pyclass(frozen, module = "neyman._core")]
pub(crate) struct Patches {
    workspaces: Arc<PatchedWorkspaces>,
    source: Source,
}

/// A name or a number.
#[derive(IntoPyObject)]
enum Label {
    Number(f64),
    Text(String),
}

#[pymethods]
impl Patches {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    #[pyo3(signature = (workspace, patches, patchset, measurement, poi, interpolation, patch_name, verify))]
    fn new(
        workspace: Vec<u8>,
        patches: Vec<Vec<u8>>,
        patchset: Vec<u8>,
        measurement: Option<String>,
        poi: Option<String>,
        interpolation: String,
        patch_name: Option<String>,
        verify: bool,
    ) -> PyResult<Self> {
        let source = Source {
            workspace: Vec::new(),
            patches,
            patch_name,
            measurement,
            poi,
            interpolation,
            has_data: true,
        };
        source.model_options()?;
        let options = LoadOptions { skip_verification: !verify, ..source.load_options()? };
        let read = PatchedWorkspaces::read(&workspace, &patchset, &options);
        Ok(Self { workspaces: Arc::new(read.map_err(raise)?), source })
    }

    /// What the patches are, by name; `values` one row a patch.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let set = self.workspaces.patchset();
        let value = |of: &PatchValue| match of {
            PatchValue::Number(number) => Label::Number(number.as_f64().unwrap_or(f64::NAN)),
            PatchValue::Text(text) => Label::Text(text.clone()),
        };
        let values: Vec<Vec<Label>> =
            set.patches.iter().map(|p| p.values.iter().map(value).collect()).collect();
        let d = PyDict::new(py);
        d.set_item("labels", &set.labels)?;
        d.set_item("names", set.patches.iter().map(|p| p.name.as_str()).collect::<Vec<_>>())?;
        d.set_item("values", values)?;
        d.set_item("digest", self.workspaces.digest().map_err(raise)?)?;
        Ok(d)
    }

    /// Upper limits of the patches with these indices.
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn limits<'py>(
        &self,
        py: Python<'py>,
        range: (usize, usize),
        device: (String, String, bool),
        test_statistic: &str,
        confidence_level: f64,
        values: PyReadonlyArray1<'py, f64>,
        edm: Option<f64>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let request = request(&device.0, &device.1, device.2)?;
        let statistic = test_statistic.parse().map_err(raise)?;
        let test =
            TestOptions { poi: None, statistic, tolerance: tolerance(edm, Tolerance::PARITY)? };
        let options = LimitOptions { test, confidence_level, values: vector(&values) };
        let (workspaces, model) = (Arc::clone(&self.workspaces), self.source.model_options()?);
        let found = long(py, progress.as_ref(), move |control: &Control| {
            control.expect((range.1 - range.0) as u64);
            let compile = |loaded: &Loaded| {
                neyman::model::Model::new(&loaded.workspace, loaded.measurement, &model)
            };
            let done = |_, _: &_| control.add(1);
            let range = range.0..range.1;
            let stop = &control.stop;
            Ok(limits_of_patches(&workspaces, range, &compile, &request, &options, stop, &done))
        })?;
        // only an exception stops it, and nobody listens then
        limits(py, found.into_iter().flatten().collect())
    }
}

/// One row a patch; those that failed have an exception instead of limits.
fn limits(py: Python<'_>, rows: Vec<neyman::Result<Limit>>) -> PyResult<Bound<'_, PyDict>> {
    let found = |row: &neyman::Result<Limit>| row.as_ref().ok().map(|l| (l.observed, l.expected));
    let observed = known(rows.iter().map(|row| found(row).and_then(|(observed, _)| observed)));
    let expected = rows.iter().flat_map(|row| found(row).map_or([None; 5], |(_, band)| band));
    let d = PyDict::new(py);
    d.set_item("observed", array(py, observed))?;
    d.set_item("expected", matrix(py, known(expected), 5)?)?;
    d.set_item("poi", rows.iter().flatten().next().map(|limit| limit.poi.as_str()))?;
    let (mut statuses, mut notes, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match row {
            Ok(limit) => {
                statuses.push(limit.status.as_str().to_owned());
                notes.push(limit.notes);
                failures.push(None);
            }
            Err(error) => {
                statuses.push(error.to_string());
                notes.push(Vec::new());
                failures.push(Some(raise(error).into_value(py)));
            }
        }
    }
    d.set_item("point_status", statuses)?;
    d.set_item("point_notes", notes)?;
    d.set_item("failures", failures)?;
    Ok(d)
}
