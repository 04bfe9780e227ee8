//! Densities of several observables as products of densities of some of them.

use super::density::Output;
use super::{Kind, Pdf};
use crate::error::{Error, Result};
use crate::spec::text::quoted;
use crate::unbinned::events::Observable;
use crate::unbinned::packed::place;

/// Factors of different observables, none of which is a product.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) factors: Vec<Pdf>,
}

impl Product {
    pub(super) fn new(factors: Vec<Pdf>) -> Result<Self> {
        let refuse = |message: String| Err(Error::Argument(format!("product: {message}")));
        let flat = factors.into_iter().flat_map(|factor| match factor.kind {
            Kind::Product(product) => product.factors,
            _ => vec![factor],
        });
        let factors: Vec<Pdf> = flat.collect();
        if factors.is_empty() {
            return refuse("it needs a density at least".into());
        }
        let product = Self { factors };
        let observables = product.observables();
        for (i, observable) in observables.iter().enumerate() {
            if observables[..i].iter().any(|other| other.name() == observable.name()) {
                let name = quoted(observable.name());
                return refuse(format!(
                    "two of its densities are of {name}; a product's densities are of different observables"
                ));
            }
        }
        Ok(product)
    }

    pub(super) fn factors(&self) -> &[Pdf] {
        &self.factors
    }

    /// Those of the factors, one after the other.
    pub(super) fn observables(&self) -> Vec<Observable> {
        self.factors.iter().flat_map(|factor| factor.observables().to_vec()).collect()
    }

    /// Those of the factors, one after the other, each after its factor's observables: `mass.mu`.
    pub(super) fn parameter_names(&self) -> Vec<String> {
        let names = self.factors.iter().flat_map(|factor| {
            let own: Vec<&str> = factor.observables().iter().map(Observable::name).collect();
            let own = own.join(",");
            let with = move |name: String| format!("{own}.{name}");
            factor.parameter_names().into_iter().map(with)
        });
        names.collect()
    }

    /// The sum of the logarithms; derivatives in parameters of two factors are 0.
    pub(super) fn evaluate(
        &self,
        mut theta: &[f64],
        mut x: &[&[f64]],
        out: Output<'_>,
    ) -> Result<()> {
        let Output { value, mut gradient, mut hessian } = out;
        let n = value.len();
        value.fill(0.0);
        if let Some(hessian) = hessian.as_deref_mut() {
            hessian.fill(0.0);
        }
        let (mut first, mut own) = (0, vec![0.0; n]);
        let mut second = Vec::new();
        for factor in &self.factors {
            let k = factor.parameter_names().len();
            let (parameters, columns);
            (parameters, theta) = theta.split_at(k);
            (columns, x) = x.split_at(factor.observables().len());
            let slopes = gradient.as_deref_mut().map(|g| &mut g[first * n..(first + k) * n]);
            let bends = hessian.is_some().then(|| {
                second.resize(k * (k + 1) / 2 * n, 0.0);
                &mut second[..k * (k + 1) / 2 * n]
            });
            let part = Output { value: &mut own, gradient: slopes, hessian: bends };
            factor.evaluate(parameters, columns, part)?;
            value.iter_mut().zip(&own).for_each(|(sum, log)| *sum += log);
            if let Some(hessian) = hessian.as_deref_mut() {
                for a in 0..k {
                    for b in 0..=a {
                        let (to, from) = (place(first + a, first + b) * n, place(a, b) * n);
                        hessian[to..to + n].copy_from_slice(&second[from..from + n]);
                    }
                }
            }
            first += k;
        }
        // where one factor is 0 the others' slopes are without meaning
        for i in value.iter().enumerate().filter(|(_, v)| **v == f64::NEG_INFINITY).map(|(i, _)| i)
        {
            for derivatives in
                [gradient.as_deref_mut(), hessian.as_deref_mut()].into_iter().flatten()
            {
                derivatives.iter_mut().skip(i).step_by(n).for_each(|d| *d = 0.0);
            }
        }
        Ok(())
    }
}
