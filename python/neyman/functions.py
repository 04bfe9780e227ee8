"""Statements in one call: each opens a session on `device`, asks, and closes it. `options` are the session's."""

from __future__ import annotations

from typing import Any

from .model import Model
from .results import (
    FitResult,
    HypotestResult,
    ImpactsResult,
    LimitResult,
    ScanResult,
    ToyFits,
)
from ._patches import upper_limits
from .session import Session

__all__ = ["fit", "fit_toys", "hypotest", "profile_scan", "ranking", "upper_limit", "upper_limits"]


def fit(model: Model | Any, data: Any = None, *, device: str = "auto", **options: Any) -> FitResult:
    """`Session.fit` of a model, or of what `from_pyhf` takes; `options` are `fix` and `tolerance`.

    Examples
    --------
    >>> neyman.fit(workspace).status
    'converged'
    """
    with Session(model, device) as session:
        return session.fit(data, **options)


def profile_scan(
    model: Model | Any, values: Any, data: Any = None, *, device: str = "auto", **options: Any
) -> ScanResult:
    """`Session.scan` of a model: the profile likelihood at `values` of the parameter of interest.

    Examples
    --------
    >>> neyman.profile_scan(workspace, [0, 1, 2]).delta_twice_nll.round(4)
    array([0.4975, 0.0272, 1.0979])
    """
    with Session(model, device) as session:
        return session.scan(values, data, **options)


def hypotest(
    model: Model | Any, mu: float = 1.0, data: Any = None, *, device: str = "auto", **options: Any
) -> HypotestResult:
    """`Session.hypotest` of a model: CLs of one value of the parameter of interest.

    Examples
    --------
    >>> round(neyman.hypotest(workspace, 1.0).cls_observed, 4)
    0.5699
    """
    with Session(model, device) as session:
        return session.hypotest(mu, data, **options)


def upper_limit(
    model: Model | Any, data: Any = None, *, device: str = "auto", **options: Any
) -> LimitResult:
    """`Session.limit` of a model: observed and expected upper limits by CLs.

    Examples
    --------
    >>> round(neyman.upper_limit(workspace).observed, 4)
    2.811
    """
    with Session(model, device) as session:
        return session.limit(data, **options)


def ranking(
    model: Model | Any, data: Any = None, *, device: str = "auto", **options: Any
) -> ImpactsResult:
    """`Session.impacts` of a model: parameters by what they do to the parameter of interest.

    Examples
    --------
    >>> neyman.ranking(workspace).names[0]
    'gamma[1]'
    """
    with Session(model, device) as session:
        return session.impacts(data, **options)


def fit_toys(
    model: Model | Any, toys: int | None = None, *, device: str = "auto", **options: Any
) -> ToyFits:
    """`Session.fit_toys` of a model: toys and their fits.

    Examples
    --------
    >>> len(neyman.fit_toys(workspace, 100, seed=1, device="cpu"))
    100
    """
    with Session(model, device) as session:
        return session.fit_toys(toys, **options)
