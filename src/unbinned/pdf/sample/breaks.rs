//! Densities of one observable as integrals see them.

use crate::error::{Error, Result};
use crate::unbinned::pdf::{Kind, Pdf, Window};

/// Integrals of densities differ from 1 by this at most, or are not believed.
const CLOSE: f64 = 1e-9;
/// Of more kernels than this the places are not looked at one by one.
const FEW_KERNELS: usize = 256;

impl Pdf {
    /// The density itself at some places of one observable.
    pub(in crate::unbinned) fn density_at<const N: usize>(
        &self,
        theta: &[f64],
        x: &[f64; N],
    ) -> Result<[f64; N]> {
        let mut log = [0.0; N];
        self.log_prob(theta, &[x], &mut log)?;
        Ok(log.map(libm::exp))
    }

    /// The ends of the window of the one observable and, between them and rising, where the density jumps or bends.
    pub(in crate::unbinned) fn edges(&self, theta: &[f64]) -> Vec<f64> {
        let mut all = match &self.kind {
            Kind::CrystalBall(_) => vec![theta[0] - theta[2] * theta[1]],
            Kind::DoubleCrystalBall(_) => {
                vec![theta[0] - theta[2] * theta[1], theta[0] + theta[4] * theta[1]]
            }
            Kind::AsymmetricCrystalBall(_) => {
                vec![theta[0] - theta[3] * theta[1], theta[0], theta[0] + theta[5] * theta[2]]
            }
            Kind::Argus(_) => vec![theta[0]],
            Kind::Histogram(h) => h.edges.clone(),
            Kind::Spline(spline) => spline.knots.clone(),
            _ => Vec::new(),
        };
        let window = Window::from(&self.observables[0]);
        all.extend([window.lo, window.hi]);
        within(window, all)
    }

    /// These and, of something narrow that an integral must not miss, where it is.
    pub(in crate::unbinned) fn breaks(&self, theta: &[f64]) -> Vec<f64> {
        let window = Window::from(&self.observables[0]);
        let mut all = self.edges(theta);
        let mut around = |place: f64, width: f64| {
            all.push(place);
            let mut step = width;
            while step < window.hi - window.lo && all.len() < 10_000 {
                all.extend([place - step, place + step]);
                step *= if step < 8.0 * width { 2.0 } else { 8.0 };
            }
        };
        match &self.kind {
            Kind::Gaussian(_) => {
                let (mu, sigma) = (theta[0], theta[1]);
                // of a far tail what lies at the near end
                let near = mu.clamp(window.lo, window.hi);
                let far = (near - mu).abs() / sigma;
                around(near, sigma / far.max(1.0));
            }
            Kind::BreitWigner(_) => around(theta[0], 0.5 * theta[1]),
            Kind::Voigtian(_) => around(theta[0], theta[1].min(theta[2])),
            Kind::Lognormal(_) => {
                let (mode, sigma) = (libm::exp(theta[0] - theta[1] * theta[1]), theta[1]);
                around(mode, mode * sigma.min(1.0));
            }
            Kind::Exponential(_) if theta[0] != 0.0 => {
                around(if theta[0] < 0.0 { window.lo } else { window.hi }, 1.0 / theta[0].abs());
            }
            Kind::CrystalBall(_) => {
                around(theta[0], theta[1]);
                around(theta[0] - theta[2] * theta[1], theta[1]);
            }
            Kind::DoubleCrystalBall(_) => {
                around(theta[0], theta[1]);
                around(theta[0] - theta[2] * theta[1], theta[1]);
                around(theta[0] + theta[4] * theta[1], theta[1]);
            }
            Kind::AsymmetricCrystalBall(_) => {
                around(theta[0], theta[1].min(theta[2]));
                around(theta[0] - theta[3] * theta[1], theta[1]);
                around(theta[0] + theta[5] * theta[2], theta[2]);
            }
            Kind::Kde(kde) if kde.kernels.len() <= FEW_KERNELS => {
                kde.kernels.iter().for_each(|(center, _)| {
                    all.extend([-6.0, -2.0, 0.0, 2.0, 6.0].map(|t| center + t * kde.bandwidth));
                });
            }
            _ => {}
        }
        within(window, all)
    }
}

fn within(window: Window, mut all: Vec<f64>) -> Vec<f64> {
    all.retain(|x| (window.lo..=window.hi).contains(x));
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// A density whose integral is not 1 was not looked at closely enough.
pub(in crate::unbinned) fn check_integral(kind: &str, integral: f64) -> Result<()> {
    if (integral - 1.0).abs() <= CLOSE {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "{kind}: its numeric integral is {integral} instead of 1; it is too narrow or too steep somewhere"
    )))
}
