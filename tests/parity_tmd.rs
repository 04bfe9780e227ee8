//! The contract of `docs/parity.md` for plans of cross sections: every pair of shapes, recorded and measured points,
//! convolution tables, and fits, on every device and in every precision, against the processor. A device joins with
//! one `plans!` line. `-- --nocapture` prints the largest error of every row.

mod common;
#[path = "common/plans.rs"]
mod plans;

use neyman::accelerator::{DeviceChoice, DeviceRequest};
use neyman::fit::Tolerance;
use neyman::tmd::fit::{Data, FitOptions, Role, descend, fit, fit_all};
use neyman::tmd::fit::{Descent, judge};
use neyman::tmd::{Evaluate, Plan, PlanSession};
use plans::{Case, measured, pairs, recorded};

/// What one precision promises.
#[derive(Debug)]
struct Contract {
    /// Of a value, in units of the sum of its terms' sizes.
    value: f64,
    /// Of a derivative, in units of the largest of its point and of how often larger the terms are than the value.
    slope: f64,
    /// Of a fit: chi2 above the processor's.
    chi2: f64,
}

const F64: Contract = Contract { value: 1e-12, slope: 1e-12, chi2: 1e-9 };
#[cfg(feature = "gpu")]
const DF64: Contract = Contract { value: 2e-12, slope: 2e-12, chi2: 1e-8 };
#[cfg(feature = "gpu")]
const F32: Contract = Contract { value: 2e-6, slope: 2e-5, chi2: 1e-3 };

/// A device under test.
struct Device {
    name: &'static str,
    contract: &'static Contract,
    /// What opens it; `None`, aloud, where this machine has none.
    request: fn() -> Option<DeviceRequest>,
    /// Points of the largest plans.
    points: fn() -> usize,
}

/// Largest errors, in units of what is allowed.
#[derive(Default)]
struct Worst {
    value: (f64, f64),
    slope: (f64, f64),
}

impl Worst {
    fn enter(worst: &mut (f64, f64), error: f64, allowed: f64) {
        let share = error / allowed;
        if share > worst.0 || share.is_nan() {
            *worst = (share, error);
        }
    }

    fn close(&self, device: &Device, what: &str) {
        for (row, (share, error)) in [("value", self.value), ("slope", self.slope)] {
            eprintln!("{}, {what}: {row} {error:.1e}, {share:.1e} of the row", device.name);
            assert!(share <= 1.0, "{}, {what}: {row} off by {error:e}", device.name);
        }
    }

    /// The case on the device against the processor; values are the same whatever else is asked for.
    fn compare(&mut self, device: &Device, session: &PlanSession, case: &Case) {
        let want = session.plan().jacobian(&case.parameters).expect("the processor");
        let found = session.jacobian(&case.parameters);
        let found = found.unwrap_or_else(|e| panic!("{}, {}: {e}", device.name, case.name));
        let [found] = &found[..] else { panic!("{} rows", found.len()) };
        let value = session.predict(&case.parameters).expect("values");
        assert_eq!((&value[0].values, value[0].jacobian.len()), (&found.values, 0));
        assert_eq!(value[0].cancellation, found.cancellation);
        let p = case.parameters.len();
        assert_eq!(
            (found.values.len(), found.jacobian.len()),
            (want.values.len(), want.values.len() * p)
        );
        for (i, value) in want.values.iter().enumerate() {
            let lost = want.cancellation[i];
            assert!((found.cancellation[i] / lost - 1.0).abs() < 1e-3 * lost, "{}", case.name);
            let error = (found.values[i] - value).abs() / (value.abs() * lost);
            Self::enter(&mut self.value, error, device.contract.value);
            let rows = [&found.jacobian, &want.jacobian].map(|j| &j[i * p..(i + 1) * p]);
            let largest = rows[1].iter().map(|s| s.abs()).fold(0.0, f64::max);
            for (a, b) in rows[0].iter().zip(rows[1]).filter(|(a, b)| a != b) {
                let error = (a - b).abs() / (largest * lost);
                Self::enter(&mut self.slope, error, device.contract.slope);
            }
        }
    }
}

impl Device {
    fn open(&self, plan: &Plan) -> Option<PlanSession> {
        let session = PlanSession::open(plan.clone(), (self.request)()?);
        Some(session.unwrap_or_else(|e| panic!("{}: {e}", self.name)))
    }

    fn cases(&self, what: &str, cases: &[Case]) {
        let mut worst = Worst::default();
        // a device that nobody holds is closed, and kernels take seconds to compile
        let mut held = None;
        for case in cases {
            let Some(session) = self.open(&case.plan) else { return };
            worst.compare(self, &session, case);
            held.get_or_insert(session);
        }
        worst.close(self, what);
    }
}

/// All pairs of shapes, both evolutions.
fn every_pair_of_shapes(device: &Device) {
    device.cases("pairs of shapes", &pairs());
}

