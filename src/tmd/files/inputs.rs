//! The three files of a run as one.

use std::path::Path;

use super::{Config, Fnp, Kinematics, LuminositySource, Source, named};
use crate::error::{Error, Result};
use crate::spec::text::count;
use crate::tmd::fit::Role;
use crate::tmd::luminosity::Luminosity;
use crate::tmd::quadrature::Measure;
use crate::tmd::sidis::{Factor, Sidis, Zeta};

/// Settings, kinematics and shapes.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Settings.
    pub config: Config,
    /// Where.
    pub kinematics: Kinematics,
    /// Shapes with start values.
    pub fnp: Fnp,
}

impl Inputs {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// Those of each file, which they name.
    pub fn read(config: &Path, kinematics: &Path, fnp: &Path) -> Result<Self> {
        let [config, kinematics, fnp] =
            [config, kinematics, fnp].map(|path| Source::File(path.to_owned()));
        Self::from_sources(&config, &kinematics, &fnp)
    }

    /// The same from files or from documents in memory.
    ///
    /// # Errors
    ///
    /// Those of each, which they name.
    pub fn from_sources(config: &Source, kinematics: &Source, fnp: &Source) -> Result<Self> {
        let read = |source: &Source, purpose: &str| {
            source.document().map_err(|error| named(&source.name(purpose), error))
        };
        let settings = read(config, "config")?;
        let settings = Config::from_value(&settings, config.folder());
        let places = Kinematics::from_value(&read(kinematics, "kinematics")?);
        let shapes = Fnp::from_value(&read(fnp, "fnp")?);
        Ok(Self {
            config: settings.map_err(|error| named(&config.name("config"), error))?,
            kinematics: places.map_err(|error| named(&kinematics.name("kinematics"), error))?,
            fnp: shapes.map_err(|error| named(&fnp.name("fnp"), error))?,
        })
    }

    /// The cross sections of the first `most` points below the cut.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] where no point is left.
    pub fn sidis(&self, most: usize) -> Result<Sidis> {
        let mut points = self.kinematics.below(self.config.cut);
        if points.is_empty() {
            return Err(Error::Argument(format!(
                "no points left: none of {} has qT / Q below {} (qToQcut)",
                count(self.kinematics.points.len(), "point"),
                self.config.cut
            )));
        }
        points.truncate(most.max(1));
        let (built_in, file) = match &self.config.luminosity {
            LuminositySource::BuiltIn(luminosity) => (*luminosity, None),
            LuminositySource::File(file) => (Luminosity::Toy, Some(file)),
        };
        let mut sidis = Sidis {
            points,
            pdf: self.fnp.pdf,
            ff: self.fnp.ff,
            evolution: self.fnp.evolution,
            zeta: self.fnp.zeta,
            factor: Factor::BuiltIn(built_in),
            rule: self.config.rule,
        };
        if let Some(file) = file {
            let values = super::luminosity::read(file, &sidis.nodes()?);
            sidis.factor =
                Factor::Array(values.map_err(|error| named(&file.display().to_string(), error))?);
        }
        Ok(sidis)
    }

    /// Start values, `[n_parameters]`.
    pub fn init(&self) -> Vec<f64> {
        self.fnp.parameters.iter().map(|parameter| parameter.init).collect()
    }

    /// What a fit does with the parameters, `[n_parameters]`: as the file says, but for a g2 without effect.
    pub fn roles(&self) -> Vec<Role> {
        let mut roles: Vec<Role> = self.fnp.parameters.iter().map(|p| p.role).collect();
        if self.fnp.zeta == Zeta::Constant(1.0) {
            roles[0] = Role::Fixed;
        }
        roles
    }

    /// What a user of these files must know before believing a fit.
    ///
    /// # Errors
    ///
    /// As for [`Inputs::sidis`].
    pub fn warnings(&self) -> Result<Vec<String>> {
        let mut all = self.kinematics.warnings.clone();
        let Self { config, kinematics, fnp } = self;
        if fnp.zeta == Zeta::Constant(1.0) {
            all.push(
                "zeta=1: g2 not identifiable, for the evolution is 1 whatever it is; it is not fitted"
                    .into(),
            );
        }
        let (left, n) = (kinematics.below(config.cut).len(), kinematics.points.len());
        if left < n {
            all.push(format!("{left} of {n} points pass qT/Q < {}", config.cut));
        }
        // luminosities from a file are known at their own nodes alone
        let missed = match config.luminosity {
            LuminositySource::BuiltIn(_) => {
                let sidis = self.sidis(usize::MAX)?;
                let rule = config.trapezoid(Measure::Linear);
                Sidis { rule, ..sidis.clone() }.difference(&sidis, &self.init())?
            }
            LuminositySource::File(_) => Vec::new(),
        };
        let worst = (0..missed.len()).max_by(|a, b| missed[*a].abs().total_cmp(&missed[*b].abs()));
        if let Some(worst) = worst.filter(|worst| missed[*worst].abs() > 1e-3) {
            let (verb, part) = match missed[worst] < 0.0 {
                true => ("misses", -missed[worst]),
                false => ("adds", missed[worst]),
            };
            all.push(format!(
                "bgrid.b_max={} {verb} {:.0} % of point {worst}; nothing here depends on bgrid unless the \
                 trapezoid is asked for",
                config.grid.1,
                100.0 * part
            ));
        }
        if !config.without_effect.is_empty() {
            all.push(format!(
                "without effect: {}; a perturbative luminosity is no part of this program, give a table",
                config.without_effect.join(", ")
            ));
        }
        if !fnp.without_effect.is_empty() {
            let flavours = fnp.without_effect.join(", ");
            all.push(format!("flavours in no cross section, not fitted: {flavours}"));
        }
        Ok(all)
    }
}
