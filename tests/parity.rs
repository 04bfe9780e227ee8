//! The parity contract of `docs/parity.md`, row by row and precision by precision. A device joins with
//! one `parity!` line.
//!
//! `NEYMAN_PARITY_TOYS` sets the number of toys of every model. `-- --nocapture` prints the largest
//! error of every row.

mod common;

use common::conformance::{Point, evaluate};
use common::parity::{Device, F64, Ledger, Row, near, toys};
use neyman::accelerator::cpu::Cpu;
use neyman::accelerator::{Accelerator, Problem};
use neyman::fit::{self, FitBatch, FitJob, Tolerance};
use neyman::model::{Data, Model};

/// Vertical distance to the minimum that fits of rows 3 and 4, and all that others are compared with,
/// are asked to come to, where the arithmetic allows. 1e-6 sigma are 5e-13.
const CLOSE: Tolerance = Tolerance { edm: 1e-14, evaluations: 5000 };

/// A toy's fit may end in another local minimum than the processor's; so many in a thousand are legal.
const OTHER_MINIMA: usize = 5;

/// A job that starts at the initial point.
struct Fits<'a> {
    model: &'a Model,
    start: Vec<f64>,
    fixed: Vec<bool>,
    main: Vec<f64>,
    auxiliary: Vec<f64>,
}

impl<'a> Fits<'a> {
    fn new(model: &'a Model, (main, auxiliary): (Vec<f64>, Vec<f64>)) -> Self {
        Self { model, start: model.init(), fixed: model.fixed(), main, auxiliary }
    }

    /// The first `n` data sets.
    fn job(&self, n: usize, tolerance: Tolerance) -> FitJob<'_> {
        FitJob {
            main: &self.main[..n * self.model.n_bins()],
            auxiliary: &self.auxiliary[..n * self.model.n_auxiliary()],
            n_fits: n,
            start: &self.start,
            fixed: &self.fixed,
            tolerance,
        }
    }

    fn data(&self, i: usize) -> Data {
        let (n, m) = (self.model.n_bins(), self.model.n_auxiliary());
        Data {
            main: self.main[i * n..(i + 1) * n].to_vec(),
            auxiliary: self.auxiliary[i * m..(i + 1) * m].to_vec(),
        }
    }

    fn point(&self, i: usize, x: &[f64]) -> Point {
        Point { x: x.to_vec(), data: self.data(i) }
    }
}

fn minimize(device: &dyn Accelerator, job: &FitJob<'_>) -> FitBatch {
    fit::minimize(device, job).unwrap_or_else(|e| panic!("{e}"))
}

/// Rows 1 and 2: at the initial point, at the optimum, and at 62 points around.
fn nll_and_gradient(device: &Device) {
    let (contract, mut ledger) = (device.contract, Ledger::new(device));
    let (mut compared, mut impossible) = (0, 0);
    for (name, model) in device.models() {
        let Some(loaded) = device.load(&model) else { return };
        let mut points = near(&model, 62, 0xfa1);
        let observed = model.observed().clone();
        let fits = Fits::new(&model, (observed.main.clone(), observed.auxiliary.clone()));
        let best = minimize(loaded.host(), &fits.job(1, CLOSE));
        points.push(Point { x: model.init(), data: observed.clone() });
        points.push(Point { x: best.parameters, data: observed });
        let mut largest = 0.0f64;
        for (point, answer) in points.iter().zip(evaluate(&*loaded, &points)) {
            let nll = model.nll(&point.x, &point.data);
            if !nll.is_finite() {
                impossible += 1;
                if answer.nll != nll {
                    ledger.violation(format!("{name}: nll {} instead of {nll}", answer.nll));
                }
                continue;
            }
            compared += 1;
            largest = largest.max(nll);
            let error = (answer.nll - nll).abs();
            ledger.enter(Row::Nll, &name, error, contract.nll_within(nll));
            let gradient = model.gradient(&point.x, &point.data);
            for (told, expected) in answer.gradient.iter().zip(gradient) {
                let error = (told - expected).abs();
                ledger.enter(Row::Gradient, &name, error, contract.gradient);
            }
        }
        if largest > 1e4 {
            eprintln!("{}: NLL up to {largest:.0e} at the points of {name}", device.name);
        }
    }
    eprintln!("{}: {compared} points, {impossible} impossible ones", device.name);
    ledger.close(&[Row::Nll, Row::Gradient]);
}

