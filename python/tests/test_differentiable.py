"""Statements as functions of yields, in NumPy: against complete refits, pyhf, and bad input."""

import ctypes
import multiprocessing
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import derivatives
import numpy as np
import pytest
from derivatives import OBJECTIVES, SHAPES, WORKSPACE, central, options_of, signals

import neyman
from neyman import differentiable
from neyman.differentiable import Asimov


@pytest.fixture(scope="module")
def session():
    return derivatives.session()


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("samples", ["signal", ["background", "signal"], SHAPES], ids=["signal", "both", "shapes"])
def test_gradients_are_those_of_refits(name, samples):
    function, options = OBJECTIVES[name]
    session = derivatives.session(samples)
    options = options_of(function, options)

    def at(signal):
        return getattr(differentiable, function)(signal, session, **options)

    (signal,) = signals(session, 1)
    value, slopes = at(signal)
    assert value > 0.01 and np.abs(slopes).max() > 1e-4
    np.testing.assert_allclose(slopes, central(lambda s: at(s)[0], signal), rtol=2e-5, atol=1e-7)
    batch = signals(session)
    values, gradients = at(batch)
    assert values.shape == (3,) and gradients.shape == batch.shape
    for row, value, slopes in zip(batch, values, gradients, strict=True):
        alone = at(row)
        np.testing.assert_allclose([alone[0], *alone[1]], [value, *slopes], rtol=1e-7, atol=1e-9)


def refitted(signal):
    """A session of the workspace with this signal, as anybody would write it."""
    document = pickle.loads(pickle.dumps(WORKSPACE))
    first = 0
    for _, channel, span in derivatives.session().layout:
        (sample,) = (
            s for c in document["channels"] if c["name"] == channel for s in c["samples"] if s["name"] == "signal"
        )
        sample["data"] = list(signal[span])
        first += span.stop - span.start
    assert first == len(signal)
    return neyman.Session(document, "cpu")


def test_values_are_those_of_a_session(session):
    (signal,), data = signals(session, 1), derivatives.data()
    own = refitted(signal)
    assert differentiable.upper_limit(signal, session, data=data)[0] == pytest.approx(own.limit(data).observed, 1e-5)
    found = own.discovery(data)
    assert differentiable.z0(signal, session, data=data)[0] == pytest.approx(found.z_observed, 1e-5)
    fit, mine = own.fit(data), differentiable.best_fit(signal, session, data=data)
    np.testing.assert_allclose(mine.values, fit.values, rtol=1e-4, atol=1e-4)
    k = own.model.index("mu")
    width = differentiable.uncertainty(signal, session, data=data)[0]
    assert width == pytest.approx(fit.uncertainties[k], 1e-4)
    test = own.hypotest(1.3, data)
    assert differentiable.cls(signal, session, 1.3, data=data)[0] == pytest.approx(test.cls_observed, 1e-5)


def test_best_fit_goes_back(session):
    (signal,), data = signals(session, 1), derivatives.data()
    fit = differentiable.best_fit(signal, session, data=data)
    cotangents = np.random.default_rng(3).normal(size=session.n_params())
    slopes = central(lambda s: cotangents @ differentiable.best_fit(s, session, data=data).values, signal)
    np.testing.assert_allclose(fit.vjp(cotangents), slopes, rtol=1e-4, atol=1e-6)
    many = differentiable.best_fit([signal, signal], session, data=data)
    np.testing.assert_allclose(many.vjp([cotangents, 2 * cotangents])[1], 2 * fit.vjp(cotangents), rtol=1e-9)
    with pytest.raises(neyman.ArgumentError, match="cotangents"):
        fit.vjp(cotangents[:-1])


