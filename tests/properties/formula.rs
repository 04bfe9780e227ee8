//! HistFactory as its paper has it (CERN-OPEN-2012-016), evaluated straight from the workspace with
//! dual numbers: a second oracle that shares no code with the first. Slow, and only for rates above 0.

use std::collections::{BTreeMap, HashMap};

use neyman::model::Model;
use neyman::model::interpolation::{HistoSysInterpolation, Interpolation, NormSysInterpolation};
use neyman::spec::{Channel, ModifierKind, Sample, Workspace};

use crate::dual::Dual;

/// Everything needed to evaluate: the workspace, the parameters by printed name.
pub(crate) struct Formula<'a> {
    workspace: &'a Workspace,
    interpolation: Interpolation,
    parameters: HashMap<String, Dual>,
}

/// A constraint term.
enum Term {
    Normal { sigma: f64 },
    Poisson { tau: f64 },
}

impl<'a> Formula<'a> {
    pub(crate) fn new(workspace: &'a Workspace, model: &Model, x: &[f64]) -> Self {
        let name = |k: usize| model.parameters()[k].name.clone();
        let parameters =
            (0..x.len()).map(|k| (name(k), Dual::variable(x[k], k, x.len()))).collect();
        Self { workspace, interpolation: model.interpolation(), parameters }
    }

    fn scalar(&self, name: &str) -> Dual {
        self.parameters[name].clone()
    }

    fn gamma(&self, name: &str, bin: usize) -> Dual {
        self.parameters[&format!("{name}[{bin}]")].clone()
    }

    /// Expected count of one bin.
    pub(crate) fn rate(&self, channel: &Channel, bin: usize) -> Dual {
        let rates = channel.samples.iter().map(|sample| self.sample_rate(sample, bin));
        rates.reduce(|a, b| a + b).expect("samples")
    }

    fn sample_rate(&self, sample: &Sample, bin: usize) -> Dual {
        let nominal = sample.data[bin];
        let mut sum = Dual::constant(nominal);
        let mut product = Dual::constant(1.0);
        for modifier in &sample.modifiers {
            let name = modifier.name.as_str();
            match &modifier.kind {
                ModifierKind::HistoSys { hi_data, lo_data } => {
                    sum = sum + self.delta(name, nominal, hi_data[bin], lo_data[bin]);
                }
                ModifierKind::NormSys { hi, lo } => {
                    product = product * self.normsys(name, *hi, *lo);
                }
                ModifierKind::NormFactor | ModifierKind::Lumi => {
                    product = product * self.scalar(name);
                }
                ModifierKind::ShapeFactor
                | ModifierKind::ShapeSys(_)
                | ModifierKind::StatError(_) => product = product * self.gamma(name, bin),
            }
        }
        product * sum
    }

    fn delta(&self, name: &str, nominal: f64, hi: f64, lo: f64) -> Dual {
        let alpha = self.scalar(name);
        let (up, down) = (hi - nominal, nominal - lo);
        let square = alpha.clone() * alpha.clone();
        match self.interpolation.histosys {
            HistoSysInterpolation::PiecewiseLinear => {
                alpha.scale(if alpha.value >= 0.0 { up } else { down })
            }
            HistoSysInterpolation::QuadraticLinear => {
                // a alpha^2 + b alpha inside, its tangents at +-1 outside
                let (a, b) = (0.5 * (hi + lo) - nominal, 0.5 * (hi - lo));
                if alpha.value > 1.0 {
                    alpha.scale(b + 2.0 * a) - Dual::constant(a)
                } else if alpha.value < -1.0 {
                    alpha.scale(b - 2.0 * a) - Dual::constant(a)
                } else {
                    square.scale(a) + alpha.scale(b)
                }
            }
            HistoSysInterpolation::PolynomialLinear if alpha.value.abs() > 1.0 => {
                alpha.scale(if alpha.value > 0.0 { up } else { down })
            }
            HistoSysInterpolation::PolynomialLinear => {
                let inner = square.clone() * (square.scale(3.0) - Dual::constant(10.0));
                let odd = alpha.clone() * (inner + Dual::constant(15.0));
                let slope = odd.scale((up - down) / 16.0) + Dual::constant((up + down) / 2.0);
                alpha * slope
            }
        }
    }

    fn normsys(&self, name: &str, hi: f64, lo: f64) -> Dual {
        let alpha = self.scalar(name);
        let piecewise = self.interpolation.normsys == NormSysInterpolation::PiecewiseExponential;
        if piecewise || alpha.value.abs() >= 1.0 {
            let log = if alpha.value >= 0.0 { hi.ln() } else { -lo.ln() };
            return alpha.scale(log).exp();
        }
        let mut sum = Dual::constant(1.0);
        let mut power = Dual::constant(1.0);
        for coefficient in six_coefficients(hi, lo) {
            power = power * alpha.clone();
            sum = sum + power.scale(coefficient);
        }
        sum
    }

