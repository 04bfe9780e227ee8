//! How often upper limits cover: pseudo-experiments thrown at a true signal strength, the 95 % CLs limit of
//! each by toys and by asymptotic formulas, and the part of them whose limit is not below the truth. CLs covers
//! more often than it says, the more so the smaller the signal; by asymptotic formulas, which are meant for
//! large counts, it may cover too seldom. Writes coverage.svg.
//!
//!     cargo run --release --example coverage
//!     cargo run --release --example coverage -- --workspace examples/search.json --mu 0.5,1,2 --toys 500

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use neyman::accelerator::DeviceChoice;
use neyman::fit::Tolerance;
use neyman::infer::{Fraction, TestStatistic};
use neyman::model::{Data, Model, ModelOptions};
use neyman::plot;
use neyman::session::{Session, TestOptions, ToyChunk, ToyPlan, ToyTest};
use neyman::spec::{self, LoadOptions};
use serde_json::{Value, json};

/// Three events of background, known to 20 %, in one bin.
const COUNTING: &str = r#"{
  "channels": [{"name": "counts", "samples": [
    {"name": "signal", "data": [2.0],
     "modifiers": [{"name": "mu", "type": "normfactor", "data": null}]},
    {"name": "background", "data": [3.0],
     "modifiers": [{"name": "level", "type": "normsys", "data": {"hi": 1.2, "lo": 0.8}}]}]}],
  "observations": [{"name": "counts", "data": [3]}],
  "measurements": [{"name": "counting", "config": {"poi": "mu",
    "parameters": [{"name": "mu", "bounds": [[0, 20]]}]}}],
  "version": "1.0.0"
}"#;

const LEVEL: f64 = 0.95;

#[derive(Parser)]
struct Arguments {
    /// Workspace [default: a counting experiment of three background events]
    #[arg(long)]
    workspace: Option<PathBuf>,
    /// True signal strengths
    #[arg(long, value_delimiter = ',', default_values_t = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])]
    mu: Vec<f64>,
    /// Pseudo-experiments at each
    #[arg(long, default_value_t = 400)]
    experiments: u64,
    /// Toys of each hypothesis for the limit of one pseudo-experiment
    #[arg(long, default_value_t = 1000)]
    toys: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value = "coverage.svg", value_name = "FILE.svg")]
    output: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let text = match &arguments.workspace {
        Some(path) => std::fs::read(path)?,
        None => COUNTING.as_bytes().to_vec(),
    };
    let loaded = spec::load(&text, &LoadOptions::default())?;
    let model = Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default())?;
    let session = Session::new(model, DeviceChoice::Cpu)?;
    let poi = session.model().poi().ok_or("the workspace has no parameter of interest")?;

    println!("  mu   limit by toys not below it   by asymptotic formulas   failed");
    let (mut by_toys, mut by_formulas) = (Vec::new(), Vec::new());
    for &mu in &arguments.mu {
        let found = coverage(&session, poi, mu, &arguments)?;
        println!(
            "{mu:4.2}   {:.3} +- {:.3}                {:.3} +- {:.3}            {}",
            found.toys.value(),
            found.toys.error(),
            found.formulas.value(),
            found.formulas.error(),
            found.failed
        );
        by_toys.push(point(mu, found.toys));
        by_formulas.push(point(mu, found.formulas));
    }
    let document = json!({
        "kind": "coverage",
        "poi": session.model().parameters()[poi].name,
        "confidence_level": LEVEL,
        "methods": [
            {"name": format!("CLs, {} toys of each hypothesis", arguments.toys), "points": by_toys},
            {"name": "CLs, asymptotic formulas", "points": by_formulas},
        ],
    });
    for figure in plot::draw(&document, &plot::Options::default())? {
        std::fs::write(&arguments.output, figure.svg)?;
    }
    println!("written to {}", arguments.output.display());
    Ok(())
}

fn point(mu: f64, covered: Fraction) -> Value {
    json!({"mu": mu, "coverage": covered.value(), "error": covered.error()})
}

/// How many limits cover.
struct Covered {
    toys: Fraction,
    formulas: Fraction,
    failed: usize,
}

/// Pseudo-experiments at `mu`. A limit covers mu where mu is not excluded: one test instead of a search.
fn coverage(
    session: &Session,
    poi: usize,
    mu: f64,
    arguments: &Arguments,
) -> neyman::Result<Covered> {
    let mut truth = session.model().init();
    truth[poi] = mu;
    let plan = ToyPlan {
        truth,
        seed: arguments.seed,
        range: 0..arguments.experiments,
        hold: Vec::new(),
        keep_data: true,
        tolerance: Tolerance::default(),
    };
    let none = Fraction { passing: 0, toys: 0 };
    let mut covered = Covered { toys: none, formulas: none, failed: 0 };
    let stop = AtomicBool::new(false);
    session.toys(&plan, 256, &stop, &mut |chunk| {
        for i in 0..chunk.fits.len() {
            let data = data_of(session.model(), &chunk, i);
            let test = ToyTest {
                poi: None,
                mu,
                statistic: TestStatistic::QTilde,
                // a stream of its own for each pseudo-experiment
                seed: arguments.seed + 1 + chunk.first + i as u64,
                stream: 0,
                range: 0..arguments.toys,
                error: None,
                alternative: true,
                keep_values: true,
                chunk: 4096,
                tolerance: Tolerance::default(),
            };
            let toys = session.hypotest_toys(&test, &data, &stop, &mut |_, _| {});
            let formulas = session.hypotest(mu, &data, &TestOptions::default());
            let (Ok(toys), Ok(formulas)) = (toys, formulas) else {
                covered.failed += 1;
                continue;
            };
            for (of, cls) in [
                (&mut covered.toys, toys.cls.cls()),
                (&mut covered.formulas, formulas.observed.cls),
            ] {
                of.toys += 1;
                of.passing += u64::from(cls >= 1.0 - LEVEL);
            }
        }
        Ok(())
    })?;
    Ok(covered)
}

/// What toy `i` of a chunk was.
fn data_of(model: &Model, chunk: &ToyChunk, i: usize) -> Data {
    let part = |all: &[f64], n: usize| all[i * n..(i + 1) * n].to_vec();
    chunk.data.as_ref().map_or_else(Data::default, |data| Data {
        main: part(&data.main, model.n_bins()),
        auxiliary: part(&data.auxiliary, model.n_auxiliary()),
    })
}
