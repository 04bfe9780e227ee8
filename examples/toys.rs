//! Throws and fits toys of a search, and compares the test statistic t_mu with the asymptotic
//! formula everybody uses.
//!
//! ```text
//! cargo run --release --example toys
//! cargo run --release --example toys -- --toys 100000 --seed 7 --mu 2 --output t_mu.svg
//! ```

#[path = "support/histogram.rs"]
mod histogram;
#[path = "support/pulls.rs"]
mod pulls;

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Parser;
use cpu_time::ProcessTime;
use histogram::Histogram;
use neyman::accelerator::DeviceChoice;
use neyman::fit::Tolerance;
use neyman::infer::distributions::chi_square_quantile;
use neyman::model::{Data, Model, ModelOptions, Parameter};
use neyman::plot;
use neyman::results::ToySummary;
use neyman::session::{FitOptions, Session, ToyPlan};
use neyman::spec::{LoadOptions, ModifierKind, Workspace};
use pulls::Pulls;

/// An invented search with some 120 parameters; scripts/make_search_workspace.py writes it.
const SEARCH: &[u8] = include_bytes!("search.json");

/// Throw and fit toys of a search.
#[derive(Parser)]
struct Arguments {
    /// Another workspace
    #[arg(long, value_name = "FILE")]
    workspace: Option<PathBuf>,
    /// Number of toys
    #[arg(long, default_value_t = 10_000)]
    toys: u64,
    /// Seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to compute: auto, cpu, gpu, gpu:0 and so on
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// True parameter of interest [default: its initial value]
    #[arg(long, allow_negative_numbers = true)]
    mu: Option<f64>,
    /// Where the plot goes
    #[arg(long, default_value = "t_mu.svg", value_name = "FILE.svg")]
    output: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let (workspace, model) = load(&arguments)?;
    let poi = model.poi().ok_or("the workspace has no parameter of interest")?;
    let session = Session::new(model, arguments.device)?;
    let model = session.model();
    let parameters = model.parameters();
    println!("model   {} bins, {} parameters", model.observed().main.len(), parameters.len());

    let mut truth: Vec<f64> = parameters.iter().map(|p| p.init).collect();
    truth[poi] = arguments.mu.unwrap_or(truth[poi]);

    // expected data give the uncertainties that pulls are measured in
    let expected = session.evaluate(&truth, model.observed())?;
    let asimov = Data { main: expected.expected_main, auxiliary: expected.expected_auxiliary };
    let at_truth = session.fit(&asimov, &FitOptions::default())?;
    if let Some(problem) = at_truth.covariance_problem {
        return Err(format!("no uncertainties from the Asimov fit: {problem}").into());
    }

    let plan = ToyPlan {
        truth: truth.clone(),
        seed: arguments.seed,
        range: 0..arguments.toys,
        hold: vec![(poi, truth[poi])],
        keep_data: false,
        tolerance: Tolerance::default(),
    };
    let device = session.toy_device(&plan)?;
    println!("device  {} ({})", device.description, device.reason);
    let mut summary = ToySummary::default();
    let mut pulls = Pulls::new(&truth, &at_truth.uncertainties);
    // the axis ends where some three toys are expected above
    let end = chi_square_quantile(3.0 / arguments.toys.max(4) as f64, 1.0).clamp(4.0, 40.0).ceil();
    let mut t_mu = Histogram::new(0.5, (end / 0.5) as usize);
    let mut values = Vec::new();
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    session.toys(&plan, 4096, &AtomicBool::new(false), &mut |chunk| {
        summary.add(&chunk, plan.tolerance.edm);
        pulls.add(&chunk.fits);
        let fits = chunk.conditional.iter().zip(std::iter::repeat(&chunk.fits));
        let converged = fits.flat_map(|(c, f)| c.status.iter().zip(&f.status));
        for (t, (a, b)) in chunk.t_mu().zip(converged) {
            if a.is_converged() && b.is_converged() {
                t_mu.add(t);
                values.push(t);
            }
        }
        Ok(())
    })?;
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());

    let fits = summary.fits as f64;
    println!(
        "toys    {} at {} = {}, seed {}: two fits each, {:.2} s, {:.0} fits per second \
         ({:.0} per cpu second)",
        summary.toys,
        parameters[poi].name,
        truth[poi],
        arguments.seed,
        wall,
        fits / wall,
        fits / cpu
    );
    println!("        {} converged, {} did not", summary.converged, summary.unconverged.len());
    if summary.missed > 0 {
        println!("        {} free fits are worse than the conditional ones", summary.missed);
    }
    print_pulls(&pulls, &groups(&workspace, parameters, poi), parameters);
    println!("\nTest statistic (│ marks the expectation, bars are logarithmic)\n");
    print!("{}", t_mu.to_text(40));

    let name = &parameters[poi].name;
    let title = format!("{} bins, {} parameters", model.observed().main.len(), parameters.len());
    let caption = format!("{name} = {}, seed {}", truth[poi], arguments.seed);
    std::fs::write(&arguments.output, plot::t_mu(&values, &title, &caption).svg)?;
    println!("\nplot    {}", arguments.output.display());
    Ok(())
}

