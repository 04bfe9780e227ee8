"""Statements about single events, divided among processes and machines; their results from files."""

import pickle
from concurrent.futures import BrokenExecutor, Executor, Future

import numpy as np
import pytest
from executors import Flaky, same
from unbinned import masses, search_spec
from workspaces import REPOSITORY

import neyman
from neyman.unbinned import Model

# two channels from files, with weights of neither
MODEL = Model.from_spec(REPOSITORY / "examples" / "unbinned" / "search.yaml")
BY_TOYS = {
    "cls": lambda m, **o: m.hypotest(1.2, toys=60, seed=3, **o),
    "cls range": lambda m, **o: m.hypotest(0.9, range=(10, 47), seed=3, statistic="tmu", chunk=5, **o),
    "cls held": lambda m, **o: m.hypotest(1.0, toys=20, fix={"lumi": 0.5}, tolerance=1e-9, **o),
    "cls observed": lambda m, **o: m.hypotest(1.1, toys=40, observed_only=True, **o),
    "discovery": lambda m, **o: m.discovery(toys=40, seed=2, **o),
    "limit": lambda m, **o: m.limit(toys=12, seed=5, **o),
    "limit values": lambda m, **o: m.limit(values=[1.2, 1.05, 1.1], toys=20, statistic="qmu", **o),
    "interval": lambda m, **o: m.interval(values=[0.8, 0.9, 1.0, 1.1], toys=16, seed=7, **o),
}


def with_poi():
    found = search_spec()["model"]
    fixed = {"mean": 91.0, "width": 2.5}
    parameters = [p if p["name"] not in fixed else {**p, "init": fixed[p["name"]]} for p in found["parameters"]]
    return {"model": {"poi": "n_sig", "parameters": parameters}}


@pytest.mark.parametrize("name", BY_TOYS)
def test_toys_by_processes(name, pool, tmp_path):
    told = []
    whole = BY_TOYS[name](MODEL)
    divided = BY_TOYS[name](MODEL, executor=pool, parts=5, progress=lambda *n: told.append(n))
    same(whole, divided)
    assert told[-1][0] == told[-1][1] > 0
    for ending in ("json", "npz"):
        file = tmp_path / f"result.{ending}"
        divided.save(file)
        again = neyman.load(file)
        same(whole, again)
        assert type(again) is type(whole)
        if name in ("cls", "cls range", "discovery"):
            for side in ("signal_background", "background"):
                ours, theirs = getattr(whole, side), getattr(again, side)
                assert len(ours.values) == ours.toys > 0 and ours.range == theirs.range
                np.testing.assert_array_equal(ours.values, theirs.values)


def test_an_adaptive_test(pool):
    model = Model.from_dict({**search_spec(), **with_poi()}, data={"SR": {"mass": masses(20, 100)}})
    ask = {"toys": 4000, "seed": 1, "cls_error": 0.02}
    whole = model.hypotest(28.0, **ask)
    same(whole, model.hypotest(28.0, **ask, executor=pool, parts=3))
    assert 1000 <= whole.toys < 4000


def test_fits_of_toys_by_processes(pool, tmp_path):
    options = {"seed": 4, "mu": 1.0, "test_mu": 0.9, "truth": "init"}
    whole = MODEL.fit_toys(range=(5, 45), **options)
    divided = MODEL.fit_toys(range=(5, 45), **options, executor=pool, parts=3)
    same(whole, divided)
    for name in ("parameters", "uncertainties", "events", "t_mu"):
        assert getattr(whole, name).tobytes() == getattr(divided, name).tobytes()
    for ending in ("json", "npz"):
        divided.save(tmp_path / f"toys.{ending}")
        same(whole, neyman.load(tmp_path / f"toys.{ending}"))
    assert divided.provenance["seed"] == 4 and divided.warnings == ()


