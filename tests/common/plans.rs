//! Plans of cross sections: pairs of shapes on nodes of our own, recorded cross sections, measured kinematics and
//! convolution tables.

#![allow(dead_code, reason = "each test file uses a part of this")]

use neyman::tmd::luminosity::Luminosity;
use neyman::tmd::sidis::{Channels, Factor, Point, Zeta};
use neyman::tmd::{Evolution, Plan, Rule, Segment, Shape, Side, Sidis};
use serde_json::Value;

/// A plan with the parameters to evaluate it at.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) plan: Plan,
    pub(crate) parameters: Vec<f64>,
}

/// Every shape with parameters of the size that fits find.
pub(crate) const SHAPES: [(Shape, &[f64]); 6] = [
    (Shape::Map22Pdf, &[0.28, 2.9, 0.5, 1.8, 0.13, 0.02, 0.03, 3.9, 4.0, 0.4, 12.0]),
    (Shape::Map22Ff, &[0.21, 2.1, 0.09, 0.25, 5.3, 0.03, 4.2, 0.17, 0.02]),
    (Shape::Map24, &[0.3, 0.15, 0.05, 2.5, 1.0, 0.7, 0.5, 0.4, 1.2, 0.6]),
    (Shape::Pv19x, &[0.17, 0.5, 1.2, 0.3, 0.2, 0.07, 1.8]),
    (Shape::Gauss, &[0.2, 0.3]),
    (Shape::Simple, &[1.0, 0.3]),
];

/// Nodes with factors of either sign, as Bessel functions have.
fn segment(point: usize, sides: [Side; 2], zeta: f64, nodes: usize) -> Segment {
    let b: Vec<f64> = (0..nodes).map(|n| 9.0 * (n as f64 + 0.5) / nodes as f64).collect();
    let factor =
        |b: &f64| 1e-7 * b * (-0.05 * b * b).exp() * libm::j0(0.4 * b * (1.0 + point as f64));
    Segment { point, sides, zeta, factor: b.iter().map(factor).collect(), b }
}

/// Every pair of shapes and both evolutions: points of one segment and of two, at different nodes, beside one with
/// the same distribution on both sides and one beyond x = 1.
pub(crate) fn pairs() -> Vec<Case> {
    let mut cases = Vec::new();
    for (i, (first, p)) in SHAPES.iter().enumerate() {
        for (second, q) in &SHAPES {
            let (evolution, own) = match i % 2 {
                0 => (Evolution::Map, &[0.25][..]),
                _ => (Evolution::Pv19, &[0.03, 0.004][..]),
            };
            let side = |distribution, x| Side { distribution, x };
            let segments = vec![
                segment(0, [side(0, 0.05), side(1, 0.4)], 4.0, 20),
                segment(1, [side(0, 0.2), side(1, 0.6)], 1.0, 70),
                segment(2, [side(1, 0.3), side(0, 0.7)], 9.0, 33),
                segment(2, [side(0, 0.1), side(0, 0.3)], 2.0, 20),
                segment(3, [side(0, 0.1), side(1, 0.3)], 2.0, 20),
                segment(3, [side(0, 0.1), side(1, 1.2)], 2.0, 20),
            ];
            let shapes = [("f".to_owned(), *first), ("d".to_owned(), *second)];
            cases.push(Case {
                name: format!("{} {}", first.name(), second.name()),
                plan: Plan::new(evolution, &shapes, 4, segments).expect("a plan"),
                parameters: [own, p, q].concat(),
            });
        }
    }
    cases
}

/// A number, which recorded values write as text.
pub(crate) fn number(value: &Value) -> f64 {
    let text = || value.as_str().and_then(|text| text.parse().ok());
    value.as_f64().or_else(text).unwrap_or_else(|| panic!("not a number: {value}"))
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("not an array: {value}")).iter().map(number).collect()
}

/// The cross section of a golden, by a rule.
pub(crate) fn of(case: &Value, rule: Rule) -> Sidis {
    let kin = |key: &str| number(&case["kin"][key]);
    let shape = |key: &str| Shape::named(case[key].as_str().expect("a name")).expect("a shape");
    Sidis {
        points: vec![Point { x: kin("x"), z: kin("z"), q2: kin("Q2"), pht: kin("PhT"), bin: None }],
        channels: Channels::one(
            shape("pdf"),
            (case["shared"] == false).then(|| shape("ff")),
            Factor::BuiltIn(match case["lumi"].as_str() {
                Some("toy") => Luminosity::Toy,
                _ => Luminosity::OneLoop,
            }),
        ),
        evolution: Evolution::Map,
        zeta: match case["zeta"].as_str() {
            Some("Q2") => Zeta::Q2,
            _ => Zeta::Constant(number(&case["zeta"])),
        },
        rule,
    }
}

/// Recorded cross sections (`tmd/goldens.json`).
pub(crate) fn recorded(goldens: &Value) -> Vec<Case> {
    let one = |case: &Value| {
        let sidis = of(case, Rule::SinhGaussLegendre { nodes: 64 });
        Case {
            name: format!("recorded {}", case["kin"]),
            plan: sidis.plan().expect("a plan"),
            parameters: numbers(&case["params"]),
        }
    };
    goldens["xsec"].as_array().expect("cases").iter().map(one).collect()
}

/// `n` points of a file of multiplicities, evenly over it, with MAP22's shapes at its central parameters.
pub(crate) fn measured(file: &Value, replicas: &Value, n: usize) -> Case {
    let mut points = Vec::new();
    for bin in file["bins"].as_array().expect("bins") {
        let list = |key: &str| numbers(&bin[key]);
        let (z, q2, pht) = (list("z"), list("Q2"), list("PhT"));
        for (i, x) in list("x").into_iter().enumerate() {
            points.push(Point { x, z: z[i], q2: q2[i], pht: pht[i], bin: None });
        }
    }
    points.retain(|p| p.q2 > 1.4 && p.z > 0.2 && p.z < 0.7 && p.pht < p.z * p.q());
    let step = points.len() as f64 / n as f64;
    let points = (0..n).map(|i| points[(i as f64 * step) as usize]).collect();
    let sidis = Sidis {
        points,
        channels: Channels::one(
            Shape::Map22Pdf,
            Some(Shape::Map22Ff),
            Factor::BuiltIn(Luminosity::OneLoop),
        ),
        evolution: Evolution::Map,
        zeta: Zeta::Q2,
        rule: Rule::SinhGaussLegendre { nodes: 64 },
    };
    // g2,N1,a1,s1,l,N3,b1,d1,c1,lF,N3B,N1B,N1C,l2,a2,a3,s2,s3,b2,d2,c2
    let row = numbers(&replicas["replicas"][0]);
    let order = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 17, 5, 6, 7, 8, 9, 10, 18, 19, 20];
    Case {
        name: format!("{n} measured points"),
        plan: sidis.plan().expect("a plan"),
        parameters: order.map(|k: usize| row[k]).to_vec(),
    }
}