    /// Widths of the constraint terms by printed parameter name.
    fn constraints(&self) -> BTreeMap<String, Term> {
        let mut terms = BTreeMap::new();
        for channel in &self.workspace.channels {
            let bins = channel.samples[0].data.len();
            // staterror: errors in quadrature and yields of the samples that carry the name
            let mut stat: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
            for sample in &channel.samples {
                for modifier in &sample.modifiers {
                    let name = modifier.name.clone();
                    match &modifier.kind {
                        ModifierKind::NormSys { .. } | ModifierKind::HistoSys { .. } => {
                            terms.insert(name, Term::Normal { sigma: 1.0 });
                        }
                        ModifierKind::Lumi => {
                            let sigma = self.configured_sigma(&name);
                            terms.insert(name, Term::Normal { sigma });
                        }
                        ModifierKind::ShapeSys(errors) => {
                            for (b, error) in errors.iter().enumerate() {
                                let ratio = sample.data[b] / error;
                                let tau = ratio * ratio;
                                terms.insert(format!("{name}[{b}]"), Term::Poisson { tau });
                            }
                        }
                        ModifierKind::StatError(errors) => {
                            let sums = stat
                                .entry(modifier.name.as_str())
                                .or_insert_with(|| vec![(0.0, 0.0); bins]);
                            for (b, sum) in sums.iter_mut().enumerate() {
                                sum.0 += errors[b] * errors[b];
                                sum.1 += sample.data[b];
                            }
                        }
                        ModifierKind::NormFactor | ModifierKind::ShapeFactor => {}
                    }
                }
            }
            for (name, sums) in stat {
                for (b, (square, total)) in sums.into_iter().enumerate() {
                    let sigma = square.sqrt() / total;
                    terms.insert(format!("{name}[{b}]"), Term::Normal { sigma });
                }
            }
        }
        terms
    }

    fn configured_sigma(&self, name: &str) -> f64 {
        let configs = &self.workspace.measurements[0].parameters;
        let config = configs.iter().find(|config| config.name == name).expect("configuration");
        config.sigmas.as_ref().expect("sigmas")[0]
    }

    /// The NLL of main data by channel name and auxiliary data by parameter name.
    pub(crate) fn nll(
        &self,
        main: &HashMap<String, Vec<f64>>,
        auxiliary: &HashMap<String, f64>,
    ) -> Dual {
        let mut sum = Dual::constant(0.0);
        for channel in &self.workspace.channels {
            for (bin, count) in main[&channel.name].iter().enumerate() {
                sum = sum + poisson(*count, self.rate(channel, bin));
            }
        }
        let terms = self.constraints();
        assert_eq!(terms.len(), auxiliary.len(), "constraint terms");
        for (name, term) in terms {
            let (x, datum) = (self.scalar(&name), auxiliary[&name]);
            sum = sum
                + match term {
                    Term::Poisson { tau } => poisson(datum, x.scale(tau)),
                    Term::Normal { sigma } => {
                        let pull = (x - Dual::constant(datum)).scale(1.0 / sigma);
                        let width = (sigma * (2.0 * std::f64::consts::PI).sqrt()).ln();
                        (pull.clone() * pull).scale(0.5) + Dual::constant(width)
                    }
                };
        }
        sum
    }
}

/// `-log Poisson(n | rate)` from the textbook.
fn poisson(count: f64, rate: Dual) -> Dual {
    let constant = Dual::constant(libm::lgamma(count + 1.0));
    if count == 0.0 { rate } else { rate.clone() - rate.ln().scale(count) + constant }
}

/// Coefficients of alpha^1..alpha^6: value, slope and curvature of hi^alpha at 1 and of lo^-alpha at
/// -1, as six linear equations solved by elimination.
fn six_coefficients(hi: f64, lo: f64) -> [f64; 6] {
    let mut rows = [[0.0; 7]; 6];
    for (side, (value, log)) in [(1.0, (hi, hi.ln())), (-1.0, (lo, -lo.ln()))] {
        let offset = if side > 0.0 { 0 } else { 3 };
        for power in 1..=6i32 {
            let p = f64::from(power);
            let column = (power - 1) as usize;
            rows[offset][column] = f64::powi(side, power);
            rows[offset + 1][column] = p * f64::powi(side, power - 1);
            rows[offset + 2][column] = p * (p - 1.0) * f64::powi(side, power - 2);
        }
        rows[offset][6] = value - 1.0;
        rows[offset + 1][6] = value * log;
        rows[offset + 2][6] = value * log * log;
    }
    for pivot in 0..6 {
        let best = (pivot..6)
            .max_by(|&a, &b| rows[a][pivot].abs().total_cmp(&rows[b][pivot].abs()))
            .expect("rows");
        rows.swap(pivot, best);
        for row in 0..6 {
            if row != pivot {
                let factor = rows[row][pivot] / rows[pivot][pivot];
                let source = rows[pivot];
                for (to, from) in rows[row].iter_mut().zip(source) {
                    *to -= factor * from;
                }
            }
        }
    }
    std::array::from_fn(|i| rows[i][6] / rows[i][i])
}
