"""Profiled statements as losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..differentiable import _objectives as objectives
from ..differentiable._arguments import Objective
from ..differentiable.session import DifferentiableSession
from ..errors import UnsupportedError
from ._bridge import check, constant, from_array, to_array

__all__ = [
    "asimov_z0_loss",
    "best_fit",
    "cls_loss",
    "q0_loss",
    "qmu_loss",
    "qtilde_loss",
    "uncertainty",
    "upper_limit_loss",
    "z0_loss",
]


class _Once(torch.autograd.Function):
    """A gradient as it is: whoever differentiates it is told that this cannot be done, not given a zero."""

    @staticmethod
    def forward(ctx: Any, slopes: torch.Tensor, *of: torch.Tensor) -> torch.Tensor:
        # an output that is an input would be taken for a view
        return slopes.clone()

    @staticmethod
    def backward(ctx: Any, *_: torch.Tensor) -> tuple[torch.Tensor, ...]:
        raise UnsupportedError("second derivatives of a profiled statement: nll_loss alone has them")


class _Value(torch.autograd.Function):
    """Any objective whose gradient comes with its value."""

    @staticmethod
    def forward(ctx: Any, signal: torch.Tensor, objective: Objective) -> torch.Tensor:
        values, slopes = objective(np.atleast_2d(to_array(signal)))
        ctx.save_for_backward(signal, from_array(slopes.reshape(signal.shape), signal))
        return from_array(values.reshape(tuple(signal.shape[:-1])), signal)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        signal, slopes = ctx.saved_tensors
        if torch.is_grad_enabled():
            slopes = _Once.apply(slopes, signal)
        return gradients[0].unsqueeze(-1) * slopes, None


class _BestFit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, signal: torch.Tensor, session: DifferentiableSession, data: Any) -> torch.Tensor:
        values, ctx.fits = objectives.fits(session, np.atleast_2d(to_array(signal)), data)
        ctx.save_for_backward(signal)
        return from_array(values.reshape((*signal.shape[:-1], session.n_params())), signal)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (signal,) = ctx.saved_tensors
        rows = np.atleast_2d(to_array(cotangents[0]))
        slopes = objectives.pull_back(ctx.fits, rows, signal.shape[-1]).reshape(signal.shape)
        return _Once.apply(from_array(slopes, signal), signal, cotangents[0]), None, None


def _apply(
    signal: torch.Tensor, session: DifferentiableSession, make: Callable[..., Objective], *arguments: Any
) -> torch.Tensor:
    check(signal, session)
    objective = make(session, *map(constant, arguments))
    return _Value.apply(signal, objective)  # type: ignore[no-any-return]


def q0_loss(
    signal_histogram: torch.Tensor, session: DifferentiableSession, data: Any = None
) -> torch.Tensor:
    """Test statistic of discovery, profiled (arXiv:1007.1727, equation 12). Not negated: large is good.

    Parameters
    ----------
    signal_histogram : Tensor
        Counts, ``[n_bins]`` or ``[batch, n_bins]``, float64 or float32.
    session : DifferentiableSession
    data : array or Asimov, optional
        Counts and auxiliary data; the observed ones where not given.

    Returns
    -------
    Tensor
        ``[]`` or ``[batch]``. It can be differentiated once: exactly, by the envelope theorem; no step of the fits
        is unrolled.

    Raises
    ------
    ArgumentError
        Where a shape or a type does not fit, or a number is not finite.
    ConvergenceError
        Where a fit does not converge, or there is no derivative.
    UnsupportedError
        Where the model has no parameter of interest.
    """
    return _apply(signal_histogram, session, objectives.statistic, "q0", 0.0, data)


def qmu_loss(
    signal_histogram: torch.Tensor, session: DifferentiableSession, mu: float, data: Any = None
) -> torch.Tensor:
    """Test statistic of upper limits, best fits of any sign (arXiv:1007.1727, equation 14). Not negated; otherwise as
    `q0_loss`."""
    return _apply(signal_histogram, session, objectives.statistic, "qmu", mu, data)


def qtilde_loss(
    signal_histogram: torch.Tensor, session: DifferentiableSession, mu: float, data: Any = None
) -> torch.Tensor:
    """Test statistic of upper limits, best fits at or above 0 (arXiv:1007.1727, equation 16). Not negated; otherwise
    as `q0_loss`."""
    return _apply(signal_histogram, session, objectives.statistic, "qtilde", mu, data)


def z0_loss(
    signal_histogram: torch.Tensor, session: DifferentiableSession, data: Any = None
) -> torch.Tensor:
    """Significance of an excess, sqrt(q0) (arXiv:1007.1727, equation 53). Not negated: large is good; otherwise as
    `q0_loss`. Without an excess its gradient is 0."""
    return _apply(signal_histogram, session, objectives.significance, data)


def asimov_z0_loss(
    signal_histogram: torch.Tensor, session: DifferentiableSession, mu: float = 1.0
) -> torch.Tensor:
    """Median significance that a signal of strength `mu` would have: `z0_loss` of data expected there
    (arXiv:1007.1727, section 4.3). Not negated: large is good; otherwise as `q0_loss`."""
    return _apply(signal_histogram, session, objectives.expected_significance, mu)


def cls_loss(
    signal_histogram: torch.Tensor,
    session: DifferentiableSession,
    mu: float = 1.0,
    quantile: float | None = None,
    data: Any = None,
    test_statistic: str = "qtilde",
) -> torch.Tensor:
    """CLs of a hypothesis by asymptotic formulas (arXiv:1007.1727): small where it is excluded; otherwise as
    `q0_loss`.

    Parameters
    ----------
    mu : float
        The hypothesis.
    quantile : float, optional
        Expected under the alternative hypothesis, at so many standard deviations: 0 is the median. Observed where
        not given.
    test_statistic : str
        ``qtilde`` or ``qmu``; ``q0`` for mu = 0.
    """
    return _apply(signal_histogram, session, objectives.cls_at, mu, quantile, data, test_statistic)


def upper_limit_loss(
    signal_histogram: torch.Tensor,
    session: DifferentiableSession,
    quantile: float | None = None,
    confidence_level: float = 0.95,
    data: Any = None,
    test_statistic: str = "qtilde",
) -> torch.Tensor:
    """Upper limit on the parameter of interest, where CLs is 1 - confidence level: small is good; otherwise as
    `cls_loss`.

    By the implicit function theorem, d limit / d signal = -(d CLs / d signal) / (d CLs / d mu).

    Raises
    ------
    ConvergenceError
        Also where there is no limit, as for a signal without counts.

    Examples
    --------
    >>> import torch
    >>> session = neyman.torch.create_session(workspace)
    >>> signal = torch.tensor([5.0, 10.0], requires_grad=True)
    >>> limit = neyman.torch.upper_limit_loss(signal, session, quantile=0.0, data=neyman.torch.Asimov(0.0))
    >>> limit.backward()
    >>> round(limit.item(), 4), signal.grad
    (2.1236, tensor([-0.1518, -0.1364]))
    """
    make = objectives.limit
    return _apply(signal_histogram, session, make, quantile, confidence_level, data, test_statistic)


def uncertainty(
    signal_histogram: torch.Tensor,
    session: DifferentiableSession,
    parameter: str | None = None,
    data: Any = None,
) -> torch.Tensor:
    """Uncertainty of a parameter, of the parameter of interest where none is named: by the inverse observed Hessian
    at the best fit; otherwise as `q0_loss`.

    Raises
    ------
    ConvergenceError
        Also where the parameter has none: held constant, at a bound, or at rest on a kink.
    """
    return _apply(signal_histogram, session, objectives.width, parameter, data)


def best_fit(
    signal_histogram: torch.Tensor, session: DifferentiableSession, data: Any = None
) -> torch.Tensor:
    """The maximum likelihood estimates, ``[n_params]`` or ``[batch, n_params]``, differentiated by the implicit
    function theorem; otherwise as `q0_loss`."""
    check(signal_histogram, session)
    of = constant(data)
    return _BestFit.apply(signal_histogram, session, of)  # type: ignore[no-any-return]
