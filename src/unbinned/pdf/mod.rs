//! Densities of observables, normalised on their windows: logarithm, gradient and Hessian in the parameters,
//! from formulas that hold at the edges too (far outside the window, flat, steep, where branches meet).

mod argus;
mod bernstein;
mod breit_wigner;
mod chebyshev;
mod constructors;
mod crystal_ball;
mod density;
mod double_crystal_ball;
mod dual;
mod exponential;
mod faddeeva;
pub mod flow;
mod gaussian;
mod histogram;
mod kde;
mod linear;
pub(in crate::unbinned) mod local;
mod lognormal;
mod polynomial;
mod product;
mod sample;
mod special;
mod spline;
mod tails;
mod uniform;
mod voigtian;

use super::events::Observable;
use crate::accelerator::flows::{CardModel, FlowEvents};
use crate::error::{Error, Result};
use crate::spec::text::{count, list};
use density::{Output, evaluate};
use local::{Functions, Local};
pub(super) use sample::{Sampler, check_integral};

/// Where a density is normalised.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    lo: f64,
    hi: f64,
}

impl From<&Observable> for Window {
    fn from(observable: &Observable) -> Self {
        Self { lo: observable.lo(), hi: observable.hi() }
    }
}

/// A density of some observables. Its shape is fixed, its parameters are given with each call.
#[derive(Debug, Clone)]
pub struct Pdf {
    observables: Vec<Observable>,
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
    Spline(spline::Spline),
    Product(product::Product),
    Flow(flow::Windowed),
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
            Kind::Spline(_) => "spline",
            Kind::Product(_) => "product",
            Kind::Flow(flow) => flow.kind(),
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
            Kind::Product(p) => return p.parameter_names(),
            Kind::Flow(flow) => return flow.parameter_names(),
            Kind::Uniform(_) | Kind::Histogram(_) | Kind::Kde(_) | Kind::Spline(_) => &[],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// What it is a density of, with the windows that it is normalised on.
    pub fn observables(&self) -> &[Observable] {
        &self.observables
    }

    /// Those of a product; else it is its own.
    pub(in crate::unbinned) fn factors(&self) -> &[Self] {
        match &self.kind {
            Kind::Product(product) => product.factors(),
            _ => std::slice::from_ref(self),
        }
    }

    /// Who calculates it, where that is not this library.
    pub(in crate::unbinned) fn provenance(&self) -> Vec<String> {
        let of = |factor: &Self| match &factor.kind {
            Kind::Flow(flow) => flow.provenance(),
            _ => None,
        };
        self.factors().iter().filter_map(of).collect()
    }

