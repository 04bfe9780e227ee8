//! How often limits cover: toys thrown at a true signal strength, the asymptotic 95 % upper limit of each,
//! and the part of the toys whose limit is not below the truth. CLs covers more often than it says, the more
//! so the smaller the signal.
//!
//!     cargo run --release --example coverage -- examples/search.json --toys 200

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use neyman::accelerator::DeviceChoice;
use neyman::fit::Tolerance;
use neyman::infer::Fraction;
use neyman::model::{Data, Model, ModelOptions};
use neyman::session::{Session, TestOptions, ToyPlan};
use neyman::spec::{self, LoadOptions};

#[derive(Parser)]
struct Arguments {
    /// Workspace
    workspace: PathBuf,
    /// True signal strengths
    #[arg(long, value_delimiter = ',', default_values_t = [0.5, 1.0, 2.0])]
    mu: Vec<f64>,
    /// Toys at each
    #[arg(long, default_value_t = 200)]
    toys: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let loaded = spec::load(&std::fs::read(&arguments.workspace)?, &LoadOptions::default())?;
    let model = Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default())?;
    let session = Session::new(model, DeviceChoice::Cpu)?;
    let model = session.model();
    let poi = model.poi().ok_or("the workspace has no parameter of interest")?;

    println!("  mu   limit not below it   failed");
    for &mu in &arguments.mu {
        let mut truth = model.init();
        truth[poi] = mu;
        let plan = ToyPlan {
            truth,
            seed: arguments.seed,
            range: 0..arguments.toys,
            hold: Vec::new(),
            keep_data: true,
            tolerance: Tolerance::default(),
        };
        let (mut covered, mut failed) = (Fraction { passing: 0, toys: 0 }, 0);
        session.toys(&plan, 64, &AtomicBool::new(false), &mut |chunk| {
            let data = chunk.data.unwrap_or_default();
            for i in 0..chunk.fits.len() {
                let part = |all: &[f64], n: usize| all[i * n..(i + 1) * n].to_vec();
                let toy = Data {
                    main: part(&data.main, model.n_bins()),
                    auxiliary: part(&data.auxiliary, model.n_auxiliary()),
                };
                // a limit covers mu where mu is not excluded: one test instead of a search
                match session.hypotest(mu, &toy, &TestOptions::default()) {
                    Ok(test) => {
                        covered.toys += 1;
                        covered.passing += u64::from(test.observed.cls >= 0.05);
                    }
                    Err(_) => failed += 1,
                }
            }
            Ok(())
        })?;
        println!("{mu:4}   {:.3} +- {:.3}       {failed}", covered.value(), covered.error());
    }
    Ok(())
}
