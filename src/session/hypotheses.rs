//! The two hypotheses of a test, by their asymptotic distributions: the observed data and the Asimov
//! data of the alternative, each with its free fit and its profile.

use super::FitResult;
use super::likelihood::{self, Likelihood, check_free};
use super::place::Place;
use super::profile::{Dataset, LOWER_MINIMUM, Path, Profiler, explore, tangents, worst};
use crate::fit::{Status, Tolerance};
use crate::infer::{Asymptotic, Expected, TestStatistic};
use crate::{Error, Result};

/// Index of the observed data, and of the Asimov data.
pub(super) const OBSERVED: usize = 0;
pub(super) const ASIMOV: usize = 1;

/// How often the bounds of the free fit are widened, by a factor of two each time.
pub(super) const WIDENINGS: usize = 12;

/// The free fit with the statistic's bounds.
pub(super) struct FreeFit<'s, L: Likelihood> {
    pub(super) place: Place<'s, L>,
    pub(super) fit: FitResult,
    pub(super) dataset: Dataset<L::Data>,
    pub(super) notes: Vec<String>,
}

impl<'s, L: Likelihood> FreeFit<'s, L> {
    /// The free fit to `data`, with bounds of the parameter of interest as the statistic wants them;
    /// where it ends at the upper one, that is widened.
    pub(super) fn new(
        likelihood: &'s L,
        data: &L::Data,
        poi: usize,
        statistic: TestStatistic,
        tolerance: Tolerance,
    ) -> Result<Self> {
        check_free(likelihood, poi)?;
        let declared = likelihood.bounds(poi);
        let name = likelihood.name(poi);
        let (wanted, mut notes) = (statistic.bounds(declared, f64::NEG_INFINITY), Vec::new());
        let mut bounds = within(likelihood, poi, wanted);
        if bounds != wanted {
            notes.push(format!(
                "there is no likelihood with {name} below {}: best fits stop there, for {statistic}, too",
                bounds.0
            ));
        }
        let mut place = Place::bounded(likelihood, poi, bounds)?;
        let (mut fit, mut dataset) = explore(&*place, data, &[poi], tolerance)?;
        for _ in 0..WIDENINGS {
            if fit.at_bound[poi] <= 0 || !fit.status.is_converged() {
                break;
            }
            bounds.1 = 2.0 * bounds.1.abs().max(1.0);
            place = Place::bounded(likelihood, poi, bounds)?;
            (fit, dataset) = explore(&*place, data, &[poi], tolerance)?;
        }
        if bounds != declared {
            notes.push(format!(
                "the free fit had {name} between {} and {}, instead of {} and {} as declared: {statistic} \
                 needs it",
                bounds.0, bounds.1, declared.0, declared.1
            ));
        }
        Ok(Self { place, fit, dataset, notes })
    }
}

/// Bounds that a statistic wants, as far as there is a likelihood.
pub(super) fn within(
    likelihood: &impl Likelihood,
    poi: usize,
    (lower, upper): (f64, f64),
) -> (f64, f64) {
    let domain = likelihood.domain(poi);
    (lower.max(domain.0), upper.min(domain.1))
}

/// Asimov data of the alternative.
struct Asimov<D> {
    data: D,
    /// The parameters that they are expected at.
    at: Vec<f64>,
    /// Width of best fits to such data.
    width: Option<f64>,
    covariance: Vec<f64>,
}

/// Both hypotheses of a test of one parameter.
pub(super) struct Hypotheses<'s, L: Likelihood> {
    poi: usize,
    pub(super) statistic: TestStatistic,
    /// Observed data, then Asimov data.
    profiler: Profiler<'s, L>,
    pub(super) path: Path,
    /// Best fit and -2 log likelihood there, for both datasets.
    pub(super) best: [(f64, f64); 2],
    free_status: Status,
    /// The alternative gives the observed data probability 0.
    impossible: bool,
    /// Width of the best fits of the alternative's data.
    pub(super) width: Option<f64>,
    pub(super) notes: Vec<String>,
}

