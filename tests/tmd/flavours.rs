//! Documents with several flavours, quadratures chosen by their errors: what is summed, and what is said of mistakes.

use neyman::Result;
use neyman::fit::Tolerance;
use neyman::tmd::Rule;
use neyman::tmd::files::{Inputs, Source};
use neyman::tmd::fit::{Data, FitOptions, Role, fit, fit_while};

const KINEMATICS: &str = "
header: {process: SIDIS, Vs: 17.4}
data: {PhT: [0.1, 0.3, 0.5, 0.2], x: [0.05, 0.05, 0.05, 0.2], z: [0.4, 0.4, 0.4, 0.6], Q2: [3, 3, 3, 9]}
";
const U: &str = "{shape: simple, init_params: [1.1, 0.3]}";
const D: &str = "{shape: gauss, init_params: [0.2, 0.3]}";
const IN_Z: &str = "{shape: gauss, init_params: [0.1, 0.25]}";
const OTHER_IN_Z: &str = "{shape: simple, init_params: [0.9, 0.5]}";

fn inputs(config: &str, kinematics: &str, fnp: &str) -> Result<Inputs> {
    let [config, kinematics, fnp] =
        [config, kinematics, fnp].map(|text| Source::Text(text.as_bytes().to_vec()));
    Inputs::from_sources(&config, &kinematics, &fnp)
}

fn shapes(flavours: &str, fragmentation: &str) -> String {
    format!(
        "zeta: Q2\nevolution: {{init_g2: 0.25}}\nflavors: {flavours}\nfragmentation: {fragmentation}"
    )
}

/// Cross sections at the start values.
fn values(config: &str, fnp: &str) -> Vec<f64> {
    let inputs = inputs(config, KINEMATICS, fnp).expect("documents");
    let plan = inputs.sidis(usize::MAX).expect("points").plan().expect("a plan");
    plan.predict(&inputs.init()).expect("values").values
}

fn near(found: &[f64], expected: impl Iterator<Item = f64>) {
    let mut n = 0;
    for (a, b) in found.iter().zip(expected) {
        assert!((a / b - 1.0).abs() < 1e-13, "{a} {b}");
        n += 1;
    }
    assert_eq!((n, found.len()), (4, 4));
}

/// The sum over flavours is that of cross sections of one, times the squares of charges.
#[test]
fn flavours_are_summed() {
    let several = "luminosity: {name: ll1, flavors: [d, u, dbar]}";
    let all = format!("{{u: {U}, d: {D}, dbar: d}}");
    let by_flavour = format!("{{flavors: {{u: {IN_Z}, d: {OTHER_IN_Z}, dbar: u}}}}");
    let one = |in_x: &str, in_z: &str| {
        values("luminosity: ll1", &shapes(&format!("{{u: {in_x}}}"), in_z))
    };
    let (u, d, dbar) = (one(U, IN_Z), one(D, OTHER_IN_Z), one(D, IN_Z));
    let sum = (0..4).map(|i| (4.0 * u[i] + d[i] + dbar[i]) / 9.0);
    near(&values(several, &shapes(&all, &by_flavour)), sum);
    let sum = one(U, IN_Z).into_iter().zip(one(D, IN_Z)).map(|(u, d)| (4.0 * u + 2.0 * d) / 9.0);
    near(&values(several, &shapes(&all, IN_Z)), sum);
    // without fragmentation each flavour has its shape in x again
    let sum = one(U, "null").into_iter().zip(one(D, "null"));
    near(&values(several, &shapes(&all, "null")), sum.map(|(u, d)| (4.0 * u + 2.0 * d) / 9.0));
}

