//! What one fit may be told, whatever its likelihood.

use super::Tolerance;

/// What one fit may be told.
#[derive(Debug, Clone, Default)]
pub struct FitOptions {
    /// Parameters held at a value, by name, in addition to those that the model holds.
    pub fix: Vec<(String, f64)>,
    /// When to stop.
    pub tolerance: Tolerance,
}
