use super::*;

#[test]
fn names_are_read_back() {
    for statistic in TestStatistic::ALL {
        assert_eq!(statistic.to_string().parse::<TestStatistic>().unwrap(), statistic);
    }
    assert_eq!("q".parse::<TestStatistic>().unwrap(), TestStatistic::QMu);
    assert!("qnu".parse::<TestStatistic>().unwrap_err().to_string().contains("qtilde"));
}

#[test]
fn the_side_that_counts() {
    use TestStatistic::*;
    // mu, best fit, difference
    let value = |s: TestStatistic, mu, hat| s.value(mu, hat, 3.0);
    assert_eq!(
        [Q0, QMu, QTilde, TMu, TTilde].map(|s| value(s, 1.0, 2.0)),
        [3.0, 0.0, 0.0, 3.0, 3.0]
    );
    assert_eq!(
        [Q0, QMu, QTilde, TMu, TTilde].map(|s| value(s, 1.0, 0.5)),
        [0.0, 3.0, 3.0, 3.0, 3.0]
    );
    assert!(TestStatistic::ALL.iter().all(|s| s.value(1.0, 1.0, -1e-12) == 0.0));
    assert!(TMu.value(1.0, 0.0, f64::NAN).is_nan());
}

#[test]
fn bounds_allow_both_sides() {
    use TestStatistic::*;
    let of = |s: TestStatistic, lower, largest| s.bounds((lower, 10.0), largest);
    assert_eq!(of(QTilde, 0.0, 1.0), (0.0, 10.0));
    assert_eq!(of(QTilde, -5.0, 1.0), (0.0, 10.0));
    assert_eq!(of(QTilde, 0.5, 1.0), (0.0, 10.0));
    assert_eq!(of(QMu, 0.0, 1.0), (-10.0, 10.0));
    assert_eq!(of(TMu, -20.0, 1.0), (-20.0, 10.0));
    assert_eq!(of(Q0, -3.0, 0.0), (-3.0, 10.0));
    // tested beyond what is declared
    assert_eq!(of(QTilde, 0.0, 12.0), (0.0, 24.0));
    assert_eq!(of(TTilde, 0.0, 10.0), (0.0, 20.0));
}

/// The p-values against the distribution of best fits they are made of: mu_hat normal around mu' with
/// width 1, the statistic a function of it.
#[test]
fn p_values_are_those_of_normal_best_fits() {
    let n = 200_000;
    let quantiles: Vec<f64> = (0..n)
        .map(|i| super::super::distributions::significance((f64::from(i) + 0.5) / f64::from(n)))
        .collect();
    let mu = 1.3;
    for statistic in
        [TestStatistic::QMu, TestStatistic::QTilde, TestStatistic::TMu, TestStatistic::TTilde]
    {
        let tilde = matches!(statistic, TestStatistic::QTilde | TestStatistic::TTilde);
        let of = |hat: f64| {
            let t = match tilde && hat < 0.0 {
                true => (mu - hat) * (mu - hat) - hat * hat,
                false => (mu - hat) * (mu - hat),
            };
            statistic.value(mu, hat, t)
        };
        for q in [0.1, 0.9, 1.6, 1.8, 4.0] {
            let count = |truth: f64| {
                let above = quantiles.iter().filter(|&&z| of(truth + z) >= q).count();
                above as f64 / f64::from(n)
            };
            let (tested, alternative) = statistic.p_values(q, mu * mu);
            assert!((tested - count(mu)).abs() < 2e-5, "{statistic} {q}: {tested} {}", count(mu));
            assert!((alternative - count(0.0)).abs() < 2e-5, "{statistic} {q}: {alternative}");
        }
    }
}