/// Rows 3 and 4: the observed data, expectations at a point near, and a toy; the device's own fit, no
/// Newton step after it.
fn best_fits(device: &Device) {
    let (contract, mut ledger) = (device.contract, Ledger::new(device));
    let (mut compared, mut others, mut flat, mut on_host) = (0, 0, 0, 0);
    for (name, model) in device.models() {
        let Some(loaded) = device.load(&model) else { return };
        let observed = model.observed();
        let (mut main, mut auxiliary) = (observed.main.clone(), observed.auxiliary.clone());
        let asimov = model.asimov(&near(&model, 1, 3)[0].x);
        if asimov.main.iter().chain(&asimov.auxiliary).all(|v| *v >= 0.0 && v.is_finite()) {
            main.extend(asimov.main);
            auxiliary.extend(asimov.auxiliary);
        }
        if let Some((m, a)) = toys(&model, 1) {
            main.extend(m);
            auxiliary.extend(a);
        }
        let n = main.len() / model.n_bins();
        let fits = Fits::new(&model, (main, auxiliary));
        let job = fits.job(n, CLOSE);
        let told = minimize(&*loaded, &job);
        on_host += told.on_host;
        let wanted = minimize(loaded.host(), &job);
        for i in 0..n {
            // the processor's fit, and Newton's method from there
            let wanted = fit::refine(loaded.host(), &job, i, wanted.parameters_of(i));
            let (x, nll) = (told.parameters_of(i), told.nll[i]);
            if told.status[i].is_converged() != wanted.status.is_converged() {
                let (a, b) = (told.status[i], wanted.status);
                ledger.violation(format!("{name}, fit {i}: {a:?}, {b:?} on the processor"));
            }
            if !wanted.status.is_converged() || !told.status[i].is_converged() {
                continue;
            }
            if another_minimum(&*loaded, &job, i, &told, wanted.nll, contract.best_nll) {
                others += 1;
                continue;
            }
            compared += 1;
            reported(&mut ledger, &name, &fits, i, &told);
            let error = (nll - wanted.nll).abs();
            ledger.enter(Row::BestNll, &name, error, contract.best_nll);
            let Some(widths) = widths(loaded.problem(), &job, i, &wanted.parameters) else {
                flat += 1;
                continue;
            };
            for k in 0..x.len() {
                let error = (x[k] - wanted.parameters[k]).abs();
                let unit = if contract.in_sigmas { widths[k] } else { 1.0 };
                if error > 0.0 {
                    ledger.enter(Row::Parameters, &name, error / unit, contract.parameters);
                }
            }
        }
    }
    let name = device.name;
    eprintln!("{name}: {compared} fits, {others} other minima, {flat} flat, {on_host} on the host");
    ledger.close(&[Row::Parameters, Row::BestNll, Row::Reported]);
}

/// Standard deviations; of parameters that a bound holds, the width they would have with all others
/// held; `None` where the likelihood is flat.
fn widths(problem: &dyn Problem, job: &FitJob<'_>, i: usize, x: &[f64]) -> Option<Vec<f64>> {
    let (main, auxiliary) = (job.main_of(i), job.auxiliary_of(i));
    let covariance = fit::covariance(problem, x, main, auxiliary, job.fixed);
    if covariance.uncertainties.is_empty() {
        return None;
    }
    let hessian = problem.derivatives(x, main, auxiliary, true).hessian?;
    let width = |(k, sigma): (usize, &f64)| {
        if *sigma > 0.0 { *sigma } else { hessian[(k, k)].abs().sqrt().recip() }
    };
    Some(covariance.uncertainties.iter().enumerate().map(width).collect())
}

/// The NLL that a fit reports is the oracle's at the parameters that it reports.
fn reported(ledger: &mut Ledger, name: &str, fits: &Fits<'_>, i: usize, told: &FitBatch) {
    let point = fits.point(i, told.parameters_of(i));
    let nll = fits.model.nll(&point.x, &point.data);
    let allowed = ledger.contract().nll_within(nll);
    ledger.enter(Row::Reported, name, (told.nll[i] - nll).abs(), allowed);
}

/// Whether fit `i` ended elsewhere than the processor, in a minimum of its own: Newton's method from
/// there finds nothing lower than it reports.
fn another_minimum(
    device: &dyn Accelerator,
    job: &FitJob<'_>,
    i: usize,
    told: &FitBatch,
    wanted: f64,
    allowed: f64,
) -> bool {
    if (told.nll[i] - wanted).abs() <= allowed {
        return false;
    }
    let there = fit::refine(device.host(), job, i, told.parameters_of(i));
    (there.nll - told.nll[i]).abs() <= allowed && (there.nll - wanted).abs() > allowed
}

