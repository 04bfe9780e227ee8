//! Where this build can compute.

use neyman::accelerator::gpu::adapters;
use neyman::accelerator::{DeviceChoice, DeviceInfo, DeviceRequest, PrecisionChoice, cpu, cuda};
use neyman::session::self_test;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// What a device is, by name.
pub(crate) fn describe<'py>(py: Python<'py>, info: &DeviceInfo) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("name", &info.name)?;
    d.set_item("backend", &info.backend)?;
    d.set_item("driver", &info.driver)?;
    d.set_item("precision", &info.precision)?;
    d.set_item("description", &info.description)?;
    d.set_item("reason", &info.reason)?;
    Ok(d)
}

struct Row {
    device: String,
    also: Option<String>,
    name: String,
    backend: String,
    driver: String,
    kind: String,
    precisions: Vec<&'static str>,
    passed: Option<bool>,
    message: Option<String>,
}

fn rows(test: bool) -> Vec<Row> {
    let info = cpu::describe(cpu::lanes(), "");
    let mut rows = vec![Row {
        device: info.name,
        also: None,
        name: info.description,
        backend: info.backend,
        driver: info.driver,
        kind: "processor".into(),
        precisions: vec!["f64"],
        passed: None,
        message: None,
    }];
    let tested = |device: DeviceChoice, precision: Option<PrecisionChoice>| {
        let Some(precision) = precision.filter(|_| test) else { return (None, None) };
        let request = DeviceRequest { device, precision, ..DeviceRequest::default() };
        match self_test(&request) {
            Ok(message) => (Some(true), Some(message)),
            Err(error) => (Some(false), Some(error.to_string())),
        }
    };
    for adapter in adapters::list() {
        let info = &adapter.info;
        let device = DeviceChoice::Gpu { backend: None, index: Some(info.index) };
        let precision = adapters::precision_for(PrecisionChoice::Auto, info).ok();
        let (passed, message) = tested(device, precision.map(Into::into));
        rows.push(Row {
            device: info.device(),
            also: Some(info.backend_device()),
            name: info.name.clone(),
            backend: info.backend.as_str().into(),
            driver: info.driver.clone(),
            kind: info.kind.as_str().into(),
            precisions: info.precisions().into_iter().map(|p| p.as_str()).collect(),
            passed,
            message,
        });
    }
    for card in cuda::list().unwrap_or_default() {
        let device = DeviceChoice::Cuda { index: Some(card.index) };
        let (passed, message) = tested(device, Some(PrecisionChoice::F64));
        rows.push(Row {
            device: card.device(),
            also: None,
            name: card.name.clone(),
            backend: "cuda".into(),
            driver: card.driver.clone(),
            kind: "discrete".into(),
            precisions: vec!["f64"],
            passed,
            message,
        });
    }
    rows
}

/// All devices, the processor first.
#[pyfunction]
pub(crate) fn devices(py: Python<'_>, test: bool) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for row in py.detach(|| rows(test)) {
        let d = PyDict::new(py);
        d.set_item("device", row.device)?;
        d.set_item("also", row.also)?;
        d.set_item("name", row.name)?;
        d.set_item("backend", row.backend)?;
        d.set_item("driver", row.driver)?;
        d.set_item("type", row.kind)?;
        d.set_item("precisions", row.precisions)?;
        d.set_item("passed", row.passed)?;
        d.set_item("message", row.message)?;
        list.append(d)?;
    }
    Ok(list)
}

/// Whether there is hardware for `vulkan`, `metal`, `dx12` or `cuda`.
#[pyfunction]
pub(crate) fn has_backend(py: Python<'_>, backend: &str) -> bool {
    py.detach(|| match backend {
        "cuda" => cuda::list().is_ok_and(|cards| !cards.is_empty()),
        other => adapters::list().iter().any(|a| a.info.backend.as_str() == other),
    })
}
