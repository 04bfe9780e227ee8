//! Densities of one observable, normalised on its window: logarithm, gradient and Hessian in the parameters,
//! from formulas that hold at the edges too (far outside the window, flat, steep, where branches meet).

mod argus;
mod bernstein;
mod breit_wigner;
mod chebyshev;
mod crystal_ball;
mod density;
mod double_crystal_ball;
mod dual;
mod exponential;
mod faddeeva;
mod gaussian;
mod histogram;
mod kde;
mod linear;
mod lognormal;
mod polynomial;
mod special;
mod tails;
mod uniform;
mod voigtian;

use super::events::Observable;
use crate::error::{Error, Result};
use crate::spec::text::count;
use density::{Output, evaluate};

/// Where a density is normalised.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    lo: f64,
    hi: f64,
}

/// Highest order of a polynomial.
const MAX_ORDER: usize = 64;

/// A density of one observable. Its shape is fixed, its parameters are given with each call.
#[derive(Debug, Clone)]
pub struct Pdf {
    window: Window,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Gaussian(gaussian::Gaussian),
    Exponential(exponential::Exponential),
    CrystalBall(crystal_ball::CrystalBall),
    DoubleCrystalBall(double_crystal_ball::DoubleCrystalBall),
    AsymmetricCrystalBall(double_crystal_ball::AsymmetricCrystalBall),
    Chebyshev(chebyshev::Chebyshev),
    Polynomial(polynomial::Polynomial),
    Bernstein(bernstein::Bernstein),
    Argus(argus::Argus),
    Voigtian(voigtian::Voigtian),
    BreitWigner(breit_wigner::BreitWigner),
    Lognormal(lognormal::Lognormal),
    Uniform(uniform::Uniform),
    Histogram(histogram::Histogram),
    Kde(kde::Kde),
}

/// Densities by name. The formulas are given before normalisation.
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
        let window = Window { lo: observable.lo(), hi: observable.hi() };
        Ok(Self { window, kind: Kind::Argus(argus::Argus::new(window)?) })
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
        let window = Window { lo: observable.lo(), hi: observable.hi() };
        Ok(Self { window, kind: Kind::Lognormal(lognormal::Lognormal::new(window)?) })
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
        let window = Window { lo: observable.lo(), hi: observable.hi() };
        let histogram = histogram::Histogram::new(window, edges, contents)?;
        Ok(Self { window, kind: Kind::Histogram(histogram) })
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
        let window = Window { lo: observable.lo(), hi: observable.hi() };
        Ok(Self { window, kind: Kind::Kde(kde::Kde::new(window, centers, weights, bandwidth)?) })
    }

    fn of(observable: &Observable, kind: impl FnOnce(Window) -> Kind) -> Self {
        let window = Window { lo: observable.lo(), hi: observable.hi() };
        Self { window, kind: kind(window) }
    }
}

