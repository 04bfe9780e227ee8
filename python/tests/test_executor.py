"""Statements divided among processes and machines."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from executors import Flaky, same
from workspaces import REPOSITORY, random_workspace

import neyman

WORKSPACE = random_workspace(2)
SESSION = neyman.Session(WORKSPACE, "cpu")
BY_TOYS = {
    "cls": lambda **o: SESSION.hypotest(1.5, toys=500, seed=3, **o),
    "cls range": lambda **o: SESSION.hypotest(0.7, range=(100, 417), seed=3, statistic="tmu", **o),
    "cls held": lambda **o: SESSION.hypotest(1.0, toys=100, fix={"jes": 0.5}, tolerance=1e-9, **o),
    "cls observed": lambda **o: SESSION.hypotest(1.0, toys=300, observed_only=True, **o),
    "cls adaptive": lambda **o: SESSION.hypotest(1.6, toys=20_000, seed=1, cls_error=0.004, **o),
    "discovery": lambda **o: SESSION.discovery(toys=400, seed=2, **o),
    "discovery observed": lambda **o: SESSION.discovery(toys=400, observed_only=True, **o),
    "limit": lambda **o: SESSION.limit(toys=60, seed=5, **o),
    "limit values": lambda **o: SESSION.limit(values=[2.0, 0.5, 1.0], toys=100, **o),
    "interval": lambda **o: SESSION.interval(values=[0, 0.5, 1, 2], toys=80, seed=7, **o),
    "gof": lambda **o: SESSION.gof(range=(7, 300), seed=8, **o),
    "gof held": lambda **o: SESSION.gof(toys=100, fix={"jes": 0.0}, **o),
}


def patchset(yields, digest):
    patch = [{"op": "replace", "path": "/channels/0/samples/0/data/0", "value": 0}]
    patches = [
        {"metadata": {"name": f"m{y}", "values": [y]}, "patch": [{**patch[0], "value": y}]} for y in yields
    ]
    metadata = {"name": "signals", "description": "d", "labels": ["mass"], "references": {"hepdata": "ins1"}}
    return {"metadata": {**metadata, "digests": {"sha256": digest}}, "patches": patches, "version": "1.0.0"}


@pytest.mark.parametrize("name", BY_TOYS)
def test_toys_by_processes(name, pool):
    told = []
    whole = BY_TOYS[name]()
    divided = BY_TOYS[name](executor=pool, parts=5, progress=lambda *n: told.append(n))
    same(whole, divided)
    assert told[-1][0] == told[-1][1] > 0
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    if name == "cls adaptive":
        assert 1000 < whole.toys < 20_000


def test_fits_of_toys_by_processes(pool):
    options = {"seed": 4, "mu": 1.0, "test_mu": 0.5, "with_data": True}
    whole = SESSION.fit_toys(range=(5, 205), **options)
    divided = SESSION.fit_toys(range=(5, 205), **options, executor=pool, parts=3)
    same(whole, divided)
    assert whole.parameters.tobytes() == divided.parameters.tobytes()


def test_scans_by_processes(pool):
    values = np.linspace(-0.5, 3, 15)
    whole, told = SESSION.scan(values), []
    divided = SESSION.scan(values, executor=pool, parts=4, progress=lambda *n: told.append(n))
    assert told[-1] == (15, 15) and divided.status == "converged"
    for name in ("mu", "levels"):
        np.testing.assert_array_equal(getattr(divided, name), getattr(whole, name))
    for name in ("delta_twice_nll", "lower", "upper", "twice_nll", "best"):
        np.testing.assert_allclose(getattr(divided, name), getattr(whole, name), atol=1e-6)
    np.testing.assert_allclose(divided.parameters, whole.parameters, atol=1e-3)
    x, y = np.linspace(0, 2, 5), np.linspace(-1, 1, 7)
    whole = SESSION.scan2d(("mu", "jes"), x, y)
    divided = SESSION.scan2d(("mu", "jes"), x, y, executor=pool, parts=3)
    assert divided.delta_twice_nll.shape == (7, 5)
    np.testing.assert_array_equal(divided.y, whole.y)
    np.testing.assert_allclose(divided.delta_twice_nll, whole.delta_twice_nll, atol=1e-6)
    for ours, theirs in zip(divided.contours, whole.contours, strict=True):
        assert ours.level == theirs.level and ours.delta == theirs.delta
        np.testing.assert_allclose(np.concatenate(ours.lines), np.concatenate(theirs.lines), atol=1e-5)
    contour = SESSION.contour(("mu", "jes"), points=7, executor=pool)
    assert contour.delta_twice_nll.shape == (7, 7)


def test_patches(pool, tmp_path):
    digest = neyman.from_pyhf(WORKSPACE).digest
    signals = patchset([5, 10, 15, 20, 25], digest)
    told = []
    whole = neyman.upper_limits(WORKSPACE, signals, progress=lambda *n: told.append(n))
    assert told[-1] == (5, 5)
    same(whole, neyman.upper_limits(WORKSPACE, signals, executor=pool, parts=3))
    for k, name in enumerate(whole.names):
        alone = neyman.upper_limit(neyman.from_pyhf(WORKSPACE, patch=signals, patch_name=name), device="cpu")
        assert alone.observed == whole.observed[k]
        np.testing.assert_array_equal(alone.expected, whole.expected[k])
    assert whole.values == ((5.0,), (10.0,), (15.0,), (20.0,), (25.0,)) and whole.poi == "mu"
    for ending in ("json", "npz", "svg"):
        whole.save(tmp_path / f"limits.{ending}")
    same(neyman.load(tmp_path / "limits.json"), whole)
    # one that fails, then none that does not
    signals["patches"][1]["patch"][0]["path"] = "/channels/77/samples"
    some = neyman.upper_limits(WORKSPACE, signals, executor=pool, parts=5)
    assert np.isnan(some.observed).tolist() == [False, True, False, False, False]
    assert "m10" in some.point_status[1] and not some.converged
    with pytest.raises(neyman.SpecificationError, match="m10"):
        neyman.upper_limits(WORKSPACE, {**signals, "patches": signals["patches"][1:2]}, executor=pool)
    with pytest.raises(neyman.SpecificationError, match="sha256"):
        neyman.upper_limits(random_workspace(1), signals)


@pytest.mark.skipif("NEYMAN_DATA" not in os.environ, reason="NEYMAN_DATA is not set")
def test_patches_of_an_analysis(pool):
    import pyhf

    folder = os.path.join(os.environ["NEYMAN_DATA"])
    background = os.path.join(folder, "workspaces", "atlas_1Lbb_simplified_bkgonly.json")
    with open(os.path.join(folder, "patchsets", "atlas_1Lbb_simplified_patchset.json")) as file:
        signals = json.load(file)
    with pytest.raises(neyman.SpecificationError, match="another workspace"):
        neyman.upper_limits(background, signals)
    # the digest there is not that of the simplified workspace
    whole = neyman.upper_limits(background, pyhf.PatchSet(signals), verify=False)
    assert whole.converged and len(whole.names) == len(signals["patches"]) > 1
    same(whole, neyman.upper_limits(background, signals, verify=False, executor=pool, parts=2))


def test_parts_of_lost_workers_are_submitted_again():
    whole = SESSION.hypotest(1.0, toys=200)
    flaky = Flaky(3)
    same(whole, SESSION.hypotest(1.0, toys=200, executor=flaky, parts=6))
    assert flaky.submitted == 6 + 3
    hopeless = Flaky(10**9)
    with pytest.raises(neyman.ExecutorError, match="4 times.*ConnectionResetError") as caught:
        SESSION.hypotest(1.0, toys=200, executor=hopeless, parts=6)
    assert caught.value.finished == {} and caught.value.parts == 6


def test_our_own_errors_end_it():
    flaky = Flaky(0)
    with pytest.raises(neyman.ArgumentError, match="no parameter 'nope'"):
        SESSION.fit_toys(100, hold={"nope": 1.0}, executor=flaky, parts=4)
    assert flaky.submitted == 0
    # what a worker says
    with pytest.raises(neyman.ArgumentError, match="tolerance -1: a number above 0"):
        SESSION.fit_toys(100, truth="init", tolerance=-1.0, executor=flaky, parts=4)
    assert flaky.submitted == 4


def test_a_broken_pool_loses_nothing():
    whole = SESSION.limit(values=[1.0, 2.0], toys=400, seed=6)
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))

    def kill(done, total):
        if done >= total // 4:
            for process in list(pool._processes.values()):
                process.kill()

    ask = {"values": [1.0, 2.0], "toys": 400, "seed": 6, "parts": 16}
    with pool, pytest.raises(neyman.ExecutorError, match="Of 16 parts") as caught:
        SESSION.limit(**ask, executor=pool, progress=kill)
    error = caught.value
    assert 4 <= len(error.finished) < 16 and error.parts == 16
    second = Flaky(0)
    same(whole, SESSION.limit(**ask, executor=error.resume(second)))
    assert second.submitted == 16 - len(error.finished)
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    with pytest.raises(neyman.ExecutorError, match="shutdown"):
        SESSION.limit(**ask, executor=closed)


def test_refusals():
    with ThreadPoolExecutor(1) as pool:
        for call in (SESSION.hypotest, SESSION.discovery, SESSION.gof):
            with pytest.raises(neyman.ArgumentError, match="give toys"):
                call(executor=pool)
        with pytest.raises(neyman.ArgumentError, match="cannot be divided"):
            SESSION.limit(executor=pool)
        with pytest.raises(neyman.ArgumentError, match="parts: a whole number"):
            SESSION.fit_toys(10, executor=pool, parts=0)
        with pytest.raises(neyman.ArgumentError, match="there is none"):
            SESSION.scan([1.0], parts=2)
        with pytest.raises(neyman.ArgumentError, match="submit"):
            SESSION.fit_toys(10, executor="dask")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_cancels():
    code = f"""
    import multiprocessing, sys
    sys.path.insert(0, {str(REPOSITORY / "python" / "tests")!r})
    from concurrent.futures import ProcessPoolExecutor
    from workspaces import random_workspace
    import neyman

    def main():
        session = neyman.Session(neyman.from_pyhf(random_workspace(2)), "cpu")
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            tell = lambda done, total: print("part", flush=True)
            try:
                session.fit_toys(2_000_000, executor=pool, parts=2000, progress=tell)
            except KeyboardInterrupt:
                print("interrupted", flush=True)

    if __name__ == "__main__":
        main()
    """
    run = [sys.executable, "-c", textwrap.dedent(code)]
    process = subprocess.Popen(run, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "part\n"
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read().split()
        assert rest[-1] == "interrupted" and len(rest) < 1000
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


# what distributed itself has to say
@pytest.mark.filterwarnings("ignore")
def test_dask_with_a_killed_worker(tmp_path):
    distributed = pytest.importorskip("distributed")
    whole = SESSION.hypotest(1.0, toys=4000, seed=9)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, local_directory=str(tmp_path)) as cluster,
        distributed.Client(cluster) as client,
    ):
        killed = []

        def kill(done, total):
            if not killed and done >= total // 4:
                killed.append(cluster.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)

        divided = SESSION.hypotest(
            1.0, toys=4000, seed=9, executor=client.get_executor(), parts=20, progress=kill
        )
    assert killed
    same(whole, divided)


@pytest.mark.filterwarnings("ignore")
def test_the_example_with_dask(tmp_path):
    pytest.importorskip("distributed")
    script = REPOSITORY / "examples" / "cluster" / "dask_toys.py"
    output = tmp_path / "cls.json"
    search = REPOSITORY / "examples" / "search.json"
    run = [sys.executable, script, search, "--toys", "300", "--seed", "4", "--output", output]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("CLs = "), done.stderr
    same(neyman.load(output), neyman.Session(str(search), "cpu").hypotest(1.0, toys=300, seed=4))


def test_arrays_that_are_not_aligned():
    data = SESSION.model.data
    shifted = np.frombuffer(b"\0" + data.tobytes(), dtype=np.uint8)[1:].view(np.float64)
    assert not shifted.flags.aligned
    assert SESSION.fit(shifted).twice_nll == SESSION.fit(data).twice_nll


def test_futures_that_are_cancelled_elsewhere():
    """As dask does with those whose worker is lost for good."""

    class Cancelling(Flaky):
        def submit(self, function, /, *arguments):
            self.submitted += 1
            if self.submitted == 2:
                future = Future()
                future.cancel()
                future.set_running_or_notify_cancel()
                return future
            return self.pool.submit(function, *arguments)

    cancelling = Cancelling(0)
    same(SESSION.gof(toys=100), SESSION.gof(toys=100, executor=cancelling, parts=3))
    assert cancelling.submitted == 4
