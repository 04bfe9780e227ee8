"""Unbinned models: where they come from, what is refused, results, files, threads."""

import copy
import json
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from unbinned import masses, search, search_spec
from workspaces import REPOSITORY

import neyman
from neyman.unbinned import Model

EXAMPLE = REPOSITORY / "examples" / "unbinned" / "search.yaml"
DATA = Path(os.environ.get("NEYMAN_DATA", "/nowhere"), "unbinned")
shared = pytest.mark.skipif(not DATA.exists(), reason="NEYMAN_DATA has no events")


def test_files_and_arrays_agree(tmp_path):
    yaml = pytest.importorskip("yaml")
    spec = yaml.safe_load(EXAMPLE.read_text().replace("1e5", "100000.0"))
    model = Model.from_spec(EXAMPLE)
    same = Model.from_dict(spec, base=EXAMPLE.parent)
    as_json = tmp_path / "search.json"
    as_json.write_text(json.dumps(spec))
    (tmp_path / "events.parquet").write_bytes((EXAMPLE.parent / "events.parquet").read_bytes())
    data = {year: neyman.read_parquet(EXAMPLE.parent / "events.parquet", where={"_channel": year}) for year in ("2015", "2016")}
    arrays = copy.deepcopy(spec)
    del arrays["channels"][1]["data"]
    fits = [m.fit() for m in (model, same, Model.from_spec(str(as_json)), Model.from_dict(arrays, data=data))]
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.values, fits[0].values)
        assert fit.twice_nll == fits[0].twice_nll
    assert model.digest == same.digest and model.poi == "mu"
    assert fits[0].provenance["specification"] == str(EXAMPLE)
    assert fits[0].channels[0].file == str(EXAMPLE.parent / "events.parquet")
    assert fits[3].channels[0].file is None and fits[3].provenance["files"] == [None, None]
    assert model.channels == ("2015", "2016") and model.processes["2016"] == ("signal", "background")
    np.testing.assert_array_equal(model.events("2015")["mass"], data["2015"]["mass"])
    with pytest.raises(neyman.ArgumentError, match="say which, 2015, 2016"):
        model.pdf("signal", [90], model.init)
    with pytest.raises(neyman.ArgumentError, match="say which"):
        model.expected_in_bins([60, 90], model.init)


@pytest.mark.filterwarnings("ignore")
def test_tables_of_others():
    events = masses(100, 400)
    record = np.zeros(500, dtype=[("name", "U3"), ("mass", np.float64)])
    record["mass"] = events
    tables = [{"mass": list(events)}, {"mass": events, "text": np.array(["a"] * 500)}, record]
    for library, make in (("pandas", "DataFrame"), ("pyarrow", "table"), ("polars", "DataFrame")):
        try:
            tables.append(getattr(__import__(library), make)({"mass": events, "text": ["a"] * 500}))
        except ImportError:
            pass
    torch = pytest.importorskip("torch")
    tables.append({"mass": torch.tensor(events)})
    for table in tables:
        model = Model.from_dict(search_spec(), data={"SR": table})
        np.testing.assert_array_equal(model.events("SR")["mass"], events)
    single = Model.from_dict(search_spec(), data={"SR": {"mass": events.astype(np.float32)}})
    np.testing.assert_array_equal(single.events("SR")["mass"], events.astype(np.float32).astype(np.float64))


