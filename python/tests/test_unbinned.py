"""Unbinned likelihoods against scipy, iminuit with numba-stats, and zfit."""

import numpy as np
import pytest
from unbinned import HIGH, LOW, masses, parameter, process, search, search_spec, specification

import neyman

integrate = pytest.importorskip("scipy.integrate")
special = pytest.importorskip("scipy.special")
stats = pytest.importorskip("scipy.stats")


def crystal_ball(x, mu, sigma, alpha, n):
    return stats.crystalball.pdf(x, alpha, n, loc=mu, scale=sigma)


def double_crystal_ball(x, mu, left, right, alpha_l, n_l, alpha_r, n_r):
    # halves of two of scipy's, of one height at mu
    t = (x - mu) / np.where(x < mu, left, right)
    lower = stats.crystalball.pdf(np.minimum(t, 0), alpha_l, n_l) / stats.crystalball.pdf(0, alpha_l, n_l)
    upper = stats.crystalball.pdf(np.minimum(-t, 0), alpha_r, n_r) / stats.crystalball.pdf(0, alpha_r, n_r)
    return np.where(x < mu, lower, upper)


def unit(x):
    return (x - LOW) / (HIGH - LOW)


def bernstein_of(x, *c):
    return sum(c_k * special.binom(len(c) - 1, k) * unit(x) ** k * (1 - unit(x)) ** (len(c) - 1 - k) for k, c_k in enumerate(c))


EDGES, CONTENTS = [50.0, 70.0, 95.0, 110.0, 120.0], [1.0, 4.0, 2.0, 0.0]
CENTRES, OF_CENTRES = [62.0, 90.0, 118.0], [1.0, 2.0, 0.5]


def kde(x):
    ends = [(LOW - c) / 3.0 for c in CENTRES], [(HIGH - c) / 3.0 for c in CENTRES]
    return sum(w * stats.truncnorm.pdf(x, a, b, c, 3.0) for w, c, a, b in zip(OF_CENTRES, CENTRES, *ends))