#[test]
fn parameters_are_named_by_flavour() {
    let several = "luminosity: {name: toy, flavors: [u, d, ubar]}";
    let d = "{shape: gauss, init_params: [0.2, 0.3], free_mask: ['2*u[0]', '[0]'], bounds: [null, [0, 1]]}";
    let in_z = format!("{{flavors: {{u: {IN_Z}, d: {OTHER_IN_Z}, ubar: d}}}}");
    let fnp = shapes(&format!("{{u: {U}, d: {d}, ubar: u}}"), &in_z);
    let of = inputs(several, KINEMATICS, &fnp).expect("documents");
    let sidis = of.sidis(usize::MAX).expect("points");
    let plan = sidis.plan().expect("a plan");
    let names = [
        "g2",
        "pdf_u.lambda_f",
        "pdf_u.alpha",
        "pdf_d.g1",
        "pdf_d.lambda",
        "ff_u.g1",
        "ff_u.lambda",
        "ff_d.lambda_f",
        "ff_d.alpha",
    ];
    assert_eq!(plan.parameter_names(), names);
    assert_eq!(of.roles()[3], Role::Linked { to: 1, factor: 2.0 });
    assert_eq!(of.roles()[4], Role::Linked { to: 3, factor: 1.0 });
    assert_eq!(of.init(), [0.25, 1.1, 0.3, 0.2, 0.3, 0.1, 0.25, 0.9, 0.5]);
    // derivatives of shapes that two flavours share
    let at = plan.jacobian(&of.init()).expect("slopes");
    for k in 0..names.len() {
        let shifted = |by: f64| {
            let mut moved = of.init();
            moved[k] += by;
            plan.predict(&moved).expect("values").values
        };
        let (up, down) = (shifted(1e-5), shifted(-1e-5));
        for i in 0..4 {
            let slope = (up[i] - down[i]) / 2e-5;
            let apart = (at.jacobian[i * names.len() + k] - slope).abs();
            assert!(apart < 1e-8 * at.values[i].abs().max(1.0), "{} {i}: {apart}", names[k]);
        }
    }
    // with the lists of a flavour's nodes, charges are in them
    let nodes = sidis.nodes().expect("nodes");
    let one: Vec<Vec<f64>> =
        nodes.iter().map(|n| n.b.iter().map(|b| (-b * b).exp()).collect()).collect();
    let given = ["u", "d", "ubar"].map(|name| (name.to_owned(), one.clone()));
    let other = sidis.with_luminosities(given.to_vec()).expect("luminosities");
    assert!(other.channels.is_at_nodes() && other.channels.terms.iter().all(|c| c.weight == 1.0));
    for (given, says) in [
        (&given[..2], "there is no luminosity of the flavour \"ubar\""),
        (
            &[given[0].clone(), given[0].clone(), given[1].clone(), given[2].clone()],
            "there are two",
        ),
        (&[("s".to_owned(), one.clone())], "there is no flavour \"s\" here"),
    ] {
        let error = sidis.with_luminosities(given.to_vec()).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn mistakes_are_told() {
    let refused = |config: &str, fnp: &str, says: &str| {
        let error = inputs(config, KINEMATICS, fnp).map(drop).expect_err("refused").to_string();
        assert!(error.contains(says), "{says}\n{error}");
    };
    let (both, only) = (format!("{{u: {U}, d: {D}}}"), format!("{{u: {U}}}"));
    let several = "luminosity: {name: ll1, flavors: [u, d]}";
    let twice = "luminosity: {name: ll1, flavors: [u, d, u]}";
    refused(twice, &shapes(&both, IN_Z), "config: /luminosity/flavors/2: \"u\" stands here twice");
    let unknown = "luminosity: {name: ll1, flavors: [up]}";
    refused(
        unknown,
        &shapes(&both, IN_Z),
        "config: /luminosity/flavors/0: there is no flavour \"up\"",
    );
    let none = "luminosity: {name: ll1, flavors: []}";
    refused(none, &shapes(&both, IN_Z), "config: /luminosity/flavors: ");
    let charged = "luminosity: {file: nodes.json, flavors: [u]}";
    refused(
        charged,
        &shapes(&both, IN_Z),
        "config: /luminosity/flavors: a file's luminosities hold",
    );
    refused("luminosity: {file: no.json}", &shapes(&both, IN_Z), "no.json");
    refused(several, &shapes(&only, IN_Z), "fnp: /flavors: the flavour \"d\" is needed");
    let more = format!("{{u: {U}, d: {D}, s: {D}}}");
    refused(
        several,
        &shapes(&more, IN_Z),
        "fnp: /flavors/s: the flavour \"s\" has a shape and no lum",
    );
    let in_z = format!("{{flavors: {{u: {IN_Z}}}}}");
    refused(
        several,
        &shapes(&both, &in_z),
        "fnp: /fragmentation/flavors: the flavour \"d\" is needed",
    );
    refused("{}", &shapes(&only, &in_z), "/fragmentation/flavors: shapes by flavour need");
    let chain = format!("{{u: {U}, d: ubar, ubar: u}}");
    refused(several, &shapes(&chain, IN_Z), "fnp: /flavors/d: \"ubar\" is no flavour of this list");
    let itself = format!("{{u: {U}, d: d}}");
    refused(several, &shapes(&itself, IN_Z), "fnp: /flavors/d: \"d\" is no flavour of this list");
    let linked = |to: &str| {
        format!("{{u: {U}, d: {{shape: gauss, init_params: [1, 1], free_mask: [true, '{to}']}}}}")
    };
    let at = "fnp: /flavors/d/free_mask/1: ";
    refused(
        several,
        &shapes(&linked("s[0]"), IN_Z),
        &format!("{at}a link to parameter 0 of \"s\""),
    );
    refused(
        several,
        &shapes(&linked("u[2]"), IN_Z),
        &format!("{at}a link to parameter 2 of \"u\""),
    );
    refused(several, &shapes(&linked("u0"), IN_Z), &format!("{at}\"u0\" is no link"));
    let evolution = |text: &str| format!("evolution: {text}\nflavors: {only}");
    refused(
        "{}",
        &evolution("{init_g2: 1, init_g2B: 1}"),
        "/evolution/init_g2B: g2B is a parameter",
    );
    refused(
        "{}",
        &evolution("{init_g2: 1, form: pv19}"),
        "/evolution: the key \"init_g2B\" is missing",
    );
    refused("{}", &evolution("{init_g2: 1, form: pv}"), "/evolution/form: there is no evolution");
    let tolerance = "quadrature: {rule: sinh-gl, tolerance: 0}";
    refused(tolerance, &shapes(&only, IN_Z), "config: /quadrature/tolerance: 0; a relative error");
    let form = evolution("{init_g2: 0.1, init_g2B: 0.01, form: pv19, bounds: [[0, 1], null]}");
    let good = inputs("{}", KINEMATICS, &format!("zeta: Q2\n{form}")).expect("good");
    assert_eq!(good.roles()[0], Role::Free { lower: 0.0, upper: 1.0 });
    assert_eq!(good.init()[..2], [0.1, 0.01]);
}

/// At the qT of colliders the usual rule fails, and Ogata's does not.
#[test]
fn a_quadrature_is_chosen_by_its_error() {
    let far = "header: {Vs: 8000}\ndata: {PhT: [10], x: [0.1], z: [0.5], Q2: [8281]}";
    let fnp = shapes(&format!("{{u: {U}}}"), IN_Z);
    let chosen = |config: &str, kinematics: &str| {
        let mut inputs = inputs(config, kinematics, &fnp).expect("documents");
        let before = inputs.config.rule;
        inputs.choose_rule(usize::MAX).expect("a rule");
        let told = inputs.warnings().expect("warnings").join("\n");
        (before, inputs, told)
    };
    let asked = "luminosity: ll1\nquadrature: {rule: sinh-gl, tolerance: 1e-5}";
    let (before, inputs_there, told) = chosen(asked, far);
    assert_eq!(before, Rule::SinhGaussLegendre { nodes: 64 });
    assert!(matches!(inputs_there.config.rule, Rule::Ogata { .. }), "{told}");
    assert!(told.contains("is by sinh-gl, 64 nodes: ") && told.contains("nodes, runs"), "{told}");
    let sidis = inputs_there.sidis(1).expect("a point");
    let error = sidis.quadrature_error(&inputs_there.init()).expect("errors").expect("known")[0];
    assert!(error.abs() < 1e-5, "{error}");
    // the same integral by another rule
    let rule = Rule::SinhGaussLegendre { nodes: 4000 };
    let reference = neyman::tmd::Sidis { rule, ..sidis.clone() };
    let apart = sidis.difference(&reference, &inputs_there.init()).expect("values")[0];
    assert!(apart.abs() < 1e-5, "{apart}");
    // where it is exact enough, or nobody asks, it stays
    let (before, inputs_here, told) = chosen(asked, KINEMATICS);
    assert!(inputs_here.config.rule == before && !told.contains("runs"), "{told}");
    let (before, unasked, told) = chosen("luminosity: ll1", far);
    assert!(unasked.config.rule == before && !told.contains("runs"), "{told}");
    // and what cannot be held is told
    let (_, _, told) =
        chosen("luminosity: ll1\nquadrature: {rule: sinh-gl, tolerance: 1e-300}", far);
    assert!(told.contains("none is within it"), "{told}");
}

#[test]
fn a_fit_that_is_ended_says_where_it_stands() {
    let fnp = shapes(&format!("{{u: {U}}}"), IN_Z);
    let inputs = inputs("luminosity: ll1", KINEMATICS, &fnp).expect("documents");
    let plan = inputs.sidis(usize::MAX).expect("points").plan().expect("a plan");
    let data = Data::synthetic(plan.predict(&inputs.init()).expect("values").values).expect("data");
    let mut start = inputs.init();
    (start[1], start[4]) = (1.6, 0.6);
    let mut roles = vec![Role::Fixed; start.len()];
    (roles[1], roles[4]) = (Role::FREE, Role::FREE);
    let options = FitOptions { start, roles, tolerance: Tolerance::default() };
    let mut heard = Vec::new();
    let left = fit_while(&plan, &data, &options, &mut |evaluations, chi2| {
        heard.push((evaluations, chi2));
        chi2 >= heard[0].1
    })
    .expect("a fit");
    let whole = fit(&plan, &data, &options).expect("a fit");
    let last = *heard.last().expect("steps");
    assert!(whole.status.is_converged() && whole.evaluations > left.evaluations, "{whole:?}");
    assert_eq!(left.status.as_str(), "evaluation_limit");
    assert_eq!((left.evaluations, left.chi2), last);
    assert!(left.chi2 < heard[0].1 && whole.chi2 < left.chi2, "{heard:?}");
    // one that nobody ends is the same to the bit
    assert_eq!(fit_while(&plan, &data, &options, &mut |_, _| true).expect("a fit"), whole);
}
