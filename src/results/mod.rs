//! Results of toys on disk: chunk files while a run lasts, one NumPy `.npz` file at its end.
//!
//! The final file is the same to the bit whether the run went through at once or was killed and
//! resumed, and whatever the number of threads.

pub mod atomic;
mod digest;
mod layout;
pub mod npz;
mod piece;
mod run;
mod store;
mod summary;

pub use digest::model_digest;
pub use run::ToyRun;
pub use store::ToyStore;
pub use summary::ToySummary;

#[cfg(test)]
mod tests;