/// Recorded cross sections, whose values the processor is held to.
fn recorded_points(device: &Device) {
    let Some(folder) = common::data_directory() else { return };
    let goldens = common::read_json(&folder.join("tmd/goldens.json"));
    device.cases("recorded", &recorded(&goldens));
}

/// Kinematics of an experiment.
fn measured_points(device: &Device) {
    let Some(folder) = common::data_directory() else { return };
    let file = common::read_json(&folder.join("tmd/hermes_multiplicities.json"));
    let replicas = common::read_json(&folder.join("tmd/map22_replicas.json"));
    device.cases("measured", &[measured(&file, &replicas, (device.points)())]);
}

/// Real convolution tables: hundreds of terms a point, the same shape on both sides.
#[cfg(feature = "tmd")]
fn tables(device: &Device) {
    use neyman::tmd::files::Table;
    use neyman::tmd::{Evolution, Shape};
    use plans::numbers;

    let Some(folder) = common::data_directory() else { return };
    let file = folder.join("tmd/dy_n3ll/E605_Q_7_8.table.yaml.gz");
    let table = Table::read(file).expect("a table");
    let points = table.qt().len().min((device.points)().div_ceil(20));
    let goldens = common::read_json(&folder.join("tmd/dy_goldens.json"));
    let mut parameters = numbers(&goldens["meta"]["t0_params"]);
    // PV19's second evolution parameter stands last there
    let g2b = parameters.pop().expect("parameters");
    parameters.insert(1, g2b);
    let shapes = [("f".to_owned(), Shape::Pv19x)];
    let segments = table.segments(points, 0, 0);
    let plan = Plan::new(Evolution::Pv19, &shapes, points, segments).expect("a plan");
    let name = format!("{points} points of a table, {} terms", plan.n_terms());
    device.cases("tables", &[Case { name, plan, parameters }]);
}

/// Rows have the same bits in any company, and in which the shapes have no value is said of each.
fn rows_are_alone(device: &Device) {
    let case = &pairs()[3 * 6 + 2];
    let Some(session) = device.open(&case.plan) else { return };
    let p = case.parameters.len();
    let mut rows: Vec<f64> = Vec::new();
    for i in 0..9 {
        rows.extend(case.parameters.iter().map(|x| x * (1.0 + 0.01 * f64::from(i))));
    }
    // no number; a logarithm of a negative number; an exponential that overflows
    rows[2 * p] = f64::NAN;
    let alpha = case.plan.parameter_index("f.alpha").expect("a parameter");
    rows[4 * p + alpha] = -0.5;
    let lambda = case.plan.parameter_index("d.sigma1").expect("a parameter");
    rows[6 * p + lambda] = 1e5;
    let together = session.rows(&rows, true).expect("rows");
    assert_eq!(together.len(), 9);
    for (i, (row, found)) in rows.chunks(p).zip(&together).enumerate() {
        let alone = session.rows(row, true).expect("a row").remove(0);
        let want = case.plan.jacobian(row);
        assert_eq!([found, &want].map(Result::is_err), [[2, 4, 6].contains(&i); 2], "row {i}");
        match (&alone, found) {
            (Ok(alone), Ok(found)) => assert_eq!(alone, found, "row {i}"),
            (Err(alone), Err(found)) => assert_eq!(alone.to_string(), found.to_string()),
            _ => panic!("row {i} differs in company"),
        }
    }
    let told = |row: usize| together[row].as_ref().expect_err("refused").to_string();
    assert_eq!(told(2), "parameter \"g2\" is NaN, not a finite number");
    assert!(told(4).contains("the shapes have no value at these parameters"), "{}", told(4));
    let error = session.jacobian(&rows).expect_err("refused").to_string();
    assert_eq!(error, "row 2: parameter \"g2\" is NaN, not a finite number");
    let error = session.predict(&rows[1..]).expect_err("refused").to_string();
    assert!(error.contains(&format!("{} values for rows of {p} parameters", 9 * p - 1)), "{error}");
    assert!(session.predict(&[]).expect("nothing").is_empty());
}

/// Values with errors of 1 % and the start of a fit of two parameters.
fn to_fit(case: &Case) -> (Data, FitOptions) {
    let values = case.plan.predict(&case.parameters).expect("values").values;
    let sigma = values.iter().map(|v| 0.01 * v.abs()).collect();
    let data = Data::independent(values, sigma).expect("data").replica(1, 0);
    let mut roles = vec![Role::Fixed; case.parameters.len()];
    let mut start = case.parameters.clone();
    for name in ["f.lambda", "d.lambda_f"] {
        let k = case.plan.parameter_index(name).expect("a parameter");
        roles[k] = Role::FREE;
        start[k] *= 1.1;
    }
    let tolerance = Tolerance { edm: 1e-8, evaluations: 200 };
    (data, FitOptions { start, roles, tolerance })
}

