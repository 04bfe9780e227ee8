//! Normalising flows: invertible maps from the data, given a context, to a simple base distribution (Papamakarios et
//! al., J. Mach. Learn. Res. 22 (2021) 57), evaluated here with exact derivatives. `docs/howto/flows.md` describes
//! their files.

mod device;
mod draws;
mod jets;
mod layered;
mod layers;
mod manifest;
mod network;
#[cfg(feature = "onnx")]
pub mod onnx;
mod rational;
mod safetensors;
mod windowed;

use std::path::Path;
#[cfg(feature = "onnx")]
use std::sync::Arc;

use super::density::Output;
use crate::accelerator::flows::CardModel;
use crate::error::{Error, Result};
use crate::spec::text::count;
pub(super) use draws::Draws;
use layered::Layered;
pub(super) use windowed::Windowed;

/// A flow as its file has it.
#[derive(Debug, Clone)]
pub struct Flow {
    observables: Vec<String>,
    context: Vec<String>,
    source: Source,
}

/// What gives its densities.
#[derive(Debug, Clone)]
enum Source {
    Layers(Layered),
    #[cfg(feature = "onnx")]
    Onnx(Arc<onnx::Exported>),
}

/// What onnxruntime calculates a model with, its execution provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpKind {
    /// NVIDIA's compiler of networks.
    TensorRt,
    /// Kernels for NVIDIA cards.
    Cuda,
    /// The processor.
    Cpu,
}

impl EpKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TensorRt => "TensorRT",
            Self::Cuda => "CUDA",
            Self::Cpu => "CPU",
        }
    }
}

/// What derivatives of a flow are taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directions {
    /// The context, whose numbers are parameters of a model.
    Context,
    /// The observables.
    Observables,
}

impl Flow {
    /// Reads a manifest, and the file of weights or the models that it names, from where it lies.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] and [`Error::Specification`], with the JSON pointer, for the manifest; at `/weights` and
    /// `/layers/N/network` for arrays that are damaged, missing or of another shape, at `/models` for models that lack
    /// what a flow needs; [`Error::Io`]; [`Error::Device`] where nothing runs a model in ONNX.
    pub fn from_manifest(path: impl AsRef<Path>) -> Result<Self> {
        manifest::read(path.as_ref())
    }

    /// Names of the observables, in the order of the columns of events.
    pub fn observable_names(&self) -> &[String] {
        &self.observables
    }

    /// Names of the context's numbers.
    pub fn context_names(&self) -> &[String] {
        &self.context
    }

    /// Lower and upper end of each observable where the flow is normalised by what it is made of, a first layer
    /// `logit` or `unit`, or where its manifest says so of models in ONNX; `None` if that is on all numbers.
    pub fn support(&self) -> Option<&[(f64, f64)]> {
        match &self.source {
            Source::Layers(layered) => layered.support(),
            #[cfg(feature = "onnx")]
            Source::Onnx(exported) => exported.support(),
        }
    }

    /// What onnxruntime calculates it with; `None` for a flow of layers, which is calculated here.
    pub fn ep_kind(&self) -> Option<EpKind> {
        match &self.source {
            Source::Layers(_) => None,
            #[cfg(feature = "onnx")]
            Source::Onnx(exported) => Some(exported.kind()),
        }
    }

    /// Who calculates it, where that is not this library: the provider, its precision, and why not another.
    pub(super) fn provenance(&self) -> Option<String> {
        match &self.source {
            Source::Layers(_) => None,
            #[cfg(feature = "onnx")]
            Source::Onnx(exported) => {
                let kind = exported.kind().as_str();
                let precision = if exported.is_double() { "f64" } else { "f32" };
                let reasons = exported.passed_over().join("; ");
                let why = if reasons.is_empty() { String::new() } else { format!(" ({reasons})") };
                Some(format!("onnxruntime on {kind} in {precision}{why}"))
            }
        }
    }

    /// Whether its support is that by what it is made of, not by what a manifest says.
    fn is_normalised(&self) -> bool {
        matches!(self.source, Source::Layers(_))
    }

