"""Nothing that is given wrong goes through, or brings the interpreter down."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from workspaces import random_workspace

import neyman

MODEL = neyman.from_pyhf(random_workspace(0))
SESSION = neyman.Session(MODEL, "cpu")
DATA = MODEL.data
N = len(DATA)


@pytest.mark.parametrize(
    "data, says",
    [
        (DATA[:-1], "needs"),
        (DATA[: sum(MODEL.bins.values())], "auxiliary data are missing"),
        (np.where(np.arange(N) == 1, np.nan, DATA), "not finite"),
        (np.where(np.arange(N) == 1, np.inf, DATA), "not finite"),
        (np.where(np.arange(N) == 0, -1.0, DATA), "below 0"),
        (DATA.astype(complex), "complex128"),
        (["a"] * N, "real numbers"),
        ([DATA], "shape"),
        (3.0, "shape"),
        ({"main": 1}, "no channel 'main'"),
        ([[1.0], [1.0, 2.0]], "array of numbers"),
        (np.array([None] * N), "numbers are needed"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_data(data, says):
    for call in (SESSION.fit, SESSION.limit, SESSION.yields, lambda d: SESSION.hypotest(1.0, d)):
        with pytest.raises(neyman.ArgumentError, match=says):
            call(data)
    with pytest.raises(neyman.ArgumentError, match=says):
        MODEL.nll(MODEL.init, data)


@pytest.mark.parametrize("convert", [list, tuple, np.float64, np.asfortranarray, lambda d: d.astype(object)])
def test_data_in_other_shapes(convert):
    assert SESSION.fit(convert(DATA)).twice_nll == SESSION.fit().twice_nll
    whole = np.round(DATA)
    assert SESSION.fit(whole.astype(np.int32)).twice_nll == SESSION.fit(whole).twice_nll
    assert SESSION.fit(np.repeat(DATA, 2)[::2]).twice_nll == SESSION.fit().twice_nll


CALLS = {
    "fix a number": (lambda: SESSION.fit(fix={"mu": "x"}), "number"),
    "fix nan": (lambda: SESSION.fit(fix={"mu": np.nan}), "finite"),
    "tolerance of a scan": (lambda: SESSION.scan([1.0], tolerance="small"), "tolerance: a number"),
    "tolerance of a fit": (lambda: SESSION.fit(tolerance=np.nan), "tolerance"),
    "a class": (lambda: neyman.Model("search.json"), "made by neyman.from_pyhf"),
    "a class of events": (neyman.unbinned.Model, "made by neyman.unbinned.Model.from_spec"),
    "another figure": (lambda: neyman.plot.brazil(SESSION.fit()), "LimitResult is to be drawn, not a FitResult"),
    "figure without toys": (lambda: neyman.plot.test_statistic(SESSION.hypotest()), "no toys"),
    "uncertainty": (lambda: SESSION.fit().uncertainty("muu"), "did you mean 'mu'"),
    "fix a list": (lambda: SESSION.fit(fix=[("mu", 1)]), "dict"),
    "name": (lambda: SESSION.fit(fix={"jess": 0}), "did you mean 'jes'"),
    "poi": (lambda: SESSION.limit(poi="muu"), "did you mean 'mu'"),
    "scan name": (lambda: SESSION.scan([1], parameter="til"), "did you mean 'tilt'"),
    "minos name": (lambda: SESSION.minos(["mu", "jets"]), "no parameter 'jets'"),
    "statistic": (lambda: SESSION.hypotest(1, statistic="qtilda"), "there are q0"),
    "mu": (lambda: SESSION.hypotest(np.inf), "finite"),
    "scan empty": (lambda: SESSION.scan([]), "needs values"),
    "scan level": (lambda: SESSION.scan([1.0], levels=[2.0]), "between 0 and 1"),
    "level": (lambda: SESSION.limit(confidence_level=1.5), "between 0 and 1"),
    "limit statistic": (lambda: SESSION.limit(statistic="tmu"), "qmu or qtilde"),
    "one parameter twice": (lambda: SESSION.scan2d(("mu", "mu"), [1], [1]), "itself"),
    "one name": (lambda: SESSION.scan2d("mu", [1], [1]), "two names"),
    "toys": (lambda: SESSION.fit_toys(-1), "0 or more"),
    "toys fraction": (lambda: SESSION.fit_toys(1.5), "whole number"),
    "toys and range": (lambda: SESSION.fit_toys(3, range=(0, 3)), "or a range"),
    "no toys": (lambda: SESSION.fit_toys(), "or a range"),
    "zero toys": (lambda: SESSION.hypotest(toys=0), "at least one"),
    "an empty range": (lambda: SESSION.gof(range=(5, 5)), "at least one"),
    "range": (lambda: SESSION.fit_toys(range=(3, 1)), "below"),
    "step": (lambda: SESSION.fit_toys(range=range(0, 9, 2)), "step"),
    "seed": (lambda: SESSION.fit_toys(1, seed=2**64), "seed"),
    "chunk": (lambda: SESSION.fit_toys(1, chunk=0), "1 or more"),
    "far too many": (lambda: SESSION.fit_toys(2**62), "memory"),
    "truth": (lambda: SESSION.fit_toys(1, truth="best"), "'fit', 'init'"),
    "truth length": (lambda: SESSION.toys(1, truth=[1.0]), "values"),
    "truth nan": (lambda: SESSION.toys(1, truth=MODEL.init * np.nan), "finite"),
    "tolerance": (lambda: SESSION.fit(tolerance=0.0), "above 0"),
    "progress": (lambda: SESSION.fit_toys(1, progress=3), "function"),
    "points": (lambda: SESSION.evaluate([1.0]), "rows"),
    "init length": (lambda: MODEL.with_parameters(init=[1.0]), "values"),
    "init outside": (lambda: MODEL.with_parameters(init={"mu": 1e9}), "outside"),
    "bounds": (lambda: MODEL.with_parameters(bounds={"mu": (2, 1)}), "rising"),
    "bounds shape": (lambda: MODEL.with_parameters(bounds={"mu": (2, 1, 3)}), "bounds"),
    "interpolation": (lambda: neyman.from_pyhf(random_workspace(0), interpolation="code7"), "code7"),
    "workspace": (lambda: neyman.from_pyhf(3), "a path"),
    "workspace content": (lambda: neyman.from_pyhf({"a": object()}), "object"),
    "device type": (lambda: neyman.Session(MODEL, 3), "string"),
    "file ending": (lambda: SESSION.fit().save("fit.txt"), "end with"),
    "parameters length": (lambda: MODEL.nll([1.0]), "values"),
}


@pytest.mark.parametrize("name", CALLS)
def test_told(name):
    call, says = CALLS[name]
    with pytest.raises(neyman.ArgumentError, match=says):
        call()


def test_devices_are_told():
    with pytest.raises(neyman.DeviceError, match="did you mean"):
        neyman.Session(MODEL, "cudda")
    with pytest.raises(neyman.DeviceError, match="f64"):
        neyman.Session(MODEL, "cpu", "f32")
    with pytest.raises(neyman.DeviceError):
        neyman.Session(MODEL, "cuda:99")


def test_classes():
    assert issubclass(neyman.SpecificationError, ValueError)
    assert issubclass(neyman.ArgumentError, ValueError)
    assert issubclass(neyman.FileError, OSError)
    workspace = random_workspace(0)
    workspace["channels"][0]["samples"][0]["data"][0] = "many"
    with pytest.raises(neyman.SpecificationError) as caught:
        neyman.from_pyhf(workspace)
    assert caught.value.path == "/channels/0/samples/0/data/0"
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.path == caught.value.path and str(again) == str(caught.value)
    with pytest.raises(FileNotFoundError):
        neyman.from_pyhf("not here.json")
    with pytest.raises(neyman.UnsupportedError, match="parameter of interest"):
        neyman.Session(neyman.from_pyhf(random_workspace(0), poi=""), "cpu").limit()


def test_files_are_named(tmp_path):
    broken, events = tmp_path / "broken.json", tmp_path / "events.yaml"
    broken.write_text('{"version": "1.0.0"')
    events.write_text("schema_version: neyman_unbinned_spec_v1\nmodel: {}\n")
    for call, says in (
        (lambda: neyman.from_pyhf(broken), "broken.json: line 1"),
        (lambda: neyman.from_pyhf(events), "events.yaml: .*neyman.unbinned.Model"),
        (lambda: neyman.from_pyhf({"schema_version": "neyman_unbinned_spec_v1"}), "^this is .*neyman.unbinned.Model"),
        (lambda: neyman.unbinned.Model.from_spec(events), "events.yaml: "),
    ):
        with pytest.raises(neyman.SpecificationError, match=says):
            call()


def test_closed():
    with neyman.Session(MODEL, "cpu") as session:
        pass
    with pytest.raises(neyman.ArgumentError, match="closed"):
        session.fit()


@pytest.mark.skipif("NEYMAN_DATA" not in os.environ, reason="NEYMAN_DATA has the bad inputs")
def test_bad_workspaces():
    folder = Path(os.environ["NEYMAN_DATA"], "bad")
    seen = 0
    for path in sorted(folder.glob("*.json")):
        if path.name == "index.json":
            continue
        try:
            neyman.from_pyhf(path)
        except neyman.Error:
            seen += 1
    assert seen > 50


def test_a_failing_progress_ends_the_call():
    def fail(done, total):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        SESSION.fit_toys(2_000_000, progress=fail)


def test_progress():
    told = []
    SESSION.fit_toys(300_000, chunk=1000, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (300_000, 300_000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert json.dumps(told)
