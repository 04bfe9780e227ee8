//! Densities by name.

use std::sync::Arc;

use super::{Kind, Pdf, Window};
use super::{
    argus, bernstein, breit_wigner, chebyshev, crystal_ball, double_crystal_ball, exponential,
    flow, gaussian, histogram, kde, lognormal, polynomial, product, spline, uniform, voigtian,
};
use crate::error::{Error, Result};
use crate::unbinned::events::Observable;

/// Highest order of a polynomial.
const MAX_ORDER: usize = 64;

/// The formulas are given before normalisation.
impl Pdf {
    /// `exp(-(x - mu)^2 / (2 sigma^2))` of `mu`, `sigma` > 0.
    pub fn gaussian(observable: &Observable) -> Self {
        Self::of(observable, |window| Kind::Gaussian(gaussian::Gaussian(window)))
    }

    /// `exp(lambda x)` of `lambda`, of either sign.
    pub fn exponential(observable: &Observable) -> Self {
        Self::of(observable, |window| Kind::Exponential(exponential::Exponential(window)))
    }

    /// A normal peak with a power law below (Skwarnicki, DESY F31-86-02) of `mu`, `sigma`, `alpha`, `n`, the
    /// last three above 0: `exp(-t^2 / 2)` for `t = (x - mu) / sigma > -alpha`, below it
    /// `(1 + alpha (-t - alpha) / n)^-n exp(-alpha^2 / 2)`.
    pub fn crystal_ball(observable: &Observable) -> Self {
        Self::of(observable, |window| Kind::CrystalBall(crystal_ball::CrystalBall(window)))
    }

    /// The same with a power law on both sides, of `mu`, `sigma`, `alpha_l`, `n_l`, `alpha_r`, `n_r`.
    pub fn double_crystal_ball(observable: &Observable) -> Self {
        Self::of(observable, |window| {
            Kind::DoubleCrystalBall(double_crystal_ball::DoubleCrystalBall(window))
        })
    }

    /// The same with a width of its own on each side, of `mu`, `sigma_l`, `sigma_r`, `alpha_l`, `n_l`,
    /// `alpha_r`, `n_r`.
    pub fn asymmetric_crystal_ball(observable: &Observable) -> Self {
        Self::of(observable, |window| {
            Kind::AsymmetricCrystalBall(double_crystal_ball::AsymmetricCrystalBall(window))
        })
    }

    /// `1 + sum c_k T_k(u)`, k from 1 to `order`, u from -1 to 1 over the window; of `c[0]` (k = 1) and so on.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for an order of 0 or above 64.
    pub fn chebyshev(observable: &Observable, order: usize) -> Result<Self> {
        if order == 0 {
            return Err(Error::Argument("a chebyshev of order 0 is a uniform".into()));
        }
        check_order(order)?;
        Ok(Self::of(observable, |window| Kind::Chebyshev(chebyshev::Chebyshev { window, order })))
    }

    /// `sum a_k x^k`, k from 0 to `order`, of `a[0]`, `a[1]` and so on. The overall scale of the coefficients
    /// is without effect: fix one of them.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for an order above 64.
    pub fn polynomial(observable: &Observable, order: usize) -> Result<Self> {
        check_order(order)?;
        Ok(Self::of(observable, |window| {
            Kind::Polynomial(polynomial::Polynomial { window, order })
        }))
    }

    /// `sum c_k binomial(n, k) u^k (1 - u)^(n - k)`, n = `order`, u from 0 to 1 over the window; of `c[0]` to
    /// `c[n]`, whose overall scale is without effect.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for an order above 64.
    pub fn bernstein(observable: &Observable, order: usize) -> Result<Self> {
        check_order(order)?;
        Ok(Self::of(observable, |window| Kind::Bernstein(bernstein::Bernstein { window, order })))
    }

    /// `x s^p exp(c s)`, `s = 1 - (x / m0)^2`, below m0 and 0 above (ARGUS, Phys. Lett. B 241 (1990) 278) of
    /// `m0`, `c`, `p` >= -0.9.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the window begins below 0.
    pub fn argus(observable: &Observable) -> Result<Self> {
        let argus = argus::Argus::new(observable.into())?;
        Ok(Self::of(observable, |_| Kind::Argus(argus)))
    }