def test_selections_and_weights_of_arrays():
    spec = search_spec(data={"file": "none.parquet", "selection": "pt > 25 && mass < 110", "weight": "w"})
    events = masses(100, 400)
    rng = np.random.default_rng(3)
    pt, weights = rng.uniform(0, 100, 500), rng.uniform(0, 2, 500)
    kept = (pt > 25) & (events < 110)
    table = {"mass": events, "pt": pt, "w": weights}
    model = Model.from_dict(spec, data={"SR": table})
    np.testing.assert_array_equal(model.events("SR")["mass"], events[kept])
    np.testing.assert_array_equal(model.weights("SR"), weights[kept])
    other = Model.from_dict(spec, data={"SR": table}, weights={"SR": np.ones(500)})
    np.testing.assert_array_equal(other.weights("SR"), np.ones(kept.sum()))
    default = Model.from_dict(search_spec(), data={"SR": {"mass": events, "_weight": weights}})
    np.testing.assert_array_equal(default.weights("SR"), weights)
    with pytest.raises(neyman.ArgumentError, match="no column 'pt'; there are mass, w"):
        Model.from_dict(spec, data={"SR": {"mass": events, "w": weights}})
    # rows are those of what was given
    outside = events.copy()
    last = int(np.flatnonzero(kept)[-1])
    outside[last] = 59.0
    with pytest.raises(neyman.EventsError) as caught:
        Model.from_dict(spec, data={"SR": {**table, "mass": outside}})
    assert (caught.value.file, caught.value.column, caught.value.row) == (None, "mass", last)
    with pytest.raises(neyman.EventsError, match="499 values, but column"):
        Model.from_dict(spec, data={"SR": {**table, "pt": pt[1:]}})
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.events("SR")["mass"], events[kept])


def test_bad_events():
    events = masses(100, 400)
    for row, value, says in ((7, np.nan, "not a finite"), (9, np.inf, "not a finite"), (3, 121.0, "outside the window")):
        bad = events.copy()
        bad[row] = value
        with pytest.raises(neyman.EventsError, match=says) as caught:
            search(bad)
        assert (caught.value.column, caught.value.row) == ("mass", row)
        assert isinstance(caught.value, ValueError)
        assert pickle.loads(pickle.dumps(caught.value)).row == row
    for weights, says in ((np.ones(499), "499 weights for 500"), (-np.ones(500), "negative"), (np.full(500, np.nan), "finite")):
        with pytest.raises(neyman.EventsError, match=says):
            search(events, weights)
    empty = search([])
    assert empty.nll([1, 2, 91, 2.5, -0.03]) == 3.0


def test_bad_arguments():
    model = search(masses(100, 400))
    spec = search_spec()
    theta = model.init
    calls = [
        (lambda: model.nll(theta[1:]), "4 values for 5 parameters"),
        (lambda: model.expected([*theta, 1]), "6 values for 5 parameters"),
        (lambda: model.nll([*theta[:4], np.nan]), "slope"),
        (lambda: model.grad([-1, *theta[1:]]), "process \"signal\""),
        (lambda: model.hess([*theta[:3], -1, theta[4]]), "sigma = -1"),
        (lambda: model.nll(["a"] * 5), "theta"),
        (lambda: model.pdf("signall", [90], theta), "did you mean 'signal'"),
        (lambda: model.pdf("signal", [90], theta, channel="SRR"), "did you mean 'SR'"),
        (lambda: model.pdf("signal", [90], theta[1:]), "4 values"),
        (lambda: model.pdf("signal", [np.nan], theta), "NaN"),
        (lambda: model.pdf("signal", {"pt": [90]}, theta), "x: arrays of mass"),
        (lambda: model.events("sr"), "no channel 'sr'"),
        (lambda: model.expected_in_bins([60, 60], theta), "rising"),
        (lambda: model.expected_in_bins([60], theta), "rising"),
        (lambda: model.fit(fix={"maen": 91}), "did you mean 'mean'"),
        (lambda: model.fit(fix={"mean": np.inf}), "not a finite number"),
        (lambda: model.fit(fix=["mean"]), "a dict"),
        (lambda: model.fit(tolerance=0), "above 0"),
        (lambda: model.index("slop"), "did you mean 'slope'"),
        (lambda: Model.from_dict("x.yaml"), "from_spec"),
        (lambda: Model.from_dict(spec, data={"SRR": {"mass": [90]}}), "no channel 'SRR'"),
        (lambda: Model.from_dict(spec, data={"SR": {"mas": [90]}}), "no column 'mass'; there are mas"),
        (lambda: Model.from_dict(spec, data={"SR": [90.0]}), "a dict of columns"),
        (lambda: Model.from_dict(spec, data=[90.0]), "by channel"),
        (lambda: Model.from_dict(spec, data={"SR": {"mass": ["x"]}}), "column 'mass'"),
        (lambda: Model.from_dict(spec, data={"SR": {"mass": [[90.0]]}}), "list of numbers"),
        (lambda: Model.from_dict(spec, data={"SR": {"mass": [90j]}}), "real numbers"),
    ]
    for call, says in calls:
        with pytest.raises(neyman.ArgumentError, match=re.escape(says)):
            call()
    # data in a file, their weights not
    filed = search_spec(data={"file": "x.parquet"})
    with pytest.raises(neyman.ArgumentError, match="in a file"):
        Model.from_dict(filed, weights={"SR": [1.0]})
    # at the start
    with pytest.raises(neyman.ArgumentError, match="sigma"):
        model.fit(fix={"width": -1})


