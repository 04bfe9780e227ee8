//! Python's way into `neyman`: arguments are converted, the interpreter is released, one call of the
//! library is made, results are converted. What the public package `neyman` adds is written in Python.

mod arrow;
mod asking;
mod by_toys;
mod convert;
mod devices;
mod differentiable;
mod draw;
mod events;
mod likelihood;
mod model;
mod options;
mod patches;
mod pending;
mod scans;
mod session;
mod statements;
mod tmd;
mod tmd_fit;
mod toys;
mod unbinned;
mod work;

use pyo3::prelude::*;

/// Native part of `neyman`; use that.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::arrow::read_arrow;
    #[pymodule_export]
    use super::devices::devices;
    #[pymodule_export]
    use super::devices::has_backend;
    #[pymodule_export]
    use super::differentiable::Differentiable;
    #[pymodule_export]
    use super::differentiable::ProfiledFit;
    #[pymodule_export]
    use super::draw::draw;
    #[pymodule_export]
    use super::events::{onnx_library, read_parquet, reduce_lse};
    #[pymodule_export]
    use super::likelihood::Likelihood;
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::patches::Patches;
    #[pymodule_export]
    use super::pending::Pending;
    #[pymodule_export]
    use super::scans::{join_scans, join_scans2d};
    #[pymodule_export]
    use super::session::Session;
    #[pymodule_export]
    use super::tmd::TmdPlan;
    #[pymodule_export]
    use super::tmd_fit::fit_tmd;
    #[pymodule_export]
    use super::unbinned::UnbinnedModel;

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