def test_nll_is_pyhfs(session):
    """The gradient against automatic differentiation of pyhf's own likelihood, where jax runs."""
    jax = pytest.importorskip("jax")
    pyhf = pytest.importorskip("pyhf")
    (signal,) = signals(session, 1)
    pars = session.parameter_init() + 0.1
    nll, slopes = differentiable.nll(signal, session, pars)
    value, gradient = pyhf_gradient(jax, pyhf, session, signal, pars)
    assert nll == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(slopes, gradient, rtol=1e-8)


def pyhf_gradient(jax, pyhf, session, signal, pars):
    """pyhf's model is a function of its parameters alone: the signal is its nominal rates, put in by hand."""
    pyhf.set_backend("jax")
    tensorlib = pyhf.tensorlib
    model = pyhf.Workspace(WORKSPACE).model()
    data = tensorlib.astensor(pyhf.Workspace(WORKSPACE).data(model))
    main = model.main_model
    row = model.config.samples.index("signal")
    nominal = tensorlib.astensor(main.nominal_rates)
    bins = {}
    at = 0
    for channel in model.config.channels:
        bins[channel] = slice(at, at + model.config.channel_nbins[channel])
        at = bins[channel].stop

    def nll(yields):
        rates = nominal
        for _, channel, span in session.layout:
            rates = rates.at[0, row, 0, bins[channel]].set(yields[span])
        main.nominal_rates = rates
        return -model.logpdf(tensorlib.astensor(pars), data)[0]

    value, gradient = jax.value_and_grad(nll)(tensorlib.astensor(signal))
    return float(value), np.asarray(gradient)


def test_nll_in_parameters(session):
    (signal,), pars = signals(session, 1), session.parameter_init() + 0.05
    for data in (None, derivatives.data(), Asimov(1.5)):
        value, slopes, of_pars = differentiable.nll(signal, session, pars, data, with_params=True)
        np.testing.assert_allclose(
            slopes, central(lambda s, d=data: differentiable.nll(s, session, pars, d)[0], signal), rtol=1e-7, atol=1e-8
        )
        # the data that are expected stay where they are when the parameters move
        moved = central(lambda p, d=data: differentiable.nll(signal, session, p, d)[0], pars)
        np.testing.assert_allclose(of_pars, moved, rtol=1e-6, atol=1e-6)
    rows = np.array([pars, session.parameter_init()])
    values, _, of_rows = differentiable.nll(signals(session, 2), session, rows, with_params=True)
    assert values.shape == (2,) and of_rows.shape == rows.shape


def test_addresses(session):
    (signal,) = signals(session, 1)
    gradient = np.empty_like(signal)
    value = session.nll_grad_signal(session.parameter_init(), signal.ctypes.data, gradient.ctypes.data)
    expected = differentiable.nll(signal, session)
    assert value == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])
    memory = (ctypes.c_double * len(signal))(*signal)
    again = session.nll_grad_signal(session.parameter_init(), ctypes.addressof(memory), gradient.ctypes.data)
    assert again == value
    for bad in (0, None, 1.5):
        with pytest.raises(neyman.ArgumentError, match="grad_signal_ptr"):
            session.nll_grad_signal(session.parameter_init(), signal.ctypes.data, bad)
    with pytest.raises(neyman.ArgumentError, match="parameters"):
        session.nll_grad_signal([1.0], signal.ctypes.data, gradient.ctypes.data)