def test_functions_of_binned_models_say_where_the_statements_are():
    model = search()
    for call in (neyman.fit, neyman.upper_limit, neyman.Session):
        with pytest.raises(neyman.ArgumentError, match=r"model of single events .* model\.fit\(\)"):
            call(model)


def test_bad_specifications(tmp_path):
    spec = search_spec()
    spec["channels"][0]["processes"][0]["pdf"]["type"] = "gausian"
    with pytest.raises(neyman.SpecificationError, match="did you mean") as caught:
        Model.from_dict(spec, data={"SR": {"mass": [90.0]}})
    assert caught.value.path == "/channels/0/processes/0/pdf/type"
    with pytest.raises(neyman.SpecificationError, match="data"):
        Model.from_dict(search_spec())
    with pytest.raises(OSError):
        Model.from_dict(search_spec(data={"file": "none.parquet"}), base=tmp_path)
    with pytest.raises(FileNotFoundError):
        Model.from_spec(tmp_path / "none.yaml")
    path = tmp_path / "bad.yaml"
    path.write_text("a: [1, 2\n")
    with pytest.raises(neyman.SpecificationError, match="line"):
        Model.from_spec(path)


def test_events_that_nothing_makes():
    spec = search_spec()
    spec["channels"][0]["processes"][1]["pdf"] = {
        "type": "histogram", "observable": "mass", "bin_edges": [60, 80], "bin_content": [1],
    }
    spec["channels"][0]["processes"][0]["pdf"] = {"type": "uniform", "observable": "mass"}
    model = Model.from_dict(spec, data={"SR": {"mass": [70.0, 100.0]}})
    assert np.isfinite(model.nll(model.init))
    assert model.nll([0, *model.init[1:]]) == np.inf
    with pytest.raises(neyman.ArgumentError, match="event"):
        model.fit(fix={"n_sig": 0})


