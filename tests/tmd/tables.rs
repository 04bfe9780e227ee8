//! Real Drell-Yan data of two experiments with their convolution tables.

use neyman::fit::Tolerance;
use neyman::tmd::files::{Measured, Table};
use neyman::tmd::fit::{Data, FitOptions, Role, fit};
use neyman::tmd::{Evolution, Plan, Shape};

use crate::{directory, json, number, numbers};

/// All tables as one plan, with measured values; the ranges of points of each.
struct Tables {
    plan: Plan,
    measured: Vec<(String, Measured, std::ops::Range<usize>)>,
}

fn tables(evolution: Evolution, shape: Shape) -> Option<Tables> {
    let folder = directory()?.join("dy_n3ll");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .filter_map(|entry| {
            let name = entry.expect("an entry").file_name().into_string().expect("text");
            name.strip_suffix(".data.yaml").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert_eq!(names.len(), 23);
    let (mut measured, mut segments, mut n) = (Vec::new(), Vec::new(), 0);
    for name in names {
        let data = Measured::read(folder.join(format!("{name}.data.yaml"))).expect("data");
        let table = Table::read(folder.join(format!("{name}.table.yaml.gz"))).expect("a table");
        assert_eq!(table.name, name);
        let below = data.below(0.2);
        assert_eq!(table.qt()[..below], data.qt[..below]);
        segments.extend(table.segments(below, n, 0));
        measured.push((name, data, n..n + below));
        n += below;
    }
    assert_eq!(n, 180);
    let plan = Plan::new(evolution, &[("f".into(), shape)], n, segments).expect("a plan");
    Some(Tables { plan, measured })
}

impl Tables {
    fn data(&self, t0: &[f64]) -> Data {
        let values = self.measured.iter().flat_map(|(_, m, r)| m.values[..r.len()].to_vec());
        let blocks = self.measured.iter().map(|(_, m, r)| m.covariance(&t0[r.clone()]));
        let blocks = blocks.map(|block| block.expect("as many points")).collect();
        Data::correlated(values.collect(), blocks).expect("data")
    }
}

/// Parameters of the recorded values in the order of a plan: PV19's second evolution parameter stands last there.
fn parameters(evolution: Evolution, recorded: &[f64]) -> Vec<f64> {
    let mut parameters = recorded.to_vec();
    if evolution == Evolution::Pv19 {
        let g2b = parameters.pop().expect("parameters");
        parameters.insert(1, g2b);
    }
    parameters
}

#[test]
fn recorded_predictions_and_chi2() {
    let Some(goldens) = json("dy_goldens.json") else { return };
    let pv19 = tables(Evolution::Pv19, Shape::Pv19x).expect("data");
    let map22 = tables(Evolution::Map, Shape::Map22Pdf).expect("data");
    let t0 = parameters(Evolution::Pv19, &numbers(&goldens["meta"]["t0_params"]));
    let data = pv19.data(&pv19.plan.predict(&t0).expect("values").values);
    for (name, evolution, tables) in [
        ("pv19x_t0", Evolution::Pv19, &pv19),
        ("pv19x_rep1", Evolution::Pv19, &pv19),
        ("map22_central", Evolution::Map, &map22),
    ] {
        let recorded = &goldens["results"][name];
        let at = parameters(evolution, &numbers(&recorded["params"]));
        let prediction = tables.plan.jacobian(&at).expect("values");
        for (table, _, range) in &tables.measured {
            let recorded = &recorded["datasets"][table];
            let want = numbers(&recorded["pred"]);
            for (got, want) in prediction.values[range.clone()].iter().zip(&want) {
                assert!((got / want - 1.0).abs() < 1e-12, "{name} {table}: {got} not {want}");
            }
            let Some(slopes) = recorded["dpred_dparam"].as_array() else { continue };
            for (k, column) in slopes.iter().enumerate() {
                // as in `parameters`
                let k = match evolution {
                    Evolution::Pv19 if k == 8 => 1,
                    Evolution::Pv19 if k > 0 => k + 1,
                    _ => k,
                };
                let column = numbers(column);
                let largest = column.iter().map(|c| c.abs()).fold(0.0, f64::max);
                for (i, want) in range.clone().zip(column) {
                    let got = prediction.jacobian[i * at.len() + k];
                    assert!((got - want).abs() < 1e-10 * largest, "{name} {table} {k}: {got}");
                }
            }
        }
        let residuals = data.residuals(&prediction.values);
        let chi2: f64 = residuals.iter().map(|r| r * r).sum();
        assert!((chi2 / number(&recorded["chi2"]) - 1.0).abs() < 1e-10, "{name}: {chi2}");
    }
}

#[test]
fn a_fit_of_real_data() {
    let Some(goldens) = json("dy_goldens.json") else { return };
    let tables = tables(Evolution::Pv19, Shape::Pv19x).expect("data");
    let start = parameters(Evolution::Pv19, &numbers(&goldens["meta"]["t0_params"]));
    let data = tables.data(&tables.plan.predict(&start).expect("values").values);
    let positive = Role::Free { lower: 1e-3, upper: 10.0 };
    let roles = vec![positive; start.len()];
    let options = FitOptions { start: start.clone(), roles, tolerance: Tolerance::default() };
    let found = fit(&tables.plan, &data, &options).expect("a fit");
    assert!(found.status.is_converged(), "{found:?}");
    let per_point = found.chi2 / 180.0;
    // below the published parameters' 0.943, which were fitted to more than these data
    assert!((0.7..0.943).contains(&per_point), "{per_point}");
}
