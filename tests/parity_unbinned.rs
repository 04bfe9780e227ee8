//! The contract of `docs/parity.md` for unbinned fits on devices: likelihoods with derivatives of all densities that
//! devices know, recorded fits and large samples on every device and in every precision, against the processor. A
//! device joins with one `devices!` line. `-- --nocapture` prints the largest error of every row.

mod common;
#[path = "common/event_models.rs"]
mod event_models;
#[path = "common/event_toys.rs"]
mod event_toys;
#[cfg(feature = "onnx")]
#[path = "parity_unbinned/exported.rs"]
mod exported;
#[path = "common/flow_files.rs"]
mod flow_files;
#[path = "parity_unbinned/flows.rs"]
mod flows;
#[path = "common/mixtures.rs"]
mod mixtures;
#[cfg(feature = "onnx")]
#[path = "unbinned/exported/models.rs"]
mod models;
#[cfg(all(feature = "onnx", feature = "cuda", target_os = "linux"))]
#[path = "parity_unbinned/resident.rs"]
mod resident;
#[cfg(all(feature = "onnx", feature = "cuda", target_os = "linux"))]
#[path = "common/standin.rs"]
mod standin;
#[cfg(feature = "onnx")]
#[path = "unbinned/exported/writer.rs"]
mod writer;

use event_models::{all_densities, bell, free, mesons_above, plain, recorded, table, two_channels};
use event_toys::{empty_toys, lost, tests_by_toys, toys, toys_in_company};
#[cfg(feature = "onnx")]
use exported::{exported_edges, exported_fits, exported_kinds, exported_lost, exported_recorded};
use flows::{flow_edges, flow_fits, flow_kinds, flow_toys, flow_wide};
pub(crate) use mixtures::{number, numbers};
use neyman::accelerator::{DeviceChoice, DeviceRequest, PrecisionChoice};
use neyman::fit::Status;
use neyman::session::{FitOptions, ScanOptions, UnbinnedSession};
use neyman::unbinned::fit::FitResult;
use neyman::unbinned::model::{Channel, Evaluation, Process, Slot};
use neyman::unbinned::pdf::Pdf;
use neyman::unbinned::yields::Base;
use neyman::unbinned::{Observable, UnbinnedModel};

/// What one precision promises.
#[derive(Debug, Clone, Copy)]
struct Contract {
    /// Of the NLL, and more for each unit of the terms that are summed; 10 times as much from 2 * 10^5 events on
    /// where `grows`.
    nll: f64,
    nll_of_terms: f64,
    grows: bool,
    /// More for each event where there are flows.
    nll_of_flows: f64,
    /// Each derivative in units of its parameter's width (one over the root of the Hessian's diagonal), or in
    /// proportion to itself where that is more; second ones likewise.
    gradient: f64,
    hessian: f64,
    /// Parameters of a fit in their uncertainties, and these in proportion.
    fit: f64,
    widths: f64,
    /// NLL of toys' fits.
    toys: f64,
}

const F64: Contract = Contract {
    nll: 1e-8,
    nll_of_terms: 1e-14,
    grows: false,
    nll_of_flows: 0.0,
    gradient: 1e-9,
    hessian: 1e-9,
    fit: 1e-6,
    widths: 1e-6,
    toys: 1e-8,
};
#[cfg(feature = "gpu")]
const DF64: Contract = Contract { nll_of_terms: 1e-12, ..F64 };
#[cfg(feature = "gpu")]
const F32: Contract = Contract {
    nll: 5e-4,
    nll_of_terms: 0.0,
    grows: true,
    nll_of_flows: 1e-7,
    gradient: 1e-3,
    hessian: 1e-3,
    fit: 1e-2,
    widths: 1e-3,
    toys: 1e-6,
};

/// A device under test.
#[derive(Clone, Copy)]
struct Device {
    name: &'static str,
    contract: Contract,
    /// `None`, aloud, where this machine has none.
    request: fn() -> Option<DeviceRequest>,
    /// Events of the largest sample.
    largest: fn() -> usize,
}

/// Largest errors, in units of what is allowed.
#[derive(Default)]
struct Worst {
    nll: (f64, f64),
    gradient: (f64, f64),
    hessian: (f64, f64),
}

impl Worst {
    fn enter(worst: &mut (f64, f64), error: f64, allowed: f64) {
        let share = error / allowed;
        if share > worst.0 || share.is_nan() {
            *worst = (share, error);
        }
    }

