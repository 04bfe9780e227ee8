//! Distributions, independence of order, and a golden digest of the stream.

use super::*;
use crate::model::ModelOptions;
use crate::spec::{Channel, Measurement, Modifier, ModifierKind, Observation, Sample, Workspace};

/// One channel; a free scale, a shapesys and a normsys on the only sample.
fn model(counts: &[f64], uncertainty: f64) -> Model {
    let modifier = |name: &str, kind| Modifier {
        name: name.to_owned(),
        kind,
    };
    let workspace = Workspace {
        channels: vec![Channel {
            name: "SR".to_owned(),
            samples: vec![Sample {
                name: "signal".to_owned(),
                data: counts.to_vec(),
                modifiers: vec![
                    modifier("mu", ModifierKind::NormFactor),
                    modifier("scale", ModifierKind::NormSys { hi: 1.1, lo: 0.9 }),
                    modifier(
                        "unc",
                        ModifierKind::ShapeSys(vec![uncertainty; counts.len()]),
                    ),
                ],
            }],
        }],
        observations: vec![Observation {
            name: "SR".to_owned(),
            data: counts.to_vec(),
        }],
        measurements: vec![Measurement {
            name: "fit".to_owned(),
            poi: Some("mu".to_owned()),
            parameters: Vec::new(),
        }],
    };
    Model::new(&workspace, 0, &ModelOptions::default()).expect("a valid model")
}

fn draws(sampler: &ToySampler, n: u64) -> Vec<Vec<f64>> {
    let toy = |index| {
        let mut data = vec![0.0; sampler.elements.len()];
        let (main, auxiliary) = data.split_at_mut(sampler.n_bins);
        sampler.draw(20_240_229, index, main, auxiliary);
        data
    };
    (0..n).map(toy).collect()
}

/// Mean and variance within five standard errors of their own.
#[test]
fn poisson_moments() {
    let rates = [
        0.01, 0.3, 1.0, 4.2, 17.0, 150.0, 2500.5, 1e5, 9.9e5, 1.1e6, 1e7,
    ];
    let model = model(&rates, 0.0);
    let toys = 100_000u64;
    let sampler = ToySampler::new(&model, &model.init()).expect("a sampler");
    let data = draws(&sampler, toys);
    let n = toys as f64;
    for (bin, rate) in rates.iter().enumerate() {
        let mean = data.iter().map(|toy| toy[bin]).sum::<f64>() / n;
        assert!(
            (mean - rate).abs() < 5.0 * (rate / n).sqrt(),
            "{rate}: mean {mean}"
        );
        let variance = data
            .iter()
            .map(|toy| (toy[bin] - rate).powi(2))
            .sum::<f64>()
            / n;
        // The fourth central moment of a Poisson distribution is rate (1 + 3 rate).
        let error = ((rate * (1.0 + 3.0 * rate) - rate * rate) / n).sqrt();
        assert!(
            (variance - rate).abs() < 5.0 * error,
            "{rate}: variance {variance}"
        );
    }
}

/// Pearson's chi-squared of the counts; its own spread is sqrt(2 cells).
#[test]
fn poisson_shape() {
    let rates = [0.05, 1.0, 6.5, 40.0, 1000.0];
    let model = model(&rates, 0.0);
    let toys = 200_000u64;
    let sampler = ToySampler::new(&model, &model.init()).expect("a sampler");
    let data = draws(&sampler, toys);
    for (bin, &rate) in rates.iter().enumerate() {
        let mut seen: HashMap<u64, f64> = HashMap::new();
        for toy in &data {
            *seen.entry(toy[bin] as u64).or_default() += 1.0;
        }
        let (mut chi2, mut cells, mut rest, mut rest_expected) =
            (0.0, 0.0, toys as f64, toys as f64);
        for count in 0..2000u64 {
            let n = count as f64;
            let expected = toys as f64 * (n * rate.ln() - rate - libm::lgamma(n + 1.0)).exp();
            if expected < 10.0 {
                continue;
            }
            let observed = seen.get(&count).copied().unwrap_or(0.0);
            chi2 += (observed - expected).powi(2) / expected;
            cells += 1.0;
            rest -= observed;
            rest_expected -= expected;
        }
        if rest_expected > 10.0 {
            chi2 += (rest - rest_expected).powi(2) / rest_expected;
        } else {
            cells -= 1.0;
        }
        let pull = (chi2 - cells) / (2.0 * f64::max(cells, 1.0)).sqrt();
        assert!(pull.abs() < 4.5, "rate {rate}: chi2 {chi2} over {cells}");
    }
}

