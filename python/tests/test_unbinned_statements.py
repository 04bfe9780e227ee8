"""Statements about single events: against the command, iminuit, binned models; toys, Asimov data, threads, files."""

import copy
import json
import os
import pickle
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from unbinned import masses, parameter, process, search, search_spec, specification
from workspaces import REPOSITORY

import neyman
from neyman.unbinned import Model

EXAMPLE = REPOSITORY / "examples" / "unbinned" / "search.yaml"


def command():
    """The command with `unbinned`, where it is built."""
    given = os.environ.get("NEYMAN_COMMAND")
    paths = [Path(given)] if given else [REPOSITORY / "target" / kind / "neyman" for kind in ("debug", "release")]
    for path in paths:
        if path.exists() and subprocess.run([path, "unbinned", "--help"], capture_output=True).returncode == 0:
            return path
    return None


COMMAND = command()
# of the example: statements of the command, and the same in Python
STATEMENTS = {
    "fit": (["fit", "--covariance"], lambda m: m.fit()),
    "fit in bins": (["fit", "--covariance", "--bins", "30", "--fix", "mu=1"], lambda m: m.fit(fix={"mu": 1}, bins=30)),
    "scan": (["scan", "--mu", "0:3:7"], lambda m: m.scan(np.linspace(0, 3, 7))),
    "scan mass": (
        ["scan", "--parameter", "mass=89:92:5", "--levels", "0.9"],
        lambda m: m.scan(np.linspace(89, 92, 5), parameter="mass", levels=[0.9]),
    ),
    "scan2d": (
        ["scan", "--parameter", "mu=0:2:5", "--parameter", "mass=89:92:4"],
        lambda m: m.scan2d(("mu", "mass"), np.linspace(0, 2, 5), np.linspace(89, 92, 4)),
    ),
    "minos": (["minos", "--parameter", "mu", "--parameter", "mass"], lambda m: m.minos(["mu", "mass"])),
    "minos of all": (["minos"], lambda m: m.minos()),
    "hypotest": (["hypotest", "--mu", "1.5", "--fix", "lumi=0"], lambda m: m.hypotest(1.5, fix={"lumi": 0})),
    "hypotest qmu": (["hypotest", "--test-statistic", "qmu"], lambda m: m.hypotest(statistic="qmu")),
    "hypotest toys": (
        ["hypotest", "--mu", "1.2", "--toys", "40", "--seed", "3"],
        lambda m: m.hypotest(1.2, toys=40, seed=3),
    ),
    "discovery": (["discovery"], lambda m: m.discovery()),
    "limit toys": (
        ["limit", "--mu", "1.06:1.2:3", "--toys", "30", "--seed", "4"],
        lambda m: m.limit(values=np.linspace(1.06, 1.2, 3), toys=30, seed=4),
    ),
    "interval": (
        ["interval", "--mu", "0.8:1.2:4", "--toys", "20", "--seed", "4"],
        lambda m: m.interval(values=np.linspace(0.8, 1.2, 4), toys=20, seed=4),
    ),
    "discovery toys": (["discovery", "--toys", "30", "--seed", "2"], lambda m: m.discovery(toys=30, seed=2)),
    "limit": (["limit", "--confidence-level", "0.9"], lambda m: m.limit(confidence_level=0.9)),
    "limit of another": (["limit", "--poi", "background_2015"], lambda m: m.limit(poi="background_2015")),
    "ranking": (
        ["ranking", "--group", "shape=mass,width,slope"],
        lambda m: m.impacts(groups={"shape": ["mass", "width", "slope"]}),
    ),
}


def told(result):
    """What a result says, without where it comes from."""
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    return {key: value for key, value in document.items() if key not in ("provenance", "warnings", "poi")}


@pytest.mark.skipif(COMMAND is None, reason="the command is not built with --features parquet")
@pytest.mark.parametrize("name", STATEMENTS)
def test_equal_to_the_command(name, tmp_path):
    words, statement = STATEMENTS[name]
    to = tmp_path / "result.json"
    run = [COMMAND, "unbinned", words[0], EXAMPLE, *words[1:], "-o", to]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    theirs, ours = neyman.load(to), statement(Model.from_spec(EXAMPLE))
    assert type(theirs) is type(ours)
    mine, other = told(ours), told(theirs)
    # values of toys are in a file of their own there
    for document in (mine, other):
        document.pop("distributions", None)
    # documents of scans do not have the other parameters
    mine.pop("parameters", None) if ours.kind == "scan" else None
    for key in set(mine) - set(other):
        assert key in ("clsb_expected", "clb_expected", "measurement"), key
    assert {key: mine.get(key) for key in other} == other
    assert theirs.provenance["digest"] == ours.provenance["digest"]


