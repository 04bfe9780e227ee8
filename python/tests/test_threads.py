"""Threads, processes, interrupts."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from workspaces import REPOSITORY, random_workspace

import neyman

MODEL = neyman.from_pyhf(random_workspace(2))


def test_threads_share_a_session():
    session = neyman.Session(MODEL, "cpu")
    data = session.toys(24, seed=5)
    alone = [session.fit(row).values for row in data]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda row: session.fit(row).values, data))
        limits = list(pool.map(lambda row: session.limit(row).observed, data[:8]))
    np.testing.assert_array_equal(alone, together)
    assert limits == [session.limit(row).observed for row in data[:8]]


def test_the_interpreter_is_free():
    session = neyman.Session(MODEL, "cpu")
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(None)
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        before = len(ticks)
        begin = time.monotonic()
        session.fit_toys(300_000, seed=1)
        seconds = time.monotonic() - begin
    finally:
        stop.set()
        thread.join()
    assert len(ticks) - before > 100 * seconds


def _part(arguments):
    model, first, last = arguments
    return neyman.Session(model, "cpu").fit_toys(range=(first, last), seed=9, truth="init").nll


def test_processes_and_ranges():
    whole = _part((MODEL, 0, 400))
    import multiprocessing

    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(_part, [(MODEL, 0, 150), (MODEL, 150, 400)]))
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fork_is_told():
    code = f"""
    import sys, multiprocessing
    sys.path.insert(0, {str(REPOSITORY / "python" / "tests")!r})
    from workspaces import random_workspace
    import neyman
    model = neyman.from_pyhf(random_workspace(2))
    def work(_):
        try:
            return neyman.fit(model, device="cpu").status
        except neyman.Error as error:
            return str(error)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.map(work, [0])[0])
    neyman.fit(model, device="cpu")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.map(work, [0])[0])
    """
    code = textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    first, second = done.stdout.splitlines()
    assert first == "converged" and "spawn" in second


def test_executors():
    session = neyman.Session(MODEL, "cpu")
    options = {"seed": 4, "mu": 1.0, "test_mu": 0.5, "with_data": True}
    whole = session.fit_toys(range=(5, 205), **options)
    told = []
    with ThreadPoolExecutor(2) as pool:
        parts = session.fit_toys(
            range=(5, 205), **options, executor=pool, parts=3, progress=lambda *n: told.append(n)
        )
    for name in ("toy", "parameters", "t_mu", "main", "codes"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert parts.range == (5, 205) and parts.held == whole.held and told[-1] == (200, 200)
    with ThreadPoolExecutor(1) as pool:
        assert len(session.fit_toys(0, executor=pool)) == 0
    with pytest.raises(neyman.ArgumentError, match="missing"):
        neyman.results.join([session.fit_toys(range=(0, 2)), session.fit_toys(range=(3, 4))])


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    "call",
    ["session.fit_toys(10**8, chunk=2000)", "session.hypotest(1.0, toys=10**8, chunk=2000, observed_only=True)"],
)
def test_ctrl_c(call):
    code = f"""
    import sys, time
    sys.path.insert(0, {str(REPOSITORY / "python" / "tests")!r})
    from workspaces import random_workspace
    import neyman
    session = neyman.Session(neyman.from_pyhf(random_workspace(2)), "cpu")
    session.fit()
    print("ready", flush=True)
    try:
        {call.replace("10**8", "10**7")}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        print(session.fit().status, flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1.0)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - begin < 2.0
        assert process.stdout.readline() == "converged\n"
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
