//! `neyman tmd`: fits of transverse-momentum-dependent distributions.

mod bench;
mod fit;

use neyman::accelerator::DeviceInfo;
use neyman::tmd::files::Inputs;
use neyman::tmd::quadrature::{Measure, Rule};
use neyman::tmd::{Plan, PlanSession, Sidis};
use serde_json::{Value, json};

use super::arguments::Global;
use super::arguments::tmd::{Files, Gradcheck, Nodes, Quadrature, Tmd, What, Xsec};
use super::document::Source;
use super::failure::Failure;
use super::json::number;
use super::load;
use super::output;
use super::table::Table;
use super::{Exit, Outcome};

/// Difference of parameters of a derivative's check, relative.
const STEP: f64 = 1e-5;
/// Largest distance of a derivative from the difference, relative to the largest of the parameter.
const AGREE: f64 = 1e-6;

pub(crate) fn run(global: &Global, arguments: &Tmd) -> Outcome {
    let checks = matches!(&arguments.what, What::Gradcheck(_) | What::Nodes(_));
    if checks && !matches!(&*global.device, "auto" | "cpu") {
        let message = format!("--device {}: fit, xsec and bench run on devices", global.device);
        return Err(Failure::usage(message));
    }
    match &arguments.what {
        What::Bench(arguments) => bench::run(global, arguments),
        What::Fit(arguments) => fit::run(global, arguments),
        What::Xsec(arguments) => xsec(global, arguments),
        What::Gradcheck(arguments) => gradcheck(global, arguments),
        What::Nodes(arguments) => nodes(global, arguments),
    }
}

/// What the files say, ready to be evaluated.
struct Opened {
    inputs: Inputs,
    names: [String; 3],
    warnings: Vec<String>,
    sidis: Sidis,
    session: PlanSession,
    /// Start values.
    init: Vec<f64>,
    /// Difference that a quarter more nodes make, `[n_points]`.
    quadrature_error: Vec<f64>,
}

impl Opened {
    fn new(global: &Global, files: &Files) -> Result<Self, Failure> {
        // a wrong name shows before files are read
        let request = load::request(global)?;
        let mut unnamed = files.files.iter();
        let mut file = |named: &Option<std::path::PathBuf>, name: &str| {
            named.as_ref().or_else(|| unnamed.next()).cloned().ok_or_else(|| {
                Failure::usage(format!(
                    "the file of --{name} is missing: CONFIG, KINEMATICS and FNP are needed"
                ))
            })
        };
        let config = file(&files.config, "config")?;
        let kinematics = file(&files.kinematics, "kinematics")?;
        let fnp = file(&files.fnp, "fnp")?;
        let mut inputs = Inputs::read(&config, &kinematics, &fnp)?;
        if let Some(quadrature) = files.quadrature {
            let (b_min, b_max, grid) = inputs.config.grid;
            let nodes = |usual: usize| files.nodes.unwrap_or(usual);
            inputs.config.rule = match quadrature {
                Quadrature::SinhGl => Rule::SinhGaussLegendre { nodes: nodes(64) },
                Quadrature::Ogata => Rule::Ogata { nodes: nodes(128) },
                Quadrature::Trapezoid => {
                    let measure = Measure::Linear;
                    Rule::Trapezoid { b_min, b_max, nodes: nodes(grid), measure }
                }
            };
        }
        let warnings = inputs.warnings()?;
        if !global.quiet {
            warnings.iter().for_each(|warning| output::note(&format!("warning: {warning}")));
        }
        let sidis = inputs.sidis(files.points)?;
        let init = inputs.init();
        let quadrature_error = sidis.quadrature_error(&init)?.unwrap_or_default();
        let names = [config, kinematics, fnp].map(|file| file.display().to_string());
        let session = PlanSession::open(sidis.plan()?, request)?;
        load::say_device(global, session.info());
        Ok(Self { session, inputs, names, warnings, sidis, init, quadrature_error })
    }

    fn plan(&self) -> &Plan {
        self.session.plan()
    }

    fn source(&self, seed: Option<u64>) -> Source {
        Source::of_files(&self.names, &self.warnings, self.session.info(), seed)
    }

    /// The largest of the quadrature's errors.
    fn worst_error(&self) -> f64 {
        self.quadrature_error.iter().map(|error| error.abs()).fold(0.0, f64::max)
    }

    /// The quadrature in a line.
    fn rule(&self) -> String {
        let (rule, error) = (self.sidis.rule, self.worst_error());
        format!("{rule}; a quarter more change predictions by {error:.1e} at most")
    }
}

/// What ran, in a line.
fn on(info: &DeviceInfo) -> String {
    match &*info.name {
        "cpu" => format!("processor, {}", info.precision),
        name => format!("{name}, {}, {}", info.description, info.precision),
    }
}

