//! Fits of transverse-momentum-dependent distributions (TMDs): cross sections as Fourier-Bessel integrals of
//! products of two of them, exact and differentiable, with all Bessel functions worked out before the fit.
//!
//! `pred_i = c_i sum_s sum_n K_sn E(b_n, zeta_s)^2 f_s(x_s, b_n) D_s(z_s, b_n)`, the sums over [`Segment`]s of a
//! point and the nodes of a quadrature ([`quadrature`]). The factors K hold weights, Bessel functions and
//! luminosities ([`luminosity`]); what a fit changes are the shapes f and D ([`shape`]) and the evolution E.

#[cfg(feature = "tmd")]
pub mod files;
pub mod fit;
mod kernel;
pub mod luminosity;
pub mod plan;
mod pullback;
pub mod quadrature;
pub mod session;
pub mod shape;
pub mod sidis;

pub use plan::{Evolution, Plan, Prediction, Segment, Side};
pub use quadrature::{At, Measure, Nodes, Rule};
pub use session::{Evaluate, PlanSession};
pub use shape::Shape;
pub use sidis::Sidis;
