//! Impacts, groups, goodness of fit, yields and pruning of small models whose answers are known.

mod common;

use common::own::{self, modifier, sample, workspace};
use neyman::accelerator::DeviceChoice;
use neyman::fit::Status;
use neyman::model::Model;
use neyman::model::interpolation::Interpolation;
use neyman::session::{FitOptions, FitResult, ImpactOptions, PruneOptions, SampleYields, Session};
use neyman::spec;
use serde_json::{Value, json};

fn session(document: &Value) -> Session {
    let model = own::compile(document, Interpolation::default());
    Session::new(model, DeviceChoice::Cpu).expect("the processor")
}

fn histosys(name: &str, hi: &[f64], lo: &[f64]) -> Value {
    modifier(name, "histosys", json!({"hi_data": hi, "lo_data": lo}))
}

fn normfactor(name: &str) -> Value {
    modifier(name, "normfactor", Value::Null)
}

fn index(model: &Model, name: &str) -> usize {
    model.parameter_index(name).expect(name)
}

#[track_caller]
fn close(what: &str, a: f64, b: f64, relative: f64) {
    assert!((a - b).abs() <= relative * b.abs(), "{what}: {a}, {b} expected");
}

/// Rates linear in all parameters, millions of counts that are as expected: Gaussian to 1e-3.
fn linear() -> Value {
    let n = [4e6, 5e6, 3e6, 2e6];
    let moved = |by: [f64; 4], sign: f64| -> Vec<f64> {
        n.iter().zip(by).map(|(n, by)| n + sign * by).collect()
    };
    let tilt = [3e3, 1e3, -2e3, -1e3];
    let scale = [4e3, 5e3, 4e3, 1e3];
    let background = vec![
        histosys("tilt", &moved(tilt, 1.0), &moved(tilt, -1.0)),
        histosys("scale", &moved(scale, 1.0), &moved(scale, -1.0)),
    ];
    let signal = [2e3, 5e3, 9e3, 4e3];
    let observed: Vec<f64> = n.iter().zip(signal).map(|(n, s)| n + s).collect();
    let samples =
        vec![sample("background", &n, &background), sample("signal", &signal, &[normfactor("mu")])];
    workspace(&[("SR", &observed, samples)], "mu", &[])
}

/// Every yield is linear in each parameter by itself, as gammas and free factors are.
fn small() -> Value {
    let staterror = |name, errors: &[f64]| modifier(name, "staterror", json!(errors));
    let control = sample(
        "background",
        &[400.0, 300.0],
        &[normfactor("norm"), staterror("stat_CR", &[8.0, 7.0])],
    );
    let background = [
        normfactor("norm"),
        histosys("tilt", &[53.0, 60.5, 27.0], &[47.0, 59.5, 33.0]),
        staterror("stat_SR", &[3.0, 4.0, 2.0]),
    ];
    let signal = vec![
        sample("background", &[50.0, 60.0, 30.0], &background),
        sample("fakes", &[4.0, 3.0, 2.0], &[modifier("own", "shapesys", json!([1.0, 0.5, 0.5]))]),
        sample("signal", &[5.0, 10.0, 15.0], &[normfactor("mu")]),
    ];
    let channels: [(&str, &[f64], Vec<Value>); 2] =
        [("CR", &[410.0, 290.0], vec![control]), ("SR", &[57.0, 80.0, 52.0], signal)];
    workspace(&channels, "mu", &[])
}

fn fixed(names: &[(&str, f64)]) -> FitOptions {
    let fix = names.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    FitOptions { fix, ..FitOptions::default() }
}

fn covariance(fit: &FitResult, i: usize, j: usize) -> f64 {
    fit.covariance[i * fit.parameters.len() + j]
}