#[test]
fn auxiliary_data_follow_their_constraints() {
    // tau = (50 / 10)^2 = 25.
    let model = model(&[50.0, 60.0], 10.0);
    let mut truth = model.init();
    let scale = model.parameter_index("scale").expect("normsys");
    truth[scale] = 0.7;
    truth[model.parameter_index("unc[0]").expect("shapesys")] = 1.2;
    let sampler = ToySampler::new(&model, &truth).expect("a sampler");
    let data = draws(&sampler, 100_000);
    let n = data.len() as f64;
    let normal = model.n_bins();
    let pulls = data.iter().map(|toy| toy[normal] - 0.7);
    assert!(pulls.clone().sum::<f64>().abs() / n < 5.0 / n.sqrt());
    let moments = |power: i32| pulls.clone().map(|z| z.powi(power)).sum::<f64>() / n;
    assert!((moments(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
    assert!(moments(3).abs() < 5.0 * (15.0 / n).sqrt());
    assert!((moments(4) - 3.0).abs() < 5.0 * (96.0 / n).sqrt());
    for (z, below) in [
        (-2.0, 0.022_750_13),
        (-1.0, 0.158_655_25),
        (0.5, 0.691_462_46),
    ] {
        let fraction = pulls.clone().filter(|pull| *pull < z).count() as f64 / n;
        let error = f64::sqrt(below * (1.0 - below) / n);
        assert!((fraction - below).abs() < 5.0 * error, "{z} {fraction}");
    }
    let mean = data.iter().map(|toy| toy[normal + 1]).sum::<f64>() / n;
    assert!((mean - 30.0).abs() < 5.0 * (30.0 / n).sqrt(), "{mean}");
}

/// Neighbouring elements, toys and seeds are uncorrelated.
#[test]
fn no_correlations() {
    let model = model(&[100.0, 100.0, 100.0], 0.0);
    let sampler = ToySampler::new(&model, &model.init()).expect("a sampler");
    let data = draws(&sampler, 100_000);
    let n = data.len() as f64;
    let pull = |toy: &[f64], bin: usize| (toy[bin] - 100.0) / 10.0;
    let elements = data
        .iter()
        .map(|toy| pull(toy, 0) * pull(toy, 1))
        .sum::<f64>()
        / n;
    let blocks = data
        .iter()
        .map(|toy| pull(toy, 1) * pull(toy, 2))
        .sum::<f64>()
        / n;
    let toys = data
        .windows(2)
        .map(|pair| pull(&pair[0], 0) * pull(&pair[1], 0))
        .sum::<f64>()
        / n;
    for (what, correlation) in [("elements", elements), ("blocks", blocks), ("toys", toys)] {
        assert!(correlation.abs() < 5.0 / n.sqrt(), "{what}: {correlation}");
    }
}

#[test]
fn a_toy_does_not_depend_on_those_before_it() {
    let model = model(&[0.5, 30.0, 3e6], 1e3);
    let sampler = ToySampler::new(&model, &model.init()).expect("a sampler");
    let forward = draws(&sampler, 50);
    for index in (0..50usize).rev() {
        let mut data = vec![f64::NAN; sampler.elements.len()];
        let (main, auxiliary) = data.split_at_mut(sampler.n_bins);
        sampler.draw(20_240_229, index as u64, main, auxiliary);
        assert_eq!(data, forward[index]);
    }
    assert_ne!(forward[0], forward[1]);
}

#[test]
fn rates_without_toys() {
    let model = model(&[5.0, 7.0], 0.0);
    let mut truth = model.init();
    truth[0] = -1.0;
    let sampler = ToySampler::new(&model, &truth).expect("a sampler");
    assert_eq!(sampler.warnings().len(), 2);
    assert!(
        sampler.warnings()[0].contains("SR bin 0"),
        "{:?}",
        sampler.warnings()
    );
    assert!(draws(&sampler, 10).iter().all(|toy| toy[..2] == [0.0, 0.0]));
    truth[0] = 0.0;
    assert!(
        ToySampler::new(&model, &truth)
            .expect("a sampler")
            .warnings()
            .is_empty()
    );
    truth[0] = 1e10;
    assert!(
        ToySampler::new(&model, &truth)
            .expect_err("too large")
            .is_unsupported()
    );
    truth[0] = f64::NAN;
    assert!(ToySampler::new(&model, &truth).is_err());
}

/// A change of the stream changes published numbers: it must be noticed.
#[test]
fn golden_stream() {
    let model = model(&[0.01, 3.3, 47.0, 1234.5, 2.5e6], 1e3);
    let sampler = ToySampler::new(&model, &model.init()).expect("a sampler");
    // FNV-1a of the bits.
    let mut digest = 0xcbf2_9ce4_8422_2325u64;
    for byte in draws(&sampler, 100)
        .iter()
        .flatten()
        .flat_map(|datum| datum.to_bits().to_le_bytes())
    {
        digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    assert_eq!(format!("{digest:016x}"), "6d1c57c8461ca2c6");
}
