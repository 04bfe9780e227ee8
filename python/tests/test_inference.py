"""Fits and tests against pyhf's, live."""

import dataclasses
import inspect
import operator

import numpy as np
import pyhf
import pytest
import scipy.stats
from workspaces import random_workspace

import neyman

SEEDS = range(3)


def both(seed):
    workspace = random_workspace(seed)
    ws = pyhf.Workspace(workspace)
    pdf = ws.model()
    return pdf, ws.data(pdf)


@pytest.fixture
def minuit():
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-4))


@pytest.mark.parametrize("seed", SEEDS)
def test_fit(seed, minuit):
    pdf, data = both(seed)
    theirs, corr, minimum = pyhf.infer.mle.fit(
        data, pdf, return_uncertainties=True, return_correlations=True, return_fitted_val=True
    )
    ours, our_corr, our_minimum = neyman.pyhf.mle.fit(
        data, pdf, return_uncertainties=True, return_correlations=True, return_fitted_val=True
    )
    assert our_minimum <= minimum + 1e-9
    np.testing.assert_allclose(our_minimum, minimum, atol=1e-4)
    np.testing.assert_allclose(ours[:, 0], theirs[:, 0], atol=2e-2 * theirs[:, 1].max())
    np.testing.assert_allclose(ours[:, 1], theirs[:, 1], rtol=2e-2, atol=1e-3)
    np.testing.assert_allclose(our_corr, corr, atol=5e-2)
    assert ours.shape == theirs.shape and np.shape(our_minimum) == np.shape(minimum)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("test_stat", ["qtilde", "q"])
def test_hypotest(seed, test_stat):
    pdf, data = both(seed)
    arguments = {"return_tail_probs": True, "return_expected": True, "return_expected_set": True}
    theirs = pyhf.infer.hypotest(0.7, data, pdf, test_stat=test_stat, **arguments)
    ours = neyman.pyhf.hypotest(0.7, data, pdf, test_stat=test_stat, **arguments)
    assert [np.shape(v) for v in ours] == [np.shape(v) for v in theirs]
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, atol=2e-4, rtol=2e-3)
    assert isinstance(neyman.pyhf.hypotest(0.7, data, pdf), type(pyhf.infer.hypotest(0.7, data, pdf)))


def test_discovery():
    pdf, data = both(0)
    theirs = pyhf.infer.hypotest(
        0.0, data, pdf, test_stat="q0", return_tail_probs=True, return_expected_set=True
    )
    ours = neyman.pyhf.hypotest(
        0.0, data, pdf, test_stat="q0", return_tail_probs=True, return_expected_set=True
    )
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, atol=1e-4, rtol=5e-3)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_upper_limit(seed):
    pdf, data = both(seed)
    theirs = pyhf.infer.intervals.upper_limits.upper_limit(data, pdf)
    ours = neyman.pyhf.upper_limit(data, pdf)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-3)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-3)
    scan = np.linspace(0.05, 4, 9)
    theirs = pyhf.infer.intervals.upper_limits.upper_limit(data, pdf, scan, return_results=True)
    ours = neyman.pyhf.upper_limit(data, pdf, scan, return_results=True)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-3)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-3)
    assert len(ours[2][1]) == len(theirs[2][1]) == 9
    np.testing.assert_allclose(ours[2][1][3][0], theirs[2][1][3][0], rtol=1e-3, atol=1e-4)


def test_settings_of_a_fit():
    pdf, data = both(1)
    init, bounds = pdf.config.suggested_init(), pdf.config.suggested_bounds()
    fixed = pdf.config.suggested_fixed()
    k = pdf.config.par_names.index("jes")
    init[k], fixed[k], bounds[pdf.config.poi_index] = 0.4, True, (-10.0, 20.0)
    theirs = pyhf.infer.mle.fit(data, pdf, init, bounds, fixed, return_fitted_val=True)
    ours = neyman.pyhf.mle.fit(data, pdf, init, bounds, fixed, return_fitted_val=True)
    np.testing.assert_allclose(ours[0], theirs[0], atol=2e-3)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-4)
    assert ours[0][k] == 0.4
    theirs = pyhf.infer.mle.fixed_poi_fit(1.5, data, pdf)
    np.testing.assert_allclose(neyman.pyhf.mle.fixed_poi_fit(1.5, data, pdf), theirs, atol=2e-3)
    with pytest.raises(ValueError, match="outside"):
        neyman.pyhf.mle.fit(data, pdf, [99.0, *init[1:]], bounds, [False] * len(init))


