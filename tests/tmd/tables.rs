//! Real Drell-Yan data of two experiments with their convolution tables.

use neyman::fit::Tolerance;
use neyman::tmd::files::Tables;
use neyman::tmd::fit::{Data, FitOptions, Role, fit};
use neyman::tmd::{Evolution, Plan, Shape};

use crate::{directory, json, number, numbers};

/// All tables with a plan of them.
struct All {
    tables: Tables,
    plan: Plan,
}

fn all(evolution: Evolution, shape: Shape) -> Option<All> {
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
    let file = |name: &str, end: &str| folder.join(format!("{name}.{end}"));
    let pair = |name: &String| (file(name, "table.yaml.gz"), file(name, "data.yaml"));
    let tables = Tables::read(&names.iter().map(pair).collect::<Vec<_>>(), 0.2).expect("tables");
    assert!(tables.names().map(|(name, _)| name).eq(&names));
    let plan = tables.plan(evolution, shape).expect("a plan");
    assert_eq!((plan.n_points(), tables.qt().len()), (180, 180));
    Some(All { tables, plan })
}

impl All {
    fn data(&self, t0: &[f64]) -> Data {
        let blocks = self.tables.covariances(t0).expect("as many predictions");
        Data::correlated(self.tables.values(), blocks).expect("data")
    }
}

#[test]
fn tables_that_do_not_fit() {
    let Some(folder) = directory().map(|d| d.join("dy_n3ll")) else { return };
    let file = |name: &str| folder.join(name);
    let refused = |table: &str, data: &str, cut: f64, says: &[&str]| {
        let error = Tables::read(&[(file(table), file(data))], cut).expect_err("refused");
        for says in says {
            assert!(error.to_string().contains(says), "{error}");
        }
    };
    let (table, data) = ("E288_200_Q_4_5.table.yaml.gz", "E288_200_Q_4_5.data.yaml");
    refused(table, "E605_Q_10.5_11.5.data.yaml", 0.2, &["E605", "are not those of", "E288_200"]);
    refused(table, data, 1e-3, &["no points left", "1 table"]);
    refused(data, data, 0.2, &["E288_200_Q_4_5.data.yaml: ", "is missing"]);
    let tables = Tables::read(&[(file(table), file(data))], 0.2).expect("tables");
    let error = tables.covariances(&[1.0]).expect_err("refused").to_string();
    assert!(error.contains("1 prediction for "), "{error}");
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
    let pv19 = all(Evolution::Pv19, Shape::Pv19x).expect("data");
    let map22 = all(Evolution::Map, Shape::Map22Pdf).expect("data");
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
        for (table, range) in tables.tables.names() {
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
    let tables = all(Evolution::Pv19, Shape::Pv19x).expect("data");
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