@pytest.mark.skipif(COMMAND is None, reason="the command is not built with --features parquet")
def test_toys_of_the_command(tmp_path):
    to = tmp_path / "toys.npz"
    run = [COMMAND, "unbinned", "toys", EXAMPLE, "--range", "5:25", "--seed", "9", "--mu", "1.5", "--conditional", "-o", to]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    theirs = neyman.load(to)
    ours = Model.from_spec(EXAMPLE).fit_toys(range=(5, 25), seed=9, truth="init", mu=1.5, test_mu=1.5, chunk=7)
    assert (theirs.names, theirs.range, theirs.held) == (ours.names, ours.range, ours.held)
    for name in ("parameters", "uncertainties", "events", "nll", "t_mu", "codes", "parameters_conditional", "truth", "toy"):
        np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name), err_msg=name)


@pytest.mark.skipif(not neyman.has_vulkan(), reason="no graphics processor")
def test_toys_on_a_device():
    model = Model.from_spec(EXAMPLE)
    device = next((d for d in neyman.devices() if d.device.startswith("gpu") and "f64" in d.precisions), None)
    if device is None:
        pytest.skip("no graphics processor in double precision")
    there, here = (m.fit_toys(range=(2, 8), seed=4, truth="init", test_mu=1.2) for m in (model.on("gpu", "f64"), model))
    assert there.provenance["device"].startswith("gpu:") and here.provenance["device"] == "cpu"
    np.testing.assert_array_equal(there.events, here.events)
    np.testing.assert_allclose(there.nll, here.nll, rtol=0, atol=1e-8)
    np.testing.assert_allclose(there.t_mu, here.t_mu, rtol=0, atol=4e-8)
    assert np.all(abs(there.parameters - here.parameters) < 1e-6 * here.uncertainties)


def test_profiles_and_minos_of_iminuit():
    iminuit = pytest.importorskip("iminuit")
    model = search(masses(300, 900))
    start = model.fit()
    minuit = iminuit.Minuit(model.nll, start.values, grad=model.grad, name=model.parameters)
    minuit.errordef = iminuit.Minuit.LIKELIHOOD
    minuit.strategy, minuit.tol = 2, 1e-3
    minuit.limits["n_sig", "n_bkg"] = (0, None)
    minuit.migrad()
    grid = np.linspace(240, 370, 9)
    _, heights, valid = minuit.mnprofile("n_sig", grid=grid)
    assert all(valid)
    scan = model.scan(grid, parameter="n_sig", levels=[0.6827])
    np.testing.assert_allclose(scan.delta_twice_nll, 2 * (heights - minuit.fval), atol=2e-4)
    minuit.minos("n_sig", "mean")
    found = model.minos(["n_sig", "mean"])
    for k, name in enumerate(found.names):
        end = minuit.merrors[name]
        width = start.uncertainties[model.index(name)]
        assert abs(found.minos_up[k] - end.upper) < 2e-3 * width
        assert abs(found.minos_down[k] - end.lower) < 2e-3 * width
    # intervals of scans end where MINOS ends, as well as that grid lets one tell
    k = found.names.index("n_sig")
    assert abs(scan.upper[0] - found.values[k] - found.minos_up[k]) < 0.02 * found.minos_up[k]
    assert abs(scan.lower[0] - found.values[k] - found.minos_down[k]) < 0.02 * found.minos_up[k]


def counting_spec():
    """A peak whose strength is looked for, on a background whose shape is known."""
    spec = specification(
        [parameter("mu", 1, (0, 20)), parameter("n_bkg", 1000, (0, 1e5)), parameter("scale", 0, (-5, 5), (0, 1))],
        [
            process("signal", "gaussian", [91, 2.5], "mu"),
            process("background", "exponential", [-0.03], "n_bkg"),
        ],
    )
    modifier = {"type": "normsys", "param": "scale", "lo": 0.9, "hi": 1.1}
    spec["channels"][0]["processes"][0]["yield"] = {
        "type": "scaled",
        "base_yield": 30,
        "scale": "mu",
        "modifiers": [modifier],
    }
    spec["model"]["poi"] = "mu"
    return spec


