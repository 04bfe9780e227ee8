//! HistFactory likelihood fits and toys.

pub mod accelerator;
mod aligned;
pub mod error;
pub mod fit;
pub mod model;
pub mod results;
pub mod session;
pub mod spec;

pub use error::{Error, Result};
