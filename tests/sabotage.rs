//! Negative control: the comparison of `conformance.rs` is worth something only if it notices a
//! damaged program. Every number of every table, one at a time, is changed by one part in a
//! million, every index and range is moved; each of them must be noticed. On graphics processors one
//! of each kind stands for all.

mod common;

use std::sync::Arc;

use common::conformance::{F64, Point, compare, floored, points};
use common::own;
use neyman::accelerator::cpu::Cpu;
use neyman::accelerator::{Accelerator, Program};
use neyman::model::Model;
use neyman::model::interpolation::{HistoSysInterpolation, Interpolation};
use neyman::model::poisson::RATE_FLOOR;

/// Relative change of a number.
const DAMAGE: f64 = 1e-6;

/// A model, an undamaged program and the points that must tell the damaged ones from it.
struct Bench {
    name: String,
    model: Model,
    program: Program,
    points: Vec<Point>,
    open: Open,
    /// What was not noticed.
    missed: Vec<String>,
    tried: usize,
}

/// How a device is made from a program; `None` where this machine has none.
type Open = fn(Program) -> Option<Box<dyn Accelerator>>;

fn processor(program: Program) -> Option<Box<dyn Accelerator>> {
    Some(Box::new(Cpu::new(Arc::new(program), "sabotage")))
}

impl Bench {
    fn new(name: &str, model: Model) -> Self {
        Self::on(processor, name, model)
    }

    fn on(open: Open, name: &str, model: Model) -> Self {
        let program = Program::new(Arc::new(model.clone()));
        let points = points(&model, 120, 0xdead);
        let name = format!("{name} {:?}", model.interpolation());
        let (missed, tried) = (Vec::new(), 0);
        let bench = Self { name, model, program, points, open, missed, tried };
        let clean = bench.compare(bench.program.clone());
        assert!(clean.is_ok(), "{}: undamaged: {clean:?}", bench.name);
        bench
    }

    fn compare(&self, program: Program) -> Result<f64, String> {
        let device = (self.open)(program).expect("a device");
        compare(&*device, &self.model, &self.points, F64)
    }

    /// One damaged program.
    fn damage(&mut self, what: String, change: impl FnOnce(&mut Program)) {
        let mut program = self.program.clone();
        change(&mut program);
        self.tried += 1;
        if self.compare(program).is_ok() {
            self.missed.push(format!("{}: {what}", self.name));
        }
    }

    /// Each number of a table, by a part in a million; zeros have no relative change, and get one of
    /// the table's typical size.
    fn numbers(&mut self, what: &str, table: fn(&mut Program) -> &mut Vec<f64>) {
        let values = table(&mut self.program.clone()).clone();
        let typical = values.iter().fold(0.0f64, |a, v| a.max(v.abs()));
        for (i, value) in values.into_iter().enumerate() {
            let change = if value == 0.0 { typical * DAMAGE } else { value * DAMAGE };
            if self.matters(what, i) {
                self.damage(format!("{what}[{i}]"), |p| table(p)[i] = value + change);
            }
        }
    }

    /// Each index of a table, by one, where there is a parameter to go to.
    fn indices(&mut self, what: &str, table: fn(&mut Program) -> &mut Vec<u32>) {
        let values = table(&mut self.program.clone()).clone();
        for (i, value) in values.into_iter().enumerate() {
            let other = if value == 0 { 1 } else { value - 1 };
            self.damage(format!("{what}[{i}]"), |p| table(p)[i] = other);
        }
    }

    /// Entries that no evaluation reads, by the interpolation.
    fn matters(&self, what: &str, i: usize) -> bool {
        let p = &self.program;
        match what {
            // polynomial coefficients inside the threshold: there is no inside
            "normsys_coefficients" => p.normsys_threshold > 0.0 || i % 8 >= 6,
            _ => true,
        }
    }

    /// Some empty bin has a rate low enough for the floor to show.
    fn reaches_the_floor(&self) -> bool {
        self.points.iter().any(|point| {
            let rates = self.model.expected_main(&point.x);
            rates.iter().zip(&point.data.main).any(|(v, n)| *n == 0.0 && *v < RATE_FLOOR)
        })
    }