impl<'s, L: Likelihood> Hypotheses<'s, L> {
    /// From the free fit to the observed data; `values` are going to be tested.
    ///
    /// The Asimov data are those expected at the best fit of the observed data with the parameter of
    /// interest at the alternative's value, auxiliary data included.
    pub(super) fn new(
        free: &'s FreeFit<'_, L>,
        poi: usize,
        statistic: TestStatistic,
        tolerance: Tolerance,
        values: &dyn Fn(Option<f64>) -> Vec<f64>,
    ) -> Result<Self> {
        let likelihood: &L = &free.place;
        let alternative = statistic.alternative();
        let observed = free.dataset.clone();
        let mut new = Self {
            poi,
            statistic,
            profiler: Profiler { likelihood, held: vec![poi], datasets: vec![observed], tolerance },
            path: Path::new(1),
            best: [(free.fit.parameters[poi], free.fit.twice_nll); 2],
            free_status: free.fit.status,
            impossible: false,
            width: None,
            notes: free.notes.clone(),
        };
        let mut path = Path::new(1);
        path.extend(&new.profiler, &[alternative], false)?;
        new.width = new.asimov(&path)?.width;
        let mut values = values(new.width);
        values.push(alternative);
        path.extend(&new.profiler, &values, false)?;
        new.mind_lower_minima(&path)?;
        // the way to the other values may have found a better fit of the alternative
        let Asimov { data, at, width, covariance } = new.asimov(&path)?;
        new.width = width;
        if new.impossible {
            let name = likelihood.name(poi);
            new.notes.push(format!(
                "the observed data are impossible with {name} = {alternative}: the Asimov data are those \
                 expected there at the initial values of the other parameters"
            ));
        }
        new.best[ASIMOV] = (alternative, 2.0 * likelihood.nll(&at, &data)?);
        let tangents = tangents(&covariance, &[poi], at.len());
        new.profiler.datasets.push(Dataset { data, starts: vec![at], tangents });
        // both in step from here on
        new.path = path.with_dataset(&new.profiler)?;
        Ok(new)
    }

    /// Asimov data of the alternative, and the width of the best fits of such data.
    fn asimov(&mut self, path: &Path) -> Result<Asimov<L::Data>> {
        let likelihood = self.profiler.likelihood;
        let alternative = self.statistic.alternative();
        let node = path.at(OBSERVED, alternative);
        let at = match node {
            Some(node) if node.status.is_converged() => node.parameters.clone(),
            // no parameters at all make the observed counts possible
            Some(node) if node.status == Status::NotFinite => {
                self.impossible = true;
                self.profiler.moved(&likelihood.init(), &[alternative])
            }
            _ => {
                let name = likelihood.name(self.poi);
                return Err(Error::Convergence(format!(
                    "the fit with {name} held at {alternative} did not converge: there are no Asimov \
                     data"
                )));
            }
        };
        let likelihood::Expected { data, note } = likelihood.asimov(&at)?;
        self.notes.extend(note.filter(|note| !self.notes.contains(note)));
        let covariance = likelihood.covariance(&at, &data)?;
        let variance = covariance.get(self.poi * at.len() + self.poi).copied().unwrap_or(0.0);
        Ok(Asimov { data, at, width: (variance > 0.0).then(|| variance.sqrt()), covariance })
    }

    /// Test more values of the parameter of interest.
    pub(super) fn extend(&mut self, values: &[f64]) -> Result<()> {
        self.path.extend(&self.profiler, values, true)
    }

    fn mind_lower_minima(&mut self, path: &Path) -> Result<()> {
        let lower = self.profiler.lower_minimum(path.of(OBSERVED), self.best[OBSERVED].1)?;
        if let Some((parameters, twice_nll)) = lower {
            self.best[OBSERVED] = (parameters[self.poi], twice_nll);
            self.notes.push(LOWER_MINIMUM.into());
        }
        Ok(())
    }

    /// Test statistic of dataset `d` at the `i`-th value.
    pub(super) fn q(&self, d: usize, i: usize) -> f64 {
        let node = self.path.node(d, i);
        let (best, twice_nll) = self.best[d];
        match node.status.is_converged() {
            true => self.statistic.value(node.values[0], best, node.twice_nll - twice_nll),
            false => f64::NAN,
        }
    }

    /// Best fit to the observed data with the parameter of interest at a value that was fitted: what toys
    /// of that hypothesis are thrown from. For the alternative it is what its Asimov data stand on.
    pub(super) fn truth(&self, value: f64) -> Option<&[f64]> {
        let node = self.path.at(OBSERVED, value)?;
        if value == self.statistic.alternative() {
            let asimov = self.profiler.datasets.get(ASIMOV)?;
            return asimov.starts.first().map(Vec::as_slice);
        }
        node.status.is_converged().then_some(&node.parameters)
    }

    /// Observed and expected p-values at the `i`-th value.
    pub(super) fn p_values(&self, i: usize) -> (Asymptotic, Expected) {
        let (q, q_asimov) = (self.q(OBSERVED, i), self.q(ASIMOV, i));
        (Asymptotic::new(self.statistic, q, q_asimov), Expected::new(self.statistic, q_asimov))
    }

    /// The worst of all fits.
    pub(super) fn status(&self) -> Status {
        let (alternative, impossible) = (self.statistic.alternative(), self.impossible);
        let nodes = (0..2).flat_map(|d| self.path.of(d));
        let asked = nodes.filter(|n| !(impossible && n.values[0] == alternative)).map(|n| n.status);
        worst(asked.chain([self.free_status]))
    }
}