    /// That it is normalised in this context where its manifest says so.
    #[cfg_attr(
        not(feature = "onnx"),
        expect(unused_variables, reason = "by what they are made of, flows of layers are")
    )]
    fn check_integral(&self, context: &[f64]) -> Result<()> {
        match &self.source {
            #[cfg(feature = "onnx")]
            Source::Onnx(exported) if !context.is_empty() => exported.check(self, context),
            _ => Ok(()),
        }
    }

    /// Its models at these events, where they run on this card.
    #[cfg_attr(
        not(feature = "onnx"),
        expect(unused_variables, reason = "flows of layers have no models")
    )]
    fn on_card(
        &self,
        x: &[&[f64]],
        free: &[usize],
        card: usize,
    ) -> Result<Vec<Box<dyn CardModel>>> {
        match &self.source {
            Source::Layers(_) => Ok(Vec::new()),
            #[cfg(feature = "onnx")]
            Source::Onnx(exported) => onnx::on_card(exported, x, free, card),
        }
    }

    /// To what part integrals of it can be known.
    fn agreement(&self) -> f64 {
        match &self.source {
            #[cfg(feature = "onnx")]
            Source::Onnx(exported) if !exported.is_double() => 1e-5,
            _ => 1e-8,
        }
    }

    /// `ln p(x_i | context)` of N events, a slice an observable; -inf outside the support and on its ends. With
    /// `gradient`, `[directions, N]`, and `hessian`, `[directions (directions + 1) / 2, N]` (rows of the lower
    /// triangle), where these are not empty; 0 where the density is 0. There is no Hessian without gradient.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`]: lengths that do not fit, a number that is not finite, here or in the result.
    /// [`Error::Unsupported`]: derivatives that a model in ONNX does not give. [`Error::Device`]: it does not run.
    pub fn log_prob(
        &self,
        context: &[f64],
        x: &[&[f64]],
        directions: Directions,
        out: &mut [f64],
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> Result<()> {
        let refuse = |message: String| Err(Error::Argument(format!("flow: {message}")));
        let (n, d) = (out.len(), self.observables.len());
        if context.len() != self.context.len() || x.len() != d || x.iter().any(|x| x.len() != n) {
            return refuse(format!(
                "{} of context and {} for {}, {} and room for {n} values",
                count(context.len(), "number"),
                count(x.len(), "column"),
                count(self.context.len(), "number"),
                count(d, "observable"),
            ));
        }
        let k = match directions {
            Directions::Context => context.len(),
            Directions::Observables => d,
        };
        let fits = |len: usize, needed: usize| len == 0 || len == needed;
        let second = k * (k + 1) / 2 * n;
        if !fits(gradient.len(), k * n) || !fits(hessian.len(), second) {
            return refuse(format!(
                "room for {} first and {} second derivatives of {} in {k} directions",
                gradient.len(),
                hessian.len(),
                count(n, "event")
            ));
        }
        let some = |values: &'_ mut [f64]| !values.is_empty();
        let (with_gradient, with_hessian) = (some(gradient), some(hessian));
        let output = Output {
            value: out,
            gradient: with_gradient.then_some(gradient),
            hessian: with_hessian.then_some(hessian),
        };
        self.evaluate(context, x, directions, output)
    }

    /// The same for lengths that fit.
    fn evaluate(
        &self,
        context: &[f64],
        x: &[&[f64]],
        directions: Directions,
        out: Output<'_>,
    ) -> Result<()> {
        self.check_context(context)?;
        match &self.source {
            Source::Layers(layered) => layered.evaluate(context, x, directions, out),
            #[cfg(feature = "onnx")]
            Source::Onnx(exported) => exported.evaluate(context, x, directions, out),
        }
    }

    fn check_context(&self, context: &[f64]) -> Result<()> {
        match context.iter().position(|c| !c.is_finite()) {
            Some(i) => {
                let message = format!("{} = {}, which must be finite", self.context[i], context[i]);
                Err(Error::Argument(message))
            }
            None => Ok(()),
        }
    }
}
