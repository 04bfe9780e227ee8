"""iminuit and cabinetry."""

import numpy as np
import pyhf
import pytest
from workspaces import random_workspace

import neyman


@pytest.mark.parametrize("seed", range(3))
def test_iminuit(seed):
    iminuit = pytest.importorskip("iminuit")
    model = neyman.from_pyhf(random_workspace(seed))
    cost = neyman.minuit.cost(model)
    minuit = iminuit.Minuit(cost, cost.init, name=cost.names)
    assert minuit.errordef == iminuit.Minuit.LIKELIHOOD
    minuit.limits, minuit.fixed = cost.limits, cost.fixed
    minuit.tol = 1e-4
    assert minuit.migrad().valid and minuit.ngrad > 0
    minuit.hesse()
    with neyman.Session(model, "cpu") as session:
        fit, minos = session.fit(), session.minos("mu")
    np.testing.assert_allclose(minuit.values, fit.values, atol=1e-3)
    np.testing.assert_allclose(minuit.errors, fit.uncertainties, rtol=2e-2)
    minuit.minos("mu")
    np.testing.assert_allclose(minuit.merrors["mu"].upper, minos.minos_up[0], rtol=1e-2)
    np.testing.assert_allclose(minuit.merrors["mu"].lower, minos.minos_down[0], rtol=1e-2)


def test_cabinetry():
    cabinetry = pytest.importorskip("cabinetry")
    workspace = random_workspace(1)
    pdf, data = cabinetry.model_utils.model_and_data(workspace)
    theirs = cabinetry.fit.fit(pdf, data, minos="mu", goodness_of_fit=True)
    ours = neyman.cabinetry.fit(pdf, data, minos="mu", goodness_of_fit=True)
    assert type(ours) is type(theirs) and ours.labels == list(theirs.labels)
    np.testing.assert_allclose(ours.bestfit, theirs.bestfit, atol=5e-3)
    np.testing.assert_allclose(ours.uncertainty, theirs.uncertainty, rtol=2e-2)
    np.testing.assert_allclose(ours.corr_mat, theirs.corr_mat, atol=3e-2)
    np.testing.assert_allclose(ours.best_twice_nll, theirs.best_twice_nll, atol=1e-4)
    np.testing.assert_allclose(ours.minos_uncertainty["mu"], theirs.minos_uncertainty["mu"], rtol=1e-2)
    assert abs(ours.goodness_of_fit - theirs.goodness_of_fit) < 1e-3

    theirs = cabinetry.fit.ranking(pdf, data)
    ours = neyman.cabinetry.ranking(pdf, data)
    assert ours.labels == list(theirs.labels)
    for name in ("prefit_up", "prefit_down", "postfit_up", "postfit_down"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=5e-3)

    theirs = cabinetry.fit.scan(pdf, data, "mu", par_range=(0.2, 2.0), n_steps=5)
    ours = neyman.cabinetry.scan(pdf, data, "mu", par_range=(0.2, 2.0), n_steps=5)
    np.testing.assert_allclose(ours.delta_nlls, theirs.delta_nlls, atol=5e-3)

    theirs = cabinetry.fit.limit(pdf, data, poi_tolerance=1e-4)
    ours = neyman.cabinetry.limit(pdf, data)
    np.testing.assert_allclose(ours.observed_limit, theirs.observed_limit, rtol=1e-3)
    np.testing.assert_allclose(ours.expected_limit, theirs.expected_limit, rtol=1e-3)

    theirs, ours = cabinetry.fit.significance(pdf, data), neyman.cabinetry.significance(pdf, data)
    np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-8)


def test_cabinetry_draws_our_results(tmp_path):
    cabinetry, matplotlib = pytest.importorskip("cabinetry"), pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    ours, draw = neyman.cabinetry, cabinetry.visualize
    pdf, data = cabinetry.model_utils.model_and_data(random_workspace(1))
    fit = ours.fit(pdf, data)
    options = {"figure_folder": tmp_path, "close_figure": True}
    draw.pulls(fit, exclude="mu", **options)
    draw.correlation_matrix(fit, **options)
    draw.ranking(ours.ranking(pdf, data), **options)
    draw.scan(ours.scan(pdf, data, "mu", n_steps=5), **options)
    draw.limit(ours.limit(pdf, data), **options)
    # cabinetry's own yields, of our fit
    prediction = cabinetry.model_utils.prediction(pdf, fit_results=fit)
    drawn = draw.data_mc(prediction, data, **options)
    assert [d["region"] for d in drawn] == pdf.config.channels
    names = {path.stem for path in tmp_path.glob("*.pdf")}
    assert {f"{channel}_postfit" for channel in pdf.config.channels} <= names
    assert {"pulls", "correlation_matrix", "ranking", "scan_mu", "limit"} <= names, names
    # the same in one place: what cabinetry makes of our fit is what our yields say
    with neyman.Session(neyman.from_pyhf(pdf), "cpu") as session:
        yields = session.yields(data)
    for c, channel in enumerate(yields.channels):
        total = np.sum(prediction.model_yields[c], axis=0)
        np.testing.assert_allclose(channel.postfit.total.yields, total, rtol=1e-6)
        widths = np.asarray(prediction.total_stdev_model_bins[c])[-1]
        np.testing.assert_allclose(channel.postfit.total.uncertainty, widths, rtol=1e-2)


def test_models_of_pyhf_are_compiled_once():
    from neyman.pyhf._common import opened

    pdf = pyhf.simplemodels.uncorrelated_background([5.0], [50.0], [7.0])
    assert opened(pdf, "cpu") is opened(pdf, "cpu")
    assert opened(pdf, "cpu", fixed_params=[False, True]) is not opened(pdf, "cpu")


def test_figures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    session = neyman.Session(neyman.from_pyhf(random_workspace(1)), "cpu")
    plot, fit = neyman.plot, session.fit()
    drawn = [
        plot.brazil(session.limit()),
        plot.brazil(session.limit(toys=100)),
        plot.pulls(fit),
        plot.correlation(fit, threshold=0.1),
        plot.ranking(session.impacts()),
        plot.scan(session.scan(np.linspace(0, 3, 7))),
        plot.contours(session.contour(("mu", "jes"), points=9)),
        plot.yields(session.yields(), "channel0"),
        plot.test_statistic(session.hypotest(1.0, toys=200)),
        plot.gof(session.gof(toys=200)),
    ]
    assert len({id(ax) for ax in drawn}) == len(drawn)
    ax = pyplot.subplots()[1]
    assert plot.pulls(fit, ax=ax) is ax
    ax.figure.canvas.draw()
    pyplot.close("all")
