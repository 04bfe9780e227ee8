//! Small systematics dropped from a workspace.

use crate::spec::{Modifier, ModifierKind, Sample, Workspace};

/// A workspace without its small systematics.
#[derive(Debug, Clone, PartialEq)]
pub struct Pruned {
    /// What is left, in the same order.
    pub workspace: Workspace,
    /// What is gone, in the workspace's order.
    pub dropped: Vec<Dropped>,
    /// How many modifiers are left.
    pub kept: usize,
}

/// A modifier that was dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Dropped {
    /// Its channel.
    pub channel: String,
    /// Its sample.
    pub sample: String,
    /// Its name.
    pub modifier: String,
    /// Its type's name.
    pub kind: &'static str,
    /// What it did.
    pub effect: Effect,
}

/// The size of a systematic, as fractions of the sample's nominal counts, the larger of up and down.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Effect {
    /// Largest change of a bin.
    pub bin: f64,
    /// Change of the sum over bins.
    pub norm: f64,
    /// Largest change of a bin once the variation is scaled to the nominal sum.
    pub shape: f64,
}

/// Drop every normsys, histosys and shapesys that changes no bin of its sample by `threshold` or more,
/// as a fraction of that sample's nominal count in the bin.
///
/// A bin that a modifier fills or empties from 0 counts as infinitely changed. Modifiers of other types
/// stay: free factors are no systematics, lumi acts on all samples alike, and a staterror without one of
/// its samples would be another one. So do parameters of interest. Configurations of parameters that no
/// modifier uses any more go.
pub fn prune(workspace: &Workspace, threshold: f64) -> Pruned {
    let mut pruned = workspace.clone();
    let mut dropped = Vec::new();
    let of_interest =
        |name: &str| workspace.measurements.iter().any(|m| m.poi.as_deref() == Some(name));
    for channel in &mut pruned.channels {
        for sample in &mut channel.samples {
            let modifiers = std::mem::take(&mut sample.modifiers);
            for modifier in modifiers {
                match effect(sample, &modifier) {
                    Some(effect) if effect.bin < threshold && !of_interest(&modifier.name) => {
                        dropped.push(Dropped {
                            channel: channel.name.clone(),
                            sample: sample.name.clone(),
                            kind: modifier.kind.type_name(),
                            modifier: modifier.name,
                            effect,
                        });
                    }
                    _ => sample.modifiers.push(modifier),
                }
            }
        }
    }
    let names = |w: &Workspace| {
        let samples = w.channels.iter().flat_map(|c| &c.samples);
        samples.flat_map(|s| &s.modifiers).map(|m| m.name.clone()).collect::<Vec<_>>()
    };
    let left = names(&pruned);
    let gone: std::collections::HashSet<&str> = dropped
        .iter()
        .map(|d| d.modifier.as_str())
        .filter(|d| !left.iter().any(|l| l == d))
        .collect();
    for measurement in &mut pruned.measurements {
        measurement.parameters.retain(|config| !gone.contains(config.name.as_str()));
    }
    Pruned { kept: left.len(), workspace: pruned, dropped }
}

/// What a modifier does to its sample; `None` for types that are not pruned.
pub fn effect(sample: &Sample, modifier: &Modifier) -> Option<Effect> {
    let nominal = &sample.data;
    match &modifier.kind {
        ModifierKind::NormSys { hi, lo } => {
            let norm = (hi - 1.0).abs().max((lo - 1.0).abs());
            Some(Effect { bin: norm, norm, shape: 0.0 })
        }
        ModifierKind::HistoSys { hi_data, lo_data } => {
            let (up, down) = (of_template(nominal, hi_data), of_template(nominal, lo_data));
            Some(Effect {
                bin: up.bin.max(down.bin),
                norm: up.norm.max(down.norm),
                shape: up.shape.max(down.shape),
            })
        }
        // each bin by itself: all of it is shape
        ModifierKind::ShapeSys(uncertainties) => {
            let bins = nominal.iter().zip(uncertainties);
            // pyhf holds the gammas of such bins
            let acting = bins.filter(|(n, u)| **n > 0.0 && **u > 0.0);
            let bin = acting.map(|(n, u)| u / n).fold(0.0, f64::max);
            Some(Effect { bin, norm: 0.0, shape: bin })
        }
        ModifierKind::NormFactor
        | ModifierKind::ShapeFactor
        | ModifierKind::StatError(_)
        | ModifierKind::Lumi => None,
    }
}

