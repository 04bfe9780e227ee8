//! Where this build can compute.

use neyman::accelerator::gpu::adapters;
use neyman::accelerator::{DeviceInfo, DeviceRequest, cuda};
use neyman::session::list_devices;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::raise;

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

/// A device in the words that users have for it.
pub(crate) fn request(
    device: &str,
    precision: &str,
    host_fallback: bool,
) -> PyResult<DeviceRequest> {
    Ok(DeviceRequest {
        device: device.parse().map_err(raise)?,
        precision: precision.parse().map_err(raise)?,
        host_fallback,
    })
}

/// All devices, the processor first.
#[pyfunction]
pub(crate) fn devices(py: Python<'_>, test: bool) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for row in py.detach(|| list_devices(&DeviceRequest::default(), test)) {
        let d = PyDict::new(py);
        d.set_item("device", row.device)?;
        d.set_item("also", row.also)?;
        d.set_item("name", row.name)?;
        d.set_item("backend", row.backend)?;
        d.set_item("driver", row.driver)?;
        d.set_item("type", row.kind)?;
        d.set_item("precisions", row.precisions)?;
        d.set_item("passed", row.test.as_ref().map(|test| test.passed))?;
        d.set_item("message", row.test.map(|test| test.message))?;
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
