//! The three files of a run as one.

use std::path::Path;

use super::flavour::charge_squared;
use super::fnp::Laid;
use super::luminosity::Luminosities;
use super::{Config, Fnp, FnpParameter, Kinematics, LuminositySource, Source, named};
use crate::error::{Error, Result};
use crate::spec::text::count;
use crate::tmd::fit::Role;
use crate::tmd::quadrature::Measure;
use crate::tmd::sidis::{Channel, Channels, Factor, Settled, Sidis, Zeta};

/// Settings, kinematics and shapes.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Settings.
    pub config: Config,
    /// Where.
    pub kinematics: Kinematics,
    /// Shapes with start values.
    pub fnp: Fnp,
    /// Those of a file.
    luminosities: Option<Luminosities>,
    /// The shapes as the plan has them.
    laid: Laid,
    /// What the choice of a quadrature has to say.
    chosen: Vec<String>,
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
        let config = settings.map_err(|error| named(&config.name("config"), error))?;
        let kinematics = places.map_err(|error| named(&kinematics.name("kinematics"), error))?;
        let in_fnp = |error| named(&fnp.name("fnp"), error);
        let shapes = shapes.map_err(in_fnp)?;
        let (luminosities, flavours) = match &config.luminosity {
            LuminositySource::BuiltIn { flavours, .. } => (None, Some(flavours.clone())),
            LuminositySource::File(file) => {
                let read = Luminosities::read(file)?;
                let flavours = read.flavours.clone();
                (Some(read), flavours)
            }
        };
        let laid = match flavours.filter(|flavours| !flavours.is_empty()) {
            None => shapes.one(),
            Some(flavours) => shapes.by_flavour(&flavours),
        };
        let (laid, chosen) = (laid.map_err(in_fnp)?, Vec::new());
        Ok(Self { config, kinematics, fnp: shapes, luminosities, laid, chosen })
    }

    /// Keeps the settings' quadrature where its error, told by a quarter more nodes, is within the settings'
    /// tolerance at the first `most` points and the start values; else takes Ogata's where that is better. What runs,
    /// and how exact it is, is among the [`Inputs::warnings`] then. Without a tolerance nothing is done.
    ///
    /// # Errors
    ///
    /// As for [`Inputs::sidis`]; [`Error::Argument`] for luminosities that are known at their own nodes alone.
    pub fn choose_rule(&mut self, most: usize) -> Result<()> {
        let Some(tolerance) = self.config.tolerance else { return Ok(()) };
        let Settled { rule, tried } = self.sidis(most)?.settled(tolerance, &self.init())?;
        if tried.len() > 1 {
            let all: Vec<String> = tried.iter().map(|(r, e)| format!("{r}: {e:.1e}")).collect();
            let least = tried.iter().map(|(_, error)| *error).fold(f64::INFINITY, f64::min);
            let short = if least > tolerance { "; none is within it" } else { "" };
            self.chosen = vec![format!(
                "the quadrature's error is to be below {tolerance:.0e}, and is by {}{short}; {rule}, runs",
                all.join(", by ")
            )];
        }
        self.config.rule = rule;
        Ok(())
    }

    /// The cross sections of the first `most` points below the cut.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] where no point is left.
    pub fn sidis(&self, most: usize) -> Result<Sidis> {
        let cut = self.cut();
        let mut points = self.kinematics.below(cut);
        if points.is_empty() {
            return Err(Error::Argument(format!(
                "no points left: none of {} has qT / Q below {cut} (qToQcut)",
                count(self.kinematics.points.len(), "point"),
            )));
        }
        points.truncate(most.max(1));
        let channels =
            Channels { distributions: self.laid.distributions.clone(), terms: Vec::new() };
        let (evolution, zeta, rule) = (self.fnp.evolution, self.fnp.zeta, self.config.rule);
        let mut sidis = Sidis { points, channels, evolution, zeta, rule };
        let one = ["u".to_owned()];
        let (flavours, factors) = match (&self.config.luminosity, &self.luminosities) {
            (LuminositySource::BuiltIn { luminosity, flavours }, _) => {
                let n = flavours.len().max(1);
                let weights = flavours.iter().map(|flavour| charge_squared(flavour));
                let weights = weights.chain(flavours.is_empty().then_some(1.0));
                let factors = std::iter::repeat_n(Factor::BuiltIn(*luminosity), n);
                (Some(flavours), weights.zip(factors).collect::<Vec<_>>())
            }
            (LuminositySource::File(_), Some(read)) => {
                let values = read.at(&sidis.nodes()?)?.into_iter();
                (read.flavours.as_ref(), values.map(|v| (1.0, Factor::Array(v))).collect())
            }
            (LuminositySource::File(_), None) => (None, Vec::new()),
        };
        let flavours = flavours.filter(|flavours| !flavours.is_empty());
        let flavours = flavours.map_or(&one[..], Vec::as_slice).iter().zip(factors);
        for ((flavour, (weight, factor)), [pdf, ff]) in flavours.zip(&self.laid.sides) {
            let (flavour, pdf, ff) = (flavour.clone(), *pdf, *ff);
            sidis.channels.terms.push(Channel { flavour, pdf, ff, weight, factor });
        }
        Ok(sidis)
    }

    fn cut(&self) -> f64 {
        self.config.cut.unwrap_or(f64::INFINITY)
    }

    /// The parameters of the plan: evolution, shapes in x, shapes in z.
    pub fn parameters(&self) -> &[FnpParameter] {
        &self.laid.parameters
    }

    /// Start values, `[n_parameters]`.
    pub fn init(&self) -> Vec<f64> {
        self.parameters().iter().map(|parameter| parameter.init).collect()
    }

    /// What a fit does with the parameters, `[n_parameters]`: as the file says, but for a g2 without effect.
    pub fn roles(&self) -> Vec<Role> {
        let mut roles: Vec<Role> = self.parameters().iter().map(|p| p.role).collect();
        if self.fnp.zeta == Zeta::Constant(1.0) {
            let n = self.fnp.evolution.parameter_names().len();
            roles[..n].fill(Role::Fixed);
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
        let Self { config, kinematics, fnp, .. } = self;
        if fnp.zeta == Zeta::Constant(1.0) {
            all.push(
                "zeta=1: g2 not identifiable, for the evolution is 1 whatever it is; it is not fitted"
                    .into(),
            );
        }
        let (left, n) = (kinematics.below(self.cut()).len(), kinematics.points.len());
        if left < n {
            all.push(format!("{left} of {n} points pass qT/Q < {}", self.cut()));
        }
        all.extend(self.chosen.iter().cloned());
        // luminosities from a file are known at their own nodes alone
        let missed = match config.luminosity {
            LuminositySource::BuiltIn { .. } => {
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
        if !self.laid.without_effect.is_empty() {
            let flavours = self.laid.without_effect.join(", ");
            all.push(format!("flavours in no cross section, not fitted: {flavours}"));
        }
        Ok(all)
    }
}