fn of_template(nominal: &[f64], template: &[f64]) -> Effect {
    let (sum, varied): (f64, f64) = (nominal.iter().sum(), template.iter().sum());
    let largest = |scale: f64| {
        let bins = nominal.iter().zip(template);
        bins.map(|(n, t)| relative(t * scale - n, *n)).fold(0.0, f64::max)
    };
    let scale = sum / varied;
    let shape = if scale.is_finite() { largest(scale) } else { largest(1.0) };
    Effect { bin: largest(1.0), norm: relative(varied - sum, sum), shape }
}

fn relative(change: f64, of: f64) -> f64 {
    if change == 0.0 { 0.0 } else { (change / of).abs() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec;

    fn sample(data: &[f64]) -> Sample {
        Sample { name: "s".into(), data: data.to_vec(), modifiers: Vec::new() }
    }

    fn of(data: &[f64], kind: ModifierKind) -> Option<Effect> {
        effect(&sample(data), &Modifier { name: "m".into(), kind })
    }

    #[test]
    fn sizes_of_systematics() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let normsys = of(&[1.0, 2.0], ModifierKind::NormSys { hi: 1.02, lo: 0.95 }).unwrap();
        close(normsys.bin, 0.05);
        close(normsys.norm, 0.05);
        assert_eq!(normsys.shape, 0.0);
        let (hi_data, lo_data) = (vec![11.0, 29.0], vec![10.0, 30.0]);
        let shape = of(&[10.0, 30.0], ModifierKind::HistoSys { hi_data, lo_data }).unwrap();
        close(shape.bin, 0.1);
        close(shape.norm, 0.0);
        close(shape.shape, 0.1);
        let (hi_data, lo_data) = (vec![10.0, 30.0], vec![9.0, 27.0]);
        let norm = of(&[10.0, 30.0], ModifierKind::HistoSys { hi_data, lo_data }).unwrap();
        close(norm.bin, 0.1);
        close(norm.norm, 0.1);
        close(norm.shape, 0.0);
        // an empty bin that is filled
        let (hi_data, lo_data) = (vec![0.1, 1.0], vec![0.0, 1.0]);
        let filled = of(&[0.0, 1.0], ModifierKind::HistoSys { hi_data, lo_data }).unwrap();
        assert_eq!(filled.bin, f64::INFINITY);
        let own = of(&[0.0, 50.0], ModifierKind::ShapeSys(vec![3.0, 1.0])).unwrap();
        close(own.bin, 0.02);
        assert_eq!(of(&[1.0], ModifierKind::NormFactor), None);
        assert_eq!(of(&[1.0], ModifierKind::StatError(vec![1e-9])), None);
    }

    #[test]
    fn small_ones_go_with_their_configuration() {
        let document = json!({
            "version": "1.0.0",
            "channels": [{"name": "SR", "samples": [
                {"name": "signal", "data": [5.0], "modifiers": [
                    {"name": "mu", "type": "normfactor", "data": null},
                    {"name": "tiny", "type": "normsys", "data": {"hi": 1.001, "lo": 0.999}},
                    {"name": "both", "type": "normsys", "data": {"hi": 1.001, "lo": 0.999}}]},
                {"name": "background", "data": [50.0], "modifiers": [
                    {"name": "both", "type": "normsys", "data": {"hi": 1.2, "lo": 0.9}},
                    {"name": "poi", "type": "normsys", "data": {"hi": 1.001, "lo": 0.999}}]}]}],
            "observations": [{"name": "SR", "data": [52.0]}],
            "measurements": [{"name": "fit", "config": {"poi": "poi", "parameters": [
                {"name": "tiny", "inits": [0.5]}, {"name": "both", "inits": [0.1]}]}}],
        });
        let (workspace, _) = spec::workspace(&document).unwrap();
        let pruned = prune(&workspace, 0.01);
        let names: Vec<_> =
            pruned.dropped.iter().map(|d| (&*d.sample, &*d.modifier, d.kind)).collect();
        assert_eq!(names, [("signal", "tiny", "normsys"), ("signal", "both", "normsys")]);
        assert_eq!(pruned.kept, 3);
        let configured: Vec<_> =
            pruned.workspace.measurements[0].parameters.iter().map(|p| &*p.name).collect();
        assert_eq!(configured, ["both"]);
        // what is left is a workspace, and nothing below the threshold stays in it
        let again = spec::workspace(&spec::to_value(&pruned.workspace)).unwrap().0;
        assert_eq!(again, pruned.workspace);
        assert!(prune(&again, 0.01).dropped.is_empty());
        assert!(prune(&workspace, 0.0).dropped.is_empty());
    }
}