def test_scans_by_processes(pool):
    values = np.linspace(0.7, 1.2, 6)
    whole, told = MODEL.scan(values), []
    divided = MODEL.scan(values, executor=pool, parts=2, progress=lambda *n: told.append(n))
    assert told[-1] == (6, 6) and divided.status == "converged"
    for name in ("delta_twice_nll", "lower", "upper", "twice_nll"):
        np.testing.assert_allclose(getattr(divided, name), getattr(whole, name), atol=1e-5)
    whole = MODEL.scan2d(("mu", "mass"), [0.8, 1.0], [90.8, 91.0, 91.2])
    divided = MODEL.scan2d(("mu", "mass"), [0.8, 1.0], [90.8, 91.0, 91.2], executor=pool, parts=2)
    np.testing.assert_allclose(divided.delta_twice_nll, whole.delta_twice_nll, atol=1e-5)


def test_toys_of_other_data(pool):
    """Of a toy, whose events are in no file, and of weighted events."""
    toy = MODEL.toy(MODEL.fit().values, seed=8, number=2)
    same(toy.hypotest(1.1, toys=12), toy.hypotest(1.1, toys=12, executor=pool, parts=2))
    events = masses(100, 400)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, len(events))
    model = Model.from_dict({**search_spec(), **with_poi()}, data={"SR": {"mass": events}}, weights={"SR": weights})
    whole = model.interval(values=[80, 120], toys=10)
    same(whole, model.interval(values=[80, 120], toys=10, executor=pool, parts=2))


class Ending(Executor):
    """Works here and at once, until it is over."""

    def __init__(self, tasks):
        self.left = tasks

    def submit(self, function, /, *arguments):
        if self.left == 0:
            raise BrokenExecutor("it is over")
        self.left -= 1
        future = Future()
        future.set_result(function(*arguments))
        return future


def test_what_was_finished_is_not_done_again():
    ask = {"toys": 24, "seed": 6, "parts": 6}
    whole = MODEL.hypotest(1.1, toys=24, seed=6)
    with pytest.raises(neyman.ExecutorError, match="it is over. Of 6 parts 4") as caught:
        MODEL.hypotest(1.1, **ask, executor=Ending(4))
    # another model of the same specification and events is the same model
    again, second = pickle.loads(pickle.dumps(MODEL)), Flaky(0)
    same(whole, again.hypotest(1.1, **ask, executor=caught.value.resume(second)))
    assert second.submitted == 2


def test_refusals():
    with Flaky(0) as threads:
        for call in (MODEL.hypotest, MODEL.discovery):
            with pytest.raises(neyman.ArgumentError, match="give toys"):
                call(executor=threads)
        with pytest.raises(neyman.ArgumentError, match="cannot be divided"):
            MODEL.limit(executor=threads)
        with pytest.raises(neyman.ArgumentError, match="parts: a whole number"):
            MODEL.fit_toys(10, truth="init", executor=threads, parts=0)
        with pytest.raises(neyman.ArgumentError, match="there is none"):
            MODEL.scan([1.0], parts=2)
        with pytest.raises(neyman.ArgumentError, match="submit"):
            MODEL.interval(toys=10, executor="dask")
        with pytest.raises(neyman.ArgumentError, match="at least one"):
            MODEL.interval(toys=0, executor=threads)


# what distributed itself has to say
@pytest.mark.filterwarnings("ignore")
def test_dask(tmp_path):
    distributed = pytest.importorskip("distributed")
    whole = MODEL.hypotest(1.1, toys=40, seed=9)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, local_directory=str(tmp_path)) as cluster,
        distributed.Client(cluster) as client,
    ):
        divided = MODEL.hypotest(1.1, toys=40, seed=9, executor=client.get_executor(), parts=4)
    same(whole, divided)


@pytest.mark.skipif(not neyman.has_vulkan(), reason="no graphics processor")
def test_workers_open_the_device(pool):
    if not any(d.device.startswith("gpu") and "f64" in d.precisions for d in neyman.devices()):
        pytest.skip("no graphics processor in double precision")
    model = MODEL.on("gpu", "f64")
    whole = model.fit_toys(6, seed=2, truth="init")
    divided = model.fit_toys(6, seed=2, truth="init", executor=pool, parts=2)
    assert divided.provenance["device"] == whole.provenance["device"] != "cpu"
    same(whole, divided)
