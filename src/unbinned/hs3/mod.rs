//! HS3, the HEP Statistics Serialization Standard, version 0.2.9 (github.com/hep-statistics-serialization-standard):
//! [`import`] makes a specification of an unbinned likelihood in it, and events; [`export`] the other way round.
//! What either side lacks is an error that names it.
//!
//! | HS3 | here |
//! |---|---|
//! | `gaussian_dist` (`normal_dist`), `lognormal_dist`, `argus_dist`, `polynomial_dist`, `uniform_dist` | the same |
//! | `chebychev_dist` | `chebyshev`, both with a constant term of 1 |
//! | `exponential_dist`, `exp(-c x)` | `exponential`, `exp(lambda x)`: lambda = -c |
//! | `crystalball_dist` with a tail on each side | `double_crystal_ball` |
//! | `product_dist` | `product` |
//! | `mixture_dist` with `extended`, `rate_extended_dist` | a channel |
//! | `gaussian_dist` with a number or `point` data, or among `aux_distributions` | a constraint |
//! | `product` of numbers and one parameter | a yield of type `scaled` |
//!
//! The likelihoods differ by what no parameter changes: factorials of numbers of events, normalisations of constraints.

mod data;
mod density;
mod document;
mod likelihood;
mod parameters;
mod write;

use std::collections::HashMap;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::unbinned::spec::{self, GivenEvents};

pub use write::export;

/// The version that is written.
pub const VERSION: &str = "0.2.9";

/// What an HS3 document says of an unbinned likelihood.
#[derive(Debug, Clone)]
pub struct Imported {
    /// A specification, `neyman_unbinned_spec_v1`, whose channels lack the key `data`.
    pub document: Value,
    /// Their events, by the channel's name.
    pub events: HashMap<String, GivenEvents>,
    /// What a reader of the specification must know: parameters that have another sign.
    pub notes: Vec<String>,
}

impl Imported {
    /// The model.
    ///
    /// # Errors
    ///
    /// As for [`spec::build`].
    pub fn build(self) -> Result<spec::Loaded> {
        spec::build(&self.document, std::path::Path::new(""), self.events)
    }
}

/// Whether a document is one of HS3.
pub fn is_hs3(value: &Value) -> bool {
    value.pointer("/metadata/hs3_version").is_some()
        || ["distributions", "likelihoods"].iter().any(|key| value.get(key).is_some())
}

/// Reads one analysis of an HS3 document, `analysis` by its name where there are several. Without analyses, its only
/// likelihood, domain and parameter point.
///
/// # Errors
///
/// [`Error::Specification`] with the JSON pointer to what is wrong or not covered, the latter by its type.
pub fn import(value: &Value, analysis: Option<&str>) -> Result<Imported> {
    let document = document::Document::new(value)?;
    let chosen = document::Chosen::new(&document, analysis)?;
    let (imported, origins) = likelihood::read(&document, &chosen)?;
    spec::needed_columns(&imported.document, imported.events.keys().cloned())
        .map_err(|error| origins.translate(error))?;
    Ok(imported)
}

/// Which place in the HS3 document a place in the specification comes from.
#[derive(Debug, Default)]
struct Origins(Vec<(String, String)>);

impl Origins {
    fn add(&mut self, specification: impl Into<String>, hs3: impl Into<String>) {
        self.0.push((specification.into(), hs3.into()));
    }

    /// What the specification's reader says, told of the HS3 document.
    fn translate(&self, error: Error) -> Error {
        let Error::Specification { path, message } = error else { return error };
        let begins = |prefix: &str| {
            let rest = path.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let nearest = self.0.iter().filter(|(prefix, _)| begins(prefix));
        let nearest = nearest.max_by_key(|(prefix, _)| prefix.len());
        Error::specification(nearest.map_or("", |(_, hs3)| hs3), message)
    }
}
