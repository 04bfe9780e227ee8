//! The likelihood and the statements made of it as functions of the templates of chosen samples, with
//! exact derivatives: what an analysis that is optimised by gradients needs.
//!
//! Variations of shapes that are not chosen stay the additions to the nominal counts that the workspace says,
//! widths of constraints what they are there. Everything runs on the processor in f64.

mod adjoint;
mod fit;
mod in_place;
mod limit;
mod place;
mod statistic;

use std::sync::{Arc, Mutex};

use rayon::prelude::*;

pub use fit::{FitSlopes, ProfiledFit};
pub use in_place::YieldsInPlace;
pub use limit::LimitSlopes;
pub use statistic::{ClsSlopes, TestSlopes};

use super::Session;
use crate::accelerator::Program;
use crate::fit::Fit;
use crate::model::{Cells, Data, Direction, FullGradient, Model, Template};
use crate::{Error, Result};
use place::Place;

/// A model whose statements can be differentiated in the counts of some templates, the *yields*,
/// `[cells]`: template after template as they were named, each in the model's channels that have it.
pub struct Differentiable {
    model: Arc<Model>,
    program: Program,
    cells: Cells,
    poi: Option<usize>,
    fixed: Vec<bool>,
    /// Copies of the program that are not in use.
    places: Mutex<Vec<Place>>,
    /// How many fits of a kind were made, and whether their likelihood was seen to have several minima.
    seen: Mutex<[(u64, bool); Role::N]>,
    /// Where the last limit was, to look there first.
    last_limit: Mutex<Option<f64>>,
}

/// The data that a statement is about.
#[derive(Debug, Clone, Default)]
pub enum DataSource {
    /// The model's observed ones.
    #[default]
    Observed,
    /// These.
    Given(Data),
    /// Those expected at the initial parameters, the parameter of interest at `mu`, for the yields at hand:
    /// they move with the yields, and derivatives know it.
    Asimov {
        /// Value of the parameter of interest; `None`: its initial value.
        mu: Option<f64>,
    },
}

/// The NLL at fixed parameters, with its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct NllSlopes {
    /// With all constants.
    pub nll: f64,
    /// d NLL / d parameter, `[n_parameters]`.
    pub parameters: Vec<f64>,
    /// d NLL / d yield = (1 - count / rate) factor, `[cells]`.
    pub yields: Vec<f64>,
}

/// What a fit is for: those of a kind have likelihoods of one shape.
#[derive(Debug, Clone, Copy)]
enum Role {
    Free,
    Held,
    Alternative,
    /// To the alternative's Asimov data.
    Asimov,
}

impl Role {
    const N: usize = 4;
}

/// Data, and the parameters that they are expected at if they are expected ones.
struct Sourced {
    data: Data,
    at: Option<Vec<f64>>,
    /// The best fit: the parameters of expected data, unless a bin expects less than nothing.
    best: Option<Vec<f64>>,
}

impl Session {
    /// Statements as functions of the counts of these templates.
    ///
    /// # Errors
    /// Where there is no such template or parameter of interest.
    pub fn differentiable(
        &self,
        templates: &[Template<'_>],
        poi: Option<&str>,
    ) -> Result<Differentiable> {
        let poi = match poi {
            Some(name) => Some(self.parameter(name)?),
            None => self.model.poi(),
        };
        let cells = self.model.cells(templates)?;
        let program = match cells.are_nominal() {
            true => Program::clone(&self.program),
            false => {
                // variations that do nothing in the workspace would be left out: any others in their stead
                let yields = (0..cells.len()).map(|i| 1.0 + (i % 7) as f64).collect::<Vec<_>>();
                Program::new(Arc::new(self.model.with_yields(&cells, &yields)))
            }
        };
        Ok(Differentiable {
            cells,
            model: Arc::clone(&self.model),
            program,
            poi,
            fixed: self.fixed.clone(),
            places: Mutex::new(Vec::new()),
            seen: Mutex::default(),
            last_limit: Mutex::new(None),
        })
    }
}

impl Differentiable {
    /// The model with the yields of its workspace.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Which bins of which templates the yields are.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// The yields of the workspace, `[cells]`.
    pub fn nominal(&self) -> Vec<f64> {
        self.model.yields(&self.cells)
    }

