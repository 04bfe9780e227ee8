"""Data in the shapes that neighbours have: by channel, as histograms, on graphics processors."""

import boost_histogram as bh
import numpy as np
import pytest
from workspaces import random_workspace

import neyman

# two channels, with auxiliary data
WORKSPACE = next(w for w in map(random_workspace, range(20)) if len(w["channels"]) == 2)
MODEL = neyman.from_pyhf(WORKSPACE)
SESSION = neyman.Session(MODEL, "cpu")
OBSERVED = {o["name"]: np.array(o["data"]) for o in WORKSPACE["observations"]}
FIRST, SECOND = MODEL.channels
ONE = neyman.from_pyhf(next(w for w in map(random_workspace, range(20)) if len(w["channels"]) == 1))


def histogram(counts, storage=None):
    found = bh.Histogram(bh.axis.Regular(len(counts), 0, 1), storage=storage or bh.storage.Double())
    found.fill((np.arange(len(counts)) + 0.5) / len(counts), weight=counts)
    return found


class Plain:
    """UHI's protocol and nothing else."""

    kind = "COUNT"

    def __init__(self, counts):
        self.counts = counts

    def values(self):
        return self.counts


HISTOGRAMS = {
    "boost": histogram,
    "weights": lambda counts: histogram(counts, bh.storage.Weight()),
    "plain": Plain,
    "array": np.asarray,
    "list": list,
}


@pytest.mark.parametrize("make", HISTOGRAMS.values(), ids=HISTOGRAMS)
def test_by_channel(make):
    by_name = {name: make(counts) for name, counts in reversed(OBSERVED.items())}
    expected = SESSION.fit().twice_nll
    assert SESSION.fit(by_name).twice_nll == expected
    np.testing.assert_array_equal(MODEL.with_auxdata(by_name), MODEL.data)
    assert MODEL.nll(MODEL.init, by_name) == MODEL.nll(MODEL.init)
    if make in (np.asarray, list):
        return
    listed = [by_name[name] for name in MODEL.channels]
    assert SESSION.fit(listed).twice_nll == expected
    assert SESSION.fit(tuple(listed)).twice_nll == expected
    counts = ONE.data[: sum(ONE.bins.values())]
    assert ONE.nll(ONE.init, make(counts)) == ONE.nll(ONE.init)


def test_every_statement_takes_them():
    doubled = {name: 2 * counts for name, counts in OBSERVED.items()}
    flat = MODEL.with_auxdata(doubled)
    session, poi = SESSION, MODEL.poi
    statements = {
        "hypotest": lambda d: session.hypotest(1.0, d).cls_observed,
        "discovery": lambda d: session.discovery(d).q0,
        "limit": lambda d: session.limit(d).observed,
        "scan": lambda d: session.scan([1.0], d).delta_twice_nll[0],
        "minos": lambda d: session.minos(poi, d).minos_up[0],
        "impacts": lambda d: session.impacts(d).uncertainty,
        "gof": lambda d: session.gof(d).test_statistic,
        "yields": lambda d: session.yields(d).channels[0].observed.sum(),
        "evaluate": lambda d: session.evaluate([MODEL.init], d)[0][0],
        "toys": lambda d: session.toys(1, data=d).sum(),
        "contour": lambda d: session.contour((poi, "jes"), d, points=3).best[0],
        "grad": lambda d: MODEL.grad(MODEL.init, d)[0],
        "hess": lambda d: MODEL.hess(MODEL.init, d)[0, 0],
        "pyhf": lambda d: neyman.pyhf.hypotest(1.0, d, MODEL),
        "minuit": lambda d: neyman.minuit.cost(MODEL, d)(MODEL.init),
    }
    for name, statement in statements.items():
        assert statement(doubled) == statement(flat), name


def test_real_hist():
    hist = pytest.importorskip("hist")
    made = {}
    for name, counts in OBSERVED.items():
        made[name] = hist.Hist.new.Reg(len(counts), 0, 1, name="mass").Weight()
        made[name].fill((np.arange(len(counts)) + 0.5) / len(counts), weight=counts)
    assert SESSION.fit(made).twice_nll == SESSION.fit().twice_nll


