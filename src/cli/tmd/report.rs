//! What `neyman tmd fit` says of a fit.

use neyman::tmd::fit::{Data, FitOptions, FitResult, Role};
use serde_json::{Value, json};

use super::super::fit::{bound_name, bound_note, covariance_rows};
use super::super::json::{number, numbers};
use super::super::table::{Table, to_precision};
use super::{Opened, on};

/// More undetermined directions than this are counted, not listed.
const LISTED: usize = 3;

/// Fits of replicas, with means and standard deviations over those that converged.
pub(super) struct Replicas {
    fits: Vec<FitResult>,
    mean: Vec<f64>,
    spread: Vec<f64>,
}

impl Replicas {
    /// Of fits of `n` parameters; `None` where there are no fits.
    pub(super) fn of(fits: Vec<FitResult>, n: usize) -> Option<Self> {
        if fits.is_empty() {
            return None;
        }
        let good: Vec<&FitResult> = fits.iter().filter(|fit| fit.status.is_converged()).collect();
        let count = good.len() as f64;
        let mean: Vec<f64> =
            (0..n).map(|k| good.iter().map(|fit| fit.parameters[k]).sum::<f64>() / count).collect();
        let square = |k: usize| {
            good.iter().map(|fit| (fit.parameters[k] - mean[k]).powi(2)).sum::<f64>()
                / (count - 1.0)
        };
        let spread = (0..n).map(|k| square(k).sqrt()).collect();
        Some(Self { fits, mean, spread })
    }

    fn converged(&self) -> usize {
        self.fits.iter().filter(|fit| fit.status.is_converged()).count()
    }

    /// Which a device left to the processor.
    fn on_processor(&self) -> usize {
        self.fits.iter().filter(|fit| fit.on_processor).count()
    }

    fn json(&self) -> Value {
        let each = |of: fn(&FitResult) -> Value| self.fits.iter().map(of).collect::<Vec<_>>();
        json!({
            "n": self.fits.len(),
            "converged": self.converged(),
            "finished_on_processor": self.on_processor(),
            "values": each(|fit| numbers(&fit.parameters)),
            "chi2": each(|fit| number(fit.chi2)),
            "statuses": each(|fit| fit.status.as_str().into()),
        })
    }
}

/// A fit with all that is said of it.
pub(super) struct Report<'a> {
    pub(super) opened: &'a Opened,
    pub(super) options: &'a FitOptions,
    pub(super) data: &'a Data,
    pub(super) found: &'a FitResult,
    /// At the best fit.
    pub(super) predictions: Vec<f64>,
    pub(super) replicas: Option<Replicas>,
    pub(super) synthetic: bool,
    /// Ctrl-C ended the fit, or the replicas.
    pub(super) interrupted: bool,
    /// Replicas that were asked for.
    pub(super) asked: u64,
}