    fn poi(&self) -> Result<usize> {
        let poi = self.poi.ok_or_else(|| {
            let message = "the measurement names no parameter of interest, and none was given";
            Error::Unsupported(message.into())
        })?;
        match self.fixed[poi] {
            true => {
                let name = &self.model.parameters()[poi].name;
                Err(Error::Unsupported(format!("{name} is held constant")))
            }
            false => Ok(poi),
        }
    }

    /// The best fit where it is known beforehand: expected data are fitted best by what they are expected at,
    /// if that is within the bounds, those of the parameter of interest as `poi` has them.
    fn known_best<'s>(
        &self,
        sourced: &'s Sourced,
        poi: Option<(usize, (f64, f64))>,
    ) -> Option<&'s [f64]> {
        let best = sourced.best.as_deref()?;
        let inside = |(k, x): (usize, &f64)| {
            let own = self.model.parameters()[k].bounds;
            let (lower, upper) = poi.filter(|p| p.0 == k).map_or(own, |p| p.1);
            self.fixed[k] || (lower..=upper).contains(x)
        };
        best.iter().enumerate().all(inside).then_some(best)
    }

    /// Do something with a copy of the program that has these yields.
    fn with_place<T>(
        &self,
        yields: &[f64],
        work: impl FnOnce(&mut Place) -> Result<T>,
    ) -> Result<T> {
        if yields.len() != self.cells.len() {
            return Err(Error::Argument(format!(
                "yields: {} values are needed, one for each bin of the chosen templates, not {}",
                self.cells.len(),
                yields.len()
            )));
        }
        if let Some(i) = yields.iter().position(|y| !y.is_finite()) {
            return Err(Error::Argument(format!("yields: value {i} is not finite: {}", yields[i])));
        }
        let lock = || self.places.lock().unwrap_or_else(|e| e.into_inner());
        let spare = lock().pop();
        let mut place = spare.unwrap_or_else(|| Place::new(self.program.clone()));
        place.set_yields(&self.model, &self.cells, yields);
        let done = work(&mut place);
        lock().push(place);
        done
    }

    /// The lowest minimum. Others are looked for again and again as long as there are several, and ever more
    /// rarely (at the first, second, fourth, eighth fit) while there is one: a training makes thousands of fits
    /// that differ little.
    fn minimum(
        &self,
        place: &Place,
        role: Role,
        data: &Data,
        start: &[f64],
        fixed: &[bool],
    ) -> Result<Fit> {
        let lock = || self.seen.lock().unwrap_or_else(|e| e.into_inner());
        let (times, several) = {
            let seen = &mut lock()[role as usize];
            seen.0 += 1;
            *seen
        };
        let (fit, more) = place.fit(data, start, fixed, several || times.is_power_of_two())?;
        lock()[role as usize].1 |= more;
        Ok(fit)
    }

    fn source(&self, place: &Place, source: &DataSource) -> Result<Sourced> {
        match source {
            DataSource::Observed => {
                Ok(Sourced { data: self.model.observed().clone(), at: None, best: None })
            }
            DataSource::Given(data) => {
                self.model.check_data(data)?;
                Ok(Sourced { data: data.clone(), at: None, best: None })
            }
            DataSource::Asimov { mu } => {
                let mut at = self.model.init();
                if let Some(mu) = mu {
                    if !mu.is_finite() {
                        return Err(Error::Argument(format!("mu = {mu} is not a finite number")));
                    }
                    let poi = self.poi.ok_or_else(|| {
                        Error::Unsupported("the model has no parameter of interest".into())
                    })?;
                    at[poi] = *mu;
                }
                let data = place.expected(&at);
                // all terms of the NLL have their least value there
                let best = (data.main == place.model().expected_main(&at)).then(|| at.clone());
                Ok(Sourced { data, at: Some(at), best })
            }
        }
    }

    /// The NLL of `yields` at `parameters` with its gradient.
    ///
    /// # Errors
    /// Where a length does not fit.
    pub fn nll(
        &self,
        yields: &[f64],
        parameters: &[f64],
        source: &DataSource,
    ) -> Result<NllSlopes> {
        self.model.check_parameters(parameters)?;
        self.with_place(yields, |place| {
            let Sourced { data, at, .. } = self.source(place, source)?;
            let here = place.at(parameters, &data)?;
            let mut slopes = place.yield_slopes(&self.cells, parameters, &here);
            if let Some(at) = at {
                // the expected data move as well
                let rates = place.model().expected_main(parameters);
                let expected = place.model().yield_factors(&self.cells, &at);
                for ((i, bin), factor) in self.cells.bins().zip(expected) {
                    let (n, rate) = (data.main[bin], rates[bin]);
                    slopes[i] += factor * count_slope(n, rate);
                }
            }
            Ok(NllSlopes { nll: here.nll, parameters: here.gradient, yields: slopes })
        })
    }

    /// The same for many histograms, `[n, cells]`, at one point or at `[n, n_parameters]`.
    ///
    /// # Errors
    /// Where a length does not fit.
    pub fn nll_batch(
        &self,
        yields: &[f64],
        parameters: &[f64],
        source: &DataSource,
    ) -> Result<Vec<NllSlopes>> {
        let n = self.model.n_parameters();
        let rows = yields.len() / self.cells.len();
        if ![n, n * rows].contains(&parameters.len()) {
            return Err(Error::Argument(format!(
                "parameters: {n} values or {rows} rows of {n} are needed, not {} values",
                parameters.len()
            )));
        }
        let point = |i: usize| match parameters.len() == n {
            true => parameters,
            false => &parameters[i * n..(i + 1) * n],
        };
        self.each(yields, |i, yields| self.nll(yields, point(i), source))
    }

    /// The same of each row of `yields`, `[n, cells]`, side by side; a single one stays on this thread.
    ///
    /// # Errors
    /// Where there are no whole rows, and the first that `work` says.
    pub fn each<T: Send>(
        &self,
        yields: &[f64],
        work: impl Fn(usize, &[f64]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let width = self.cells.len();
        if !yields.len().is_multiple_of(width) {
            return Err(Error::Argument(format!(
                "yields: rows of {width} values are needed, one for each bin of the chosen templates, not {} \
                 values",
                yields.len()
            )));
        }
        match yields.len() / width {
            1 => Ok(vec![work(0, yields)?]),
            _ => yields.par_chunks(width).enumerate().map(|(i, row)| work(i, row)).collect(),
        }
    }

    /// The Hessian of [`nll`](Self::nll) in parameters and yields times a direction, for data that do not
    /// move: `parameters` and `yields` of the answer.
    ///
    /// # Errors
    /// Where a length does not fit, or the data move with the yields.
    pub fn nll_hessian_product(
        &self,
        yields: &[f64],
        parameters: &[f64],
        source: &DataSource,
        direction: Direction<'_>,
    ) -> Result<FullGradient> {
        self.model.check_parameters(parameters)?;
        if direction.parameters.len() != parameters.len()
            || direction.yields.len() != self.cells.len()
        {
            return Err(Error::Argument("the direction does not fit the model".into()));
        }
        self.with_place(yields, |place| {
            let sourced = self.source(place, source)?;
            if sourced.at.is_some() {
                let message = "second derivatives with data that move with the yields";
                return Err(Error::Unsupported(message.into()));
            }
            let along =
                place.model().gradient_along(parameters, &sourced.data, &self.cells, direction);
            let [_, product, _] = along;
            Ok(product)
        })
    }
}

/// d NLL / d count of a bin, the normalisation of the Poisson distribution included.
fn count_slope(count: f64, rate: f64) -> f64 {
    if count <= 0.0 && rate <= 0.0 {
        return 0.0;
    }
    statrs::function::gamma::digamma(count + 1.0) - libm::log(rate)
}