def test_what_a_session_says():
    session = derivatives.session(["background", "signal"])
    n = session.signal_n_bins()
    channels = len(WORKSPACE["channels"])
    assert [sample for sample, _, _ in session.layout] == ["background"] * channels + ["signal"] * channels
    assert session.layout[-1][2].stop == n == len(session.nominal)
    for sample, channel, span in session.layout:
        (counts,) = (
            s["data"]
            for c in WORKSPACE["channels"]
            if c["name"] == channel
            for s in c["samples"]
            if s["name"] == sample
        )
        np.testing.assert_array_equal(session.nominal[span], counts)
    assert session.n_params() == len(session.model.parameters)
    np.testing.assert_array_equal(session.parameter_init(), session.model.init)
    assert "background, signal" in repr(session)
    shapes = derivatives.session(SHAPES)
    assert [shapes.layout[i][0] for i in (0, channels, 2 * channels)] == SHAPES
    assert shapes.on_cuda(0) is None and "background/tilt/hi" in repr(shapes)
    assert pickle.loads(pickle.dumps(shapes)).layout == shapes.layout
    first = next(c for c in WORKSPACE["channels"] if c["name"] == shapes.layout[0][1])
    (tilt,) = (m for s in first["samples"] for m in s["modifiers"] if m["name"] == "tilt")
    np.testing.assert_array_equal(shapes.nominal[shapes.layout[0][2]], tilt["data"]["hi_data"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"samples": "sgnal"}, 'did you mean "signal"'),
        ({"samples": []}, "one sample at least"),
        ({"samples": ["signal", "signal"]}, "named twice"),
        ({"samples": [3]}, "names of samples"),
        ({"samples": [("background", "tilt", 1)]}, "names of samples"),
        ({"samples": [("background", "tilt", "up")]}, "lo and hi"),
        ({"samples": [("background", "tilts", "hi")]}, 'did you mean "tilt"'),
        ({"samples": [("signal", "tilt", "hi")]}, "no histosys"),
        ({"device": "metal"}, "auto, cpu, cuda"),
        ({"poi": "mv"}, "did you mean 'mu'"),
    ],
)
def test_bad_sessions(arguments, words):
    with pytest.raises(neyman.ArgumentError, match=words):
        derivatives.session(**arguments)


def test_a_cuda_session_where_there_is_none():
    if neyman.has_cuda():
        pytest.skip("there is one")
    with pytest.raises(neyman.DeviceError):
        derivatives.session(device="cuda")
    assert derivatives.session().on_cuda(0) is None


@pytest.mark.parametrize("name", ["nll", "q0", "asimov_z0", "cls", "upper_limit", "best_fit", "uncertainty"])
def test_bad_histograms(session, name):
    function = getattr(differentiable, name)
    n = session.signal_n_bins()
    for bad in (np.ones(n + 1), np.ones((1, 1, n)), 3.0, np.ones((2, n - 1))):
        with pytest.raises(neyman.ArgumentError, match=f"n_bins = {n}, not"):
            function(bad, session)
    for bad in (np.nan, np.inf):
        signal = session.nominal.copy()
        signal[1] = bad
        with pytest.raises(neyman.ArgumentError, match="value 1 is not finite"):
            function(signal, session)
    with pytest.raises(neyman.ArgumentError, match="numbers"):
        function(["a"] * n, session)
    with pytest.raises(neyman.ArgumentError, match="create_session"):
        function(session.nominal, neyman.Session(WORKSPACE, "cpu"))


def test_bad_arguments(session):
    signal = session.nominal
    with pytest.raises(neyman.ArgumentError, match="the model needs"):
        differentiable.q0(signal, session, data=[1.0])
    with pytest.raises(neyman.ArgumentError, match="mu"):
        differentiable.qmu(signal, session, np.nan)
    with pytest.raises(neyman.ArgumentError, match="mu"):
        Asimov(np.inf)
    with pytest.raises(neyman.ArgumentError, match="between 0 and 1"):
        differentiable.upper_limit(signal, session, confidence_level=95)
    with pytest.raises(neyman.ArgumentError, match="quantile"):
        differentiable.upper_limit(signal, session, quantile=np.nan)
    with pytest.raises(neyman.ArgumentError, match="one-sided"):
        differentiable.cls(signal, session, test_statistic="tmu")
    with pytest.raises(neyman.ArgumentError, match="did you mean 'jes'"):
        differentiable.uncertainty(signal, session, "jse")
    with pytest.raises(neyman.ArgumentError, match="rows do not fit"):
        differentiable.nll(signal, session, [session.parameter_init()] * 2)
    with pytest.raises(neyman.ArgumentError, match="n_params"):
        differentiable.nll(signal, session, [1.0])
    poiless = differentiable.create_session(neyman.from_pyhf(WORKSPACE, poi=""))
    for call in (differentiable.q0, differentiable.upper_limit):
        with pytest.raises(neyman.UnsupportedError, match="parameter of interest"):
            call(signal, poiless)
    with pytest.raises(neyman.ArgumentError, match="parameter of interest"):
        differentiable.uncertainty(signal, poiless)
    held = neyman.from_pyhf(WORKSPACE).with_parameters(fixed={"jes": True})
    with pytest.raises(neyman.ConvergenceError, match="jes has no uncertainty"):
        differentiable.uncertainty(signal, differentiable.create_session(held), "jes")