/// Row 5: toys fitted by the device to 1e-10 (`Tolerance::PARITY`) or where its arithmetic ends, and by
/// the processor as closely as it can. Fits to the default tolerance may stop 1e-8 above their minimum.
fn toy_fits(device: &Device) {
    let (contract, mut ledger) = (device.contract, Ledger::new(device));
    let asked = std::env::var("NEYMAN_PARITY_TOYS").ok().and_then(|n| n.parse::<usize>().ok());
    let (mut compared, mut on_host, mut unconverged) = (0, 0, [0, 0]);
    let mut others = [0, 0];
    for (name, model) in device.models() {
        let Some(loaded) = device.load(&model) else { return };
        let (most, work) = (device.toys)();
        let n = asked.unwrap_or_else(|| (work / model.n_parameters()).min(most));
        let Some(data) = toys(&model, n) else { continue };
        let fits = Fits::new(&model, data);
        let begin = std::time::Instant::now();
        let told = minimize(&*loaded, &fits.job(n, Tolerance::PARITY));
        let took = begin.elapsed().as_secs_f64();
        if took > 1.0 {
            let evaluations =
                told.evaluations.iter().map(|e| f64::from(*e)).sum::<f64>() / n as f64;
            eprintln!(
                "{}: {name}: {n} toys in {took:.1} s, {evaluations:.0} evaluations each, {} on the host",
                device.name, told.on_host
            );
        }
        let job = fits.job(n, CLOSE);
        let wanted = minimize(loaded.host(), &job);
        on_host += told.on_host;
        let mut elsewhere = 0;
        for i in 0..n {
            let converged = [&told, &wanted].map(|b| b.status[i].is_converged());
            (0..2).for_each(|d| unconverged[d] += usize::from(!converged[d]));
            if converged != [true; 2] {
                continue;
            }
            compared += 1;
            reported(&mut ledger, &name, &fits, i, &told);
            if another_minimum(&*loaded, &job, i, &told, wanted.nll[i], contract.toys) {
                others[usize::from(told.nll[i] > wanted.nll[i])] += 1;
                elsewhere += 1;
                continue;
            }
            ledger.enter(Row::Toys, &name, (told.nll[i] - wanted.nll[i]).abs(), contract.toys);
        }
        if elsewhere > 1 + n * OTHER_MINIMA / 1000 {
            ledger.violation(format!("{name}: {elsewhere} of {n} toys in other minima"));
        }
    }
    eprintln!(
        "{}: {compared} toys; in other minima {} lower, {} higher; {on_host} on the host; not converged {}, {} on the processor",
        device.name, others[0], others[1], unconverged[0], unconverged[1]
    );
    // no device may be worse at it than the processor
    if others[1] > 2 * others[0] + 10 {
        ledger.violation(format!("{others:?} toys in lower and in higher minima"));
    }
    if unconverged[0] > unconverged[1] + compared / 1000 {
        ledger.violation(format!("{unconverged:?} toys not converged here and on the processor"));
    }
    ledger.close(&[Row::Toys, Row::Reported]);
}

macro_rules! parity {
    ($module:ident, $device:expr) => {
        parity!($module, $device; nll_and_gradient best_fits toy_fits);
    };
    ($module:ident, $device:expr; $($test:ident)*) => {
        mod $module {
            use super::*;

            const DEVICE: Device = $device;

            $(#[test]
            fn $test() {
                super::$test(&DEVICE);
            })*
        }
    };
}

parity!(
    cpu,
    Device {
        name: "cpu",
        contract: &F64,
        open: |program| Some(Box::new(Cpu::new(program, "parity"))),
        toys: || (1000, 1000 * 1000),
        largest: || usize::MAX,
    }
);

parity!(
    cuda,
    Device {
        name: "cuda",
        contract: &F64,
        open: common::cuda::open,
        toys: || if common::cuda::is_fast() { (1000, 1000 * 1000) } else { (8, 64) },
        largest: common::cuda::largest,
    }
);

#[cfg(feature = "gpu")]
mod gpu {
    use common::gpu::open;
    use common::parity::{DF64, F32};
    use neyman::accelerator::gpu::Precision;

    use super::*;

    /// Software rasterizers fit 100 toys of 100 parameters in some seconds.
    const TOYS: (usize, usize) = (1000, 10_000);

    parity!(
        f64,
        Device {
            name: "gpu f64",
            contract: &F64,
            open: |program| open(Precision::F64, program),
            toys: || TOYS,
            largest: || usize::MAX,
        }
    );
    parity!(
        df64,
        Device {
            name: "gpu df64",
            contract: &DF64,
            open: |program| open(Precision::Df64, program),
            toys: || TOYS,
            largest: || usize::MAX,
        }
    );
    parity!(
        f32,
        Device {
            name: "gpu f32",
            contract: &F32,
            open: |program| open(Precision::F32, program),
            toys: || TOYS,
            largest: || usize::MAX,
        }
    );
}
