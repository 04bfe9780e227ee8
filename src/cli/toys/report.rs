//! What a run of toys says at its end.

use std::time::Duration;

use neyman::accelerator::DeviceInfo;
use neyman::results::ToySummary;
use neyman::session::ToyPlan;
use neyman::spec::display_name;
use serde_json::{Value, json};

use crate::cli::Exit;
use crate::cli::arguments::Toys;
use crate::cli::failure::one_line;
use crate::cli::json::number;
use crate::cli::load::Loaded;
use crate::cli::table::count;

pub(super) struct Report<'a> {
    pub(super) arguments: &'a Toys,
    pub(super) device: &'a DeviceInfo,
    pub(super) plan: &'a ToyPlan,
    /// Name and true value of the parameter of interest.
    pub(super) truth: Option<(String, f64)>,
    pub(super) loaded: &'a Loaded,
    /// What the truth does to toys.
    pub(super) warnings: Vec<String>,
    pub(super) summary: ToySummary,
    /// What an earlier process had done.
    pub(super) resumed: ToySummary,
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    pub(super) complete: bool,
}

impl Report<'_> {
    pub(super) fn exit(&self) -> Exit {
        let unconverged = self.summary.unconverged.len() as f64;
        if !self.complete {
            Exit::Interrupted
        } else if unconverged > self.arguments.max_unconverged * self.summary.toys as f64 {
            Exit::NotConverged
        } else {
            Exit::Success
        }
    }

    /// Fits of this process per second of `time`.
    fn rate(&self, time: Duration) -> f64 {
        let fits = (self.summary.fits - self.resumed.fits) as f64;
        if fits > 0.0 { fits / time.as_secs_f64().max(1e-9) } else { 0.0 }
    }

    pub(super) fn json(&self) -> Value {
        let device = self.device;
        let of_workspace =
            self.loaded.warnings.iter().map(|w| json!({"path": w.path, "message": w.message}));
        let of_truth = self.warnings.iter().map(|w| json!({"path": null, "message": w}));
        json!({
            "toys": self.summary.toys,
            "converged": self.summary.converged,
            "unconverged": self.summary.unconverged,
            "seconds": number(self.wall.as_secs_f64()),
            "cpu_seconds": number(self.cpu.as_secs_f64()),
            "fits": self.summary.fits,
            "fits_per_second": number(self.rate(self.wall)),
            "fits_per_cpu_second": number(self.rate(self.cpu)),
            "evaluations": self.summary.evaluations,
            "negative_rates": self.summary.negative,
            "missed_minima": self.summary.missed,
            "finished_on_processor": self.summary.on_host,
            "device_failure": self.summary.failure,
            "device": device.name,
            "precision": device.precision,
            "device_description": device.description,
            "device_reason": device.reason,
            "seed": self.plan.seed,
            "range": [self.plan.range.start, self.plan.range.end],
            "poi": self.truth.as_ref().map(|(name, _)| name),
            "mu": self.truth.as_ref().map(|&(_, mu)| number(mu)),
            "resumed": self.resumed.toys,
            "interrupted": !self.complete,
            "warnings": of_workspace.chain(of_truth).collect::<Vec<_>>(),
            "output": self.arguments.output.as_ref().map(|p| p.display().to_string()),
        })
    }

    pub(super) fn text(&self) -> String {
        let summary = &self.summary;
        let mut text = format!(
            "{} of {} toys converged, {:.2} s ({:.2} s cpu), {:.0} fits per second on {}\n",
            summary.converged,
            summary.toys,
            self.wall.as_secs_f64(),
            self.cpu.as_secs_f64(),
            self.rate(self.wall),
            self.device.name,
        );
        if let Some((name, mu)) = &self.truth {
            text.push_str(&format!(
                "thrown at {} = {mu}, seed {}\n",
                display_name(name),
                self.plan.seed
            ));
        }
        if !summary.unconverged.is_empty() {
            let shown: Vec<_> = summary.unconverged.iter().take(10).map(u64::to_string).collect();
            let more = if summary.unconverged.len() > 10 { ", ..." } else { "" };
            text.push_str(&format!("not converged: {}{more}\n", shown.join(", ")));
        }
        if summary.negative > 0 {
            let toys = count(summary.negative as usize, "toy");
            text.push_str(&format!("negative expected rates at the minimum of {toys}\n"));
        }
        if summary.missed > 0 {
            let toys = count(summary.missed as usize, "toy");
            text.push_str(&format!("free fit worse than the conditional one in {toys}\n"));
        }
        if summary.on_host > 0 {
            let fits = count(summary.on_host as usize, "fit");
            text.push_str(&format!("{fits} finished on the processor, in f64\n"));
        }
        if let Some(failure) = &summary.failure {
            let failure = one_line(failure);
            text.push_str(&format!("a device failed: {failure}\n"));
        }
        if let Some(path) = &self.arguments.output {
            let path = path.display();
            text.push_str(&if self.complete {
                format!("written to {path}\n")
            } else {
                format!("interrupted: {path}.part holds them; the same command with --resume continues\n")
            });
        } else if !self.complete {
            text.push_str("interrupted: with -o FILE.npz a run can be resumed\n");
        }
        text
    }
}