impl Pdf {
    /// Its name in a specification.
    pub fn kind(&self) -> &'static str {
        match &self.kind {
            Kind::Gaussian(_) => "gaussian",
            Kind::Exponential(_) => "exponential",
            Kind::CrystalBall(_) => "crystal_ball",
            Kind::DoubleCrystalBall(_) | Kind::AsymmetricCrystalBall(_) => "double_crystal_ball",
            Kind::Chebyshev(_) => "chebyshev",
            Kind::Polynomial(_) => "polynomial",
            Kind::Bernstein(_) => "bernstein",
            Kind::Argus(_) => "argus",
            Kind::Voigtian(_) => "voigtian",
            Kind::BreitWigner(_) => "breit_wigner",
            Kind::Lognormal(_) => "lognormal",
            Kind::Uniform(_) => "uniform",
            Kind::Histogram(_) => "histogram",
            Kind::Kde(_) => "kde",
        }
    }

    /// Names of its parameters, in the order of every array of them.
    pub fn parameter_names(&self) -> Vec<String> {
        let indexed = |name: &str, n: usize| (0..n).map(|k| format!("{name}[{k}]")).collect();
        let names: &[&str] = match &self.kind {
            Kind::Gaussian(_) | Kind::Lognormal(_) => &["mu", "sigma"],
            Kind::Exponential(_) => &["lambda"],
            Kind::CrystalBall(_) => &["mu", "sigma", "alpha", "n"],
            Kind::DoubleCrystalBall(_) => &["mu", "sigma", "alpha_l", "n_l", "alpha_r", "n_r"],
            Kind::AsymmetricCrystalBall(_) => {
                &["mu", "sigma_l", "sigma_r", "alpha_l", "n_l", "alpha_r", "n_r"]
            }
            Kind::Chebyshev(c) => return indexed("c", c.order),
            Kind::Polynomial(p) => return indexed("a", p.order + 1),
            Kind::Bernstein(b) => return indexed("c", b.order + 1),
            Kind::Argus(_) => &["m0", "c", "p"],
            Kind::Voigtian(_) => &["mu", "sigma", "gamma"],
            Kind::BreitWigner(_) => &["mu", "gamma"],
            Kind::Uniform(_) | Kind::Histogram(_) | Kind::Kde(_) => &[],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// `ln p(x_i)` for each of the N events, -inf where the density is 0 (outside the window, too).
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a parameter outside its domain, an x that is NaN, lengths that do not fit; a density
    /// beyond what f64 can normalise.
    pub fn log_prob(&self, theta: &[f64], x: &[f64], out: &mut [f64]) -> Result<()> {
        self.evaluate(theta, x, Output { value: out, gradient: None, hessian: None })
    }

    /// With the gradient: `gradient[k * N + i]` is the derivative of `ln p(x_i)` in parameter k; 0 where the
    /// density is 0.
    ///
    /// # Errors
    ///
    /// As for [`Pdf::log_prob`].
    pub fn log_prob_gradient(
        &self,
        theta: &[f64],
        x: &[f64],
        out: &mut [f64],
        gradient: &mut [f64],
    ) -> Result<()> {
        self.evaluate(theta, x, Output { value: out, gradient: Some(gradient), hessian: None })
    }

    /// With gradient and Hessian: `hessian[(k (k + 1) / 2 + l) * N + i]` is the second derivative in parameters
    /// k and l <= k.
    ///
    /// # Errors
    ///
    /// As for [`Pdf::log_prob`].
    pub fn log_prob_hessian(
        &self,
        theta: &[f64],
        x: &[f64],
        out: &mut [f64],
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> Result<()> {
        let out = Output { value: out, gradient: Some(gradient), hessian: Some(hessian) };
        self.evaluate(theta, x, out)
    }

    fn evaluate(&self, theta: &[f64], x: &[f64], out: Output<'_>) -> Result<()> {
        let named = |error| match error {
            Error::Argument(message) => Error::Argument(format!("{}: {message}", self.kind())),
            other => other,
        };
        self.check_lengths(theta, x, &out)
            .and_then(|()| self.dispatch(theta, x, out))
            .map_err(named)
    }

    fn check_lengths(&self, theta: &[f64], x: &[f64], out: &Output<'_>) -> Result<()> {
        let (names, n) = (self.parameter_names(), x.len());
        let k = names.len();
        if theta.len() != k {
            return Err(Error::Argument(format!(
                "{} for {}{}{}",
                count(theta.len(), "value"),
                count(k, "parameter"),
                if k == 0 { "" } else { ": " },
                names.join(", ")
            )));
        }
        let gradient = out.gradient.as_ref().map(|g| ("gradients", g.len(), k * n));
        let hessian = out.hessian.as_ref().map(|h| ("Hessians", h.len(), k * (k + 1) / 2 * n));
        let lengths = [Some(("values", out.value.len(), n)), gradient, hessian];
        match lengths.into_iter().flatten().find(|(_, given, needed)| given != needed) {
            Some((what, given, needed)) => Err(Error::Argument(format!(
                "room for {given} {what}, but {} and {} need {needed}",
                count(n, "event"),
                count(k, "parameter")
            ))),
            None => Ok(()),
        }
    }

    fn dispatch(&self, theta: &[f64], x: &[f64], out: Output<'_>) -> Result<()> {
        let window = self.window;
        match &self.kind {
            Kind::Gaussian(d) => evaluate::<2, 3>(d, window, theta, x, out),
            Kind::Exponential(d) => evaluate::<1, 1>(d, window, theta, x, out),
            Kind::CrystalBall(d) => evaluate::<4, 10>(d, window, theta, x, out),
            Kind::DoubleCrystalBall(d) => evaluate::<6, 21>(d, window, theta, x, out),
            Kind::AsymmetricCrystalBall(d) => evaluate::<7, 28>(d, window, theta, x, out),
            Kind::Chebyshev(basis) => linear::evaluate(basis, window, theta, x, out),
            Kind::Polynomial(basis) => linear::evaluate(basis, window, theta, x, out),
            Kind::Bernstein(basis) => linear::evaluate(basis, window, theta, x, out),
            Kind::Argus(d) => evaluate::<3, 6>(d, window, theta, x, out),
            Kind::Voigtian(d) => evaluate::<3, 6>(d, window, theta, x, out),
            Kind::BreitWigner(d) => evaluate::<2, 3>(d, window, theta, x, out),
            Kind::Lognormal(d) => evaluate::<2, 3>(d, window, theta, x, out),
            Kind::Uniform(d) => evaluate::<0, 0>(d, window, theta, x, out),
            Kind::Histogram(d) => evaluate::<0, 0>(d, window, theta, x, out),
            Kind::Kde(d) => evaluate::<0, 0>(d, window, theta, x, out),
        }
    }
}

fn check_order(order: usize) -> Result<()> {
    if order <= MAX_ORDER {
        return Ok(());
    }
    Err(Error::Argument(format!("a polynomial of order {order}; {MAX_ORDER} is the highest")))
}