    fn compare(
        &mut self,
        contract: Contract,
        n_events: usize,
        found: &Evaluation,
        want: &Evaluation,
    ) {
        assert_eq!(found.zero_density, want.zero_density);
        let grown = if contract.grows && n_events > 200_000 { 10.0 } else { 1.0 };
        // terms are some 5 each
        let within = grown * contract.nll + contract.nll_of_terms * 5.0 * n_events as f64;
        if found.nll != want.nll {
            Self::enter(&mut self.nll, (found.nll - want.nll).abs(), within);
        }
        let n = want.gradient.len();
        assert_eq!((found.gradient.len(), found.hessian.len()), (n, want.hessian.len()));
        let width = |k: usize| want.hessian[k * n + k].abs().sqrt().max(1e-3);
        for (k, (a, b)) in found.gradient.iter().zip(&want.gradient).enumerate() {
            let allowed = contract.gradient * b.abs().max(width(k));
            Self::enter(&mut self.gradient, (a - b).abs(), allowed);
        }
        for (at, (a, b)) in found.hessian.iter().zip(&want.hessian).enumerate() {
            let allowed = contract.hessian * (b.abs() + width(at / n) * width(at % n));
            Self::enter(&mut self.hessian, (a - b).abs(), allowed);
        }
    }

    fn close(&self, device: &Device, what: &str) {
        let rows = [("NLL", self.nll), ("gradient", self.gradient), ("Hessian", self.hessian)];
        for (row, (share, error)) in rows {
            eprintln!("{}, {what}: {row} {error:.1e}, {share:.1e} of the row", device.name);
        }
        for (row, (share, error)) in rows {
            assert!(share <= 1.0, "{}, {what}: {row} off by {error:e}", device.name);
        }
    }
}

impl Device {
    fn load(&self, model: &UnbinnedModel) -> Option<UnbinnedModel> {
        let request = (self.request)()?;
        let (model, info) = model.on_device(&request).unwrap_or_else(|e| panic!("{e}"));
        assert!(info.name.starts_with("gpu:") || info.name.starts_with("cuda:"), "{info:?}");
        Some(model)
    }

    /// Likelihoods at some points, each with and without derivatives.
    fn points(&self, model: &UnbinnedModel, points: &[Vec<f64>], what: &str) {
        let Some(loaded) = self.load(model) else { return };
        let mut worst = Worst::default();
        for theta in points {
            let found = loaded.hessian(theta).expect("a likelihood");
            // the same bits again, and near enough to them where less is asked for
            assert_eq!(loaded.hessian(theta).expect("a likelihood"), found);
            assert_eq!(loaded.nll(theta).expect("a likelihood").nll, found.nll);
            assert_eq!(loaded.gradient(theta).expect("a likelihood").gradient, found.gradient);
            let want = model.hessian(theta).expect("a likelihood");
            worst.compare(self.contract, model.n_events(), &found, &want);
        }
        worst.close(self, what);
    }
}

/// All densities at once.
fn densities(device: &Device) {
    for weighted in [false, true] {
        let model = all_densities(1300, weighted);
        let start = model.init();
        let mut elsewhere = start.clone();
        elsewhere.iter_mut().enumerate().for_each(|(k, x)| *x *= 1.0 + 0.01 * (k % 5) as f64);
        (elsewhere[1], elsewhere[3]) = (25.0, 1e-30);
        device.points(&model, &[start, elsewhere], &format!("densities, weights {weighted}"));
    }
}

/// Channels that share parameters, weights, modifiers; a point with a yield of 0.
fn channels(device: &Device) {
    let points = [
        vec![1.2, 91.0, 2.5, -0.03, 0.3, -0.4, 700.0],
        vec![0.0, 90.0, 3.0, 0.02, -1.7, 1.4, 500.0],
    ];
    device.points(&two_channels(), &points, "channels");
}

