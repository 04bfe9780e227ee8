//! A graphics processor that holds little: batches go through it in pieces, with the same bits, and
//! what does not fit is an error with numbers.
#![cfg(feature = "gpu")]

mod common;

use std::sync::Arc;

use common::conformance::{evaluate, points};
use common::gpu::{adapter, load};
use common::own;
use common::parity::toys;
use neyman::Error;
use neyman::accelerator::gpu::{Context, Gpu, Precision};
use neyman::accelerator::{Accelerator, DeviceInfo, Program};
use neyman::fit::{self, FitBatch, FitJob, Tolerance};
use neyman::model::Model;
use neyman::model::interpolation::Interpolation;
use serde_json::json;

const N: usize = 600;

/// A device whose bindings hold `bytes` and no more; the driver's own checks are told so too.
fn context(precision: Precision, bytes: Option<u64>) -> Option<Arc<Context>> {
    let adapter = adapter(precision)?;
    let mut limits = adapter.handle.limits();
    if let Some(bytes) = bytes {
        limits.max_storage_buffer_binding_size = bytes;
    }
    Some(Context::open_with_limits(&adapter.handle, precision, limits).expect("a device"))
}

fn program(model: &Model) -> Arc<Program> {
    Arc::new(Program::new(Arc::new(model.clone())))
}

fn fits(device: &dyn Accelerator, model: &Model, n: usize) -> neyman::Result<FitBatch> {
    let (main, auxiliary) = toys(model, n).expect("toys");
    let job = FitJob {
        main: &main,
        auxiliary: &auxiliary,
        n_fits: n,
        start: &model.init(),
        fixed: &model.fixed(),
        tolerance: Tolerance::default(),
    };
    fit::minimize(device, &job)
}

/// One channel of `n` bins, each with its own uncertainty.
fn bins(n: usize) -> Model {
    let row = |a: f64| (0..n).map(|i| a + (i % 7) as f64).collect::<Vec<_>>();
    let background = vec![
        own::modifier("tilt", "histosys", json!({"hi_data": row(31.0), "lo_data": row(28.5)})),
        own::modifier("stat", "staterror", json!(row(1.5))),
    ];
    let signal = vec![own::modifier("mu", "normfactor", json!(null))];
    let samples =
        vec![own::sample("s", &row(2.0), &signal), own::sample("b", &row(30.0), &background)];
    let document = own::workspace(&[("SR", &row(33.0), samples)], "mu", &[]);
    own::compile(&document, Interpolation::default())
}

/// Every limit gives the bits of no limit, or an error that says what is too large.
#[test]
fn pieces_have_the_bits_of_the_whole() {
    let precision = Precision::Df64;
    let Some(whole) = context(precision, None) else { return };
    let model = own::compile(&own::all_seven(), Interpolation::default());
    let program = program(&model);
    let whole = load(whole, precision, Arc::clone(&program));
    let wanted = fits(&*whole, &model, N).expect("fits");
    let points = points(&model, 64, 2);
    let answers = evaluate(&*whole, &points);
    let results = (N * (model.n_parameters() + 1) * 8) as u64;
    let (mut pieces, mut refused) = (0, 0);
    for bytes in [65536u64, 8192, 2048] {
        let Some(context) = context(precision, Some(bytes)) else { return };
        let refusal = |error: Error| {
            let Error::Device { message, .. } = error else { panic!("{bytes}: {error}") };
            assert!(message.contains(&format!("at most {bytes}")), "{message}");
        };
        let info = whole.info().clone();
        match Gpu::new(context, Arc::clone(&program), info, false) {
            Err(error) => {
                refusal(error);
                refused += 1;
            }
            Ok(device) => {
                assert!(bytes < results, "{bytes}: in one piece");
                match fits(&device, &model, N) {
                    Ok(fits) => {
                        assert!(fits == wanted, "other fits with {bytes} bytes");
                        pieces += 1;
                    }
                    Err(error) => refusal(error),
                }
                // 64 points at once, in two slots or in hundreds
                if bytes == 65536 {
                    assert!(evaluate(&device, &points) == answers, "{bytes}: evaluation");
                }
            }
        }
    }
    eprintln!("{pieces} limits in pieces, {refused} refused");
    assert!(pieces >= 2 && refused >= 1, "{pieces}, {refused}");
}

/// Working memory of one fit above half of what a binding holds: one slot, few results at a time.
#[test]
fn a_model_that_nearly_fills_a_binding() {
    let precision = Precision::Df64;
    let Some(whole) = context(precision, None) else { return };
    let model = bins(140);
    let program = program(&model);
    let whole = load(whole, precision, Arc::clone(&program));
    let wanted = fits(&*whole, &model, 24).expect("fits");
    let (mut fitted, mut refused) = (0, 0);
    for kilobytes in [48u64, 20, 18, 12] {
        let bytes = 1024 * kilobytes;
        let Some(context) = context(precision, Some(bytes)) else { return };
        let info = DeviceInfo { reason: "small".into(), ..whole.info().clone() };
        let told = Gpu::new(context, Arc::clone(&program), info, false)
            .and_then(|device| fits(&device, &model, 24));
        match told {
            Ok(fits) => {
                assert!(fits == wanted, "other fits with {bytes} bytes");
                assert!(refused == 0, "{bytes} bytes are enough, more were not");
                fitted += 1;
            }
            Err(Error::Device { message, .. }) => {
                assert!(message.contains(&format!("at most {bytes}")), "{message}");
                eprintln!("{message}");
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    eprintln!("{fitted} limits fit, {refused} refused");
    assert!(fitted >= 1 && refused >= 1);
}

/// A device that takes no fits at all leaves them to the processor, where that is allowed, and says so.
#[test]
fn what_does_not_fit_is_done_on_the_host() {
    let precision = Precision::Df64;
    let model = bins(140);
    let program = program(&model);
    // the tables fit, the columns of the inverse curvature do not
    for kilobytes in (8..24u64).rev() {
        let Some(context) = context(precision, Some(1024 * kilobytes)) else { return };
        let info = DeviceInfo {
            name: "gpu".into(),
            backend: String::new(),
            driver: String::new(),
            precision: "df64".into(),
            description: String::new(),
            reason: String::new(),
        };
        let Ok(device) = Gpu::new(context, Arc::clone(&program), info, true) else { return };
        let told = fits(&device, &model, 5).expect("fits");
        assert!(told.status.iter().all(|s| s.is_converged()));
        let Some(failure) = told.failure else { continue };
        assert_eq!(told.on_host, 5);
        assert!(failure.contains("at most"), "{failure}");
        let processor = fits(device.host(), &model, 5).expect("fits");
        assert_eq!(told.parameters, processor.parameters);
        return;
    }
}