/// Of a Gaussian likelihood everything is in the covariance.
#[test]
fn impacts_of_a_linear_model() {
    let session = session(&linear());
    let data = session.model().observed().clone();
    let options = ImpactOptions { global: true, ..ImpactOptions::default() };
    let impacts = session.impacts(&data, &options).unwrap();
    let (mu, sigma) = impacts.value();
    close("mu", mu, 1.0, 1e-6);
    assert_eq!(impacts.status(), Status::Converged);
    assert_eq!(impacts.parameters.len(), 2);
    for impact in &impacts.parameters {
        let c = covariance(&impacts.fit, impacts.poi, impact.parameter);
        let u = impact.uncertainty;
        assert!(u < 0.99, "{} is constrained by the data: {u}", impact.name);
        close("up", impact.up.impact.unwrap(), c / u, 1e-3);
        close("down", impact.down.impact.unwrap(), -c / u, 1e-3);
        close("pre-fit up", impact.prefit_up.impact.unwrap(), c / (u * u), 1e-3);
        close("pre-fit down", impact.prefit_down.impact.unwrap(), -c / (u * u), 1e-3);
        assert!(impact.pull().unwrap().abs() < 1e-4);
        close("constraint", impact.constraint().unwrap(), u, 1e-12);
    }
    let global = impacts.global.as_ref().unwrap();
    let linear: f64 = global.parameters.iter().map(|g| g.linear * g.linear).sum();
    let sum = (global.statistical.powi(2) + linear).sqrt();
    close("the linear responses in quadrature", sum, sigma, 1e-9);
    close("the refits in quadrature", global.sum.unwrap(), sigma, 1e-4);
    for g in &global.parameters {
        close(&g.name, g.impact.unwrap(), g.linear, 1e-3);
    }
}

/// Near to Gaussian: hundreds of counts, gammas with Poisson terms among the sources.
#[test]
fn shifted_auxiliary_data_add_in_quadrature() {
    for document in [small(), own::all_seven()] {
        let session = session(&document);
        let model = session.model();
        let data = model.asimov(&model.init());
        let options = ImpactOptions { global: true, ..ImpactOptions::default() };
        let impacts = session.impacts(&data, &options).unwrap();
        let global = impacts.global.as_ref().unwrap();
        assert_eq!(impacts.status(), Status::Converged);
        let sources = model.parameters().iter().filter(|p| !p.fixed && p.prefit(&data).is_some());
        assert_eq!(global.parameters.len(), sources.count());
        close("the sum", global.sum.unwrap(), impacts.value().1, 0.03);
        let ordered = |g: &[neyman::session::GlobalImpact]| {
            g.is_sorted_by(|a, b| a.impact.unwrap().abs() >= b.impact.unwrap().abs())
        };
        assert!(ordered(&global.parameters));
    }
}

/// A count below 1 goes down to 0 and no further, and one of 0 stays.
#[test]
fn poisson_data_do_not_go_below_zero() {
    let own = modifier("own", "shapesys", json!([12.0, 3.0]));
    let samples = vec![
        sample("background", &[10.0, 30.0], &[own]),
        sample("signal", &[5.0, 2.0], &[normfactor("mu")]),
    ];
    let session = session(&workspace(&[("SR", &[18.0, 33.0], samples)], "mu", &[]));
    let mut data = session.model().observed().clone();
    assert!(data.auxiliary[0] < 1.0);
    let options = ImpactOptions { global: true, ..ImpactOptions::default() };
    let impacts = session.impacts(&data, &options).unwrap();
    let global = impacts.global.as_ref().unwrap();
    let own = global.parameters.iter().find(|g| g.name == "own[0]").unwrap();
    let (up, down, impact) = (own.up.unwrap(), own.down.unwrap(), own.impact.unwrap());
    let deviation = data.auxiliary[0].sqrt();
    close("per deviation", impact, (up - down) * deviation / (deviation + data.auxiliary[0]), 1e-9);
    assert!(up < 0.0 && down > 0.0 && own.linear < 0.0, "{own:?}");
    data.auxiliary[0] = 0.0;
    let impacts = session.impacts(&data, &options).unwrap();
    assert_eq!(impacts.global.unwrap().parameters.len(), 1);
    assert!(impacts.notes.iter().any(|n| n.contains("own[0]")), "{:?}", impacts.notes);
}

