//! Toy datasets. Toy `i` of seed `s` depends on nothing but the model, the truth, `s` and `i`: not on
//! the device, the batch, the thread or the toys before it.

mod normal;
mod philox;
mod poisson_table;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Constraint, Model};
use crate::error::{Error, Result};
pub(crate) use normal::{quantile, uniform};
pub(crate) use philox::words;
use poisson_table::PoissonTable;

/// Above this rate a count is the sum of several with a fraction of the rate: tables stay small.
const TABLE_LIMIT: f64 = 1e6;
/// Above this rate there are no toys: counts would need thousands of draws each.
const RATE_LIMIT: f64 = 1e10;

/// Draws toy datasets of one truth.
///
/// Element `e` (main data, then auxiliary data) uses word `e % 2` of Philox block `e / 2`; a count
/// that is a sum of several draws takes its k-th from stream `k`.
#[derive(Debug, Clone)]
pub struct ToySampler {
    n_bins: usize,
    elements: Vec<Element>,
    warnings: Vec<String>,
}

/// The distribution of one datum.
#[derive(Debug, Clone)]
enum Element {
    /// A Poisson count of rate zero.
    Zero,
    Poisson {
        table: Arc<PoissonTable>,
        draws: u32,
    },
    Gaussian {
        mean: f64,
        sigma: f64,
    },
}

/// A standard normal number that depends on its arguments alone; stream `u32::MAX` is no toy's.
pub(crate) fn standard_normal(seed: u64, number: u64, element: u32) -> f64 {
    normal::quantile(normal::uniform(philox::words(seed, number, element, u32::MAX)[0]))
}

impl ToySampler {
    /// Prepares toys of `model` at `truth`, `[n_parameters]`: main data from the expected counts,
    /// auxiliary data from the constraint terms, those of fixed parameters too (as pyhf does).
    ///
    /// A rate below zero draws 0 and is told by [`ToySampler::warnings`]; one that is not finite, or
    /// above 1e10, is an error.
    pub fn new(model: &Model, truth: &[f64]) -> Result<Self> {
        model.check_parameters(truth)?;
        let mut builder = Builder::default();
        for (bin, &rate) in model.expected_main(truth).iter().enumerate() {
            builder.poisson(rate, || model.bin_name(bin))?;
        }
        for &index in &model.auxiliary {
            let parameter = &model.parameters[index];
            match parameter.constraint {
                Constraint::Poisson { tau, .. } => {
                    let name = || format!("the auxiliary data of {}", parameter.name);
                    builder.poisson(tau * truth[index], name)?;
                }
                Constraint::Gaussian { sigma, .. } => {
                    builder.elements.push(Element::Gaussian { mean: truth[index], sigma });
                }
                // Not constrained, so not among the auxiliary data.
                Constraint::None => builder.elements.push(Element::Zero),
            }
        }
        Ok(Self { n_bins: model.n_bins(), elements: builder.elements, warnings: builder.warnings })
    }

    /// Toys of Poisson counts with these rates, each with what it is of, and of normal numbers with these means and
    /// widths: main and auxiliary data of any likelihood.
    ///
    /// # Errors
    /// As for [`ToySampler::new`].
    pub(crate) fn of(
        rates: &[(f64, String)],
        normal: impl IntoIterator<Item = (f64, f64)>,
    ) -> Result<Self> {
        let mut builder = Builder::default();
        for (rate, name) in rates {
            builder.poisson(*rate, || name.clone())?;
        }
        let normal = normal.into_iter().map(|(mean, sigma)| Element::Gaussian { mean, sigma });
        builder.elements.extend(normal);
        let Builder { elements, warnings, .. } = builder;
        Ok(Self { n_bins: rates.len(), elements, warnings })
    }

    /// Writes toy number `toy` of `seed` into `main`, `[n_bins]`, and `auxiliary`, `[n_auxiliary]`.
    ///
    /// # Panics
    /// If the lengths are not the model's.
    pub fn draw(&self, seed: u64, toy: u64, main: &mut [f64], auxiliary: &mut [f64]) {
        assert_eq!(main.len(), self.n_bins, "length of the main data");
        assert_eq!(
            main.len() + auxiliary.len(),
            self.elements.len(),
            "length of the auxiliary data"
        );
        let mut words = [0; 2];
        let data = main.iter_mut().chain(auxiliary);
        for (index, (element, datum)) in self.elements.iter().zip(data).enumerate() {
            let (block, half) = ((index / 2) as u32, index % 2);
            if half == 0 {
                words = philox::words(seed, toy, block, 0);
            }
            *datum = match element {
                Element::Zero => 0.0,
                Element::Gaussian { mean, sigma } => {
                    mean + sigma * normal::quantile(normal::uniform(words[half]))
                }
                Element::Poisson { table, draws } => {
                    let mut count = table.draw(words[half]);
                    for stream in 1..*draws {
                        count += table.draw(philox::words(seed, toy, block, stream)[half]);
                    }
                    count as f64
                }
            };
        }
    }

    /// Rates below zero that draw 0, by bin.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[derive(Default)]
struct Builder {
    elements: Vec<Element>,
    warnings: Vec<String>,
    /// Tables by the bits of their rate: equal rates share one.
    tables: HashMap<u64, Arc<PoissonTable>>,
}

impl Builder {
    fn poisson(&mut self, rate: f64, name: impl Fn() -> String) -> Result<()> {
        if !rate.is_finite() {
            let message = format!("toys: the expected rate is not finite in {}", name());
            return Err(Error::Argument(message));
        }
        if rate > RATE_LIMIT {
            return Err(Error::Unsupported(format!(
                "toys: the expected rate {rate} in {} is above {RATE_LIMIT:e}",
                name()
            )));
        }
        if rate <= 0.0 {
            if rate < 0.0 {
                let message = format!(
                    "the expected rate {rate} is negative in {}: toys have 0 there",
                    name()
                );
                self.warnings.push(message);
            }
            self.elements.push(Element::Zero);
            return Ok(());
        }
        let draws = (rate / TABLE_LIMIT).ceil().max(1.0);
        let rate = rate / draws;
        let table =
            self.tables.entry(rate.to_bits()).or_insert_with(|| Arc::new(PoissonTable::new(rate)));
        self.elements.push(Element::Poisson { table: Arc::clone(table), draws: draws as u32 });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