def binned(model, edges):
    """The same likelihood in narrow bins, as a workspace."""
    point = model.init.copy()
    point[model.index("mu")] = 1
    expected = model.expected_in_bins(edges, point)
    counts = np.histogram(model.events("SR")["mass"], edges)[0]
    normfactors = {"signal": "mu", "background": "k"}
    samples = [
        {"name": name, "data": of.tolist(), "modifiers": [{"name": normfactors[name], "type": "normfactor", "data": None}]}
        for name, of in expected.items()
    ]
    samples[0]["modifiers"].append({"name": "scale", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}})
    parameters = [{"name": "mu", "bounds": [[0, 20]], "inits": [1]}, {"name": "k", "bounds": [[0, 100]], "inits": [1]}]
    return neyman.from_pyhf(
        {
            "version": "1.0.0",
            "channels": [{"name": "SR", "samples": samples}],
            "observations": [{"name": "SR", "data": counts.tolist()}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": parameters}}],
        },
        interpolation="code4,code4p",
    )


@pytest.mark.parametrize("signal", [0, 60])
def test_limits_of_a_finely_binned_model(signal):
    model = Model.from_dict(counting_spec(), data={"SR": {"mass": masses(signal, 1000)}})
    with neyman.Session(binned(model, np.linspace(60, 120, 601)), "cpu") as session:
        ours, theirs = model.limit(), session.limit()
        # bins of 4 % of the peak's width
        np.testing.assert_allclose(ours.observed, theirs.observed, rtol=3e-3)
        np.testing.assert_allclose(ours.expected, theirs.expected, rtol=3e-3)
        one, other = model.hypotest(1.0), session.hypotest(1.0)
        np.testing.assert_allclose(one.cls_observed, other.cls_observed, atol=3e-3)
        np.testing.assert_allclose(one.cls_expected, other.cls_expected, atol=3e-3)
        one, other = model.discovery(), session.discovery()
        np.testing.assert_allclose(one.z_observed, other.z_observed, atol=0.02)
        np.testing.assert_allclose(one.z_expected, other.z_expected, atol=0.02)
        one, other = model.impacts(parameters="scale"), session.impacts(parameters="scale")
        np.testing.assert_allclose(one.impact_up, other.impact_up, atol=0.02 * other.uncertainty)


def test_tests_by_toys_and_formulas():
    model = Model.from_dict(counting_spec(), data={"SR": {"mass": masses(20, 1000)}})
    by_toys, by_formulas = model.hypotest(1.5, toys=600, seed=4), model.hypotest(1.5)
    assert abs(by_toys.cls_observed - by_formulas.cls_observed) < 5 * by_toys.cls_observed_error + 0.01
    assert by_toys.toys == 600 and by_toys.provenance["seed"] == 4
    halves = [model.hypotest(1.5, range=r, seed=4) for r in ((0, 300), (300, 600))]
    joined = np.concatenate([h.background.values for h in halves])
    np.testing.assert_array_equal(joined, by_toys.background.values)
    found = model.discovery(toys=400, seed=1)
    assert abs(found.p0_observed - model.discovery().p0_observed) < 5 * found.p0_observed_error + 0.01
    few = model.hypotest(1.5, toys=5000, cls_error=0.05, seed=1, chunk=100)
    assert few.cls_observed_error < 0.05 and few.toys < 5000
    least = model.hypotest(1.5, toys=50, observed_only=True)
    assert least.background.values.size == 0


def test_pulls_of_toys():
    model = search(masses(300, 900))
    truth = {"n_sig": 300, "n_bkg": 900, "mean": 91, "width": 2.5, "slope": -0.03}
    seen = []
    fits = model.fit_toys(1000, seed=5, truth=truth, progress=lambda done, total: seen.append((done, total)))
    assert len(fits) == 1000 and fits.ok.all() and seen[-1] == (1000, 1000)
    for k, name in enumerate(model.parameters):
        pulls = (fits[name] - truth[name]) / fits.uncertainties[:, k]
        assert abs(pulls.mean()) < 0.15 and 0.9 < pulls.std() < 1.1, name
    assert abs(fits.events.mean() - 1200) < 5 * np.sqrt(1200 / 1000)
    # any part again, and toys one by one
    part = model.fit_toys(range=(990, 1000), seed=5, truth=list(truth.values()), chunk=3)
    np.testing.assert_array_equal(part.parameters, fits.parameters[990:])
    toy = model.toy(part.truth, seed=5, number=997)
    assert toy.events("SR")["mass"].size == fits.events[997]
    again = toy.fit()
    np.testing.assert_allclose(again.values, fits.parameters[997], atol=1e-3 * again.uncertainties.min())
    joined = neyman.results.join([model.fit_toys(range=r, seed=5, truth=truth) for r in ((0, 5), (5, 9))])
    np.testing.assert_array_equal(joined.uncertainties, fits.uncertainties[:9])


def test_asimov_data_are_what_is_expected():
    model = Model.from_spec(EXAMPLE)
    fit = model.fit()
    expected = model.asimov(fit.values)
    again = expected.fit()
    np.testing.assert_allclose(again.values, fit.values, atol=1e-5 * fit.uncertainties.max())
    assert sum(c.sum_of_weights for c in again.channels) == pytest.approx(sum(sum(c.yields.values()) for c in fit.channels))
    assert expected.scan([fit["mu"]]).delta_twice_nll[0] == pytest.approx(0, abs=1e-6)
    assert again.provenance["files"] == [None, None] and again.provenance["specification"] == str(EXAMPLE)
    assert model.events("2015")["mass"].size == fit.channel("2015").events
    # uncertainties are right: a weight counts events
    theta = dict(zip(model.parameters, fit.values)) | {"lumi": 1.0}
    moved = model.asimov(list(theta.values())).fit()
    assert moved["lumi"] == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(moved.prefit_values[model.index("lumi")], 1.0)


def test_pickles():
    model = Model.from_spec(EXAMPLE)
    best = model.fit().values
    for one in (model, model.toy(best, seed=1, number=3), model.asimov(best)):
        again = pickle.loads(pickle.dumps(one))
        np.testing.assert_array_equal(again.fit().values, one.fit().values)
        assert again.nll(best) == one.nll(best) and again.digest == model.digest
        assert again.limit().observed == one.limit().observed
        assert again.channels == one.channels and again.fit().provenance == one.fit().provenance
    # columns of the specification that densities have no use for are not thrown
    spec = copy.deepcopy(search_spec())
    spec["channels"][0]["observables"].append({"name": "pt", "bounds": [0, 1e3]})
    two = Model.from_dict(spec, data={"SR": {"mass": masses(50, 100), "pt": np.linspace(0, 999, 150)}})
    toy = two.toy([50, 100, 91, 2.5, -0.03], seed=2)
    again = pickle.loads(pickle.dumps(toy))
    assert list(again.events("SR")) == list(toy.events("SR"))
    np.testing.assert_array_equal(again.events("SR")["mass"], toy.events("SR")["mass"])


def test_results_are_saved_drawn_and_loaded(tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    model = Model.from_spec(EXAMPLE)
    truth = model.fit().values
    results = {
        "scan": model.scan(np.linspace(0, 3, 9)),
        "scan2d": model.contour(("mu", "mass"), points=7),
        "minos": model.minos("mu"),
        "cls": model.hypotest(1.5, toys=20),
        "discovery": model.discovery(toys=20),
        "limit": model.limit(values=[0.5, 1.0]),
        "impacts": model.impacts(),
        "fit": model.fit(bins=25),
    }
    for name, result in results.items():
        for ending in ("json", "npz"):
            result.save(tmp_path / f"{name}.{ending}")
            assert told(neyman.load(tmp_path / f"{name}.{ending}")) == told(result)
        result.save(tmp_path / f"{name}.svg")
        assert list(tmp_path.glob(f"{name}*.svg")), name
        assert result.provenance["specification"] == str(EXAMPLE) and result.poi in ("mu", None), name
    fits = model.fit_toys(30, truth=truth, test_mu=1.0)
    fits.save(tmp_path / "toys.npz")
    again = neyman.load(tmp_path / "toys.npz")
    np.testing.assert_array_equal(again.uncertainties, fits.uncertainties)
    np.testing.assert_array_equal(again.events, fits.events)
    np.testing.assert_array_equal(again.t_mu, fits.t_mu)
    neyman.plot.scan(results["scan"])
    neyman.plot.contours(results["scan2d"])
    neyman.plot.brazil(results["limit"])
    neyman.plot.ranking(results["impacts"])
    neyman.plot.test_statistic(results["cls"])
    pyplot.close("all")


def test_fits_in_bins():
    model = Model.from_spec(EXAMPLE)
    fit = model.fit(bins=12)
    for channel in fit.channels:
        found = channel.histogram
        assert found.observable == "mass" and found.uncertainty is None
        np.testing.assert_array_equal(found.edges, np.linspace(60, 120, 13))
        counts = np.histogram(model.events(channel.name)["mass"], found.edges)[0]
        np.testing.assert_array_equal(found.observed, counts)
        expected = model.expected_in_bins(found.edges, fit.values, channel=channel.name)
        np.testing.assert_array_equal(found.expected, list(expected.values()))
        np.testing.assert_allclose(found.expected.sum(axis=1), list(channel.yields.values()), rtol=1e-10)
    events, weights = np.array([60.0, 60.5, 90.0, 120.0]), np.array([1.0, 2.0, 0.5, 3.0])
    few = Model.from_dict(search_spec(), data={"SR": {"mass": events}}, weights={"SR": weights})
    held = dict(zip(few.parameters, [1, 5, 90, 3, -0.02]))
    found = few.fit(fix=held, bins=2).channels[0].histogram
    np.testing.assert_array_equal(found.observed, [3, 3.5])
    np.testing.assert_allclose(found.uncertainty, np.sqrt([5, 9.25]))
    assert model.fit().channels[0].histogram is None
    with pytest.raises(neyman.SpecificationError, match="bins"):
        model.fit().save("fit.svg")
    # over more than the window, and beyond it
    wide = model.expected_in_bins([0, 60, 120, 200], fit.values, channel="2015")
    assert all(of[0] == 0 and of[2] == 0 for of in wide.values())


def test_dropped_events_are_told():
    data = {"file": "none.parquet", "out_of_bounds": "drop"}
    events = np.append(masses(30, 100), [10.0, 130.0])
    model = Model.from_dict(search_spec(data=data), data={"SR": {"mass": events}})
    assert model.fit().channels[0].dropped == 2
    again = pickle.loads(pickle.dumps(model))
    assert again.fit().channels[0].dropped == 2 and again.toy(again.init).fit().channels[0].dropped == 0


def test_notes_say_that_events_are_weighted():
    events = masses(100, 200)
    weighted = search(events, np.full(300, 2.0))
    assert "events are weighted in SR" in weighted.fit().notes[0]
    assert search(events).fit().notes == ()


def test_threads():
    model = Model.from_spec(EXAMPLE)
    statements = [
        lambda: model.limit().observed,
        lambda: model.scan(np.linspace(0, 2, 5)).delta_twice_nll.tolist(),
        lambda: model.minos("mu").minos_up.tolist(),
        lambda: model.fit_toys(20, seed=1).parameters.tolist(),
        lambda: model.hypotest(1.0, toys=10).cls_observed,
    ]
    alone = [statement() for statement in statements]
    with ThreadPoolExecutor(5) as pool:
        together = [f.result() for f in [pool.submit(s) for _ in range(3) for s in statements]]
    assert together == 3 * alone


def test_the_interpreter_is_free_and_ctrl_c_ends():
    model = search(masses(2000, 8000))
    truth = model.fit().values
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.01)

    ticker = threading.Thread(target=tick)
    ticker.start()
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit_toys(10**7, truth=truth, chunk=16)
    done.set()
    ticker.join()
    assert len(ticks) > 10

    def fail(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.hypotest(1.0, poi="n_sig", toys=10**7, chunk=16, progress=fail)


def test_bad_arguments():
    model = search(masses(100, 400))
    with_poi = Model.from_dict(counting_spec(), data={"SR": {"mass": masses(10, 200)}})
    several = copy.deepcopy(search_spec())
    several["channels"][0]["observables"].append({"name": "pt", "bounds": [0, 100]})
    product = {"type": "product", "components": []}
    for name, params in (("mass", [-0.01]), ("pt", [-0.02])):
        product["components"].append({"type": "exponential", "observable": name, "params": params})
    several["channels"][0]["processes"] = [
        {"name": "background", "pdf": product, "yield": {"type": "parameter", "name": "n_bkg"}}
    ]
    several["model"]["parameters"] = [p for p in several["model"]["parameters"] if p["name"] == "n_bkg"]
    two = Model.from_dict(several, data={"SR": {"mass": [70.0, 80.0], "pt": [10.0, 20.0]}})
    calls = [
        (lambda: model.scan([1.0]), neyman.UnsupportedError, "no parameter of interest"),
        (lambda: model.limit(), neyman.UnsupportedError, "no parameter of interest"),
        (lambda: model.fit_toys(1, mu=1.0), neyman.ArgumentError, "no parameter of interest"),
        (lambda: model.fit_toys(1, test_mu=1.0), neyman.ArgumentError, "no parameter of interest"),
        (lambda: model.scan([90], parameter="maen"), neyman.ArgumentError, "did you mean 'mean'"),
        (lambda: model.scan([np.nan], parameter="mean"), neyman.ArgumentError, ""),
        (lambda: model.scan([], parameter="mean"), neyman.ArgumentError, ""),
        (lambda: model.scan(["a"], parameter="mean"), neyman.ArgumentError, "values"),
        (lambda: model.scan([90], parameter="mean", levels=[1.5]), neyman.ArgumentError, ""),
        (lambda: model.scan([90], parameter="mean", fix={"mean": 91}), neyman.UnsupportedError, "held constant"),
        (lambda: model.scan2d("mean", [1], [2]), neyman.ArgumentError, "two names"),
        (lambda: model.contour(("mean", "slop")), neyman.ArgumentError, "did you mean 'slope'"),
        (lambda: model.contour(("mean", "slope"), points=1), neyman.ArgumentError, "points"),
        (lambda: model.minos("men"), neyman.ArgumentError, "did you mean 'mean'"),
        (lambda: model.impacts(poi="n_sgi"), neyman.ArgumentError, "did you mean 'n_sig'"),
        (lambda: with_poi.hypotest(np.inf), neyman.ArgumentError, "finite"),
        (lambda: with_poi.hypotest(1, statistic="qq"), neyman.ArgumentError, ""),
        (lambda: with_poi.hypotest(1, fix={"mu": 1}), neyman.UnsupportedError, "held constant"),
        (lambda: with_poi.hypotest(1, toys=3, range=(0, 3)), neyman.ArgumentError, "a number of toys, or a range"),
        (lambda: with_poi.hypotest(1, toys=3, chunk=0), neyman.ArgumentError, "chunk"),
        (lambda: with_poi.hypotest(1, toys=3, seed=-1), neyman.ArgumentError, "seed"),
        (lambda: with_poi.limit(confidence_level=1.0), neyman.ArgumentError, ""),
        (lambda: with_poi.limit(values=["x"]), neyman.ArgumentError, "values"),
        (lambda: with_poi.limit(tolerance=-1.0), neyman.ArgumentError, "above 0"),
        (lambda: with_poi.fit_toys(), neyman.ArgumentError, "a number of toys, or a range"),
        (lambda: with_poi.fit_toys(2, truth="best"), neyman.ArgumentError, "'fit', 'init' or parameters"),
        (lambda: with_poi.fit_toys(2, truth=[1]), neyman.ArgumentError, "3 values, got 1"),
        (lambda: with_poi.fit_toys(2, truth=[-1, 10, 0]), neyman.ArgumentError, "signal"),
        (lambda: with_poi.fit_toys(2, truth={"mu": np.nan}), neyman.ArgumentError, "finite"),
        (lambda: with_poi.fit_toys(2, hold={"nu": 1}), neyman.ArgumentError, "no parameter 'nu'"),
        (lambda: with_poi.fit_toys(2, progress=3), neyman.ArgumentError, "progress"),
        (lambda: with_poi.toy([1, 10]), neyman.ArgumentError, "2 values for 3 parameters"),
        (lambda: with_poi.toy([1, 1e12, 0]), neyman.UnsupportedError, "events"),
        (lambda: with_poi.toy([1, 10, 0], number=-1), neyman.ArgumentError, "number"),
        (lambda: with_poi.asimov([1, -10, 0]), neyman.ArgumentError, "background"),
        (lambda: with_poi.fit(bins=0), neyman.ArgumentError, "bins"),
        (lambda: with_poi.fit(bins=10**9), neyman.ArgumentError, "bins"),
        (lambda: two.expected_in_bins([60, 90], two.init), neyman.UnsupportedError, "several observables"),
    ]
    for number, (call, kind, says) in enumerate(calls):
        try:
            found = call()
        except neyman.Error as error:
            assert isinstance(error, kind) and says in str(error), (number, says, error)
        else:
            pytest.fail(f"call {number} is none: {found}")
    assert two.fit(bins=3).channels[0].histogram is None
    # a toy without events is one, too
    assert with_poi.toy([0, 0, 0]).events("SR")["mass"].size == 0