/// The groups' definition, by a fit with their parameters fixed at their best fit.
#[test]
fn groups_are_what_fixing_them_takes_away() {
    let session = session(&small());
    let model = session.model();
    let data = model.observed().clone();
    let groups = vec![
        ("gammas".to_owned(), vec!["stat_*".to_owned(), "own*".to_owned()]),
        ("one".to_owned(), vec!["tilt".to_owned()]),
    ];
    let impacts = session.impacts(&data, &ImpactOptions { groups, ..Default::default() }).unwrap();
    let sigma = impacts.value().1;
    let names: Vec<_> = impacts.groups.iter().map(|g| (&*g.name, g.parameters.len())).collect();
    let expected =
        [("gammas", 8), ("one", 1), ("stat", 1), ("syst", 9), ("mc_stat", 8), ("normalisation", 1)];
    assert_eq!(names, expected);
    for group in &impacts.groups {
        // what `stat` lists is what its definition leaves free
        let held = |k: &usize| group.parameters.contains(k) != (group.name == "stat");
        let all = (0..model.n_parameters()).filter(|k| *k != impacts.poi).filter(held);
        let fix: Vec<(&str, f64)> =
            all.map(|k| (&*model.parameters()[k].name, impacts.fit.parameters[k])).collect();
        let without = session.fit(&data, &fixed(&fix)).unwrap().uncertainties[impacts.poi];
        let uncertainty = group.uncertainty.unwrap();
        if group.name == "stat" {
            close("stat", uncertainty, without, 1e-5);
        } else {
            close(&group.name, uncertainty, (sigma * sigma - without * without).sqrt(), 1e-4);
        }
    }
    let of = |name: &str| impacts.groups.iter().find(|g| g.name == name).unwrap();
    assert_eq!(of("gammas").uncertainty, of("mc_stat").uncertainty);
    let c = covariance(&impacts.fit, impacts.poi, index(model, "tilt"));
    let tilt = impacts.fit.uncertainties[index(model, "tilt")];
    close("one", of("one").uncertainty.unwrap(), (c / tilt).abs(), 1e-12);
}

#[test]
fn bad_questions_are_refused() {
    let session = session(&small());
    let data = session.model().observed().clone();
    let of = |options: ImpactOptions| session.impacts(&data, &options).unwrap_err().to_string();
    let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let unknown = of(ImpactOptions { parameters: list(&["tilt", "jet*"]), ..Default::default() });
    assert!(unknown.contains("no parameter jet*"), "{unknown}");
    let itself = of(ImpactOptions { parameters: list(&["mu"]), ..Default::default() });
    assert!(itself.contains("beside mu"), "{itself}");
    let groups = vec![("jets".to_owned(), list(&["jet*"]))];
    assert!(of(ImpactOptions { groups, ..Default::default() }).contains("jet*"));
    for names in [["stat", "x"], ["x", "x"]] {
        let groups = names.map(|name| (name.to_owned(), list(&["tilt"]))).to_vec();
        assert!(of(ImpactOptions { groups, ..Default::default() }).contains("there is one"));
    }
    let poi = ImpactOptions { poi: Some("nothing".into()), ..Default::default() };
    assert!(of(poi).contains("no parameter nothing"));
    let held = ImpactOptions { fit: fixed(&[("mu", 1.0)]), ..Default::default() };
    assert!(of(held).contains("mu is fixed"));
    let mut short = data.clone();
    short.main.pop();
    assert!(session.impacts(&short, &ImpactOptions::default()).is_err());
    assert!(session.goodness_of_fit(&short, &FitOptions::default()).is_err());
    let fit = session.fit(&data, &FitOptions::default()).unwrap();
    assert!(session.yields(&short, &fit).is_err());
    let mut other = fit.clone();
    other.covariance.pop();
    assert!(session.yields(&data, &other).is_err());

    let mut nothing = small();
    nothing["measurements"][0]["config"]["poi"] = "".into();
    let session = self::session(&nothing);
    let error = session.impacts(&data, &ImpactOptions::default()).unwrap_err();
    assert!(error.is_unsupported(), "{error}");
    // another one is as good
    let tilt = ImpactOptions { poi: Some("tilt".into()), ..Default::default() };
    let impacts = session.impacts(&data, &tilt).unwrap();
    assert!(impacts.parameters.iter().all(|i| i.name != "tilt"));
}

