//! The shared inverse curvature at every step of damping, made when first asked for.

use std::sync::OnceLock;

use super::inverse::invert;
use crate::accelerator::{Curvature, Damping, InverseCurvature};

/// Steps of damping: none, then 0.01 times powers of 8.
pub(super) const LEVELS: usize = 12;

/// Damping at a level.
pub(super) fn lambda(level: usize) -> f64 {
    if level == 0 { 0.0 } else { 0.01 * 8f64.powi(level as i32 - 1) }
}

pub(super) struct Ladder<'a> {
    curvature: Curvature,
    fixed: &'a [bool],
    levels: [OnceLock<InverseCurvature>; LEVELS],
}

impl<'a> Ladder<'a> {
    pub(super) fn new(curvature: Curvature, fixed: &'a [bool]) -> Self {
        Self { curvature, fixed, levels: Default::default() }
    }
}

impl Damping for Ladder<'_> {
    fn at(&self, level: usize) -> &InverseCurvature {
        self.levels[level].get_or_init(|| invert(&self.curvature, self.fixed, lambda(level)))
    }
}