    fn constraints(&mut self) {
        for i in 0..self.program.gaussian.len() {
            let other = if i == 0 { self.program.gaussian.len() - 1 } else { i - 1 };
            let donor = self.program.gaussian[other];
            self.damage(format!("gaussian[{i}].weight"), |p| {
                p.gaussian[i].weight *= 1.0 + DAMAGE;
            });
            if other != i {
                self.damage(format!("gaussian[{i}].auxiliary"), |p| {
                    p.gaussian[i].auxiliary = donor.auxiliary;
                });
                self.damage(format!("gaussian[{i}].parameter"), |p| {
                    p.gaussian[i].parameter = donor.parameter;
                });
            }
        }
        for i in 0..self.program.poisson.len() {
            let other = if i == 0 { self.program.poisson.len() - 1 } else { i - 1 };
            let donor = self.program.poisson[other];
            self.damage(format!("poisson[{i}].tau"), |p| p.poisson[i].tau *= 1.0 + DAMAGE);
            if other != i {
                self.damage(format!("poisson[{i}].auxiliary"), |p| {
                    p.poisson[i].auxiliary = donor.auxiliary;
                });
                self.damage(format!("poisson[{i}].parameter"), |p| {
                    p.poisson[i].parameter = donor.parameter;
                });
            }
        }
    }

    fn runs(&mut self) {
        for i in 0..self.program.samples.len() {
            let run = self.program.samples[i].clone();
            let (linear, normsys) = (run.linear, run.normsys);
            let (shapes, factors) = (run.shapes, run.bin_factors);
            // the last entry of each run is left out
            if !linear.is_empty() {
                self.damage(format!("samples[{i}].linear"), |p| p.samples[i].linear.end -= 1);
            }
            if !normsys.is_empty() {
                self.damage(format!("samples[{i}].normsys"), |p| p.samples[i].normsys.end -= 1);
            }
            if !shapes.is_empty() {
                self.damage(format!("samples[{i}].shapes"), |p| p.samples[i].shapes.end -= 1);
                let other = if run.templates == 0 { 1 } else { run.templates - 1 };
                let n = self.program.shape_symmetric.len();
                if other + shapes.len() * 9 <= n || other < run.templates {
                    self.damage(format!("samples[{i}].templates"), |p| {
                        p.samples[i].templates = other;
                    });
                }
            }
            if !factors.is_empty() {
                self.damage(format!("samples[{i}].bin_factors"), |p| {
                    p.samples[i].bin_factors.end -= 1;
                });
            }
            if run.nominal > 0 {
                self.damage(format!("samples[{i}].nominal"), |p| p.samples[i].nominal -= 1);
            }
        }
        for i in 0..self.program.channels.len() {
            self.damage(format!("channels[{i}].samples"), |p| p.channels[i].samples.end -= 1);
            if i > 0 {
                self.damage(format!("channels[{i}].bins"), |p| {
                    p.channels[i].bins.start -= 1;
                    p.channels[i].bins.end -= 1;
                });
            }
        }
    }

    fn rules(&mut self) {
        if !self.program.normsys.is_empty() {
            let thresholds: [f64; 4] = [0.0, 0.5, 1.5, f64::INFINITY];
            for threshold in thresholds {
                if threshold != self.program.normsys_threshold {
                    self.damage(format!("threshold {threshold}"), |p| {
                        p.normsys_threshold = threshold;
                    });
                }
            }
        }
        let bends = [
            HistoSysInterpolation::PiecewiseLinear,
            HistoSysInterpolation::QuadraticLinear,
            HistoSysInterpolation::PolynomialLinear,
        ];
        for bend in bends {
            if bend != self.program.histosys && !self.program.shapes.is_empty() {
                self.damage(format!("histosys {bend:?}"), |p| p.histosys = bend);
            }
        }
        for i in 0..self.program.shape_parameters.len() {
            self.damage(format!("shape_parameters less {i}"), |p| {
                p.shape_parameters.remove(i);
            });
        }
        for i in 0..self.program.normsys_parameters.len() {
            self.damage(format!("normsys_parameters less {i}"), |p| {
                p.normsys_parameters.remove(i);
            });
        }
        for i in 0..self.program.kinks.len() {
            self.damage(format!("kinks less {i}"), |p| {
                p.kinks.remove(i);
            });
        }
        if self.program.floor.is_finite() {
            self.damage("floor".into(), |p| p.floor *= 1.0 + DAMAGE);
        }
        if self.reaches_the_floor() {
            self.damage("floor on or off".into(), |p| {
                p.floor = if p.floor.is_finite() { f64::NEG_INFINITY } else { RATE_FLOOR };
            });
        }
        for i in 0..self.program.lower.len() {
            self.damage(format!("lower[{i}]"), |p| p.lower[i] -= 1.0);
            self.damage(format!("upper[{i}]"), |p| p.upper[i] += 1.0);
        }
    }

