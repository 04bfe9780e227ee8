"""Values with their gradients, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._convert import Floats, array
from ..errors import ArgumentError
from . import _objectives as objectives
from ._arguments import Objective, check_parameters, histogram, point, source
from ._objectives import fits, pull_back
from .session import DifferentiableSession

__all__ = [
    "BestFit",
    "asimov_z0",
    "best_fit",
    "cls",
    "nll",
    "q0",
    "qmu",
    "qtilde",
    "uncertainty",
    "upper_limit",
    "z0",
]


def _of(
    signal: Any, session: DifferentiableSession, make: Callable[..., Objective], *arguments: Any
) -> tuple[Any, Floats]:
    yields = histogram(signal, session)
    values, slopes = make(session, *arguments)(np.atleast_2d(yields))
    return (values, slopes) if yields.ndim == 2 else (float(values[0]), slopes[0])


def nll(
    signal: Any,
    session: DifferentiableSession,
    params: Any = None,
    data: Any = None,
    *,
    with_params: bool = False,
) -> tuple[Any, ...]:
    """Negative log likelihood at fixed parameters, with all constants.

    Parameters
    ----------
    signal : array
        Counts, ``[n_bins]`` or ``[batch, n_bins]``.
    session : DifferentiableSession
    params : array, optional
        ``[n_params]`` or ``[batch, n_params]``; the initial ones where not given.
    data : array or Asimov, optional
        Counts and auxiliary data; the observed ones where not given.
    with_params : bool
        The gradient in the parameters, too.

    Returns
    -------
    value : float, or ndarray ``[batch]``
    gradient : ndarray
        In the signal, of its shape: d NLL / d signal_i = (1 - n_i / nu_i) factor_i, with the factor that the
        parameters give to this bin of the sample (the Poisson term of HistFactory, CERN-OPEN-2012-016).
    gradient_params : ndarray
        If asked for, ``[n_params]`` or ``[batch, n_params]``.

    Raises
    ------
    ArgumentError
        Where a shape does not fit or a number is not finite.

    Examples
    --------
    >>> session = neyman.differentiable.create_session(workspace)
    >>> value, gradient = neyman.differentiable.nll([5.0, 10.0], session)
    >>> round(value, 4), gradient.round(4)
    (11.7921, array([ 0.0545, -0.0143]))
    """
    yields = histogram(signal, session)
    parameters = point(params, session)
    check_parameters(parameters.shape, yields.shape, session)
    values, slopes, of_params = session._core.nll(np.atleast_2d(yields), parameters.ravel(), source(data))
    found: tuple[Any, ...] = (values, slopes, of_params)
    if yields.ndim == 1:
        found = (float(values[0]), slopes[0], of_params[0])
    return found if with_params else found[:2]


def q0(signal: Any, session: DifferentiableSession, data: Any = None) -> tuple[Any, Floats]:
    """Test statistic of discovery, profiled (arXiv:1007.1727, equation 12).

    Parameters
    ----------
    signal : array
        Counts, ``[n_bins]`` or ``[batch, n_bins]``.
    session : DifferentiableSession
    data : array or Asimov, optional
        Counts and auxiliary data; the observed ones where not given.

    Returns
    -------
    value : float, or ndarray ``[batch]``
    gradient : ndarray
        Of the signal's shape. By the envelope theorem: exact, no step of the fits is unrolled.

    Raises
    ------
    ArgumentError
        Where a shape does not fit or a number is not finite.
    ConvergenceError
        Where a fit does not converge, or there is no derivative.
    UnsupportedError
        Where the model has no parameter of interest.
    """
    return _of(signal, session, objectives.statistic, "q0", 0.0, data)


def qmu(signal: Any, session: DifferentiableSession, mu: float, data: Any = None) -> tuple[Any, Floats]:
    """Test statistic of upper limits, best fits of any sign (arXiv:1007.1727, equation 14); otherwise as `q0`."""
    return _of(signal, session, objectives.statistic, "qmu", mu, data)


def qtilde(signal: Any, session: DifferentiableSession, mu: float, data: Any = None) -> tuple[Any, Floats]:
    """Test statistic of upper limits, best fits at or above 0 (arXiv:1007.1727, equation 16); otherwise as `q0`."""
    return _of(signal, session, objectives.statistic, "qtilde", mu, data)


def z0(signal: Any, session: DifferentiableSession, data: Any = None) -> tuple[Any, Floats]:
    """Significance of an excess, sqrt(q0) (arXiv:1007.1727, equation 53); otherwise as `q0`.

    The gradient is 0 where there is no excess.
    """
    return _of(signal, session, objectives.significance, data)


def asimov_z0(signal: Any, session: DifferentiableSession, mu: float = 1.0) -> tuple[Any, Floats]:
    """Median significance that a signal of strength `mu` would have: `z0` of data expected there
    (arXiv:1007.1727, section 4.3).

    Examples
    --------
    >>> session = neyman.differentiable.create_session(workspace)
    >>> z, _ = neyman.differentiable.asimov_z0([[5.0, 10.0], [10.0, 20.0]], session)
    >>> z.round(4)
    array([0.8761, 1.6972])
    """
    return _of(signal, session, objectives.expected_significance, mu)


def cls(
    signal: Any,
    session: DifferentiableSession,
    mu: float = 1.0,
    quantile: float | None = None,
    data: Any = None,
    test_statistic: str = "qtilde",
) -> tuple[Any, Floats]:
    """CLs of a hypothesis by asymptotic formulas (arXiv:1007.1727); otherwise as `q0`.

    Parameters
    ----------
    mu : float
        The hypothesis.
    quantile : float, optional
        Expected under the alternative hypothesis, at so many standard deviations: 0 is the median. Observed
        where not given.
    test_statistic : str
        ``qtilde`` or ``qmu``; ``q0`` for mu = 0.
    """
    return _of(signal, session, objectives.cls_at, mu, quantile, data, test_statistic)


def upper_limit(
    signal: Any,
    session: DifferentiableSession,
    quantile: float | None = None,
    confidence_level: float = 0.95,
    data: Any = None,
    test_statistic: str = "qtilde",
) -> tuple[Any, Floats]:
    """Upper limit on the parameter of interest: where CLs is 1 - confidence level; otherwise as `cls`.

    By the implicit function theorem, d limit / d signal = -(d CLs / d signal) / (d CLs / d mu).
    """
    return _of(signal, session, objectives.limit, quantile, confidence_level, data, test_statistic)


class BestFit(NamedTuple):
    """Best-fit values, and the way back from them.

    Attributes
    ----------
    values : ndarray
        ``[n_params]`` or ``[batch, n_params]``.
    vjp : callable
        Cotangents of the shape of `values` to d (cotangents . values) / d signal, of the signal's shape, by the
        implicit function theorem.
    """

    values: Floats
    vjp: Any


def best_fit(signal: Any, session: DifferentiableSession, data: Any = None) -> BestFit:
    """The maximum likelihood estimates, and their vector-Jacobian product; otherwise as `q0`.

    Examples
    --------
    >>> session = neyman.differentiable.create_session(workspace)
    >>> fit = neyman.differentiable.best_fit([5.0, 10.0], session)
    >>> fit.values.round(3), fit.vjp([1.0, 0.0, 0.0]).round(4)
    (array([0.812, 0.987, 1.033]), array([-0.1015, -0.0304]))
    """
    yields = histogram(signal, session)
    values, found = fits(session, np.atleast_2d(yields), data)
    shape = (*yields.shape[:-1], session.n_params())

    def vjp(cotangents: Any) -> Floats:
        given = array(cotangents, "cotangents")
        if given.shape != shape:
            raise ArgumentError(f"cotangents: shape {shape} is needed, not {given.shape}")
        return pull_back(found, np.atleast_2d(given), session.signal_n_bins()).reshape(yields.shape)

    return BestFit(values.reshape(shape), vjp)


def uncertainty(
    signal: Any, session: DifferentiableSession, parameter: str | None = None, data: Any = None
) -> tuple[Any, Floats]:
    """Uncertainty of a parameter, of the parameter of interest where none is named: by the inverse observed Hessian
    at the best fit; otherwise as `q0`.

    Raises
    ------
    ConvergenceError
        Also where the parameter has none: held constant, at a bound, or at rest on a kink.
    """
    return _of(signal, session, objectives.width, parameter, data)
