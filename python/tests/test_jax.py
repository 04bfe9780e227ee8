"""Objectives as JAX functions: gradients, jit, vmap, types, bad input."""

import derivatives
import numpy as np
import pytest
from derivatives import OBJECTIVES, options_of, signals

import neyman
from neyman import differentiable
from neyman.differentiable import Asimov

jax = pytest.importorskip("jax")


@pytest.fixture(scope="module")
def session():
    return derivatives.session()


@pytest.fixture(params=[False, True], ids=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param):
        yield np.float64 if request.param else np.float32


def close(found, expected, dtype):
    found = np.asarray(found)
    assert found.dtype == dtype
    loose = dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-4 if loose else 1e-6, atol=1e-5 if loose else 1e-8)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients(name, dtype, session):
    function, options = OBJECTIVES[name]
    options = options_of(function, options)

    def call(signal):
        return getattr(neyman.jax, function)(signal, session, **options)

    rows = signals(session, 3).astype(dtype)
    values, slopes = getattr(differentiable, function)(rows.astype(float), session, **options)
    close(call(rows[0]), values[0], dtype)
    close(jax.grad(call)(rows[0]), slopes[0], dtype)
    close(jax.jit(call)(rows), values, dtype)
    value, gradient = jax.jit(jax.vmap(jax.value_and_grad(call)))(rows)
    close(value, values, dtype)
    close(gradient, slopes, dtype)
    close(jax.vmap(jax.vmap(call))(rows[None]), values[None], dtype)
    # the chain rule, before and after
    close(jax.grad(lambda x: (2 * call(3 * x)).sum())(rows / 3), 6 * slopes, dtype)


def test_nll(dtype, session):
    rows = signals(session, 3).astype(dtype)
    points = np.tile(session.parameter_init() + 0.1, (3, 1)).astype(dtype)
    for data in (None, derivatives.data(), Asimov(1.3)):

        def call(signal, params, data=data):
            return neyman.jax.nll(signal, session, params, data)

        wide = rows.astype(float), session, points.astype(float), data
        values, slopes, of_params = differentiable.nll(*wide, with_params=True)
        close(jax.jit(call)(rows, points), values, dtype)
        found = jax.vmap(jax.grad(call, (0, 1)))(rows, points)
        close(found[0], slopes, dtype)
        close(found[1], of_params, dtype)
        # one row of parameters for all, and one histogram for all rows
        found = jax.grad(lambda p, call=call: call(rows, p).sum())(points[0])
        np.testing.assert_allclose(found, of_params.sum(axis=0), rtol=1e-3)
        close(jax.vmap(call, (None, 0))(rows[0], points), np.repeat(values[0], 3), dtype)
    close(neyman.jax.nll(rows[0], session), differentiable.nll(rows[0].astype(float), session)[0], dtype)


def test_best_fit(dtype, session):
    rows, data = signals(session, 2).astype(dtype), derivatives.data()
    cotangents = np.random.default_rng(2).normal(size=(2, session.n_params())).astype(dtype)
    expected = differentiable.best_fit(rows.astype(float), session, data)
    values, back = jax.vjp(jax.vmap(lambda s: neyman.jax.best_fit(s, session, data)), rows)
    close(values, expected.values, dtype)
    close(back(cotangents)[0], expected.vjp(cotangents), dtype)
    close(jax.jit(lambda s: neyman.jax.best_fit(s, session, data))(rows), expected.values, dtype)


def test_training_under_jit(session):
    """Gradient descent on the yields' scale, compiled as a whole."""
    nominal = session.nominal.astype(np.float32)

    @jax.jit
    def step(scale):
        loss, slope = jax.value_and_grad(
            lambda t: neyman.jax.upper_limit(t * nominal, session, quantile=0.0, data=Asimov(0.0))
        )(scale)
        return scale - 0.1 * slope, loss

    scale, path = np.float32(1.0), []
    for _ in range(3):
        scale, loss = step(scale)
        path.append(float(loss))
    assert path[0] > path[1] > path[2]


def test_bad_input(session):
    n = session.signal_n_bins()
    for bad in (np.ones(n + 1, np.float32), np.float32(1.0), np.ones((2, 2, n - 1), np.float32)):
        with pytest.raises(neyman.ArgumentError, match=f"n_bins = {n}, not"):
            neyman.jax.q0(bad, session)
    with pytest.raises(neyman.ArgumentError, match="int32"):
        neyman.jax.q0(np.ones(n, np.int32), session)
    with pytest.raises(neyman.ArgumentError, match="params"):
        neyman.jax.nll(np.ones(n, np.float32), session, np.ones(2))
    with pytest.raises(neyman.ArgumentError, match="params"):
        neyman.jax.nll(np.ones(n, np.float32), session, np.ones((2, session.n_params())))
    with pytest.raises(neyman.ArgumentError, match="create_session"):
        neyman.jax.q0(np.ones(n, np.float32), session.model)
    signal = session.nominal.astype(np.float32)
    signal[1] = np.nan
    # what a callback raises comes as JAX wraps it, with the message
    with pytest.raises(Exception, match="the model needs"):
        neyman.jax.best_fit(np.ones(n, np.float32), session, data=[1.0])
    with pytest.raises(Exception, match="value 1 is not finite"):
        np.asarray(jax.jit(lambda s: neyman.jax.q0(s, session))(signal))
    # constants cannot be traced
    with pytest.raises((neyman.ArgumentError, jax.errors.JAXTypeError)):
        jax.grad(lambda mu: neyman.jax.qmu(session.nominal.astype(np.float32), session, mu))(1.0)