/// Recorded likelihoods and fits.
fn recorded_fits(device: &Device) {
    let Some(directory) = common::data_directory() else { return };
    let goldens = common::read_json(&directory.join("unbinned/goldens.json"));
    for case in goldens["models"].as_array().expect("models") {
        let (id, model) = (case["id"].as_str().expect("an id"), recorded(case));
        let points: Vec<Vec<f64>> = case["points"]
            .as_array()
            .expect("points")
            .iter()
            .map(|p| numbers(&p["params"]))
            .collect();
        device.points(&model, &points, id);
        let Some(loaded) = device.load(&model) else { return };
        let fitted = loaded.fit(&FitOptions::default()).expect("a fit");
        assert_eq!(fitted.status, Status::Converged, "{id}");
        let golden = &case["fit"];
        assert!(
            (fitted.nll - number(&golden["nll"])).abs() < device.contract.nll.max(1e-8),
            "{id}"
        );
        let (values, errors) = (numbers(&golden["params"]), numbers(&golden["errors_hesse"]));
        agree(device, id, (&fitted.parameters, &fitted.uncertainties), (&values, &errors));
    }
}

fn agree(device: &Device, what: &str, found: (&[f64], &[f64]), want: (&[f64], &[f64])) {
    let (mut shift, mut width) = (0.0_f64, 0.0_f64);
    for k in 0..want.0.len() {
        shift = shift.max((found.0[k] - want.0[k]).abs() / want.1[k]);
        width = width.max((found.1[k] / want.1[k] - 1.0).abs());
    }
    eprintln!("{}, {what}: fit {shift:.1e} sigma, widths {width:.1e}", device.name);
    let Contract { fit, widths, .. } = device.contract;
    assert!(shift < fit && width < widths, "{}, {what}: {shift:e} {width:e}", device.name);
}

/// A device's fit ends where the processor's does, after about as many evaluations; what the device found.
fn fits_agree(
    device: &Device,
    what: &str,
    loaded: &UnbinnedModel,
    model: &UnbinnedModel,
) -> FitResult {
    let fit = |model: &UnbinnedModel| model.fit(&FitOptions::default()).expect("a fit");
    let (found, want) = (fit(loaded), fit(model));
    assert_eq!((found.status, want.status), (Status::Converged, Status::Converged));
    assert!(found.evaluations < want.evaluations + 6, "{found:?} {want:?}");
    let place = (&*found.parameters, &*found.uncertainties);
    agree(device, what, place, (&want.parameters, &want.uncertainties));
    found
}

/// Many events, whose roundings could add up; fits of them.
fn large_samples(device: &Device) {
    for n in [1000, 10_000, 100_000, 1_000_000] {
        if n > (device.largest)() {
            break;
        }
        for weight in [None, Some(0.3)] {
            let model = bell(n, weight);
            let size = n as f64 * weight.unwrap_or(1.0);
            let near = vec![0.251 * size, 91.003, 2.4987, 0.7493 * size, -0.030_07];
            let what = format!("{n} events, weights {weight:?}");
            device.points(&model, &[near], &what);
            let Some(loaded) = device.load(&model) else { return };
            if weight.is_none() && n <= 100_000 {
                fits_agree(device, &what, &loaded, &model);
            }
        }
    }
}

/// A narrow peak far from 0 where the phase space ends: differences of large numbers, and a density that is singular
/// at the end of the window.
fn mesons(device: &Device) {
    let n = 30_000.min((device.largest)());
    let mass = Observable::new("mass", 5200.0, 5289.0).expect("a window");
    let x = mesons_above(n);
    let process = |name: &str, pdf, shape, k| Process {
        name: name.into(),
        pdf,
        shape,
        expected: plain(Base::Parameter(k)),
    };
    let argus = vec![Slot::Constant(5289.0), Slot::Parameter(4), Slot::Constant(0.5)];
    let peak = vec![Slot::Parameter(2), Slot::Parameter(3)];
    let processes = vec![
        process("signal", Pdf::gaussian(&mass), peak, 0),
        process("continuum", Pdf::argus(&mass).expect("a density"), argus, 1),
    ];
    let size = n as f64;
    let parameters = vec![
        free("n_sig", 0.15 * size, (0.0, 1e6)),
        free("n_bkg", 0.85 * size, (0.0, 1e6)),
        free("mean", 5279.0, (5270.0, 5285.0)),
        free("width", 3.0, (1.0, 10.0)),
        free("c", -15.0, (-100.0, 10.0)),
    ];
    let channel = Channel { name: "B".into(), events: table(&mass, x, None), processes };
    let model = UnbinnedModel::new(parameters, vec![channel]).expect("a model");
    let near = vec![0.2 * size, 0.8 * size, 5279.651, 2.603, -20.07];
    device.points(&model, &[model.init(), near], "mesons");
    let Some(loaded) = device.load(&model) else { return };
    let options = FitOptions::default();
    let fit = |model: &UnbinnedModel| model.fit(&options).expect("a fit");
    let (found, want) = (fit(&loaded), fit(&model));
    assert_eq!((found.status, want.status), (Status::Converged, Status::Converged));
    let found = (&*found.parameters, &*found.uncertainties);
    agree(device, "mesons", found, (&want.parameters, &want.uncertainties));
}

