//! Results of toys on disk: chunk files while a run lasts, one NumPy `.npz` file at its end.
//!
//! The final file is the same to the bit whether the run went through at once or was killed and
//! resumed, whatever the number of threads, and whether it was divided and [merged](merge).

pub mod atomic;
mod digest;
mod ensembles;
mod file;
mod layout;
pub mod npz;
mod npz_reader;
mod piece;
mod run;
mod store;
mod summary;

pub use digest::model_digest;
pub use ensembles::{begun_in, ensemble_file, read_from_disk, throw_to_disk};
pub use file::{ToyFile, merge};
pub use run::ToyRun;
pub use store::ToyStore;
pub use summary::ToySummary;

#[cfg(test)]
mod tests;
