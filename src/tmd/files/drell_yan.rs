//! Convolution tables with the shapes of a fit.

use std::path::PathBuf;

use super::fnp::Laid;
use super::tables::NAME;
use super::{Config, Fnp, FnpParameter, Source, Tables, named};
use crate::error::Result;
use crate::tmd::Plan;
use crate::tmd::fit::{Data, Role};
use crate::tmd::sidis::Zeta;

/// Points of tables with qT / Q at or above this are left out where the settings say nothing.
pub const TABLE_CUT: f64 = 0.2;

/// Tables of Drell-Yan cross sections, what was measured in them, and shapes with start values.
#[derive(Debug, Clone)]
pub struct DrellYan {
    /// The tables.
    pub tables: Tables,
    /// The shapes: that of the flavour u is both hadrons'.
    pub fnp: Fnp,
    laid: Laid,
    warnings: Vec<String>,
}

impl DrellYan {
    /// Reads pairs of a table and its measured values, as [`Tables::pairs`] finds them, and shapes; of the settings
    /// only the cut counts, which is [`TABLE_CUT`] where there is none.
    ///
    /// # Errors
    ///
    /// Those of [`Tables::read`]; those of the other documents, which they name; [`crate::Error::Argument`] for
    /// shapes of fragmentation.
    pub fn read(
        pairs: &[(PathBuf, PathBuf)],
        config: Option<&Source>,
        fnp: &Source,
    ) -> Result<Self> {
        let config = config.map(|source| {
            let read = source.document();
            let read = read.and_then(|value| Config::from_value(&value, source.folder()));
            read.map_err(|error| named(&source.name("config"), error))
        });
        let config = config.transpose()?.unwrap_or_default();
        let in_fnp = |error| named(&fnp.name("fnp"), error);
        let shapes = fnp.document().and_then(|value| Fnp::from_value(&value)).map_err(in_fnp)?;
        let laid = shapes.of_tables(NAME).map_err(in_fnp)?;
        let tables = Tables::read(pairs, config.cut.unwrap_or(TABLE_CUT))?;
        let mut warnings = Vec::new();
        let (left, n) = (tables.values().len(), tables.n_measured());
        if left < n {
            let cut = config.cut.unwrap_or(TABLE_CUT);
            warnings.push(format!("{left} of {n} points pass qT/Q < {cut}"));
        }
        let beside = config.given.iter().filter(|key| *key != "qToQcut");
        let beside: Vec<&str> = beside.map(String::as_str).collect();
        if !beside.is_empty() {
            let keys = beside.join(", ");
            warnings.push(format!("without effect on tables, which hold all of it: {keys}"));
        }
        if let Zeta::Constant(zeta) = shapes.zeta {
            warnings.push(format!("zeta={zeta} is without effect: tables are at zeta = Q2"));
        }
        if !laid.without_effect.is_empty() {
            let flavours = laid.without_effect.join(", ");
            warnings.push(format!("flavours in no cross section, not fitted: {flavours}"));
        }
        Ok(Self { tables, fnp: shapes, laid, warnings })
    }

    /// The predictions, whose distribution is called `f`.
    ///
    /// # Errors
    ///
    /// As for [`Plan::new`].
    pub fn plan(&self) -> Result<Plan> {
        self.tables.plan(self.fnp.evolution, self.laid.distributions[0].1)
    }

    /// The parameters of the plan: evolution, shape.
    pub fn parameters(&self) -> &[FnpParameter] {
        &self.laid.parameters
    }

    /// Start values, `[n_parameters]`.
    pub fn init(&self) -> Vec<f64> {
        self.parameters().iter().map(|parameter| parameter.init).collect()
    }

    /// What a fit does with the parameters, `[n_parameters]`.
    pub fn roles(&self) -> Vec<Role> {
        self.parameters().iter().map(|parameter| parameter.role).collect()
    }

    /// What was measured, multiplicative errors being relative to the predictions at the start values (t0 method).
    ///
    /// # Errors
    ///
    /// As for [`Plan::predict`], [`Tables::covariances`] and [`Data::correlated`].
    pub fn data(&self, plan: &Plan) -> Result<Data> {
        let blocks = self.tables.covariances(&plan.predict(&self.init())?.values)?;
        Data::correlated(self.tables.values(), blocks)
    }

    /// What a user of these files must know before believing a fit.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
