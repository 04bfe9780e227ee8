//! Densities through given points: against another implementation, its integral, its edges, bad points.

use neyman::unbinned::Observable;
use neyman::unbinned::pdf::Pdf;

fn window(lo: f64, hi: f64) -> Observable {
    Observable::new("x", lo, hi).expect("a window")
}

fn log_prob(pdf: &Pdf, x: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    pdf.log_prob(&[], &[x], &mut out).unwrap_or_else(|e| panic!("{e}"));
    out
}

/// SciPy's `CubicHermiteSpline` on slopes by Fritsch and Carlson's algorithm, written anew, and its `integrate`.
#[test]
fn values_of_another_implementation() {
    let inf = f64::NEG_INFINITY;
    let smooth = Pdf::spline(
        &window(60.0, 120.0),
        &[60.0, 70.0, 80.0, 90.0, 100.0, 110.0, 120.0],
        &[0.1, 0.5, 2.0, 1.8, 0.4, 0.15, 0.15],
    );
    let cases = [
        (60.0, -6.216273377741253),
        (67.5, -5.044856048699837),
        (75.0, -3.5997903701645333),
        (82.5, -3.2221048261634446),
        (97.5, -4.275959214190061),
        (105.0, -5.6215662699945605),
        (120.0, -5.810808269633088),
        (120.5, inf),
    ];
    compare(&smooth.expect("knots"), &cases);
    // knots that begin below the window and end in it, one steep rise
    let knots = [50.0, 75.0, 80.0, 81.0, 115.0];
    let steep = Pdf::spline(&window(60.0, 120.0), &knots, &[1.0, 0.0, 0.0, 30.0, 2.0]);
    let cases = [
        (60.0, -7.14840085701976),
        (66.875, -8.19526887413676),
        (73.75, -11.786857020641348),
        (75.0, inf),
        (77.0, inf),
        (80.625, -3.4424159350028845),
        (94.375, -3.326053366095769),
        (115.0, -5.770074665549048),
        (115.01, inf),
        (55.0, inf),
    ];
    compare(&steep.expect("knots"), &cases);
    let line = Pdf::spline(&window(0.0, 1.0), &[0.0, 1.0], &[0.0, 1.0]).expect("knots");
    compare(&line, &[(0.0, inf), (0.125, 0.25f64.ln()), (0.5, 0.0), (1.0, 2f64.ln())]);
}

fn compare(pdf: &Pdf, cases: &[(f64, f64)]) {
    let x: Vec<f64> = cases.iter().map(|c| c.0).collect();
    for ((x, b), a) in cases.iter().zip(log_prob(pdf, &x)) {
        assert!(a == *b || (a - b).abs() < 1e-12, "at {x}: {a} {b}");
    }
}

/// Simpson's rule on each interval is exact for cubics.
#[test]
fn integrals_are_one() {
    let knots = [61.0, 64.0, 77.5, 77.6, 90.0, 130.0];
    let values = [[1.0, 4.0, 2.0, 2.0, 9.0, 0.0], [0.0, 0.0, 1e-3, 50.0, 0.0, 7.0]];
    for values in values {
        for (lo, hi) in [(60.0, 120.0), (61.0, 130.0), (70.0, 70.5), (77.55, 200.0)] {
            let pdf = Pdf::spline(&window(lo, hi), &knots, &values).expect("knots");
            let mut ends: Vec<f64> = knots.iter().copied().filter(|k| *k > lo && *k < hi).collect();
            ends.insert(0, f64::max(lo, knots[0]));
            ends.push(f64::min(hi, knots[5]));
            let total: f64 = ends
                .windows(2)
                .map(|e| {
                    let p = log_prob(&pdf, &[e[0], 0.5 * (e[0] + e[1]), e[1]]);
                    (p[0].exp() + 4.0 * p[1].exp() + p[2].exp()) * (e[1] - e[0]) / 6.0
                })
                .sum();
            assert!((total - 1.0).abs() < 1e-12, "{values:?} in [{lo}, {hi}]: {total}");
        }
    }
    // monotone between knots, so never below 0
    let pdf = Pdf::spline(&window(61.0, 130.0), &knots, &values[1]).expect("knots");
    let x: Vec<f64> = (0..=1000).map(|i| 64.0 + 13.5 * f64::from(i) / 1000.0).collect();
    let logs = log_prob(&pdf, &x);
    assert!(logs.windows(2).all(|l| l[0] <= l[1]));
}

#[test]
fn bad_points_are_refused() {
    let refused = |knots: &[f64], values: &[f64], says: &str| {
        let error = Pdf::spline(&window(60.0, 120.0), knots, values).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
    };
    refused(&[60.0, 120.0], &[1.0], "1 values for 2 knots");
    refused(&[60.0], &[1.0], "2 or more are needed");
    refused(&[60.0, 60.0], &[1.0, 1.0], "knot 1 = 60 must be above knot 0 = 60");
    refused(&[60.0, f64::NAN], &[1.0, 1.0], "must be above");
    refused(&[60.0, 90.0, 120.0], &[1.0, -0.1, 1.0], "the value at knot 1 is -0.1");
    refused(&[60.0, 120.0], &[1.0, f64::INFINITY], "the value at knot 1 is inf");
    refused(&[60.0, 120.0], &[0.0, 0.0], "no density");
    refused(&[10.0, 20.0], &[1.0, 1.0], "no density");
}