def test_optimizer_inside_pyhf():
    pdf, data = both(2)
    limits = pyhf.infer.intervals.upper_limits.upper_limit(data, pdf)
    pyhf.set_backend("numpy", neyman.pyhf.optimizer())
    ours = pyhf.infer.intervals.upper_limits.upper_limit(data, pdf)
    np.testing.assert_allclose(ours[0], limits[0], rtol=1e-3)
    np.testing.assert_allclose(ours[1], limits[1], rtol=1e-3)
    parameters, minimum = pyhf.infer.mle.fit(
        data, pdf, return_uncertainties=True, return_fitted_val=True
    )
    assert parameters.shape == (pdf.config.npars, 2) and minimum.shape == ()
    with pytest.raises(neyman.UnsupportedError, match="twice_nll"):
        pyhf.optimizer.minimize(lambda *_: 0, data, pdf, [], [])


def test_toys_agree_with_asymptotics():
    pdf, data = both(0)
    session = neyman.Session(neyman.from_pyhf(pdf), "cpu")
    mu = 1.3  # above the best fit: below it formulas and toys differ by what they call a tie
    found = session.hypotest(mu, data, toys=4000, seed=3)
    formula = session.hypotest(mu, data)
    assert found.test_statistic > 0.05
    assert abs(found.cls_observed - formula.cls_observed) < 5 * found.cls_observed_error + 0.01
    assert len(found.signal_background.values) == found.toys == 4000
    ours = neyman.pyhf.hypotest(
        mu, data, pdf, calctype="toybased", ntoys=4000, seed=3, return_expected_set=True
    )
    assert ours[0] == found.cls_observed
    by_toys = session.limit(data, toys=2000, seed=1)
    assert abs(by_toys.observed - session.limit(data).observed) < 0.1 * by_toys.observed


@pytest.mark.parametrize("base", ["normal", "clipped_normal"])
@pytest.mark.parametrize("test_stat, mu", [("qtilde", 0.7), ("qtilde", 0.2), ("q", 0.3), ("q0", 0.0)])
def test_asymptotic_calculators(test_stat, mu, base, minuit):
    pdf, data = both(0)
    options = {"test_stat": test_stat, "calc_base_dist": base}
    wanted = {"return_expected_set": True, "return_calculator": True}
    *theirs, their_calculator = pyhf.infer.hypotest(mu, data, pdf, **wanted, **options)
    *ours, calculator = neyman.pyhf.hypotest(mu, data, pdf, **wanted, **options)
    close = {"atol": 5e-4, "rtol": 5e-3}
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, **close)
    value, their_value = calculator.teststatistic(mu), their_calculator.teststatistic(mu)
    np.testing.assert_allclose(value, their_value, **close)
    both_sides = calculator.distributions(mu), their_calculator.distributions(mu)
    for our, their in zip(*both_sides, strict=True):
        np.testing.assert_allclose([our.shift, our.cutoff], [their.shift, their.cutoff], **close)
        for method, at in (("pvalue", 0.3), ("expected_value", 1.5), ("cdf", -0.4)):
            np.testing.assert_allclose(getattr(our, method)(at), getattr(their, method)(at), **close)
    np.testing.assert_allclose(
        calculator.pvalues(value, *both_sides[0]), their_calculator.pvalues(their_value, *both_sides[1]), **close
    )
    np.testing.assert_allclose(
        calculator.expected_pvalues(*both_sides[0]), their_calculator.expected_pvalues(*both_sides[1]), **close
    )
    names = [f.name for f in dataclasses.fields(their_calculator.fitted_pars)]
    assert names == [f.name for f in dataclasses.fields(calculator.fitted_pars)]
    for name in names:
        pars = [getattr(c.fitted_pars, name) for c in (calculator, their_calculator)]
        np.testing.assert_allclose(*pars, atol=5e-2)


@pytest.mark.parametrize("events, vanishes", [(150.0, False), (1e4, True), (5e4, True)])
def test_tails_too_small_for_numbers(events, vanishes):
    pdf = pyhf.simplemodels.uncorrelated_background([10.0], [events], [1.0])
    data = [0.0, *pdf.config.auxdata]
    found, (_, clb) = neyman.pyhf.hypotest(2.0, data, pdf, return_tail_probs=True)
    session = neyman.Session(neyman.from_pyhf(pdf), "cpu")
    np.testing.assert_allclose(found, session.hypotest(2.0, data).cls_observed, rtol=1e-6)
    assert (clb == 0.0) == vanishes and found > 0.0


def test_clipping_is_seen():
    pdf, data = both(0)
    bands = [
        neyman.pyhf.hypotest(0.2, data, pdf, calc_base_dist=base, return_expected_set=True)[1]
        for base in ("normal", "clipped_normal")
    ]
    assert bands[0][4] != bands[1][4] and bands[0][0] == bands[1][0] and bands[1][4] > 0.5
    with pytest.raises(neyman.ArgumentError, match="clipped_normal"):
        neyman.pyhf.hypotest(0.2, data, pdf, calc_base_dist="clipped")


