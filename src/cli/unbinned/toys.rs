//! `neyman unbinned toys`.

use neyman::Error;
use neyman::results::ToyRun;
use neyman::session::{FitOptions, ToyPlan, UnbinnedSession};

use super::statements::Open;
use crate::cli::Outcome;
use crate::cli::arguments::unbinned::Toys;
use crate::cli::arguments::{Global, Truth};
use crate::cli::failure::Failure;
use crate::cli::toys::{Report, execute};

pub(super) fn run(global: &Global, arguments: &Toys) -> Outcome {
    let open = Open::new(global, &arguments.statement)?;
    let session = &open.session;
    let plan = plan(arguments, &open)?;
    let device = session.device().clone();
    let chunk = arguments.run.chunk.get();
    let identity = ToyRun::unbinned(session, &plan, chunk);
    let done =
        execute(global, &arguments.run, (&plan, &device, identity), &mut |part, stop, sink| {
            session.toys(part, chunk, stop, sink)
        })?;
    let poi = session.poi(None).ok();
    Report {
        run: &arguments.run,
        device: &device,
        plan: &plan,
        truth: poi.map(|k| (session.model().parameters()[k].name.clone(), plan.truth[k])),
        of_workspace: &[],
        warnings: Vec::new(),
        done,
    }
    .write()
}

fn plan(arguments: &Toys, open: &Open<'_>) -> Result<ToyPlan, Failure> {
    let session: &UnbinnedSession = &open.session;
    let tolerance = arguments.run.tolerance.get();
    let tested = arguments.conditional || arguments.test_mu.is_some();
    let poi = match tested || arguments.mu.is_some() {
        true => Some(session.poi(None).map_err(|e| open.told(e))?),
        false => None,
    };
    let mut truth = session.model().init();
    if let (Some(poi), Some(mu)) = (poi, arguments.mu) {
        truth[poi] = mu;
    }
    if arguments.run.truth == Truth::Fit {
        let name = |k: usize| session.model().parameters()[k].name.clone();
        let fix = poi.zip(arguments.mu).map(|(k, mu)| (name(k), mu)).into_iter().collect();
        let fit = session.fit(&FitOptions { fix, tolerance }).map_err(|e| open.told(e))?;
        if !fit.status.is_converged() {
            let status = fit.status.as_str().replace('_', " ");
            let message = format!("the fit to the events ended as {status}");
            return Err(Error::Convergence(message).into());
        }
        truth = fit.parameters;
    }
    let held = poi.filter(|_| tested);
    let hold = held.map(|k| (k, arguments.test_mu.unwrap_or(truth[k]))).into_iter().collect();
    let (seed, range) = (arguments.run.seed, arguments.run.asked());
    Ok(ToyPlan { truth, seed, range, hold, keep_data: false, tolerance })
}