fn xsec(global: &Global, arguments: &Xsec) -> Outcome {
    let opened = Opened::new(global, &arguments.files)?;
    let at = &opened.session.predict(&opened.init)?[0];
    let mut table =
        Table::new(&["point", "x", "z", "Q2", "PhT", "qT/Q", "cross section", "quadrature"]);
    let mut points = Vec::new();
    for (i, point) in opened.sidis.points.iter().enumerate() {
        let error = opened.quadrature_error.get(i).copied().unwrap_or(f64::NAN);
        table.row([
            i.to_string(),
            point.x.to_string(),
            point.z.to_string(),
            point.q2.to_string(),
            point.pht.to_string(),
            format!("{:.3}", point.qt() / point.q()),
            format!("{:.10e}", at.values[i]),
            format!("{error:.1e}"),
        ]);
        points.push(json!({
            "x": number(point.x),
            "z": number(point.z),
            "Q2": number(point.q2),
            "PhT": number(point.pht),
            "qT": number(point.qt()),
            "cross_section": number(at.values[i]),
            "quadrature_error": number(error),
            "cancellation": number(at.cancellation[i]),
        }));
    }
    let body = json!({ "points": points, "quadrature": opened.rule() });
    let text = format!("{}\n{}; {}\n", table.render(), on(opened.session.info()), opened.rule());
    opened.source(None).document("tmd_cross_sections", body).write(
        &arguments.output,
        None,
        &text,
    )?;
    Ok(Exit::Success)
}

/// A parameter's derivatives against differences.
struct Check {
    name: String,
    /// Of the sum of all cross sections.
    analytic: f64,
    difference: f64,
    /// Largest distance of a point's, relative to the largest derivative.
    worst: f64,
    verdict: &'static str,
}

/// Central differences of all points in each parameter, against the Jacobian.
fn check(plan: &Plan, parameters: &[f64]) -> Result<Vec<Check>, Failure> {
    let at = plan.jacobian(parameters)?;
    let n = parameters.len();
    let mut checks = Vec::with_capacity(n);
    for (k, name) in plan.parameter_names().iter().enumerate() {
        let step = STEP * parameters[k].abs().max(1e-2);
        let shifted = |by: f64| {
            let mut moved = parameters.to_vec();
            moved[k] += by;
            plan.predict(&moved).map(|at| at.values)
        };
        let (up, down) = (shifted(step)?, shifted(-step)?);
        let column: Vec<f64> = at.jacobian.iter().skip(k).step_by(n).copied().collect();
        let slopes: Vec<f64> =
            up.iter().zip(&down).map(|(up, down)| (up - down) / (2.0 * step)).collect();
        let largest = column.iter().map(|c| c.abs()).fold(0.0, f64::max);
        let apart = column.iter().zip(&slopes).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let worst = if apart == 0.0 { 0.0 } else { apart / largest };
        let verdict = match () {
            () if largest == 0.0 && apart == 0.0 => "no effect",
            () if worst < AGREE => "agrees",
            () => "DIFFERS",
        };
        checks.push(Check {
            name: name.clone(),
            analytic: column.iter().sum(),
            difference: slopes.iter().sum(),
            worst,
            verdict,
        });
    }
    Ok(checks)
}

fn check_table(checks: &[Check]) -> String {
    let mut table =
        Table::new(&["parameter", "derivative", "difference", "largest distance", ""]).left(4);
    for check in checks {
        table.row([
            check.name.clone(),
            format!("{:.8e}", check.analytic),
            format!("{:.8e}", check.difference),
            format!("{:.1e}", check.worst),
            check.verdict.to_owned(),
        ]);
    }
    table.render()
}

fn check_json(checks: &[Check]) -> Value {
    let one = |check: &Check| {
        json!({
            "name": check.name,
            "derivative": number(check.analytic),
            "difference": number(check.difference),
            "largest_distance": number(check.worst),
            "verdict": check.verdict,
        })
    };
    checks.iter().map(one).collect()
}

fn gradcheck(global: &Global, arguments: &Gradcheck) -> Outcome {
    let opened = Opened::new(global, &arguments.files)?;
    let checks = check(opened.plan(), &opened.init)?;
    let agrees = checks.iter().all(|check| check.verdict != "DIFFERS");
    let body = json!({ "parameters": check_json(&checks), "quadrature": opened.rule() });
    let text = format!("{}\n{}\n", check_table(&checks), opened.rule());
    opened.source(None).document("tmd_gradients", body).write(&arguments.output, None, &text)?;
    Ok(if agrees { Exit::Success } else { Exit::NotConverged })
}

fn nodes(global: &Global, arguments: &Nodes) -> Outcome {
    let opened = Opened::new(global, &arguments.files)?;
    let (mut text, mut points) = (String::new(), Vec::new());
    for (i, (point, nodes)) in opened.sidis.points.iter().zip(opened.sidis.nodes()?).enumerate() {
        let b: Vec<String> = nodes.b.iter().map(f64::to_string).collect();
        text.push_str(&format!("{i} {}\n", b.join(" ")));
        points.push(json!({
            "x": number(point.x),
            "z": number(point.z),
            "Q2": number(point.q2),
            "PhT": number(point.pht),
            "b": nodes.b,
        }));
    }
    let body = json!({ "points": points, "quadrature": opened.rule() });
    opened.source(None).document("tmd_nodes", body).write(&arguments.output, None, &text)?;
    Ok(Exit::Success)
}