def test_limits_of_clipped_distributions():
    pdf, data = both(0)
    scan = np.linspace(0.1, 4, 9)
    for values in (None, scan):
        arguments = {"return_results": True, "calc_base_dist": "clipped_normal"}
        theirs = pyhf.infer.intervals.upper_limits.upper_limit(data, pdf, values, **arguments)
        ours = neyman.pyhf.upper_limit(data, pdf, values, **arguments)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-3)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-3)
    bands = [np.array([band for _, band in of[2][1]]) for of in (ours, theirs)]
    np.testing.assert_allclose(*bands, rtol=1e-3, atol=1e-4)


def test_toy_calculators():
    pdf, data = both(0)
    options = {"calctype": "toybased", "return_calculator": True, "track_progress": False}
    *ours, calculator = neyman.pyhf.hypotest(
        1.0, data, pdf, ntoys=500, seed=2, return_tail_probs=True, return_expected_set=True, **options
    )
    value, sides = calculator.teststatistic(1.0), calculator.distributions(1.0)
    assert [len(side.samples) for side in sides] == [500, 500]
    assert calculator.pvalues(value, *sides)[2] == ours[0]
    assert calculator.expected_pvalues(*sides)[2] == ours[2]
    # pyhf's own arithmetic on the same toys; its percentiles fail with NumPy 2.4
    theirs = pyhf.infer.calculators.ToyCalculator(data, pdf, ntoys=1, track_progress=False)
    empirical = [pyhf.infer.calculators.EmpiricalDistribution(side.samples) for side in sides]
    np.testing.assert_allclose(calculator.pvalues(1.5, *sides), theirs.pvalues(1.5, *empirical))
    values = np.array([theirs.pvalues(q, *empirical) for q in empirical[1].samples])
    quantiles = np.percentile(values, 100 * scipy.stats.norm.cdf([-2, -1, 0, 1, 2]), axis=0).T
    np.testing.assert_allclose(calculator.expected_pvalues(*sides), quantiles, atol=5e-3)
    quantile = np.percentile(empirical[1].samples, 100 * scipy.stats.norm.cdf(1.0))
    np.testing.assert_allclose(sides[1].expected_value(1), quantile)
    np.testing.assert_allclose(value, theirs.teststatistic(1.0), atol=1e-3)


@pytest.mark.parametrize("name", [
    "hypotest", "mle.fit", "mle.fixed_poi_fit", "calculators.generate_asimov_data",
    "calculators.AsymptoticCalculator", "calculators.ToyCalculator",
    *(f"calculators.AsymptoticCalculator.{m}" for m in ("distributions", "teststatistic", "pvalues", "expected_pvalues")),
    *(f"calculators.ToyCalculator.{m}" for m in ("distributions", "teststatistic", "pvalues", "expected_pvalues")),
    *(f"calculators.AsymptoticTestStatDistribution.{m}" for m in ("__init__", "cdf", "pvalue", "expected_value")),
    *(f"calculators.EmpiricalDistribution.{m}" for m in ("__init__", "pvalue", "expected_value")),
    "intervals.upper_limits.upper_limit",
])  # fmt: skip
def test_signatures(name):
    """Every argument of pyhf's is there, at its place and with its default."""
    theirs = inspect.signature(operator.attrgetter(name)(pyhf.infer)).parameters
    ours = inspect.signature(operator.attrgetter(name)(neyman.pyhf)).parameters
    named = [p for p in theirs.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    positional = [p for p in ours.values() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in positional] == [p.name for p in named]
    for our, their in zip(positional, named, strict=True):
        optional = their.default is not inspect.Parameter.empty
        assert our.default == their.default if optional else True, our


def test_keywords_of_pyhf_are_taken():
    # what pyhf passes on by ** to its calculators
    for function in (neyman.pyhf.hypotest, neyman.pyhf.upper_limit):
        for calculator in ("AsymptoticCalculator", "ToyCalculator"):
            passed = set(inspect.signature(getattr(pyhf.infer.calculators, calculator)).parameters)
            assert passed - {"pdf"} <= set(inspect.signature(function).parameters)


def test_consistency_of_a_session(some_workspace):
    """What different statements say about the same thing."""
    session = neyman.Session(neyman.from_pyhf(some_workspace), "cpu")
    fit = session.fit()
    assert fit.converged and fit.edm < 1e-6
    poi = session.model.poi
    if poi is None or fit.fixed[session.model.index(poi)]:
        return
    scan = session.scan([fit[poi]])
    assert abs(scan.delta_twice_nll[0]) < 1e-6
    held = session.fit(fix={poi: 0.3})
    np.testing.assert_allclose(session.scan([0.3]).delta_twice_nll[0], held.twice_nll - fit.twice_nll, atol=1e-5)
    np.testing.assert_allclose(fit.nll, session.model.nll(fit.values), rtol=1e-12)
    nll, gradient = session.evaluate([fit.values])
    np.testing.assert_allclose(nll[0], fit.nll, rtol=1e-12)
    np.testing.assert_allclose(gradient[0], session.model.grad(fit.values), atol=1e-6)