# kind, parameters, the same before normalisation, where it bends, other keys
DENSITIES = {
    "gaussian": ("gaussian", [91, 2.5], lambda x, m, s: stats.norm.pdf(x, m, s), [91], {}),
    "gaussian beyond": ("gaussian", [130, 8], lambda x, m, s: stats.norm.pdf(x, m, s), [], {}),
    "exponential": ("exponential", [-0.03], lambda x, b: np.exp(b * (x - LOW)), [], {}),
    "exponential rising": ("exponential", [0.05], lambda x, b: np.exp(b * (x - LOW)), [], {}),
    "exponential flat": ("exponential", [0.0], lambda x, b: np.ones_like(x), [], {}),
    "crystal_ball": ("crystal_ball", [91, 2.5, 1.2, 3.0], crystal_ball, [88, 91], {}),
    "double_crystal_ball": (
        "double_crystal_ball",
        [91, 2.5, 1.2, 3.0, 1.7, 5.0],
        lambda x, m, s, *tails: double_crystal_ball(x, m, s, s, *tails),
        [88, 91, 95.25],
        {},
    ),
    "asymmetric": ("double_crystal_ball", [91, 2.5, 4, 1.2, 3.0, 1.7, 5.0], double_crystal_ball, [88, 91, 97.8], {}),
    "chebyshev": (
        "chebyshev",
        [-0.5, 0.2, 0.1],
        lambda x, *c: np.polynomial.chebyshev.chebval(2 * unit(x) - 1, [1, *c]),
        [],
        {},
    ),
    "polynomial": ("polynomial", [3, -0.04, 2e-4], lambda x, *a: np.polynomial.polynomial.polyval(x, a), [], {}),
    "bernstein": ("bernstein", [1, 0.2, 2, 0.7], bernstein_of, [], {}),
    "argus": ("argus", [115, -9, 0.5], lambda x, m0, c, p: stats.argus.pdf(x / m0, np.sqrt(-2 * c)), [115], {}),
    "argus p": (
        "argus",
        [125, -5, 1.4],
        lambda x, m0, c, p: x * (1 - (x / m0) ** 2) ** p * np.exp(c * (1 - (x / m0) ** 2)),
        [],
        {},
    ),
    "voigtian": ("voigtian", [91, 2, 1.25], lambda x, m, s, g: special.voigt_profile(x - m, s, g), [91], {}),
    "breit_wigner": ("breit_wigner", [91, 2.5], lambda x, m, g: stats.cauchy.pdf(x, m, g / 2), [91], {}),
    "lognormal": ("lognormal", [4.5, 0.2], lambda x, m, s: stats.lognorm.pdf(x, s, scale=np.exp(m)), [], {}),
    "uniform": ("uniform", None, np.ones_like, [], {}),
    "histogram": (
        "histogram",
        None,
        lambda x: stats.rv_histogram((CONTENTS, EDGES), density=False).pdf(x),
        EDGES[1:-1],
        {"bin_edges": EDGES, "bin_content": CONTENTS},
    ),
    "kde": ("kde", None, kde, CENTRES, {"bandwidth": 3.0, "centers": CENTRES, "weights": OF_CENTRES}),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_densities(name):
    kind, values, formula, bends, keys = DENSITIES[name]
    names = [f"p{k}" for k in range(len(values or ()))]
    parameters = [parameter(n, v, (None, None)) for n, v in zip(names, values or ())]
    for of in parameters:
        of["bounds"] = [of["init"] - 1000, of["init"] + 1000]
    parameters.append(parameter("nu", 10, (0, 100)))
    spec = specification(parameters, [process("it", kind, None if values is None else names, "nu", **keys)])
    model = neyman.unbinned.Model.from_dict(spec, data={"SR": {"mass": [80.0]}})
    theta = [*(values or ()), 10.0]
    x = np.linspace(LOW, HIGH, 241)[:-1] + 0.01
    whole = integrate.quad(lambda x: formula(x, *(values or ())), LOW, HIGH, points=bends, epsabs=0, epsrel=1e-12, limit=500)
    expected = formula(x, *(values or ())) / whole[0]
    np.testing.assert_allclose(model.pdf("it", x, theta), expected, rtol=2e-9, atol=1e-300)
    np.testing.assert_array_equal(model.pdf("it", [LOW - 1, HIGH + 1], theta), 0)
    # in bins, of which one begins below the window
    bins = np.array([50, 61, 79.5, 91, 103, HIGH])
    counts = [
        10 / whole[0] * integrate.quad(lambda x: formula(x, *(values or ())), a, b, epsabs=0, epsrel=1e-11, limit=500,
                                       points=[p for p in bends if a < p < b] or None)[0]
        for a, b in zip(np.maximum(bins[:-1], LOW), bins[1:])
    ]
    np.testing.assert_allclose(model.expected_in_bins(bins, theta)["it"], counts, rtol=1e-8, atol=1e-9)
    # the likelihood is made of the same
    np.testing.assert_allclose(model.nll(theta), 10 - np.log(10 * formula(np.array([80.0]), *(values or ()))[0] / whole[0]), rtol=1e-9)


def test_derivatives_by_differences():
    model = search()
    point = np.array([900, 4100, 90.8, 2.7, -0.028])
    steps = np.diag([1e-2, 1e-2, 1e-4, 1e-4, 1e-6])
    slope = [(model.nll(point + s) - model.nll(point - s)) / (2 * s.sum()) for s in steps]
    np.testing.assert_allclose(model.grad(point), slope, rtol=1e-4, atol=1e-4)
    curvature = [(model.grad(point + s) - model.grad(point - s)) / (2 * s.sum()) for s in steps]
    np.testing.assert_allclose(model.hess(point), curvature, rtol=1e-5, atol=1e-5)


def by_iminuit(events, scaled, init, limits):
    """Minimum and errors by iminuit of an extended likelihood."""
    iminuit = pytest.importorskip("iminuit")
    from iminuit.cost import ExtendedUnbinnedNLL

    minuit = iminuit.Minuit(ExtendedUnbinnedNLL(events, scaled), *init)
    minuit.limits = limits
    minuit.strategy, minuit.tol = 2, 1e-3
    minuit.migrad(ncall=20_000)
    minuit.hesse()
    assert minuit.valid
    return np.array(minuit.values), np.array(minuit.errors)


def same_minimum(model, fit, values, errors):
    assert fit.converged and fit.edm < 1e-6
    # no other point that was found lies lower
    assert 0 <= model.nll(values) - fit.nll < 1e-5
    assert np.max(np.abs(fit.values - values) / fit.uncertainties) < 5e-3
    np.testing.assert_allclose(fit.uncertainties, errors, rtol=2e-2)


@pytest.mark.filterwarnings("ignore")
def test_fit_of_a_peak_against_iminuit():
    pytest.importorskip("numba_stats", reason="numba-stats is not installed: not compared with iminuit")
    from numba_stats import truncexpon, truncnorm

    events = masses()
    model = search(events)
    fit = model.fit()

    def scaled(x, n_sig, n_bkg, mean, width, slope):
        peak = truncnorm.pdf(x, LOW, HIGH, mean, width)
        falling = truncexpon.pdf(x, LOW, HIGH, LOW, -1 / slope)
        return n_sig + n_bkg, n_sig * peak + n_bkg * falling

    limits = [(0, 1e6), (0, 1e6), (80, 100), (0.5, 10), (-1, -1e-4)]
    same_minimum(model, fit, *by_iminuit(events, scaled, [500, 3000, 90, 3, -0.02], limits))


@pytest.mark.filterwarnings("ignore")
def test_fit_of_a_tail_against_iminuit():
    pytest.importorskip("numba_stats", reason="numba-stats is not installed: not compared with iminuit")
    from numba_stats import bernstein, crystalball

    rng = np.random.default_rng(5)
    peak = stats.crystalball.rvs(1.1, 3.0, loc=100, scale=2.5, size=2500, random_state=rng)
    flat = rng.uniform(LOW, HIGH, 1500)
    events = np.concatenate([peak[(LOW < peak) & (peak < HIGH)], flat])
    names = ["n_sig", "n_bkg", "mean", "width", "alpha", "c0", "c1", "c2"]
    init = [2000, 1800, 99, 3, 1.4, 1.0, 1.0, 1.0]
    limits = [(0, 1e5), (0, 1e5), (90, 110), (0.5, 10), (0.3, 5), (1, 1), (0, 10), (0, 10)]
    parameters = [parameter(*of) for of in zip(names, init, limits)]
    processes = [
        process("signal", "crystal_ball", ["mean", "width", "alpha", 3.0], "n_sig"),
        process("background", "bernstein", ["c0", "c1", "c2"], "n_bkg"),
    ]
    spec = specification(parameters, processes)
    model = neyman.unbinned.Model.from_dict(spec, data={"SR": {"mass": events}})
    fit = model.fit()

    def scaled(x, n_sig, n_bkg, mean, width, alpha, c1, c2):
        beta = np.array([1.0, c1, c2])
        whole = crystalball.cdf(np.array([LOW, HIGH]), alpha, 3.0, mean, width)
        peak = crystalball.pdf(x, alpha, 3.0, mean, width) / (whole[1] - whole[0])
        smooth = bernstein.density(x, beta, LOW, HIGH)
        norm = bernstein.integral(np.array([HIGH]), beta, LOW, HIGH)[0]
        return n_sig + n_bkg, n_sig * peak + n_bkg * smooth / norm

    free = [k for k, name in enumerate(names) if name != "c0"]
    values, errors = by_iminuit(events, scaled, [init[k] for k in free], [limits[k] for k in free])
    assert fit.fixed.tolist() == [name == "c0" for name in names] and fit["c0"] == 1
    theirs = np.array(init, dtype=float)
    theirs[free] = values
    assert fit.converged and 0 <= model.nll(theirs) - fit.nll < 1e-5
    assert np.max(np.abs(fit.values - theirs)[free] / fit.uncertainties[free]) < 5e-3
    np.testing.assert_allclose(fit.uncertainties[free], errors, rtol=2e-2)


@pytest.mark.filterwarnings("ignore")
def test_fit_against_zfit():
    zfit = pytest.importorskip("zfit", reason="zfit is not installed: not compared with it")
    events = masses()
    mass = zfit.Space("mass", LOW, HIGH)
    init = {"n_sig": (500, 0, 1e6), "n_bkg": (3000, 0, 1e6), "mean": (90, 80, 100), "width": (3, 0.5, 10), "slope": (-0.02, -1, 1)}
    free = {name: zfit.Parameter(name, *of) for name, of in init.items()}
    peak = zfit.pdf.Gauss(free["mean"], free["width"], obs=mass, extended=free["n_sig"])
    falling = zfit.pdf.Exponential(free["slope"], obs=mass, extended=free["n_bkg"])
    data = zfit.Data.from_numpy(obs=mass, array=events)
    loss = zfit.loss.ExtendedUnbinnedNLL(zfit.pdf.SumPDF([peak, falling]), data)
    result = zfit.minimize.Minuit(tol=1e-6).minimize(loss)
    result.hesse(name="hesse")
    theirs = {p.name: (of["value"], of["hesse"]["error"]) for p, of in result.params.items()}
    model = search(events)
    same_minimum(model, model.fit(), *map(np.array, zip(*(theirs[name] for name in model.parameters))))


def test_constraints_and_modifiers_against_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    modifier = {"type": "normsys", "param": "lumi", "lo": 0.9, "hi": 1.12, "interp_code": "code1"}
    spec = specification(
        [parameter("nu", 4000, (0, 1e5)), parameter("slope", -0.02, (-1, 1)), parameter("lumi", 0.1, (-5, 5), (0.3, 0.5))],
        [
            process("signal", "gaussian", [91, 2.5], 1000.0, [modifier]),
            process("background", "exponential", ["slope"], "nu"),
        ],
    )
    events = masses()
    model = neyman.unbinned.Model.from_dict(spec, data={"SR": {"mass": events}})

    def nll(theta):
        nu, slope, lumi = theta[0] * 4000, theta[1], theta[2]
        signal = 1000 * (1.12**lumi if lumi >= 0 else 0.9**-lumi)
        peak = stats.truncnorm.pdf(events, (LOW - 91) / 2.5, (HIGH - 91) / 2.5, 91, 2.5)
        falling = stats.truncexpon.pdf(events, (LOW - HIGH) * slope, LOW, -1 / slope)
        return signal + nu - np.log(signal * peak + nu * falling).sum() + 0.5 * ((lumi - 0.3) / 0.5) ** 2

    for theta in ([1.0, -0.03, 0.2], [1.1, -0.02, -0.4]):
        point = [theta[0] * 4000, *theta[1:]]
        np.testing.assert_allclose(model.nll(point), nll(theta), rtol=1e-12)
        yields = model.expected(point)["SR"]
        np.testing.assert_allclose(yields["signal"], 1000 * (1.12 ** theta[2] if theta[2] > 0 else 0.9 ** -theta[2]))
    theirs = optimize.minimize(nll, [1, -0.02, 0.1], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4000})
    fit = model.fit()
    np.testing.assert_allclose(fit.values, theirs.x * [4000, 1, 1], rtol=1e-5)
    assert fit.constraints == ("none", "none", "gaussian")
    np.testing.assert_allclose(fit.pulls[2], (fit["lumi"] - 0.3) / 0.5)