/// Replicas in lockstep are the fits one by one, and end where the processor's do.
fn fits(device: &Device) {
    let case = pairs().into_iter().find(|case| case.name == "gauss simple").expect("there");
    let Some(session) = device.open(&case.plan) else { return };
    let (data, options) = to_fit(&case);
    let all: Vec<Data> = (0..5).map(|i| data.replica(7, i)).collect();
    let together = fit_all(&session, &all, &options).expect("fits");
    let processor = fit_all(&case.plan, &all, &options).expect("fits");
    for (i, (found, want)) in together.iter().zip(&processor).enumerate() {
        let alone = fit(&session, &all[i], &options).expect("a fit");
        assert_eq!(*found, alone, "replica {i}");
        assert!(want.status.is_converged(), "{}", want.status.as_str());
        assert!(found.status.is_converged(), "{}", found.status.as_str());
        let above = (found.chi2 - want.chi2).abs();
        eprintln!("{}, fit {i}: chi2 {above:.1e} away", device.name);
        assert!(above <= device.contract.chi2, "{}: chi2 {above:e} away", device.name);
        for (a, b) in found.uncertainties.iter().zip(&want.uncertainties) {
            assert!((a - b).abs() <= 1e-3 * b, "{a} not {b}");
        }
    }
    let judged = judge(&session, &data, &options).expect("judged");
    assert!(judged.edm.is_finite() && judged.edm > options.tolerance.edm);
    let descended =
        descend(&session, &data, &options, Descent::Lbfgs, 5, &mut |_, _| true).expect("steps");
    assert!(descended.chi2.last() < descended.chi2.first(), "{:?}", descended.chi2);
    // nothing to fit
    let roles = vec![Role::Fixed; options.roles.len()];
    let held = FitOptions { roles, ..options.clone() };
    assert_eq!(fit_all(&session, &all, &held).expect("values").len(), 5);
    assert!(fit_all(&session, &[], &options).expect("nothing").is_empty());
    let start = vec![f64::NAN; options.start.len()];
    assert!(fit_all(&session, &all, &FitOptions { start, ..options }).is_err());
}

macro_rules! plans {
    ($module:ident, $device:expr) => {
        plans!(
            $module, $device;
            every_pair_of_shapes recorded_points measured_points rows_are_alone fits
            #[cfg(feature = "tmd")] tables
        );
    };
    ($module:ident, $device:expr; $($(#[$cfg:meta])? $test:ident)*) => {
        mod $module {
            use super::*;

            const DEVICE: Device = $device;

            $($(#[$cfg])? #[test]
            fn $test() {
                super::$test(&DEVICE);
            })*
        }
    };
}

/// The stand-in driver takes some milliseconds for a sum of 64 nodes.
fn points_of_card() -> usize {
    if common::cuda::is_fast() { 400 } else { 20 }
}

plans!(
    cuda,
    Device {
        name: "cuda f64",
        contract: &F64,
        request: || common::cuda::card().map(|_| DeviceChoice::Cuda { index: None }.into()),
        points: points_of_card,
    }
);

#[cfg(feature = "gpu")]
mod gpu {
    use neyman::accelerator::PrecisionChoice;
    use neyman::accelerator::gpu::Precision;

    use super::*;

    fn request(precision: Precision) -> Option<DeviceRequest> {
        common::gpu::adapter(precision)?;
        let device = DeviceChoice::Gpu { backend: None, index: None };
        Some(DeviceRequest { precision: PrecisionChoice::from(precision), ..device.into() })
    }

    plans!(
        f64,
        Device {
            name: "gpu f64",
            contract: &F64,
            request: || request(Precision::F64),
            points: || 400,
        }
    );
    plans!(
        df64,
        Device {
            name: "gpu df64",
            contract: &DF64,
            request: || request(Precision::Df64),
            points: || 400,
        }
    );
    plans!(
        f32,
        Device {
            name: "gpu f32",
            contract: &F32,
            request: || request(Precision::F32),
            points: || 400,
        }
    );
}

/// Devices that are not there, and several cards, are refused in the words of other statements.
#[test]
fn what_cannot_be_opened_says_why() {
    let plan = &pairs()[0].plan;
    let refused = |device: &str| {
        let device: DeviceChoice = device.parse().expect("a device");
        let Err(error) = PlanSession::open(plan.clone(), device) else { panic!("{device} opened") };
        assert!(error.is_device(), "{error}");
        error.to_string()
    };
    assert!(refused("gpu:999").starts_with("device gpu:999: "));
    assert!(refused("cuda:999").starts_with("device cuda:999: "));
    assert!(refused("cuda:all").contains("a plan runs on one card, as in cuda:0"));
    for device in ["cpu", "auto"] {
        let device: DeviceChoice = device.parse().expect("a device");
        let session = PlanSession::open(plan.clone(), device).expect("the processor");
        assert_eq!((&*session.info().name, &*session.info().precision), ("cpu", "f64"));
    }
}
