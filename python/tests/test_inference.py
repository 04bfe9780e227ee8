"""Fits and tests against pyhf's, live."""

import numpy as np
import pyhf
import pytest
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


def test_calculator():
    pdf, data = both(0)
    observed, calculator = neyman.pyhf.hypotest(1.0, data, pdf, return_calculator=True)
    assert calculator.pvalues()[2] == observed
    theirs = pyhf.infer.hypotest(1.0, data, pdf, return_calculator=True)[1]
    np.testing.assert_allclose(calculator.expected_pvalues()[2][2], 0.5, atol=0.5)
    assert theirs is not None


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