def test_joint_fits(tmp_path):
    alpha = {"name": "alpha", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}}
    own = {"name": "own", "type": "shapesys", "data": [10.0, 8.0]}
    sample = {"name": "all", "data": [300.0, 200.0], "modifiers": [alpha, own]}
    workspace = {
        "channels": [{"name": "CR", "samples": [sample]}],
        "observations": [{"name": "CR", "data": [331.0, 216.0]}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    (tmp_path / "control.json").write_text(json.dumps(workspace))
    spec = search_spec()
    spec["model"]["histfactory"] = {"workspace": "control.json"}
    model = Model.from_dict(spec, base=tmp_path, data={"SR": {"mass": masses()}})
    fit = model.fit()
    assert fit.constraints[fit.names.index("alpha")] == "gaussian"
    at = fit.names.index("own[1]")
    assert fit.constraints[at] == "poisson" and np.isfinite(fit.prefit_uncertainties[at])
    (channel,) = fit.binned["channels"]
    assert (channel["name"], channel["bins"], channel["observed"]) == ("CR", 2, 547.0)
    assert fit.minima[0] == fit.twice_nll
    document = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
    assert document["binned"]["measurement"] == "m"
    fit.save(tmp_path / "fit.json")
    assert neyman.load(tmp_path / "fit.json").to_dict() == document
    # what other models do not have
    assert search().fit().binned is None and "binned" not in search().fit().to_dict()
    for one in (model, model.toy(fit.values, seed=3, number=5), model.asimov(fit.values)):
        assert pickle.loads(pickle.dumps(one)).nll(fit.values) == one.nll(fit.values)


def test_results(tmp_path):
    fit = search().fit()
    document = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
    text = (REPOSITORY / "docs" / "results.md").read_text()
    row = re.search(r"^\| `unbinned_fit` \|(.*)\|$", text, re.MULTILINE).group(1)
    # what else is written with such a provenance is named, too
    row = row.partition("; of a joint fit")[0]
    promised = set(re.findall(r"`([a-z_]+)`", row)) - {"parquet", "fit"}
    inner = {"name", "file", "events", "effective_events", "sum_of_weights", "dropped", "processes"}
    binned = {"histogram", "observable", "edges", "observed", "uncertainty", "expected"}
    assert inner | binned <= promised
    promised -= binned
    assert inner == set(document["channels"][0])
    assert promised - inner - {"yield"} <= set(document)
    assert {"specification", "schema_version", "files"} <= set(document["provenance"])
    assert document["channels"][0]["processes"][0] == {"name": "signal", "yield": fit["n_sig"]}
    for ending in ("json", "npz"):
        fit.save(tmp_path / f"fit.{ending}")
        again = neyman.load(tmp_path / f"fit.{ending}")
        assert type(again) is neyman.results.UnbinnedFit and again.to_dict() == document
        assert again.channel("SR").yields == fit.channel("SR").yields
        np.testing.assert_array_equal(again.covariance, fit.covariance)
    assert "<table>" in fit._repr_html_() and "n_sig" in fit._repr_html_()
    with pytest.raises(AttributeError):
        fit.status = "x"
    with pytest.raises(ValueError, match="read-only"):
        fit.values[0] = 1
    with pytest.raises(neyman.ArgumentError, match="did you mean 'slope'"):
        fit["slop"]
    np.testing.assert_allclose(fit.correlation, fit.covariance / np.outer(fit.uncertainties, fit.uncertainties))


def _fit(model):
    return model.fit().values


def test_pickles_processes_threads():
    model = Model.from_spec(EXAMPLE)
    again = pickle.loads(pickle.dumps(model))
    for name in ("parameters", "poi", "digest", "channels", "processes", "observables", "constraints"):
        assert getattr(again, name) == getattr(model, name)
    assert again.fit().to_dict() == model.fit().to_dict()
    with ThreadPoolExecutor(8) as pool:
        fits = list(pool.map(_fit, [model] * 24))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        fits += list(pool.map(_fit, [model]))
    for values in fits:
        np.testing.assert_array_equal(values, fits[0])
    with pytest.raises(ValueError, match="read-only"):
        model.init[0] = 1


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_control_c_ends_a_fit():
    model = search(masses(400_000, 1_600_000))
    main, begun = threading.main_thread().ident, threading.Event()
    threading.Thread(target=lambda: (begun.wait(), time.sleep(0.05), signal.pthread_kill(main, signal.SIGINT))).start()
    with pytest.raises(KeyboardInterrupt):
        begun.set()
        for _ in range(1000):
            model.fit()


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rng = np.random.default_rng(2)
    columns = {
        "m": rng.uniform(0, 200, 5000),
        "n": rng.integers(0, 9, 5000),
        "f": rng.normal(size=5000).astype(np.float32),
        "w": rng.uniform(0, 2, 5000),
        "s": np.array(["a", "b"])[rng.integers(0, 2, 5000)],
    }
    path = tmp_path / "e.parquet"
    parquet.write_table(pyarrow.table(columns), path, row_group_size=700)
    found = neyman.read_parquet(path)
    assert list(found) == ["m", "n", "f", "w"]
    for name, values in found.items():
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, columns[name].astype(np.float64))
    kept = (columns["m"] >= 60) & (columns["m"] <= 120) & (columns["n"] >= 3) & (columns["s"] == "b")
    found = neyman.read_parquet(path, ["f"], {"m": (60, 120), "n": (3, None), "s": "b"}, weight="w")
    assert list(found) == ["f", "w"]
    np.testing.assert_array_equal(found["f"], columns["f"][kept].astype(np.float64))
    np.testing.assert_array_equal(found["w"], columns["w"][kept])
    bad = {**columns, "w": columns["w"].copy(), "m": columns["m"].copy()}
    bad["w"][33], bad["m"][4711] = -1, np.nan
    parquet.write_table(pyarrow.table(bad), path, row_group_size=700)
    for call, column, row in (
        (lambda: neyman.read_parquet(path, ["m"]), "m", 4711),
        (lambda: neyman.read_parquet(path, ["f"], weight="w"), "w", 33),
        (lambda: neyman.read_parquet(path, ["s"]), "s", None),
        (lambda: neyman.read_parquet(path, ["M"]), "M", None),
    ):
        with pytest.raises(neyman.EventsError) as caught:
            call()
        assert (caught.value.file, caught.value.column, caught.value.row) == (str(path), column, row)
    for where in ({"n": 3}, {"n": (1, 2, 3)}, {"n": ("x", 2)}, {"n": (5, 1)}, {"s": "a", "t": "b"}, [1]):
        with pytest.raises(neyman.ArgumentError):
            neyman.read_parquet(path, ["f"], where)
    with pytest.raises(neyman.FileError):
        neyman.read_parquet(tmp_path / "none.parquet")
    path.write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    with pytest.raises(neyman.EventsError):
        neyman.read_parquet(path)


@shared
def test_shared_files():
    told = json.loads((DATA / "goldens.json").read_text())["parquet"]
    good = [path for path in sorted(DATA.glob("ev_*.parquet"))]
    assert len(good) >= 8 and told
    for path in good:
        columns = neyman.read_parquet(path)
        assert columns and all(np.isfinite(values).all() for values in columns.values())
    for path in sorted(DATA.glob("bad_*.parquet")):
        with pytest.raises(neyman.EventsError):
            columns = neyman.read_parquet(path)
            # a column of text is none of those that are read without being named
            neyman.read_parquet(path, [name for name in ("mass", "m", "x", "pt") if name not in columns] or ["mass"])


def test_figure():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    events = masses()
    model = search(events)
    fit = model.fit()
    upper, lower = neyman.plot.unbinned(model, fit, bins=np.array([60, 80, 88, 94, 120]))
    expected = sum(model.expected_in_bins([60, 80, 88, 94, 120], fit.values).values())
    counts = np.histogram(events, [60, 80, 88, 94, 120])[0]
    heights = [bar.get_height() for bar in lower.patches if hasattr(bar, "get_height")][-4:]
    np.testing.assert_allclose(heights, (counts - expected) / np.sqrt(expected))
    labels = [text.get_text() for text in upper.get_legend().get_texts()]
    assert labels == ["data", "total", "signal", "background"]
    _, axes = pyplot.subplots(2, 1)
    weighted = search(events, np.full(len(events), 0.5))
    drawn = neyman.plot.unbinned(weighted, weighted.fit(), channel="SR", ax=axes)
    assert drawn == tuple(axes)
    for call, says in (
        (lambda: neyman.plot.unbinned(model, Model.from_spec(EXAMPLE).fit()), "other parameters"),
        (lambda: neyman.plot.unbinned(model, fit.values), "a model and its fit"),
        (lambda: neyman.plot.unbinned(model, fit, channel="CR"), "no channel"),
        (lambda: neyman.plot.unbinned(model, fit, bins=0), "bins"),
        (lambda: neyman.plot.unbinned(model, fit, ax=axes[0]), "two axes"),
    ):
        with pytest.raises(neyman.ArgumentError, match=says):
            call()
    neyman.plot.correlation(fit)
    neyman.plot.pulls(Model.from_spec(EXAMPLE).fit())
    pyplot.close("all")


def test_example(tmp_path):
    pytest.importorskip("matplotlib")
    figure = tmp_path / "search.png"
    command = [sys.executable, EXAMPLE.parent / "fit.py", figure]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    fit = Model.from_spec(EXAMPLE).fit()
    assert told.startswith("converged") and f"{fit['mass']:.4f} +- {fit.uncertainties[1]:.4f}" in told
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_poisson_errors_are_central():
    stats = pytest.importorskip("scipy.stats")
    from neyman.unbinned._figure import poisson_errors

    counts = np.arange(0.0, 200.0)
    below, above = poisson_errors(counts)
    tail = stats.norm.sf(1)
    exact = np.where(counts > 0, stats.gamma.ppf(tail, np.maximum(counts, 1)), 0), stats.gamma.isf(tail, counts + 1)
    np.testing.assert_allclose(counts - below, exact[0], rtol=0.01)
    np.testing.assert_allclose(counts + above, exact[1], rtol=0.01)
