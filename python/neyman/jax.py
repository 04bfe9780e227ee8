"""The likelihood and the statements made of it as functions of JAX arrays of yields, with exact gradients.

>>> import jax
>>> session = neyman.jax.create_session(workspace)
>>> value, gradient = jax.value_and_grad(neyman.jax.asimov_z0)(jax.numpy.array([5.0, 10.0]), session)
>>> round(float(value), 4), [round(float(slope), 4) for slope in gradient]
(0.8761, [0.0714, 0.049])

Histograms are ``[n_bins]``, or have any leading dimensions; results have their type and those dimensions. They may be
traced: functions work under `jax.jit`, `jax.grad` and `jax.vmap`, and compute on the host in float64. They can be
differentiated once, in reverse. The session, data and hypotheses are constants: close over them, as in
``jax.jit(lambda signal: neyman.jax.z0(signal, session))``. Errors come as JAX passes on those of callbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    import jax
except ImportError as error:
    raise ImportError("neyman.jax needs JAX: pip install 'neyman[jax]'") from error
import jax.numpy as jnp

from ._convert import Floats
from .differentiable import Asimov, DifferentiableSession, create_session
from .differentiable import _objectives as objectives
from .differentiable._arguments import Objective, check_histogram, check_shape, source
from .errors import ArgumentError

__all__ = [
    "Asimov",
    "DifferentiableSession",
    "asimov_z0",
    "best_fit",
    "cls",
    "create_session",
    "nll",
    "q0",
    "qmu",
    "qtilde",
    "uncertainty",
    "upper_limit",
    "z0",
]


def _histogram(signal: Any, session: DifferentiableSession) -> jax.Array:
    found = jnp.asarray(signal)
    check_histogram(found.shape[-2:] if found.ndim > 2 else found.shape, session)
    if found.dtype not in (jnp.float32, jnp.float64):
        raise ArgumentError(f"signal: float64 or float32 is needed, not {found.dtype}")
    return found


def _ask(host: Callable[..., tuple[Floats, ...]], shapes: list[tuple[int, ...]], *arrays: jax.Array) -> Any:
    """Results of the host for these, of the first one's type; with vmap, for all at once."""
    dtype = arrays[0].dtype

    def call(*given: Any) -> tuple[Any, ...]:
        wide = [np.asarray(a, dtype=np.float64) for a in given]
        return tuple(np.asarray(found, dtype=dtype) for found in host(*wide))

    described = tuple(jax.ShapeDtypeStruct(shape, dtype) for shape in shapes)  # type: ignore[no-untyped-call]
    return jax.pure_callback(call, described, *arrays, vmap_method="broadcast_all")


def _of(signal: Any, session: DifferentiableSession, make: Callable[..., Objective], *arguments: Any) -> jax.Array:
    yields = _histogram(signal, session)
    objective = make(session, *arguments)

    def host(given: Floats) -> tuple[Floats, ...]:
        values, slopes = objective(np.ascontiguousarray(given).reshape(-1, given.shape[-1]))
        return values.reshape(given.shape[:-1]), slopes.reshape(given.shape)

    def forward(x: jax.Array) -> Any:
        return _ask(host, [x.shape[:-1], x.shape], x)

    function = jax.custom_vjp(lambda x: forward(x)[0])
    function.defvjp(forward, lambda slopes, cotangent: (cotangent[..., None] * slopes,))
    return function(yields)  # type: ignore[no-any-return]


def nll(signal: Any, session: DifferentiableSession, params: Any = None, data: Any = None) -> jax.Array:
    """Negative log likelihood at fixed parameters, with all constants: `neyman.differentiable.nll`.

    Differentiated in `signal` and in `params`, ``[n_params]`` or with the leading dimensions of `signal`.
    """
    yields = _histogram(signal, session)
    points = jnp.asarray(session.parameter_init() if params is None else params, dtype=yields.dtype)
    if points.shape[:-1] not in ((), yields.shape[:-1]):
        raise ArgumentError(f"params: shape {points.shape} does not fit a signal of shape {yields.shape}")
    check_shape(points.shape[-1:], session.n_params(), "params", "n_params")
    points = jnp.broadcast_to(points, (*yields.shape[:-1], session.n_params()))
    of = source(data)

    def host(given: Floats, at: Floats) -> tuple[Floats, ...]:
        rows = np.ascontiguousarray(given).reshape(-1, given.shape[-1])
        values, slopes, of_params = session._core.nll(rows, at.ravel(), of)
        return values.reshape(given.shape[:-1]), slopes.reshape(given.shape), of_params.reshape(at.shape)

    def forward(x: jax.Array, at: jax.Array) -> Any:
        value, slopes, of_params = _ask(host, [x.shape[:-1], x.shape, at.shape], x, at)
        return value, (slopes, of_params)

    function = jax.custom_vjp(lambda x, at: forward(x, at)[0])
    function.defvjp(forward, lambda kept, cotangent: tuple(cotangent[..., None] * slopes for slopes in kept))
    return function(yields, points)  # type: ignore[no-any-return]