    fn everything(&mut self) {
        self.numbers("nominal", |p| &mut p.nominal);
        self.numbers("normsys_coefficients", |p| &mut p.normsys_coefficients);
        self.numbers("shape_symmetric", |p| &mut p.shape_symmetric);
        self.numbers("shape_asymmetric", |p| &mut p.shape_asymmetric);
        self.indices("linear", |p| &mut p.linear);
        self.indices("normsys", |p| &mut p.normsys);
        self.indices("shapes", |p| &mut p.shapes);
        self.indices("bin_factors", |p| &mut p.bin_factors);
        self.constraints();
        self.runs();
        self.rules();
    }
}

fn noticed(name: &str, document: &serde_json::Value, alter: fn(&Model) -> Model) {
    for interpolation in own::interpolations() {
        let mut bench = Bench::new(name, alter(&own::compile(document, interpolation)));
        bench.everything();
        eprintln!(
            "{}: {} of {} noticed",
            bench.name,
            bench.tried - bench.missed.len(),
            bench.tried
        );
        assert!(bench.missed.is_empty(), "not noticed:\n{}", bench.missed.join("\n"));
    }
}

#[test]
fn damage_to_all_seven_modifiers() {
    noticed("all_seven", &own::all_seven(), Model::clone);
}

#[test]
fn damage_to_channels_of_every_width() {
    noticed("widths", &own::widths(), Model::clone);
}

/// Empty bins with the floor: a rate below it is where the floor's value shows.
#[test]
fn damage_to_the_floor() {
    let model = own::compile(&own::empty_bins(), Interpolation::default());
    let mut bench = Bench::new("floor", floored(&model));
    assert!(bench.reaches_the_floor());
    bench.rules();
    bench.constraints();
    assert!(bench.missed.is_empty(), "not noticed:\n{}", bench.missed.join("\n"));
}

#[cfg(feature = "gpu")]
mod graphics {
    use std::ops::Range;

    use neyman::accelerator::gpu::Precision;
    use neyman::accelerator::program::SampleRun;
    use neyman::model::interpolation::NormSysInterpolation;

    use super::*;