impl Report<'_> {
    fn is_fitted(&self, k: usize) -> bool {
        matches!(self.options.roles[k], Role::Free { .. })
    }

    /// Distance of the fitted parameters from the truth, and relative to it; signs without meaning left out.
    pub(super) fn distance(&self) -> (f64, f64) {
        let size = |k: usize, x: f64| if self.opened.plan().is_even(k) { x.abs() } else { x };
        let (mut apart, mut all) = (0.0, 0.0);
        for (k, truth) in self.opened.init.iter().enumerate().filter(|(k, _)| self.is_fitted(*k)) {
            apart += (size(k, self.found.parameters[k]) - size(k, *truth)).powi(2);
            all += truth * truth;
        }
        (apart.sqrt(), (apart / all).sqrt())
    }

    fn uncertainty(&self, k: usize) -> Option<f64> {
        self.found.uncertainties.get(k).copied().filter(|u| *u > 0.0)
    }

    pub(super) fn table(&self) -> String {
        let replicas = self.replicas.as_ref();
        let first = if self.synthetic { "true" } else { "start" };
        let mut header = vec!["parameter", first, "fit", "error", "pull"];
        if replicas.is_some() {
            header.extend(["mean", "spread"]);
        }
        header.push("");
        let mut table = Table::new(&header).left(header.len() - 1);
        for (k, name) in self.opened.plan().parameter_names().iter().enumerate() {
            let (value, error) = (self.found.parameters[k], self.uncertainty(k));
            let digits = |x: f64| to_precision(x, error.unwrap_or(0.0));
            let pull = error.map(|error| (value - self.opened.init[k]) / error);
            let mut row = vec![
                name.clone(),
                digits(self.opened.init[k]),
                digits(value),
                error.map_or(String::new(), |e| to_precision(e, e)),
                pull.filter(|_| self.synthetic).map_or(String::new(), |p| format!("{p:+.2}")),
            ];
            if let Some(replicas) = replicas {
                row.extend([
                    to_precision(replicas.mean[k], replicas.spread[k]),
                    to_precision(replicas.spread[k], replicas.spread[k]),
                ]);
            }
            row.push(match self.options.roles[k] {
                Role::Linked { to, factor } => {
                    format!("{factor} * {}", self.opened.plan().parameter_names()[to])
                }
                role => bound_note(role == Role::Fixed, self.found.at_bound[k]).into(),
            });
            table.row(row);
        }
        let mut text = table.render();
        if let Some(replicas) = replicas {
            let (converged, n) = (replicas.converged(), replicas.fits.len());
            text.push_str(&format!("{converged} of {n} replicas converged"));
            if replicas.on_processor() > 0 {
                text.push_str(&format!(", {} finished on the processor", replicas.on_processor()));
            }
            text.push('\n');
        }
        text
    }

    pub(super) fn summary(&self) -> String {
        let fitted = (0..self.opened.init.len()).filter(|k| self.is_fitted(*k)).count();
        let n = self.data.values().len();
        let mut text = String::new();
        if self.interrupted {
            let done = self.replicas.as_ref().map_or(0, |replicas| replicas.fits.len());
            text.push_str("interrupted: ");
            text.push_str(&match self.asked {
                0 => "the fit stands where it was left\n".to_owned(),
                asked => format!("{done} of {asked} replicas are fitted\n"),
            });
        }
        text.push_str(&format!(
            "{}: chi2 = {:.6e} for {n} points and {fitted} parameters, distance to the minimum {:.1e}, {} \
             evaluations\n{}{}; {}\n",
            self.found.status.as_str().replace('_', " "),
            self.found.chi2,
            self.found.edm,
            self.found.evaluations,
            on(self.opened.session.info()),
            if self.found.on_processor { ", finished on the processor" } else { "" },
            self.opened.rule()
        ));
        if self.found.weak.len() > LISTED {
            text.push_str(&format!(
                "not determined: {} of {fitted} directions\n",
                self.found.weak.len()
            ));
            return text;
        }
        for weak in &self.found.weak {
            let parts: Vec<String> = weak
                .parts
                .iter()
                .map(|(k, part)| format!("{part:+.2} {}", self.opened.plan().parameter_names()[*k]))
                .collect();
            text.push_str(&format!(
                "not determined (strength {:.1e}): {}\n",
                weak.strength,
                parts.join(" ")
            ));
        }
        text
    }

    /// Each point with what was measured there; pulls are in units of the square root of the variance.
    fn points(&self) -> Vec<Value> {
        let mut points = self.opened.places();
        let (measured, errors) = (self.data.values(), self.data.errors());
        for (i, point) in points.iter_mut().enumerate() {
            let prediction = self.predictions[i];
            point["measured"] = number(measured[i]);
            point["error"] = number(errors[i]);
            point["prediction"] = number(prediction);
            point["pull"] = number((measured[i] - prediction) / errors[i]);
        }
        points
    }

    pub(super) fn json(&self) -> Value {
        let (found, replicas) = (self.found, self.replicas.as_ref());
        let names = self.opened.plan().parameter_names();
        let parameter = |(k, name): (usize, &String)| {
            json!({
                "name": name,
                "init": number(self.opened.init[k]),
                "start": number(self.options.start[k]),
                "value": number(found.parameters[k]),
                "uncertainty": self.uncertainty(k).map(number),
                "fixed": !self.is_fitted(k),
                "at_bound": bound_name(found.at_bound[k]),
                "sign_matters": !self.opened.plan().is_even(k),
                "replica_mean": replicas.map(|r| number(r.mean[k])),
                "replica_spread": replicas.map(|r| number(r.spread[k])),
            })
        };
        let weak = |weak: &neyman::tmd::fit::WeakDirection| {
            let part = |(k, part): &(usize, f64)| json!({"name": names[*k], "part": number(*part)});
            json!({
                "strength": number(weak.strength),
                "parts": weak.parts.iter().map(part).collect::<Vec<_>>(),
            })
        };
        json!({
            "status": found.status.as_str(),
            "synthetic": self.synthetic,
            "chi2": number(found.chi2),
            "n_points": self.data.values().len(),
            "edm": number(found.edm),
            "evaluations": found.evaluations,
            "parameters": names.iter().enumerate().map(parameter).collect::<Vec<_>>(),
            "covariance": covariance_rows(&found.covariance, names.len()),
            "weak_directions": found.weak.iter().map(weak).collect::<Vec<_>>(),
            "finished_on_processor": found.on_processor,
            "points": self.points(),
            "replicas": replicas.map(Replicas::json),
            "interrupted": self.interrupted,
            "quadrature": self.opened.rule(),
            "quadrature_error": number(self.opened.worst_error()),
        })
    }
}