def changed(**of):
    return {**OBSERVED, **of}


N = MODEL.bins[FIRST]
WRONG = {
    "misspelt": ({FIRST + "s": OBSERVED[FIRST], SECOND: OBSERVED[SECOND]}, f"did you mean '{FIRST}'"),
    "missing": ({FIRST: OBSERVED[FIRST]}, f"no counts of '{SECOND}'"),
    "too long": (changed(**{FIRST: [1.0] * (N + 2)}), f"channel '{FIRST}': the model has {N} bins there, got {N + 2}"),
    "nan": (changed(**{SECOND: OBSERVED[SECOND] * np.nan}), f"channel '{SECOND}', bin 0: nan is not finite"),
    "negative": (changed(**{FIRST: OBSERVED[FIRST] - 1e6}), f"channel '{FIRST}', bin 0: a count must not be below 0"),
    "strings": (changed(**{FIRST: ["a"] * N}), f"channel '{FIRST}': real numbers"),
    "scalar": (changed(**{FIRST: 3.0}), "shape"),
    "one for two": (histogram(OBSERVED[FIRST]), f"2 channels \\({FIRST}, {SECOND}\\), got 1"),
    "three for two": ([histogram(OBSERVED[FIRST])] * 3, "got 3 histograms"),
    "means": (
        changed(**{FIRST: bh.Histogram(bh.axis.Regular(N, 0, 1), storage=bh.storage.Mean())}),
        "one of means",
    ),
    "two axes": (
        changed(**{FIRST: bh.Histogram(bh.axis.Regular(N, 0, 1), bh.axis.Regular(2, 0, 1))}),
        "shape",
    ),
    "nothing": ({}, f"no counts of '{FIRST}', '{SECOND}'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_told(name):
    data, says = WRONG[name]
    for call in (SESSION.fit, SESSION.limit, MODEL.with_auxdata, lambda d: MODEL.nll(MODEL.init, d)):
        with pytest.raises(neyman.ArgumentError, match=says):
            call(data)


CUDA, CPU = (2, 0), (1, 0)


class OnCard:
    """An array on a device that NumPy cannot read, with the protocol of 2024."""

    def __init__(self, values):
        self._values = values

    def __dlpack_device__(self):
        return CUDA

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a host array is not allowed")

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if dl_device != CPU:
            raise BufferError("on a card")
        return self._values.copy().__dlpack__(max_version=max_version)


class Older(OnCard):
    """With the protocol before that."""

    def __dlpack__(self, *, stream=None):
        raise BufferError("on a card")


class Torch(Older):
    def cpu(self):
        return self._values


class Cupy(Older):
    def get(self):
        return self._values


@pytest.mark.parametrize("kind", [OnCard, Torch, Cupy])
def test_arrays_on_cards(kind):
    if kind is OnCard and tuple(map(int, np.__version__.split(".")[:2])) < (2, 1):
        pytest.skip("NumPy 2.1 has the protocol")
    assert SESSION.fit(kind(MODEL.data)).twice_nll == SESSION.fit().twice_nll
    by_name = {name: kind(counts) for name, counts in OBSERVED.items()}
    assert SESSION.fit(by_name).twice_nll == SESSION.fit().twice_nll


def test_a_card_that_gives_nothing():
    with pytest.raises(neyman.ArgumentError, match="data: this Older lies on another device .* copy it to the host"):
        SESSION.fit(Older(MODEL.data))


def test_torch():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(MODEL.data)
    assert SESSION.fit(tensor).twice_nll == SESSION.fit().twice_nll
    by_name = {name: torch.tensor(counts) for name, counts in OBSERVED.items()}
    assert SESSION.fit(by_name).twice_nll == SESSION.fit().twice_nll
    with pytest.raises(neyman.ArgumentError, match="detach"):
        SESSION.fit(tensor.requires_grad_())