    impl Bench {
        /// One damage of every kind, in the middle of its table.
        fn one_of_each(&mut self) {
            type Numbers = (&'static str, fn(&mut Program) -> &mut Vec<f64>);
            let numbers: [Numbers; 4] = [
                ("nominal", |p| &mut p.nominal),
                ("normsys_coefficients", |p| &mut p.normsys_coefficients),
                ("shape_symmetric", |p| &mut p.shape_symmetric),
                ("shape_asymmetric", |p| &mut p.shape_asymmetric),
            ];
            for (what, table) in numbers {
                let values = table(&mut self.program.clone()).clone();
                let middle = values.len() / 2;
                let chosen =
                    (middle..values.len()).find(|&i| values[i] != 0.0 && self.matters(what, i));
                let i = chosen.expect("a number");
                self.damage(format!("{what}[{i}]"), |p| table(p)[i] *= 1.0 + DAMAGE);
            }
            type Indices = (&'static str, fn(&mut Program) -> &mut Vec<u32>);
            let indices: [Indices; 4] = [
                ("linear", |p| &mut p.linear),
                ("normsys", |p| &mut p.normsys),
                ("shapes", |p| &mut p.shapes),
                ("bin_factors", |p| &mut p.bin_factors),
            ];
            for (what, table) in indices {
                let i = table(&mut self.program.clone()).len() / 2;
                self.damage(format!("{what}[{i}]"), |p| {
                    let value = &mut table(p)[i];
                    *value = if *value == 0 { 1 } else { *value - 1 };
                });
            }
            self.damage("gaussian weight".into(), |p| p.gaussian[1].weight *= 1.0 + DAMAGE);
            self.damage("gaussian auxiliary".into(), |p| {
                p.gaussian[1].auxiliary = p.gaussian[0].auxiliary
            });
            self.damage("gaussian parameter".into(), |p| {
                p.gaussian[1].parameter = p.gaussian[0].parameter
            });
            self.damage("poisson tau".into(), |p| p.poisson[1].tau *= 1.0 + DAMAGE);
            self.damage("poisson auxiliary".into(), |p| {
                p.poisson[1].auxiliary = p.poisson[0].auxiliary
            });
            self.damage("poisson parameter".into(), |p| {
                p.poisson[1].parameter = p.poisson[0].parameter
            });
            type Runs = (&'static str, fn(&mut SampleRun) -> &mut Range<usize>);
            let runs: [Runs; 4] = [
                ("linear run", |s| &mut s.linear),
                ("normsys run", |s| &mut s.normsys),
                ("shapes run", |s| &mut s.shapes),
                ("bin factors run", |s| &mut s.bin_factors),
            ];
            for (what, run) in runs {
                let filled = |s: &SampleRun| !Range::is_empty(run(&mut s.clone()));
                let i = self.program.samples.iter().position(filled).expect("a run");
                self.damage(what.into(), |p| run(&mut p.samples[i]).end -= 1);
            }
            self.damage("channel's samples".into(), |p| p.channels[0].samples.end -= 1);
            let other = if self.program.normsys_threshold > 0.0 { 0.0 } else { 1.0 };
            self.damage("threshold".into(), |p| p.normsys_threshold = other);
            let bend = match self.program.histosys {
                HistoSysInterpolation::PiecewiseLinear => HistoSysInterpolation::PolynomialLinear,
                _ => HistoSysInterpolation::PiecewiseLinear,
            };
            self.damage("histosys".into(), |p| p.histosys = bend);
            if !self.program.kinks.is_empty() {
                self.damage("kinks".into(), |p| {
                    p.kinks.remove(0);
                });
            }
            self.damage("lower".into(), |p| p.lower[0] -= 1.0);
            self.damage("upper".into(), |p| p.upper[0] += 1.0);
        }
    }

    /// Damage that reaches a graphics processor by every table that it is given: what its copy of the
    /// program leaves out, nobody would miss.
    #[test]
    fn damage_of_every_kind() {
        fn open(program: Program) -> Option<Box<dyn Accelerator>> {
            common::gpu::open(Precision::F64, Arc::new(program))
        }
        if common::gpu::context(Precision::F64).is_none() {
            return;
        }
        let kinks = Interpolation {
            histosys: HistoSysInterpolation::PiecewiseLinear,
            normsys: NormSysInterpolation::PiecewiseExponential,
        };
        for interpolation in [Interpolation::default(), kinks] {
            let mut bench =
                Bench::on(open, "all_seven", own::compile(&own::all_seven(), interpolation));
            bench.one_of_each();
            eprintln!("{} on a graphics processor: {} tried", bench.name, bench.tried);
            assert!(bench.tried > 20, "{} tried", bench.tried);
            assert!(bench.missed.is_empty(), "not noticed:\n{}", bench.missed.join("\n"));
        }
        let model = own::compile(&own::empty_bins(), Interpolation::default());
        let mut bench = Bench::on(open, "floor", floored(&model));
        bench.damage("floor".into(), |p| p.floor *= 1.0 + DAMAGE);
        assert!(bench.missed.is_empty(), "not noticed:\n{}", bench.missed.join("\n"));
    }
}