/// Events that no process makes, and points beyond a device's formulas: as the processor has them.
fn edges(device: &Device) {
    let x = Observable::new("x", 0.0, 10.0).expect("a window");
    let process = |name: &str, pdf, shape, k| Process {
        name: name.into(),
        pdf,
        shape,
        expected: plain(Base::Parameter(k)),
    };
    let argus = vec![Slot::Constant(6.0), Slot::Parameter(2), Slot::Parameter(3)];
    let bell = vec![Slot::Parameter(4), Slot::Parameter(5)];
    let processes = vec![
        process("argus", Pdf::argus(&x).expect("a density"), argus, 0),
        process("bell", Pdf::gaussian(&x), bell, 1),
    ];
    let parameters =
        [("a", 10.0), ("b", 0.0), ("c", -1.0), ("p", 0.5), ("mu", 5.0), ("sigma", 1.0)];
    let parameters = parameters.map(|(name, init)| free(name, init, (-1e200, 1e200))).to_vec();
    let values = vec![1.0, 2.5, 6.5, 4.0, 9.0, 5.999];
    let weights = vec![1.0, 2.0, 1.0, 0.5, 0.0, 1.0];
    let channel =
        Channel { name: "SR".into(), events: table(&x, values, Some(weights)), processes };
    let model = UnbinnedModel::new(parameters, vec![channel]).expect("a model");
    let Some(loaded) = device.load(&model) else { return };
    // beyond the end of the argus there is one event that weighs something
    let (found, want) = (loaded.hessian(&model.init()), model.hessian(&model.init()));
    let (found, want) = (found.expect("a likelihood"), want.expect("a likelihood"));
    assert_eq!((found.nll, found.zero_density), (f64::INFINITY, 1));
    let mut worst = Worst::default();
    worst.compare(device.contract, 6, &found, &want);
    worst.close(device, "impossible events");
    for (mu, sigma) in [(5.0, 1e-170), (1e160, 1.0), (5.0, 1e-20)] {
        let theta = [10.0, 3.0, -1.0, 0.5, mu, sigma];
        let told = |model: &UnbinnedModel| model.hessian(&theta).map_err(|e| e.to_string());
        match (told(&loaded), told(&model)) {
            (Ok(found), Ok(want)) => {
                assert_eq!((found.nll, found.gradient), (want.nll, want.gradient))
            }
            (found, want) => assert_eq!(found.err(), want.err()),
        }
    }
    let error = |theta: &[f64]| loaded.nll(theta).expect_err("refused").to_string();
    let said = error(&[10.0, 3.0, -1.0, 0.5, 5.0, -1.0]);
    assert!(said.contains("process \"bell\": gaussian: sigma = -1"), "{said}");
    assert!(error(&[10.0, -3.0, -1.0, 0.5, 5.0, 1.0]).contains("process \"bell\""));
}

/// What a device has no formula for is told by name, unless it follows no parameter.
fn refused(device: &Device) {
    let Some(request) = (device.request)() else { return };
    let x = Observable::new("x", 0.0, 10.0).expect("a window");
    let model = |gamma| {
        let shape = vec![Slot::Constant(5.0), Slot::Constant(1.0), gamma];
        let expected = plain(Base::Parameter(0));
        let process = Process { name: "line".into(), pdf: Pdf::voigtian(&x), shape, expected };
        let events = table(&x, vec![4.0, 5.0, 5.5, 7.0], None);
        let channel = Channel { name: "SR".into(), events, processes: vec![process] };
        let parameters = vec![free("n", 4.0, (0.0, 10.0)), free("gamma", 0.4, (0.1, 3.0))];
        UnbinnedModel::new(parameters, vec![channel]).expect("a model")
    };
    let moving = model(Slot::Parameter(1));
    let error = moving.on_device(&request).expect_err("refused");
    let told = "channel \"SR\", process \"line\": devices have no formula for the density voigtian";
    assert!(error.to_string().contains(told), "{error}");
    assert!(matches!(error, neyman::Error::Unsupported(_)));
    device.points(&model(Slot::Constant(0.4)), &[vec![3.0, 0.4], vec![4.0, 0.4]], "held");
    // left to choose, it is the processor's
    let (chosen, info) = moving.on_device(&DeviceRequest::default()).expect("the processor");
    let nll = |model: &UnbinnedModel| model.nll(&[3.0, 0.4]).expect("a likelihood").nll;
    assert_eq!((&*info.name, nll(&chosen)), ("cpu", nll(&moving)));
    assert!(info.reason.starts_with("auto: "), "{}", info.reason);
    for (device, precision, says) in [
        ("cpu", PrecisionChoice::F32, "it computes in f64, not in f32"),
        ("cuda", PrecisionChoice::Df64, "its kernels compute in f64, not in df64"),
        ("cuda:0,1", PrecisionChoice::Auto, "single events lie on one card"),
        ("gpu:999", PrecisionChoice::Auto, ""),
    ] {
        let device: DeviceChoice = device.parse().expect("a device");
        let request = DeviceRequest { precision, ..device.into() };
        let error = model(Slot::Constant(0.4)).on_device(&request).expect_err("refused");
        assert!(error.is_device() && error.to_string().contains(says), "{error}");
    }
}

