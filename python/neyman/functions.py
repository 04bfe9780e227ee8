"""Statements in one call: each opens a session, asks, and closes it."""

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
    """`Session.fit` of a model, or of what `from_pyhf` takes.

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
    """`Session.scan` of a model."""
    with Session(model, device) as session:
        return session.scan(values, data, **options)


def hypotest(
    model: Model | Any, mu: float = 1.0, data: Any = None, *, device: str = "auto", **options: Any
) -> HypotestResult:
    """`Session.hypotest` of a model."""
    with Session(model, device) as session:
        return session.hypotest(mu, data, **options)


def upper_limit(
    model: Model | Any, data: Any = None, *, device: str = "auto", **options: Any
) -> LimitResult:
    """`Session.limit` of a model."""
    with Session(model, device) as session:
        return session.limit(data, **options)


def ranking(
    model: Model | Any, data: Any = None, *, device: str = "auto", **options: Any
) -> ImpactsResult:
    """`Session.impacts` of a model."""
    with Session(model, device) as session:
        return session.impacts(data, **options)


def fit_toys(
    model: Model | Any, toys: int | None = None, *, device: str = "auto", **options: Any
) -> ToyFits:
    """`Session.fit_toys` of a model."""
    with Session(model, device) as session:
        return session.fit_toys(toys, **options)