def q0(signal: Any, session: DifferentiableSession, data: Any = None) -> jax.Array:
    """Test statistic of discovery: `neyman.differentiable.q0`."""
    return _of(signal, session, objectives.statistic, "q0", 0.0, data)


def qmu(signal: Any, session: DifferentiableSession, mu: float, data: Any = None) -> jax.Array:
    """Test statistic of upper limits, best fits of any sign: `neyman.differentiable.qmu`."""
    return _of(signal, session, objectives.statistic, "qmu", mu, data)


def qtilde(signal: Any, session: DifferentiableSession, mu: float, data: Any = None) -> jax.Array:
    """Test statistic of upper limits, best fits at or above 0: `neyman.differentiable.qtilde`."""
    return _of(signal, session, objectives.statistic, "qtilde", mu, data)


def z0(signal: Any, session: DifferentiableSession, data: Any = None) -> jax.Array:
    """Significance of an excess: `neyman.differentiable.z0`."""
    return _of(signal, session, objectives.significance, data)


def asimov_z0(signal: Any, session: DifferentiableSession, mu: float = 1.0) -> jax.Array:
    """Median significance that a signal would have: `neyman.differentiable.asimov_z0`."""
    return _of(signal, session, objectives.expected_significance, mu)


def cls(
    signal: Any,
    session: DifferentiableSession,
    mu: float = 1.0,
    quantile: float | None = None,
    data: Any = None,
    test_statistic: str = "qtilde",
) -> jax.Array:
    """CLs of a hypothesis: `neyman.differentiable.cls`."""
    return _of(signal, session, objectives.cls_at, mu, quantile, data, test_statistic)


def upper_limit(
    signal: Any,
    session: DifferentiableSession,
    quantile: float | None = None,
    confidence_level: float = 0.95,
    data: Any = None,
    test_statistic: str = "qtilde",
) -> jax.Array:
    """Upper limit on the parameter of interest: `neyman.differentiable.upper_limit`."""
    return _of(signal, session, objectives.limit, quantile, confidence_level, data, test_statistic)


def uncertainty(
    signal: Any, session: DifferentiableSession, parameter: str | None = None, data: Any = None
) -> jax.Array:
    """Uncertainty of a parameter: `neyman.differentiable.uncertainty`."""
    return _of(signal, session, objectives.width, parameter, data)


def best_fit(signal: Any, session: DifferentiableSession, data: Any = None) -> jax.Array:
    """The maximum likelihood estimates, ``[..., n_params]``: `neyman.differentiable.best_fit`.

    The backward pass fits again.
    """
    yields = _histogram(signal, session)
    n = session.n_params()

    def rows(given: Floats) -> Floats:
        return np.ascontiguousarray(given).reshape(-1, given.shape[-1])

    def values(given: Floats) -> tuple[Floats, ...]:
        found, _ = objectives.fits(session, rows(given), data)
        return (found.reshape((*given.shape[:-1], n)),)

    def slopes(given: Floats, cotangents: Floats) -> tuple[Floats, ...]:
        _, found = objectives.fits(session, rows(given), data)
        return (objectives.pull_back(found, rows(cotangents), given.shape[-1]).reshape(given.shape),)

    def fit(x: jax.Array) -> Any:
        return _ask(values, [(*x.shape[:-1], n)], x)[0]

    function = jax.custom_vjp(fit)
    function.defvjp(lambda x: (fit(x), x), lambda x, cotangents: _ask(slopes, [x.shape], x, cotangents))
    return function(yields)  # type: ignore[no-any-return]
