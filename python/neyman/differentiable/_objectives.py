"""Objectives on rows of histograms, `[rows, n_bins]` to values `[rows]` and gradients `[rows, n_bins]`: what NumPy,
PyTorch and JAX wrap in their ways."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._convert import Floats, number
from ..errors import ArgumentError, ConvergenceError
from ._arguments import Objective, source
from .session import Asimov, DifferentiableSession


def statistic(session: DifferentiableSession, name: str, mu: float, data: Any) -> Objective:
    """A test statistic."""
    core, mu, of = session._core, number(mu, "mu"), source(data)
    return lambda rows: core.test_statistic(rows, mu, name, of)


def significance(session: DifferentiableSession, data: Any) -> Objective:
    """sqrt(q0)."""
    q0 = statistic(session, "q0", 0.0, data)

    def root(rows: Floats) -> tuple[Floats, Floats]:
        q, slopes = q0(rows)
        z = np.sqrt(q)
        # no excess: flat, although the root is not
        half = np.divide(0.5, z, out=np.zeros_like(z), where=z > 0)
        return z, half[:, None] * slopes

    return root


def expected_significance(session: DifferentiableSession, mu: float) -> Objective:
    """sqrt(q0) of data expected at mu."""
    return significance(session, Asimov(number(mu, "mu")))


def cls_at(
    session: DifferentiableSession, mu: float, quantile: float | None, data: Any, test_statistic: str
) -> Objective:
    """CLs."""
    core, mu, n, of = session._core, number(mu, "mu"), _sigmas(quantile), source(data)
    return lambda rows: core.cls(rows, mu, test_statistic, n, of)


def limit(
    session: DifferentiableSession,
    quantile: float | None,
    confidence_level: float,
    data: Any,
    test_statistic: str,
) -> Objective:
    """Upper limit by CLs."""
    core, n, of = session._core, _sigmas(quantile), source(data)
    level = number(confidence_level, "confidence_level")
    return lambda rows: core.limit(rows, level, test_statistic, n, of)


def width(session: DifferentiableSession, parameter: str | None, data: Any) -> Objective:
    """Uncertainty of a parameter."""
    name = session.poi if parameter is None else parameter
    if name is None:
        raise ArgumentError("parameter: the model has no parameter of interest, name one")
    k, of = session.model.index(name), source(data)
    unit = np.zeros(session.n_params())
    unit[k] = 1.0

    def uncertainty(rows: Floats) -> tuple[Floats, Floats]:
        values, slopes = np.empty(len(rows)), np.empty_like(rows)
        for i, row in enumerate(rows):
            fit = session._core.fit(row, of)
            values[i] = fit.numbers()[1][k]
            if not values[i] > 0:
                why = "it is held constant, at a bound or at rest on a kink"
                raise ConvergenceError(f"{name} has no uncertainty: {why}")
            slopes[i] = fit.pullback(None, unit, 0.0)
        return values, slopes

    return uncertainty


def fits(session: DifferentiableSession, rows: Floats, data: Any) -> tuple[Floats, list[_core.ProfiledFit]]:
    """Best-fit values, `[rows, n_params]`, and the fits."""
    of = source(data)
    found = [session._core.fit(row, of) for row in rows]
    values = np.empty((len(rows), session.n_params()))
    for row, fit in zip(values, found, strict=True):
        row[:] = fit.numbers()[0]
    return values, found


def pull_back(found: list[_core.ProfiledFit], cotangents: Floats, n_bins: int) -> Floats:
    """Row by row, the cotangents of best-fit values times their Jacobian, `[rows, n_bins]`."""
    slopes = np.empty((len(found), n_bins))
    for row, fit, cotangent in zip(slopes, found, cotangents, strict=True):
        row[:] = fit.pullback(cotangent, None, 0.0)
    return slopes


def _sigmas(quantile: float | None) -> float | None:
    return None if quantile is None else number(quantile, "quantile")
