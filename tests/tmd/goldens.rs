//! Values computed to 20 digits.

use neyman::tmd::luminosity::{b_star, sudakov};
use neyman::tmd::quadrature::{Order, ogata};
use neyman::tmd::{Evolution, Measure, Plan, Rule, Segment, Shape, Side};

use crate::plans::of;
use crate::{json, number, numbers};

fn close(got: f64, want: f64, relative: f64, what: &dyn std::fmt::Debug) {
    let allowed = relative * want.abs() + 1e-300;
    assert!((got - want).abs() <= allowed, "{what:?}: {got} not {want}, {:e}", got / want - 1.0);
}

#[test]
fn scales_and_sudakov() {
    let Some(goldens) = json("goldens.json") else { return };
    for case in goldens["bstar_min"].as_array().expect("cases") {
        let at = b_star(number(&case["b"]), number(&case["Q"]));
        close(at, number(&case["value"]), 1e-13, case);
    }
    for case in goldens["sudakov_ll1"].as_array().expect("cases") {
        let at = sudakov(number(&case["b"]), number(&case["Q"])).expect("above 1 GeV");
        close(at, number(&case["value"]), 1e-13, case);
    }
    assert!(sudakov(1.0, 0.9).expect_err("too low").to_string().contains("0.9 GeV"));
}

#[test]
fn nodes_of_ogata() {
    let Some(goldens) = json("goldens.json") else { return };
    for case in goldens["ogata"].as_array().expect("cases") {
        let order = match number(&case["nu"]) {
            0.0 => Order::Zero,
            1.0 => Order::One,
            _ => continue,
        };
        let (x, w) = ogata(order, 1000, number(&case["h"]));
        for row in case["rows"].as_array().expect("rows") {
            let j = number(&row["j"]) as usize - 1;
            if j < x.len() {
                close(x[j], number(&row["x"]), 1e-13, row);
                assert!((w[j] - number(&row["W"])).abs() < 1e-12, "{row}: {}", w[j]);
            }
        }
    }
}

#[test]
fn shapes_with_their_slopes() {
    let Some(goldens) = json("goldens.json") else { return };
    for case in goldens["fnp"].as_array().expect("cases") {
        let shape = Shape::named(case["model"].as_str().expect("a name")).expect("a shape");
        // one node, the other factor flat
        let segment = Segment {
            point: 0,
            sides: [
                Side { distribution: 0, x: number(&case["x"]) },
                Side { distribution: 1, x: 0.5 },
            ],
            zeta: 1.0,
            b: vec![number(&case["b"])],
            factor: vec![1.0],
        };
        let shapes = [("f".to_owned(), shape), ("flat".to_owned(), Shape::Gauss)];
        let plan = Plan::new(Evolution::Map, &shapes, 1, vec![segment]).expect("a plan");
        let own = numbers(&case["params"]);
        let parameters = [&[0.0][..], &own, &[0.0, 0.0]].concat();
        let at = plan.jacobian(&parameters).expect("a value");
        close(at.values[0], number(&case["value"]), 1e-13, case);
        for (k, want) in numbers(&case["grad"]).into_iter().enumerate() {
            let got = at.jacobian[1 + k];
            assert!((got - want).abs() <= 1e-13 * (1.0 + want.abs()), "{case} {k}: {got}");
        }
    }
}

#[test]
fn cross_sections_with_their_slopes() {
    let Some(goldens) = json("goldens.json") else { return };
    for case in goldens["xsec"].as_array().expect("cases") {
        let q = number(&case["Q"]);
        let parameters = numbers(&case["params"]);
        let want = number(&case["xsec"]);
        let slopes = numbers(&case["xsec_grad"]);
        let largest = slopes.iter().map(|s| s.abs()).fold(0.0, f64::max);
        for (nodes, value, slope) in [
            (64, if q < 4.0 { 1e-10 } else { 1e-8 }, if q < 4.0 { 5e-9 } else { 1e-6 }),
            (96, 1e-11, 1e-10),
        ] {
            let sidis = of(case, Rule::SinhGaussLegendre { nodes });
            let at = sidis.plan().expect("a plan").jacobian(&parameters).expect("a value");
            close(at.values[0], want, value, &(nodes, &case["kin"]));
            for (got, want) in at.jacobian.iter().zip(&slopes) {
                assert!((got - want).abs() <= slope * largest, "{nodes} {case}: {got} not {want}");
            }
            let error = sidis.quadrature_error(&parameters).expect("a value").expect("built in");
            assert!(error[0].abs() < 100.0 * value, "{error:?}");
        }
        let ogata = of(case, Rule::Ogata { nodes: 128 });
        let at = ogata.plan().expect("a plan").predict(&parameters).expect("a value");
        close(at.values[0], want, if q < 4.0 { 2e-12 } else { 1e-7 }, &("ogata", &case["kin"]));
        let seed =
            Rule::Trapezoid { b_min: 1e-2, b_max: 2.0, nodes: 256, measure: Measure::Linear };
        let plan = of(case, seed);
        let at = plan.plan().expect("a plan").predict(&parameters).expect("a value").values[0];
        let integral = at / plan.points[0].prefactor();
        close(integral, number(&case["seedgrid_integral"]), 1e-13, &("seed", &case["kin"]));
    }
}