def test_no_signal(session):
    nothing = np.zeros(session.signal_n_bins())
    value, slopes = differentiable.nll(nothing, session)
    assert np.isfinite(value)
    np.testing.assert_allclose(slopes, central(lambda s: differentiable.nll(s, session)[0], nothing), rtol=1e-6)
    for call in (differentiable.q0, differentiable.z0, differentiable.asimov_z0):
        value, slopes = call(nothing, session)
        assert value == pytest.approx(0, abs=1e-5) and not slopes.any()
    assert differentiable.cls(nothing, session)[0] == pytest.approx(1, abs=1e-4)
    with pytest.raises(neyman.ConvergenceError, match="no upper limit"):
        differentiable.upper_limit(nothing, session)
    # a single bin without signal is nothing special
    signal = session.nominal.copy()
    signal[0] = 0.0
    _, slopes = differentiable.asimov_z0(signal, session)
    expected = central(lambda s: differentiable.asimov_z0(s, session)[0], signal)
    np.testing.assert_allclose(slopes, expected, rtol=1e-4, atol=1e-7)


def test_no_excess(session):
    counts = session.model.expected_data(session.parameter_init(), include_auxdata=False)
    deficit = session.model.with_auxdata(np.floor(0.3 * counts))
    value, slopes = differentiable.z0(session.nominal, session, data=deficit)
    assert value == 0 and not slopes.any()


def test_no_histograms(session):
    nothing = np.empty((0, session.signal_n_bins()))
    for call in (differentiable.nll, differentiable.z0, differentiable.upper_limit, differentiable.uncertainty):
        values, slopes = call(nothing, session)
        assert values.shape == (0,) and slopes.shape == nothing.shape
    assert differentiable.best_fit(nothing, session).values.shape == (0, session.n_params())


def test_pickles(session):
    again = pickle.loads(pickle.dumps(derivatives.session("background", device="cpu", poi="jes")))
    assert (again.samples, again.poi) == (("background",), "jes")
    again = pickle.loads(pickle.dumps(session))
    here, there = (differentiable.asimov_z0(session.nominal, of) for of in (session, again))
    assert here[0] == there[0]
    np.testing.assert_array_equal(here[1], there[1])
    assert pickle.loads(pickle.dumps(Asimov(2.0))) == Asimov(2.0)


def test_threads(session):
    batch = signals(session, 24)
    alone = [differentiable.asimov_z0(row, session)[1] for row in batch]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda row: differentiable.asimov_z0(row, session)[1], batch))
    np.testing.assert_array_equal(alone, together)


def _forked(session, batch, queue):
    queue.put((differentiable.asimov_z0(batch, session), differentiable.upper_limit(batch, session, data=Asimov(0.0))))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_forked_processes(session):
    batch = signals(session, 4)
    here = differentiable.asimov_z0(batch, session), differentiable.upper_limit(batch, session, data=Asimov(0.0))
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=_forked, args=(session, batch, queue))
    process.start()
    there = queue.get()
    process.join(30)
    assert process.exitcode == 0
    for mine, other in zip(here, there, strict=True):
        np.testing.assert_allclose(mine[0], other[0], rtol=1e-9)
        np.testing.assert_allclose(mine[1], other[1], rtol=1e-7)