fn load(arguments: &Arguments) -> Result<(Workspace, Model), Box<dyn Error>> {
    let bytes = match &arguments.workspace {
        Some(path) => std::fs::read(path)?,
        None => SEARCH.to_vec(),
    };
    let loaded = neyman::spec::load(&bytes, &LoadOptions::default())?;
    let model = Model::new(&loaded.workspace, loaded.measurement, &ModelOptions::default())?;
    Ok((loaded.workspace, model))
}

/// The group of each parameter, from the modifiers that use it.
fn groups(workspace: &Workspace, parameters: &[Parameter], poi: usize) -> Vec<&'static str> {
    let samples = workspace.channels.iter().flat_map(|c| &c.samples);
    let groups: HashMap<&str, &'static str> = samples
        .flat_map(|s| &s.modifiers)
        .map(|m| {
            let group = match m.kind {
                ModifierKind::NormFactor | ModifierKind::ShapeFactor => "free factors",
                ModifierKind::NormSys { .. } | ModifierKind::HistoSys { .. } => "normsys, histosys",
                ModifierKind::ShapeSys(_) | ModifierKind::StatError(_) => "gammas",
                ModifierKind::Lumi => "luminosity",
            };
            (m.name.as_str(), group)
        })
        .collect();
    let group = |(i, p): (usize, &Parameter)| {
        if i == poi {
            "parameter of interest"
        } else {
            groups.get(p.set.as_str()).unwrap_or(&"other")
        }
    };
    parameters.iter().enumerate().map(group).collect()
}

fn print_pulls(pulls: &Pulls, groups: &[&'static str], parameters: &[Parameter]) {
    let toys = pulls.toys() as f64;
    println!("\nPulls: (fit - truth) / uncertainty, the latter from the fit to Asimov data\n");
    println!("{:<22} {:>10} {:>8} {:>7}   furthest from 0", "group", "parameters", "mean", "width");
    for row in pulls.rows(groups) {
        let (index, mean) = row.extreme;
        println!(
            "{:<22} {:>10} {:>+8.3} {:>7.3}   {:+.3} {}",
            row.group, row.parameters, row.mean, row.width, mean, parameters[index].name
        );
    }
    println!(
        "\none parameter's mean and width are known to {:.3} and {:.3} with {} toys",
        1.0 / toys.sqrt(),
        1.0 / (2.0 * toys).sqrt(),
        pulls.toys()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that follow chi2 exactly, with the scatter of a simple generator.
    #[test]
    fn a_plot_is_drawn() {
        let mut state = 1u64;
        let mut histogram = Histogram::new(0.5, 26);
        let mut values = Vec::new();
        for _ in 0..10_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let p = ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
            values.push(chi_square_quantile(p, 1.0));
            histogram.add(values[values.len() - 1]);
        }
        let svg = plot::t_mu(&values, "52 bins, 120 parameters", "mu = 1, seed 1").svg;
        assert!(svg.starts_with("<svg") && svg.contains("10000 toys"));
        println!("{}", histogram.to_text(40));
    }
}
