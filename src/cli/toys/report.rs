//! What a run of toys says at its end.

use std::time::Duration;

use neyman::accelerator::DeviceInfo;
use neyman::session::ToyPlan;
use neyman::spec::{Warning, display_name};
use serde_json::{Value, json};

use super::Done;
use crate::cli::arguments::ToyRunArguments;
use crate::cli::failure::one_line;
use crate::cli::json::number;
use crate::cli::table::count;
use crate::cli::{Exit, Outcome, output};

pub(crate) struct Report<'a> {
    pub(crate) run: &'a ToyRunArguments,
    pub(crate) device: &'a DeviceInfo,
    pub(crate) plan: &'a ToyPlan,
    /// Name and true value of the parameter of interest.
    pub(crate) truth: Option<(String, f64)>,
    /// What the workspace has about it.
    pub(crate) of_workspace: &'a [Warning],
    /// What the truth does to toys.
    pub(crate) warnings: Vec<String>,
    pub(crate) done: Done,
}

impl Report<'_> {
    /// Tells it, and how the command ends.
    pub(crate) fn write(&self) -> Outcome {
        if self.run.json {
            output::json(&self.json())?;
        } else {
            output::text(&self.text())?;
        }
        Ok(self.exit())
    }

    fn exit(&self) -> Exit {
        let unconverged = self.done.summary.unconverged.len() as f64;
        if !self.done.complete {
            Exit::Interrupted
        } else if unconverged > self.run.max_unconverged * self.done.summary.toys as f64 {
            Exit::NotConverged
        } else {
            Exit::Success
        }
    }

    /// Fits of this process per second of `time`.
    fn rate(&self, time: Duration) -> f64 {
        let fits = (self.done.summary.fits - self.done.resumed.fits) as f64;
        if fits > 0.0 { fits / time.as_secs_f64().max(1e-9) } else { 0.0 }
    }

    fn json(&self) -> Value {
        let device = self.device;
        let of_workspace =
            self.of_workspace.iter().map(|w| json!({"path": w.path, "message": w.message}));
        let of_truth = self.warnings.iter().map(|w| json!({"path": null, "message": w}));
        json!({
            "toys": self.done.summary.toys,
            "converged": self.done.summary.converged,
            "unconverged": self.done.summary.unconverged,
            "seconds": number(self.done.wall.as_secs_f64()),
            "cpu_seconds": number(self.done.cpu.as_secs_f64()),
            "fits": self.done.summary.fits,
            "fits_per_second": number(self.rate(self.done.wall)),
            "fits_per_cpu_second": number(self.rate(self.done.cpu)),
            "evaluations": self.done.summary.evaluations,
            "negative_rates": self.done.summary.negative,
            "missed_minima": self.done.summary.missed,
            "finished_on_processor": self.done.summary.on_host,
            "device_failure": self.done.summary.failure,
            "device": device.name,
            "precision": device.precision,
            "device_description": device.description,
            "device_reason": device.reason,
            "seed": self.plan.seed,
            "range": [self.plan.range.start, self.plan.range.end],
            "poi": self.truth.as_ref().map(|(name, _)| name),
            "mu": self.truth.as_ref().map(|&(_, mu)| number(mu)),
            "resumed": self.done.resumed.toys,
            "interrupted": !self.done.complete,
            "warnings": of_workspace.chain(of_truth).collect::<Vec<_>>(),
            "output": self.run.output.as_ref().map(|p| p.display().to_string()),
        })
    }

    fn text(&self) -> String {
        let summary = &self.done.summary;
        let mut text = format!(
            "{} of {} toys converged, {:.2} s ({:.2} s cpu), {:.0} fits per second on {}\n",
            summary.converged,
            summary.toys,
            self.done.wall.as_secs_f64(),
            self.done.cpu.as_secs_f64(),
            self.rate(self.done.wall),
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
        if let Some(path) = &self.run.output {
            let path = path.display();
            text.push_str(&if self.done.complete {
                format!("written to {path}\n")
            } else {
                format!("interrupted: {path}.part holds them; the same command with --resume continues\n")
            });
        } else if !self.done.complete {
            text.push_str("interrupted: with -o FILE.npz a run can be resumed\n");
        }
        text
    }
}
