//! Slopes without a matrix, shapes at any b, and documents that are no files.

use neyman::tmd::luminosity::Luminosity;
use neyman::tmd::sidis::{Channels, Factor, Point, Zeta};
use neyman::tmd::{Evolution, Plan, Rule, Segment, Shape, Side, Sidis};

/// 100 points of the shapes of MAP22, so that threads share them.
fn plan() -> (Plan, Vec<f64>) {
    let point = |i: usize| {
        let part = i as f64 / 100.0;
        Point {
            x: 0.05 + 0.2 * part,
            z: 0.3,
            q2: 2.0 + 3.0 * part,
            pht: 0.1 + 0.3 * part,
            bin: None,
        }
    };
    let sidis = Sidis {
        points: (0..100).map(point).collect(),
        channels: Channels::one(
            Shape::Map22Pdf,
            Some(Shape::Map22Ff),
            Factor::BuiltIn(Luminosity::OneLoop),
        ),
        evolution: Evolution::Map,
        zeta: Zeta::Q2,
        rule: Rule::SinhGaussLegendre { nodes: 48 },
    };
    let parameters = vec![
        0.25, 0.25, 0.15, 0.12, 0.10, 0.20, 0.18, 0.08, 0.14, 0.13, 0.11, 0.09, 0.2, 1.1, 0.3, 0.2,
        0.4, 0.15, 0.9, 0.2, 0.1,
    ];
    (sidis.plan().expect("a plan"), parameters)
}

#[test]
fn slopes_are_weights_times_derivatives() {
    let (plan, at) = plan();
    let n = at.len();
    let jacobian = plan.jacobian(&at).expect("values").jacobian;
    let weights: Vec<f64> = (0..100).map(|i| (i as f64).sin()).collect();
    let slopes = plan.pullback(&at, &weights).expect("slopes");
    for k in 0..n {
        let terms: Vec<f64> = (0..100).map(|i| weights[i] * jacobian[i * n + k]).collect();
        let (want, size) = (terms.iter().sum::<f64>(), terms.iter().map(|t| t.abs()).sum::<f64>());
        assert!((slopes[k] - want).abs() <= 1e-14 * size, "{k}: {} not {want}", slopes[k]);
    }
    // one point alone is its row, to the bit
    let mut one = vec![0.0; 100];
    one[77] = 1.0;
    assert_eq!(plan.pullback(&at, &one).expect("slopes"), jacobian[77 * n..78 * n]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    assert_eq!(pool.install(|| plan.pullback(&at, &weights)).expect("slopes"), slopes);
    let refused = |at: &[f64], weights: &[f64], says: &str| {
        let error = plan.pullback(at, weights).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(&at, &weights[1..], "99 weights for 100 points");
    refused(&at[1..], &weights, "20 values for 21 parameters");
    let mut bad = weights.clone();
    bad[3] = f64::NAN;
    refused(&at, &bad, "the weight of point 3 is NaN");
}

#[test]
fn shapes_at_any_b() {
    let (plan, at) = plan();
    assert!(plan.distribution_names().eq(["pdf", "ff"]));
    let (b, zeta) = ([0.0, 0.3, 1.0, 2.5, 7.0], 4.0);
    let found = plan.shape("pdf", 0.2, zeta, &b, &at).expect("values");
    assert_eq!(found[0], 1.0);
    // twice the same shape in a sum of one node is its square
    for (b, found) in b.iter().zip(&found).skip(1) {
        let side = Side { distribution: 0, x: 0.2 };
        let segment =
            Segment { point: 0, sides: [side, side], zeta, b: vec![*b], factor: vec![1.0] };
        let shapes = [("pdf".to_owned(), Shape::Map22Pdf)];
        let one = Plan::new(Evolution::Map, &shapes, 1, vec![segment]).expect("a plan");
        let square = one.predict(&at[..12]).expect("a value").values[0];
        assert!((found * found / square - 1.0).abs() < 1e-14, "{found}^2 not {square}");
    }
    assert_eq!(plan.shape("pdf", 1.0, zeta, &b, &at).expect("nothing"), [0.0; 5]);
    let refused = |name: &str, x: f64, b: f64, says: &str| {
        let error = plan.shape(name, x, zeta, &[b], &at).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    refused("fff", 0.1, 1.0, "there is no distribution \"fff\"");
    refused("ff", 0.0, 1.0, "x = 0 must be above 0");
    refused("ff", 0.1, -1.0, "b = -1 must be 0 or more");
}

#[cfg(feature = "tmd")]
#[test]
fn documents_in_memory_are_those_of_files() {
    use neyman::tmd::files::{Inputs, Source};

    let Some(folder) = crate::directory().map(|d| d.join("fixtures")) else { return };
    let names = ["config.yaml", "kinematics.yaml", "fNPconfig.yaml"];
    let [config, kinematics, fnp] = names.map(|name| folder.join(name));
    let files = Inputs::read(&config, &kinematics, &fnp).expect("good files");
    let text = |path| Source::Text(std::fs::read(path).expect("a file"));
    let [config, kinematics, fnp] = [&config, &kinematics, &fnp].map(text);
    let texts = Inputs::from_sources(&config, &kinematics, &fnp).expect("good documents");
    assert_eq!((&texts.config, &texts.kinematics), (&files.config, &files.kinematics));
    assert_eq!(texts.fnp, files.fnp);
    assert_eq!(texts.roles()[0], neyman::tmd::fit::Role::Fixed);
    let broken = Source::Text(b"{\"qToQcut\": -1}".to_vec());
    let error = Inputs::from_sources(&broken, &kinematics, &fnp).expect_err("refused").to_string();
    assert!(error.starts_with("config: /qToQcut: -1 leaves no point"), "{error}");
    let broken = Source::Text(b"a: [".to_vec());
    let error = Inputs::from_sources(&config, &broken, &fnp).expect_err("refused").to_string();
    assert!(error.starts_with("kinematics: line "), "{error}");
}
