//! HistFactory likelihood fits and toys, exact and fast, on the machine in front of you. A workspace
//! is read as pyhf writes it ([`spec`]), compiled to a likelihood ([`model`]) and put on a device
//! ([`accelerator`]); everything that can be said about it is then one call of a
//! [`Session`](session::Session).
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//!
//! use neyman::accelerator::DeviceChoice;
//! use neyman::model::{Model, ModelOptions};
//! use neyman::session::{FitOptions, Session, ToyPlan};
//! use neyman::spec::{self, LoadOptions};
//!
//! let text = r#"{
//!   "channels": [{"name": "region", "samples": [
//!     {"name": "signal", "data": [5, 10],
//!      "modifiers": [{"name": "mu", "type": "normfactor", "data": null}]},
//!     {"name": "background", "data": [50, 60],
//!      "modifiers": [{"name": "gamma", "type": "shapesys", "data": [5, 12]}]}]}],
//!   "observations": [{"name": "region", "data": [52, 71]}],
//!   "measurements": [{"name": "search", "config": {"poi": "mu", "parameters": []}}],
//!   "version": "1.0.0"
//! }"#;
//! let loaded = spec::load(text.as_bytes(), &LoadOptions::default())?;
//! let model = Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default())?;
//! let session = Session::new(model, DeviceChoice::Auto)?;
//!
//! // signal strength and two gammas for two bins: the fit hits both counts
//! let fit = session.fit(session.model().observed(), &FitOptions::default())?;
//! assert!(fit.status.is_converged());
//! let mu = session.model().parameter_index("mu").expect("a parameter");
//! println!("mu = {:.2} +- {:.2}", fit.parameters[mu], fit.uncertainties[mu]);
//!
//! // 100 toys from the best fit, each fitted freely and at the true mu
//! let plan = ToyPlan {
//!     hold: vec![(mu, fit.parameters[mu])],
//!     truth: fit.parameters,
//!     seed: 1,
//!     range: 0..100,
//!     keep_data: false,
//!     tolerance: Default::default(),
//! };
//! let mut converged = 0;
//! let done = session.toys(&plan, 50, &AtomicBool::new(false), &mut |chunk| {
//!     converged += chunk.fits.status.iter().filter(|s| s.is_converged()).count();
//!     Ok(())
//! })?;
//! assert_eq!((done, converged), (100, 100));
//! # Ok::<(), neyman::Error>(())
//! ```
//!
//! `docs/ARCHITECTURE.md` in the repository says how the parts depend on each other and why.

pub mod accelerator;
mod aligned;
pub mod error;
pub mod fit;
pub mod infer;
mod legendre;
pub mod model;
#[cfg(feature = "plot")]
pub mod plot;
pub mod results;
pub mod session;
pub mod spec;
pub mod tmd;
pub mod unbinned;

pub use error::{Error, Result};

/// The README's Rust, compiled and run with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