/// With all else held there is nothing to rank, and all of the uncertainty is statistical.
#[test]
fn nothing_but_the_parameter_of_interest() {
    let session = session(&small());
    let data = session.model().observed().clone();
    let names: Vec<String> =
        session.model().parameters().iter().map(|p| p.name.clone()).filter(|n| n != "mu").collect();
    let init = session.model().init();
    let fix: Vec<(&str, f64)> =
        names.iter().map(|n| (&**n, init[index(session.model(), n)])).collect();
    let options = ImpactOptions { fit: fixed(&fix), global: true, ..Default::default() };
    let impacts = session.impacts(&data, &options).unwrap();
    assert!(impacts.parameters.is_empty());
    let sigma = impacts.value().1;
    let groups: Vec<_> =
        impacts.groups.iter().map(|g| (&*g.name, g.uncertainty.unwrap())).collect();
    assert_eq!(groups, [("stat", sigma), ("syst", 0.0)]);
    let global = impacts.global.unwrap();
    assert!(global.parameters.is_empty());
    close("statistical", global.statistical, sigma, 1e-9);
}

/// cabinetry 0.6.0, `fit._goodness_of_fit` at the minimum of pyhf's likelihood: that of Minuit taken
/// further by Newton's method with finite differences of 4th order (Minuit itself stops 3e-5 above).
#[test]
fn goodness_of_fit() {
    let session = session(&small());
    let data = session.model().observed().clone();
    let gof = session.goodness_of_fit(&data, &FitOptions::default()).unwrap();
    close("-2 log L", gof.fit.twice_nll, 27.982_540_799_156_8, 1e-9);
    close("p-value", gof.p_value.unwrap(), 0.843_390_938_852_031_3, 1e-6);
    assert_eq!(gof.degrees_of_freedom, 3);
    // by hand: twice the deviance of the bins, and the pulls
    let model = session.model();
    let rates = model.expected_main(&gof.fit.parameters);
    let deviance = |(n, v): (&f64, &f64)| 2.0 * (v - n + n * (n / v).ln());
    let mut q: f64 = data.main.iter().zip(&rates).map(deviance).sum();
    let auxiliary = model.expected_auxiliary(&gof.fit.parameters);
    for (a, &k) in model.auxiliary().iter().enumerate() {
        let parameter = &model.parameters()[k];
        let pull = |sigma: f64| ((gof.fit.parameters[k] - data.auxiliary[a]) / sigma).powi(2);
        q += match parameter.constraint {
            neyman::model::Constraint::Gaussian { sigma, .. } => pull(sigma),
            _ => deviance((&data.auxiliary[a], &auxiliary[a])),
        };
    }
    close("the statistic", gof.test_statistic, q, 1e-9);
    let again = session.saturated_statistic(&data, gof.fit.twice_nll).unwrap();
    assert_eq!(again, gof.test_statistic);
    // a parameter that is held gives its degree of freedom back
    let held = session.goodness_of_fit(&data, &fixed(&[("norm", 1.0), ("tilt", 0.0)])).unwrap();
    assert_eq!(held.degrees_of_freedom, 4);

    let one = sample("signal", &[5.0], &[normfactor("mu")]);
    let perfect = self::session(&workspace(&[("SR", &[7.0], vec![one])], "mu", &[]));
    let data = perfect.model().observed().clone();
    let gof = perfect.goodness_of_fit(&data, &FitOptions::default()).unwrap();
    assert_eq!((gof.degrees_of_freedom, gof.p_value), (0, None));
    assert!(gof.test_statistic.abs() < 1e-7, "{}", gof.test_statistic);
}

