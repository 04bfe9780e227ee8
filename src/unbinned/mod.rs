//! Likelihoods of single events: tables of events ([`events`]), densities ([`pdf`]), expected numbers of
//! events ([`yields`]) and the extended likelihood of a mixture of processes ([`reduce`]).

pub mod events;
mod packed;
pub mod pdf;
pub mod reduce;
mod sum;
pub mod yields;

pub use events::{EventTable, Observable, OutOfBounds};