/// A session on a device makes the statements that one on the processor makes.
fn statements(device: &Device) {
    let Some(request) = (device.request)() else { return };
    let model = bell(1000, None);
    let here = UnbinnedSession::new(model.clone(), Some(0)).expect("a session");
    let there = UnbinnedSession::with_device(model, Some(0), &request).expect("a session");
    assert_eq!((&*here.device().name, here.device().precision.len()), ("cpu", 3));
    assert_ne!(there.device().name, "cpu");
    let held = |session: &UnbinnedSession| {
        let session = session.with_fixed("slope", -0.03).expect("a parameter");
        let scan = session.scan(&[220.0, 250.0, 280.0], &ScanOptions::default()).expect("a scan");
        let points: Vec<f64> = scan.points.iter().map(|p| p.delta_twice_nll).collect();
        points
    };
    for (a, b) in held(&there).iter().zip(held(&here)) {
        assert!((a - b).abs() < 4.0 * device.contract.nll + 1e-6, "{a} {b}");
    }
}

macro_rules! devices {
    ($module:ident, $device:expr) => {
        devices!(
            $module, $device; densities channels recorded_fits large_samples mesons edges refused statements
                flow_kinds flow_fits flow_edges flow_wide flow_toys toys toys_in_company empty_toys tests_by_toys lost
                #[cfg(feature = "onnx")] exported_kinds #[cfg(feature = "onnx")] exported_fits
                #[cfg(feature = "onnx")] exported_edges #[cfg(feature = "onnx")] exported_lost
                #[cfg(feature = "onnx")] exported_recorded
        );
    };
    ($module:ident, $device:expr; $($(#[$feature:meta])? $test:ident)*) => {
        mod $module {
            use super::*;

            const DEVICE: Device = $device;

            $($(#[$feature])?
            #[test]
            fn $test() {
                super::$test(&DEVICE);
            })*
        }
    };
}

fn cuda() -> Option<DeviceRequest> {
    common::cuda::card()?;
    Some(DeviceChoice::Cuda { index: None }.into())
}

/// The stand-in driver takes a second for so many events; blocks there have several shares each.
fn largest_on_card() -> usize {
    if common::cuda::is_fast() { usize::MAX } else { 10_000 }
}

devices!(
    cuda_f64,
    Device { name: "cuda f64", contract: F64, request: cuda, largest: largest_on_card }
);

#[cfg(feature = "gpu")]
mod gpu {
    use neyman::accelerator::gpu::Precision;

    use super::*;

    fn request(precision: Precision) -> Option<DeviceRequest> {
        common::gpu::adapter(precision)?;
        let device = DeviceChoice::Gpu { backend: None, index: None };
        Some(DeviceRequest { precision: precision.into(), ..device.into() })
    }

    devices!(
        f64,
        Device {
            name: "gpu f64",
            contract: F64,
            request: || request(Precision::F64),
            largest: || 1_000_000,
        }
    );
    devices!(
        df64,
        Device {
            name: "gpu df64",
            contract: DF64,
            request: || request(Precision::Df64),
            largest: || 100_000,
        }
    );
    devices!(
        f32,
        Device {
            name: "gpu f32",
            contract: F32,
            request: || request(Precision::F32),
            largest: || 1_000_000,
        }
    );
}