def test_weights_count_events():
    events = masses(200, 800)
    counts = np.random.default_rng(1).integers(0, 3, len(events))
    weighted, repeated = search(events, counts), search(np.repeat(events, counts))
    theta = [300, 700, 91, 2.5, -0.03]
    np.testing.assert_allclose(weighted.nll(theta), repeated.nll(theta), rtol=1e-13)
    one, other = weighted.fit(), repeated.fit()
    np.testing.assert_allclose(one.values, other.values, rtol=1e-6)
    np.testing.assert_allclose(one.uncertainties, other.uncertainties, rtol=1e-6)
    assert "weighted" in one.notes[0] and other.notes == ()
    channel = one.channel("SR")
    np.testing.assert_allclose(channel.effective_events, counts.sum() ** 2 / (counts**2).sum())


def test_fixed_parameters_and_profile():
    model = search()
    best, held = model.fit(), model.fit(fix={"mean": 91.3, "width": 2.5})
    assert held["mean"] == 91.3 and held.fixed.tolist() == [False, False, True, True, False]
    assert held.nll > best.nll and held.uncertainties[2] == 0
    assert np.isfinite(held.covariance).all() and not held.covariance[2].any()
    # large samples begin with a part of their events, and end in the same minimum
    many = search(masses(20_000, 60_000)).fit()
    assert many.converged and many.thinned_evaluations > 0
    assert search_spec()["channels"][0]["name"] == many.channels[0].name
