//! Cross sections averaged over bins of transverse momentum: closed forms, and means over points.

use neyman::tmd::luminosity::Luminosity;
use neyman::tmd::quadrature::At;
use neyman::tmd::sidis::{Channels, Factor, Point, Zeta};
use neyman::tmd::{Evolution, Measure, Rule, Shape, Sidis};

const SINH: Rule = Rule::SinhGaussLegendre { nodes: 64 };

fn sidis(points: Vec<Point>, rule: Rule) -> Sidis {
    Sidis {
        points,
        channels: Channels::one(
            Shape::Map22Pdf,
            Some(Shape::Map22Ff),
            Factor::BuiltIn(Luminosity::OneLoop),
        ),
        evolution: Evolution::Map,
        zeta: Zeta::Q2,
        rule,
    }
}

/// `integral of qT dqT integral of b J0(qT b) exp(-a b^2) db = exp(-q1^2 / 4a) - exp(-q2^2 / 4a)`.
#[test]
fn a_bell_has_a_closed_form() {
    let wide =
        Rule::Trapezoid { b_min: 1e-7, b_max: 24.0, nodes: 400, measure: Measure::Logarithmic };
    for (a, low, high) in
        [(0.05, 0.0, 0.2), (0.1, 0.3, 0.5), (0.3, 0.5, 2.0), (1.0, 0.1, 0.1001), (0.5, 1.0, 3.0)]
    {
        let want: f64 = f64::exp(-low * low / (4.0 * a)) - f64::exp(-high * high / (4.0 * a));
        for (rule, precision) in [(SINH, 1e-11), (Rule::Ogata { nodes: 200 }, 1e-9), (wide, 1e-9)] {
            let nodes = rule.nodes_at(At::Bin(low, high), 2.0).expect("nodes");
            let terms = nodes.b.iter().zip(&nodes.weight);
            let got: f64 = terms.map(|(b, w)| w * f64::exp(-a * b * b)).sum();
            // a narrow bin is a small difference
            assert!(
                (got - want).abs() < precision * (1.0 + want),
                "{rule} {a} {low}: {got} {want}"
            );
        }
    }
}

fn parameters() -> Vec<f64> {
    vec![
        0.25, 0.25, 0.15, 0.12, 0.10, 0.20, 0.18, 0.08, 0.14, 0.13, 0.11, 0.09, 0.2, 1.1, 0.3, 0.2,
        0.4, 0.15, 0.9, 0.2, 0.1,
    ]
}

#[test]
fn a_bin_is_the_mean_of_its_points() {
    let (low, high) = (0.1, 0.5);
    let point = |pht: f64, bin| Point { x: 0.1, z: 0.4, q2: 4.0, pht, bin };
    // Simpson's rule
    const PARTS: usize = 1000;
    let within = (0..=PARTS).map(|i| point(low + (high - low) * i as f64 / PARTS as f64, None));
    let weight = |i: usize| match i {
        0 | PARTS => 1.0 / 3.0 / PARTS as f64,
        _ => [2.0, 4.0][i % 2] / 3.0 / PARTS as f64,
    };
    let mean = sidis(within.collect(), SINH).plan().expect("a plan");
    let mean = mean.jacobian(&parameters()).expect("values");
    let average =
        |of: &dyn Fn(usize) -> f64| -> f64 { (0..=PARTS).map(|i| weight(i) * of(i)).sum() };
    let binned = vec![point(0.3, Some((low, high)))];
    let found = sidis(binned.clone(), SINH).plan().expect("a plan");
    let found = found.jacobian(&parameters()).expect("values");
    let want = average(&|i| mean.values[i]);
    assert!((found.values[0] / want - 1.0).abs() < 1e-11, "{} not {want}", found.values[0]);
    let largest = found.jacobian.iter().map(|s| s.abs()).fold(0.0, f64::max);
    for k in 0..21 {
        let want = average(&|i| mean.jacobian[i * 21 + k]);
        assert!((found.jacobian[k] - want).abs() < 1e-10 * largest, "{k}");
    }
    let ogata = sidis(binned, Rule::Ogata { nodes: 200 }).plan().expect("a plan");
    let ogata = ogata.predict(&parameters()).expect("a value").values[0];
    assert!((ogata / want - 1.0).abs() < 1e-8, "{ogata} not {want}");
    // narrow ones are their points
    let narrow = vec![point(0.3, Some((0.2999, 0.3001))), point(0.3, None)];
    let narrow = sidis(narrow, SINH).plan().expect("a plan").predict(&parameters());
    let narrow = narrow.expect("values").values;
    assert!((narrow[0] / narrow[1] - 1.0).abs() < 1e-7, "{narrow:?}");
}

#[test]
fn bins_that_are_none() {
    let refused = |bin: (f64, f64), says: &str| {
        let point = Point { x: 0.1, z: 0.4, q2: 4.0, pht: 0.3, bin: Some(bin) };
        let error = sidis(vec![point], SINH).plan().expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    refused((0.4, 0.5), "point 0: PhT = 0.3 is not in its bin, 0.4 to 0.5 GeV");
    refused((0.3, 0.3), "is not in its bin");
    refused((-0.1, 0.5), "is not in its bin");
    refused((0.1, f64::INFINITY), "to a finite end");
    refused((f64::NAN, 0.5), "is not in its bin");
    let error = SINH.nodes_at(At::Bin(0.5, 0.2), 2.0).expect_err("refused").to_string();
    assert!(error.contains("from qT = 0.5 to 0.2 GeV must rise"), "{error}");
}

#[cfg(feature = "tmd")]
#[test]
fn files_with_bins() {
    use neyman::tmd::files::{Inputs, Source};

    let text = |text: &str| Source::Text(text.as_bytes().to_vec());
    let fnp = text(
        "zeta: Q2\nevolution: {init_g2: 0.2}\nflavors: {u: {shape: simple, init_params: [1, 0.3]}}",
    );
    let read = |more: &str| {
        let kinematics = format!(
            "header: {{Vs: 7.2}}\ndata: {{PhT: [0.1, 0.3], x: [0.1, 0.1], z: [0.4, 0.4], Q2: [3, 3]{more}}}"
        );
        Inputs::from_sources(&text("{}"), &text(&kinematics), &fnp)
    };
    let inputs = read(", PhT_low: [0, 0.2], PhT_high: [0.2, 0.4]").expect("bins");
    let bins: Vec<_> = inputs.kinematics.points.iter().map(|p| p.bin).collect();
    assert_eq!(bins, [Some((0.0, 0.2)), Some((0.2, 0.4))]);
    inputs.sidis(2).expect("points").plan().expect("a plan");
    for (more, says) in [
        (", PhT_low: [0, 0.2]", "\"PhT_high\" is missing: a bin has two ends"),
        (", PhT_low: [0, 0.2], PhT_high: [0.2]", "data.PhT_high has 1 values, data.PhT has 2"),
        (
            ", PhT_low: [0, 0.2], PhT_high: [0.2, 0.25]",
            "kinematics: /data/PhT_low/1: PhT_low = 0.2",
        ),
        (", PhT_low: [-1, 0.2], PhT_high: [0.2, 0.4]", "/data/PhT_low/0"),
    ] {
        let error = read(more).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    }
}