/// cabinetry 0.6.0: `model_utils.prediction(model)`, and `prediction(model, fit_results=..)` at the
/// minimum described above with the covariance of the same finite differences. In this model cabinetry's
/// symmetrised variations are the derivatives.
#[test]
fn yields_are_those_of_cabinetry() {
    let session = session(&small());
    let data = session.model().observed().clone();
    let fit = session.fit(&data, &FitOptions::default()).unwrap();
    let yields = session.yields(&data, &fit).unwrap();
    let check = |s: &SampleYields, yields: &[f64], errors: &[f64], total: f64, relative: f64| {
        for b in 0..yields.len() {
            close(&s.name, s.yields[b], yields[b], relative);
            close(&s.name, s.uncertainty.as_ref().unwrap()[b], errors[b], relative);
        }
        close(&s.name, s.total_uncertainty.unwrap(), total, relative);
    };
    let [control, signal] = &yields.channels[..] else { panic!("two channels") };
    assert_eq!((&*control.name, &*signal.name), ("CR", "SR"));
    assert_eq!(signal.observed, [57.0, 80.0, 52.0]);
    check(&control.prefit.total, &[400.0, 300.0], &[8.0, 7.0], 10.630_145_812_734_65, 1e-12);
    let errors = [4.358_898_943_540_674, 4.062_019_202_317_98, 3.640_054_944_640_259];
    check(&signal.prefit.total, &[59.0, 73.0, 47.0], &errors, 5.545_268_253_204_709, 1e-12);
    let [background, fakes, mu] = &signal.prefit.samples[..] else { panic!("three samples") };
    let errors = [4.242_640_687_119_285, 4.031_128_874_149_275, 3.605_551_275_463_989];
    check(background, &[50.0, 60.0, 30.0], &errors, 5.408_326_913_195_984, 1e-12);
    check(fakes, &[4.0, 3.0, 2.0], &[1.0, 0.5, 0.5], 1.224_744_871_391_589, 1e-12);
    check(mu, &[5.0, 10.0, 15.0], &[0.0; 3], 0.0, 1e-12);

    let errors = [15.690_446_294_982_7, 12.122_578_455_032_565];
    let total = [401.182_593_653_746_15, 298.447_720_151_013_75];
    check(&control.postfit.total, &total, &errors, 26.003_556_540_734_024, 1e-5);
    let errors = [4.463_410_777_386_78, 5.261_810_952_108_94, 6.464_206_912_969_01];
    let total = [59.941_164_457_780_3, 77.038_662_885_249_15, 52.486_580_729_839_304];
    check(&signal.postfit.total, &total, &errors, 12.759_997_570_830_016, 1e-5);
    let [background, fakes, mu] = &signal.postfit.samples[..] else { panic!("three samples") };
    let errors = [3.946_161_210_079_158_4, 4.327_386_872_058_939, 3.610_988_488_810_441];
    let rates = [49.240_459_414_292_1, 60.530_666_187_399_45, 30.241_361_825_816_565];
    check(background, &rates, &errors, 7.427_506_128_816_749, 1e-5);
    let errors = [0.982_637_492_615_302_3, 0.501_073_340_776_609_1, 0.499_172_838_585_955_7];
    let rates = [3.951_527_088_523_424, 3.009_640_787_920_138, 1.997_685_039_128_394_2];
    check(fakes, &rates, &errors, 1.211_843_727_323_844_7, 1e-5);
    let errors = [2.312_869_600_745_369_5, 4.625_739_201_490_739, 6.938_608_802_236_111];
    let rates = [6.749_177_954_964_782, 13.498_355_909_929_565, 20.247_533_864_894_347];
    check(mu, &rates, &errors, 13.877_217_604_472_22, 1e-5);
}

