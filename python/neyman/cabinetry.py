"""cabinetry's ``fit`` functions by neyman: ``model, data`` in, cabinetry's results out.

All take `Settings` by name.

Examples
--------
>>> import cabinetry
>>> import pyhf
>>> pdf, data = cabinetry.model_utils.model_and_data(workspace)
>>> neyman.cabinetry.fit(pdf, data).bestfit.round(3)
array([0.812, 0.987, 1.033])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ._convert import Floats, whole
from .errors import ArgumentError, ConvergenceError
from .pyhf._common import data_of, opened
from .results import FitResult
from .session import Session

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Settings", "fit", "limit", "ranking", "scan", "significance"]


class Settings(TypedDict, total=False):
    """What all functions here take by name.

    Attributes
    ----------
    init_pars, fix_pars, par_bounds
        As cabinetry has them, one entry a parameter.
    tolerance : float
        As in `Session.fit`.
    device : str
        As in `Session`.
    """

    init_pars: Sequence[float] | None
    fix_pars: Sequence[bool] | None
    par_bounds: Sequence[tuple[float, float]] | None
    tolerance: float | None
    device: str


def _opened(
    model: Any,
    data: Any,
    *,
    init_pars: Any = None,
    fix_pars: Any = None,
    par_bounds: Any = None,
    tolerance: float | None = None,
    device: str = "auto",
) -> tuple[Session, Floats, float | None]:
    """The session of these settings, the data and the tolerance."""
    return opened(model, device, init_pars, par_bounds, fix_pars), data_of(data), tolerance


def _containers() -> Any:
    try:
        from cabinetry.fit import results_containers  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ArgumentError("cabinetry is not installed: pip install cabinetry") from None
    return results_containers


def _converged(found: FitResult) -> FitResult:
    if not found.converged:
        raise ConvergenceError(f"the fit ended as {found.status.replace('_', ' ')}")
    if found.covariance is None:
        raise ConvergenceError(f"the fit has no uncertainties: {found.covariance_problem}")
    return found


def fit(
    model: Any,
    data: Any,
    *,
    minos: str | Sequence[str] | None = None,
    goodness_of_fit: bool = False,
    **settings: Unpack[Settings],
) -> Any:
    """``cabinetry.fit.fit``; `settings` are `Settings`.

    Returns
    -------
    cabinetry.fit.FitResults
    """
    session, data, tolerance = _opened(model, data, **settings)
    found = _converged(session.fit(data, tolerance=tolerance))
    sides: dict[str, tuple[float, float]] = {}
    if minos is not None:
        asymmetric = session.minos(minos, data, tolerance=tolerance)
        rows = zip(asymmetric.names, asymmetric.minos_down, asymmetric.minos_up, strict=True)
        sides = {name: (float(down), float(up)) for name, down, up in rows}
    goodness = session.gof(data, tolerance=tolerance).p_value if goodness_of_fit else -1
    correlation = _correlation(found)
    return _containers().FitResults(
        found.values, found.uncertainties, list(found.names), correlation, found.twice_nll, goodness, sides
    )


def _correlation(found: FitResult) -> Any:
    free = ~found.fixed
    correlation: Any = found.correlation
    return np.where(np.outer(free, free), correlation, 0.0)


def ranking(
    model: Any,
    data: Any,
    *,
    poi_name: str | None = None,
    **settings: Unpack[Settings],
) -> Any:
    """``cabinetry.fit.ranking``; `settings` are `Settings`.

    Returns
    -------
    cabinetry.fit.RankingResults
    """
    session, data, tolerance = _opened(model, data, **settings)
    found = _converged(session.fit(data, tolerance=tolerance))
    impacts = session.impacts(data, poi=poi_name, tolerance=tolerance)
    place = {name: i for i, name in enumerate(impacts.names)}
    others = [(k, name) for k, name in enumerate(found.names) if name != impacts.poi]
    at = [k for k, _ in others]

    def column(values: Any) -> Any:
        return np.array([values[place[n]] if n in place else 0.0 for _, n in others])

    return _containers().RankingResults(
        found.values[at],
        found.uncertainties[at],
        [name for _, name in others],
        column(impacts.impact_prefit_up),
        column(impacts.impact_prefit_down),
        column(impacts.impact_up),
        column(impacts.impact_down),
    )


def scan(
    model: Any,
    data: Any,
    par_name: str,
    *,
    par_range: tuple[float, float] | None = None,
    n_steps: int = 11,
    **settings: Unpack[Settings],
) -> Any:
    """``cabinetry.fit.scan``; `settings` are `Settings`.

    Returns
    -------
    cabinetry.fit.ScanResults
    """
    session, data, tolerance = _opened(model, data, **settings)
    found = _converged(session.fit(data, tolerance=tolerance))
    k = session.model.index(par_name)
    best, width = float(found.values[k]), float(found.uncertainties[k])
    lower, upper = (best - 2 * width, best + 2 * width) if par_range is None else par_range
    values = np.linspace(lower, upper, whole(n_steps, "n_steps", 1))
    profile = session.scan(values, data, parameter=par_name, levels=(), tolerance=tolerance)
    return _containers().ScanResults(par_name, best, width, profile.mu, profile.delta_twice_nll)


def limit(
    model: Any,
    data: Any,
    *,
    confidence_level: float = 0.95,
    poi_name: str | None = None,
    **settings: Unpack[Settings],
) -> Any:
    """``cabinetry.fit.limit``; the bracket is found; `settings` are `Settings`.

    Returns
    -------
    cabinetry.fit.LimitResults
    """
    session, data, tolerance = _opened(model, data, **settings)
    found = session.limit(
        data, poi=poi_name, confidence_level=confidence_level, tolerance=tolerance
    )
    return _containers().LimitResults(
        found.observed,
        found.expected,
        found.cls_observed,
        found.cls_expected,
        found.mu,
        confidence_level,
    )


def significance(
    model: Any,
    data: Any,
    *,
    poi_name: str | None = None,
    **settings: Unpack[Settings],
) -> Any:
    """``cabinetry.fit.significance``; `settings` are `Settings`.

    Returns
    -------
    cabinetry.fit.SignificanceResults
    """
    from math import erfc, sqrt

    session, data, tolerance = _opened(model, data, **settings)
    found = session.discovery(data, poi=poi_name, tolerance=tolerance)
    expected = 0.5 * erfc(found.z_expected / sqrt(2.0))
    return _containers().SignificanceResults(
        found.p0_observed, found.z_observed, expected, found.z_expected
    )