    /// `ln p(x_i)` for each of the N events, -inf where the density is 0 (outside the window, too). `x` has a
    /// slice of N values for each of [`Pdf::observables`].
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a parameter outside its domain, an x that is NaN, lengths that do not fit; a density
    /// beyond what f64 can normalise.
    pub fn log_prob(&self, theta: &[f64], x: &[&[f64]], out: &mut [f64]) -> Result<()> {
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
        x: &[&[f64]],
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
        x: &[&[f64]],
        out: &mut [f64],
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> Result<()> {
        let out = Output { value: out, gradient: Some(gradient), hessian: Some(hessian) };
        self.evaluate(theta, x, out)
    }

    fn evaluate(&self, theta: &[f64], x: &[&[f64]], out: Output<'_>) -> Result<()> {
        self.check_lengths(theta, x, &out)
            .and_then(|()| self.dispatch(theta, x, out))
            .map_err(|error| self.named(error))
    }

    fn named(&self, error: Error) -> Error {
        match error {
            Error::Argument(message) => Error::Argument(format!("{}: {message}", self.kind())),
            other => other,
        }
    }

    /// What the kernel needs of it at `theta`, where the kernel knows it; derivatives in the parameters of the
    /// places `free`, which rise.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: a parameter outside its domain; a density beyond what f64 can normalise.
    pub(in crate::unbinned) fn local(
        &self,
        theta: &[f64],
        free: &[usize],
    ) -> Result<Option<Local>> {
        let window = Window::from(&self.observables[0]);
        let local = match &self.kind {
            Kind::Gaussian(d) => d.local(theta, free, false),
            Kind::Exponential(d) => d.local(theta, free),
            Kind::Lognormal(d) => d.local(theta, free),
            Kind::Argus(d) => d.local(theta, free),
            Kind::BreitWigner(d) => d.local(theta, free),
            Kind::CrystalBall(d) => d.local(theta, free),
            Kind::DoubleCrystalBall(d) => d.local(theta, free),
            Kind::AsymmetricCrystalBall(d) => d.local(theta, free),
            Kind::Chebyshev(d) => linear::local(d, Functions::Chebyshev, window, theta, free),
            Kind::Polynomial(d) => linear::local(d, Functions::Powers, window, theta, free),
            Kind::Bernstein(d) => linear::local(d, Functions::Bernstein, window, theta, free),
            _ => Ok(None),
        };
        local.map_err(|error| self.named(error))
    }

    /// Whether [`Pdf::local`] knows it.
    pub(in crate::unbinned) fn has_form(&self) -> bool {
        match self.kind {
            Kind::Gaussian(_)
            | Kind::Exponential(_)
            | Kind::Lognormal(_)
            | Kind::Argus(_)
            | Kind::BreitWigner(_)
            | Kind::CrystalBall(_)
            | Kind::DoubleCrystalBall(_)
            | Kind::AsymmetricCrystalBall(_)
            | Kind::Chebyshev(_)
            | Kind::Polynomial(_)
            | Kind::Bernstein(_) => true,
            Kind::Voigtian(_)
            | Kind::Uniform(_)
            | Kind::Histogram(_)
            | Kind::Kde(_)
            | Kind::Spline(_)
            | Kind::Product(_)
            | Kind::Flow(_) => false,
        }
    }

    /// A flow at these events as devices take it, with derivatives in the context's places `free`; `None` if it is none
    /// that they know.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: an x that is NaN.
    pub(in crate::unbinned) fn flow_events(
        &self,
        x: &[&[f64]],
        free: &[usize],
    ) -> Result<Option<FlowEvents>> {
        match &self.kind {
            Kind::Flow(flow) => flow.on_device(x, free).map_err(|error| self.named(error)),
            _ => Ok(None),
        }
    }

    /// A flow that is not of layers: somebody else works it out.
    pub(in crate::unbinned) fn is_exported(&self) -> bool {
        matches!(&self.kind, Kind::Flow(flow) if flow.is_exported())
    }

    /// That such a flow has a density in this context.
    ///
    /// # Errors
    ///
    /// As for [`Pdf::log_prob`].
    pub(in crate::unbinned) fn check_context(&self, context: &[f64]) -> Result<()> {
        match &self.kind {
            Kind::Flow(flow) => flow.check(context).map_err(|error| self.named(error)),
            _ => Ok(()),
        }
    }

    /// Its models at these events, where they run on this card.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: an x that is NaN; [`Error::Device`] where they cannot be opened.
    pub(in crate::unbinned) fn models_on_card(
        &self,
        x: &[&[f64]],
        free: &[usize],
        card: usize,
    ) -> Result<Vec<Box<dyn CardModel>>> {
        match &self.kind {
            Kind::Flow(flow) => flow.on_card(x, free, card).map_err(|error| self.named(error)),
            _ => Ok(Vec::new()),
        }
    }

    fn check_lengths(&self, theta: &[f64], x: &[&[f64]], out: &Output<'_>) -> Result<()> {
        let (names, n) = (self.parameter_names(), out.value.len());
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
        if x.len() != self.observables.len() || x.iter().any(|column| column.len() != n) {
            let lengths: Vec<String> = x.iter().map(|column| column.len().to_string()).collect();
            return Err(Error::Argument(format!(
                "room for {n} values, but {} of {} events; {} needed",
                count(x.len(), "column"),
                list(lengths.iter().map(String::as_str)),
                count(self.observables.len(), "column")
            )));
        }
        let lengths = [gradient, hessian];
        match lengths.into_iter().flatten().find(|(_, given, needed)| given != needed) {
            Some((what, given, needed)) => Err(Error::Argument(format!(
                "room for {given} {what}, but {} and {} need {needed}",
                count(n, "event"),
                count(k, "parameter")
            ))),
            None => Ok(()),
        }
    }

    fn dispatch(&self, theta: &[f64], x: &[&[f64]], out: Output<'_>) -> Result<()> {
        // of the one observable that most have
        let (window, all, x) = (Window::from(&self.observables[0]), x, x[0]);
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
            Kind::Spline(d) => evaluate::<0, 0>(d, window, theta, x, out),
            Kind::Product(product) => product.evaluate(theta, all, out),
            Kind::Flow(flow) => flow.evaluate(theta, all, out),
        }
    }
}