/// All modifier types: `J C J'` by differences of the yields.
#[test]
fn yields_agree_with_finite_differences() {
    let session = session(&own::all_seven());
    let model = session.model();
    let data = model.observed().clone();
    let fit = session.fit(&data, &FitOptions::default()).unwrap();
    let yields = session.yields(&data, &fit).unwrap();
    let n = model.n_parameters();
    let gradient: Vec<Vec<Vec<f64>>> = (0..n)
        .map(|k| {
            let h = 1e-6;
            let at = |step: f64| {
                let mut x = fit.parameters.clone();
                x[k] += step;
                model.expected_by_sample(&x)
            };
            let (up, down) = (at(h), at(-h));
            let slope = |(u, d): (&f64, &f64)| (u - d) / (2.0 * h);
            up.iter().zip(&down).map(|(u, d)| u.iter().zip(d).map(slope).collect()).collect()
        })
        .collect();
    let spread = |g: &dyn Fn(usize) -> f64| {
        let pairs = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        pairs.map(|(i, j)| g(i) * covariance(&fit, i, j) * g(j)).sum::<f64>().max(0.0).sqrt()
    };
    let same = |what: &str, ours: f64, theirs: f64| {
        assert!((ours - theirs).abs() <= 1e-5 * (1.0 + theirs), "{what}: {ours} {theirs}");
    };
    for (c, channel) in yields.channels.iter().enumerate() {
        let of: Vec<usize> =
            (0..model.samples().len()).filter(|&i| model.samples()[i].channel == c).collect();
        for (sample, &i) in channel.postfit.samples.iter().zip(&of) {
            for (b, error) in sample.uncertainty.as_ref().unwrap().iter().enumerate() {
                same(&sample.name, *error, spread(&|k| gradient[k][i][b]));
            }
            let sum = spread(&|k| gradient[k][i].iter().sum());
            same(&sample.name, sample.total_uncertainty.unwrap(), sum);
        }
        let total = &channel.postfit.total;
        for (b, error) in total.uncertainty.as_ref().unwrap().iter().enumerate() {
            let sum = spread(&|k| of.iter().map(|&i| gradient[k][i][b]).sum());
            same("total", *error, sum);
        }
        let sum = spread(&|k| of.iter().map(|&i| gradient[k][i].iter().sum::<f64>()).sum());
        same(&channel.name, total.total_uncertainty.unwrap(), sum);
    }
}

#[test]
fn correlations() {
    let session = session(&small());
    let data = session.model().observed().clone();
    let fit = session.fit(&data, &fixed(&[("tilt", 0.0)])).unwrap();
    let (n, correlation) = (fit.parameters.len(), fit.correlation());
    let (tilt, mu, norm) = (
        index(session.model(), "tilt"),
        index(session.model(), "mu"),
        index(session.model(), "norm"),
    );
    assert_eq!((correlation[tilt * n + tilt], correlation[tilt * n + mu]), (1.0, 0.0));
    let c = covariance(&fit, mu, norm) / (fit.uncertainties[mu] * fit.uncertainties[norm]);
    close("one way", correlation[mu * n + norm], c, 1e-14);
    close("the other", correlation[norm * n + mu], c, 1e-14);
    assert!(c < -0.1 && c > -1.0, "more background, less signal: {c}");
}

#[test]
fn pruned_models_are_fitted_again() {
    let document = small();
    let (workspace, _) = spec::workspace(&document).unwrap();
    let session = session(&document);
    let options = |threshold| PruneOptions { threshold, fit: FitOptions::default() };
    let pruning = session.prune(&workspace, 0, &options(0.15)).unwrap();
    // own changes a bin by 25 %, tilt none by more than 10 %
    let dropped: Vec<_> = pruning.pruned.dropped.iter().map(|d| &*d.modifier).collect();
    assert_eq!((dropped, pruning.pruned.kept), (vec!["tilt"], 6));
    let data = session.model().observed().clone();
    let before = session.fit(&data, &FitOptions::default()).unwrap();
    assert_eq!(pruning.before.twice_nll, before.twice_nll);
    let left = self::session(&spec::to_value(&pruning.pruned.workspace));
    let after = left.fit(left.model().observed(), &FitOptions::default()).unwrap();
    let mu = index(left.model(), "mu");
    assert_eq!(pruning.after.value, Some(after.parameters[mu]));
    assert_eq!(pruning.after.uncertainty, Some(after.uncertainties[mu]));
    assert_eq!((pruning.before.n_parameters, pruning.after.n_parameters), (11, 10));
    // what is held and then gone is no error
    let held = PruneOptions { threshold: 0.15, fit: fixed(&[("tilt", 0.5)]) };
    assert!(session.prune(&workspace, 0, &held).unwrap().after.status.is_converged());
    for threshold in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(session.prune(&workspace, 0, &options(threshold)).is_err(), "{threshold}");
    }
    let (other, _) = spec::workspace(&linear()).unwrap();
    assert!(session.prune(&other, 0, &options(0.1)).is_err());
}