    /// A Breit-Wigner convolved with a normal density, of `mu`, `sigma` (of the latter), `gamma` (half width at
    /// half maximum of the former), both above 0.
    pub fn voigtian(observable: &Observable) -> Self {
        Self::of(observable, |window| Kind::Voigtian(voigtian::Voigtian(window)))
    }

    /// `1 / ((x - mu)^2 + gamma^2 / 4)` of `mu`, `gamma` > 0 (full width at half maximum).
    pub fn breit_wigner(observable: &Observable) -> Self {
        Self::of(observable, |window| Kind::BreitWigner(breit_wigner::BreitWigner(window)))
    }

    /// `exp(-(ln x - mu)^2 / (2 sigma^2)) / x` of `mu`, `sigma` > 0, those of ln x.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the window begins below 0.
    pub fn lognormal(observable: &Observable) -> Result<Self> {
        let lognormal = lognormal::Lognormal::new(observable.into())?;
        Ok(Self::of(observable, |_| Kind::Lognormal(lognormal)))
    }

    /// The same everywhere; no parameters.
    pub fn uniform(observable: &Observable) -> Self {
        Self::of(observable, |window| Kind::Uniform(uniform::Uniform(window)))
    }

    /// Constant in each bin, proportional to its content; 0 outside the edges; no parameters. An inner edge
    /// belongs to the bin above it.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] unless edges rise, contents (one less than edges) are 0 or more, and some of it lies
    /// in the window.
    pub fn histogram(observable: &Observable, edges: &[f64], contents: &[f64]) -> Result<Self> {
        let histogram = histogram::Histogram::new(observable.into(), edges, contents)?;
        Ok(Self::of(observable, |_| Kind::Histogram(histogram)))
    }

    /// The mean of normal densities of width `bandwidth` around `centers`, each normalised on the window by
    /// itself, with weights that default to 1; no parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] unless the bandwidth is above 0, centres finite, weights 0 or more and not all 0.
    pub fn kde(
        observable: &Observable,
        centers: &[f64],
        weights: Option<&[f64]>,
        bandwidth: f64,
    ) -> Result<Self> {
        let kde = kde::Kde::new(observable.into(), centers, weights, bandwidth)?;
        Ok(Self::of(observable, |_| Kind::Kde(kde)))
    }

    /// Cubics through `values` at `knots`, monotone between any two of them (Fritsch and Carlson, SIAM J. Numer.
    /// Anal. 17 (1980) 238); 0 outside the knots; no parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] unless knots rise, 2 or more, values (as many) are 0 or more, and some of the integral
    /// lies in the window.
    pub fn spline(observable: &Observable, knots: &[f64], values: &[f64]) -> Result<Self> {
        let spline = spline::Spline::new(observable.into(), knots, values)?;
        Ok(Self::of(observable, |_| Kind::Spline(spline)))
    }

    /// The product of densities of different observables, which are its own, one after the other, as its
    /// parameters are: `mu` of a factor of `mass` is `mass.mu`, one of `x` and `y` has `x,y.` before its names.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is no factor, or two of the same observable.
    pub fn product(factors: Vec<Self>) -> Result<Self> {
        let product = product::Product::new(factors)?;
        Ok(Self { observables: product.observables(), kind: Kind::Product(product) })
    }

    /// A normalising flow of `observables`, in the order of the flow's, whose parameters are the context. One with
    /// bounded support must have it where the windows are; one on all numbers is divided by its integral over the
    /// windows, which is possible without context and for two observables at most.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: another number of observables, other windows than the support, a flow that cannot be
    /// normalised on the windows.
    pub fn flow(observables: &[Observable], flow: Arc<flow::Flow>) -> Result<Self> {
        let flow = flow::Windowed::new(flow, observables)?;
        Ok(Self { observables: observables.to_vec(), kind: Kind::Flow(flow) })
    }

    fn of(observable: &Observable, kind: impl FnOnce(Window) -> Kind) -> Self {
        Self { observables: vec![observable.clone()], kind: kind(observable.into()) }
    }
}

fn check_order(order: usize) -> Result<()> {
    if order <= MAX_ORDER {
        return Ok(());
    }
    Err(Error::Argument(format!("a polynomial of order {order}; {MAX_ORDER} is the highest")))
}
