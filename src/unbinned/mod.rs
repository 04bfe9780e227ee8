//! Likelihoods of single events: tables of events ([`events`]), densities ([`pdf`]), expected numbers of
//! events ([`yields`]), the extended likelihood of a mixture of processes ([`reduce`]) and of a whole model
//! ([`model`]), its fit ([`fit`]), and data that a model makes: toys and Asimov data ([`toys`]).

pub mod events;
pub mod fit;
#[cfg(feature = "parquet")]
pub mod hs3;
mod kernel;
pub mod model;
mod notes;
mod packed;
pub mod pdf;
mod quadrature;
pub mod reduce;
#[cfg(feature = "parquet")]
pub mod spec;
mod sum;
pub mod toys;
pub mod yields;

pub use events::{EventTable, Observable, OutOfBounds};
pub use model::UnbinnedModel;
