"""What statements about models of every kind share: their arguments, and what becomes of toys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ._convert import Floats, Parametrised, held, number, vector
from .errors import ArgumentError, ConvergenceError
from .results import Ensemble, FitResult, ToyFits, UnbinnedFit
from .results._base import STATUSES


def poi_of(model: Parametrised, poi: str | None) -> str | None:
    """A parameter's name, checked."""
    return None if poi is None else model.parameters[model.index(poi)]


def pair(model: Parametrised, parameters: tuple[str, str]) -> tuple[str, str]:
    """Names of two parameters, checked."""
    if isinstance(parameters, str) or len(parameters) != 2:
        raise ArgumentError(f"parameters: two names are needed, not {parameters!r}")
    first, second = (model.parameters[model.index(n)] for n in parameters)
    return first, second


def around(
    model: Parametrised, fit: FitResult | UnbinnedFit, parameters: tuple[str, str], points: int
) -> tuple[Floats, Floats]:
    """Values of two parameters within four uncertainties of the best fit."""
    grid = []
    for name in parameters:
        k = model.index(name)
        lower, upper = model.bounds[k]
        best, width = fit.values[k], fit.uncertainties[k]
        width = width if width > 0 else 0.05 * (upper - lower)
        grid.append(np.linspace(max(lower, best - 4 * width), min(upper, best + 4 * width), points))
    x, y = grid
    return x, y


def with_ensembles(found: dict[str, Any]) -> dict[str, Any]:
    """Toys of both hypotheses as records, where they are told of."""
    for name in ("signal_background", "background"):
        if name in found:
            found[name] = Ensemble(**found[name])
    return found


def truth_of(
    model: Parametrised,
    truth: Any,
    mu: float | None,
    fit: Callable[[Mapping[str, float]], FitResult | UnbinnedFit],
) -> Floats:
    """Where toys are thrown; `fit` finds the best one with parameters held."""
    fix: dict[str, float] = {}
    if mu is not None:
        if model.poi is None:
            raise ArgumentError("mu: the model has no parameter of interest")
        fix[model.poi] = number(mu, "mu")
    if isinstance(truth, str):
        if truth == "init":
            point = model.init.copy()
        elif truth == "fit":
            best = fit(fix)
            if not best.converged:
                why = best.status.replace("_", " ")
                raise ConvergenceError(f"the fit that toys are to be thrown from ended as {why}")
            point = best.values.copy()
        else:
            raise ArgumentError(f"truth: 'fit', 'init' or parameters are needed, not {truth!r}")
    elif isinstance(truth, Mapping):
        point = model.init.copy()
        fix = {**held(model, truth), **fix}
    else:
        point = vector(truth, "truth").copy()
        if len(point) != len(model.parameters):
            n = len(model.parameters)
            raise ArgumentError(f"truth: the model needs {n} values, got {len(point)}")
    for name, value in fix.items():
        point[model.index(name)] = value
    if not np.isfinite(point).all():
        raise ArgumentError("truth: a value is not finite")
    return point


def second_fit(model: Parametrised, hold: Mapping[str, float] | None, test_mu: float | None) -> dict[str, float]:
    """What the second fit of each toy holds."""
    second = held(model, hold)
    if test_mu is not None:
        if model.poi is None:
            raise ArgumentError("test_mu: the model has no parameter of interest")
        second[model.poi] = number(test_mu, "test_mu")
    return second


def toy_fits(
    found: dict[str, Any],
    about: dict[str, Any],
    model: Parametrised,
    seed: int,
    range: tuple[int, int],
    truth: Floats,
    held: dict[str, float],
) -> ToyFits:
    """Toys as the native module has them."""
    for name in ("status", "status_conditional"):
        if name in found:
            found[name.replace("status", "codes")] = found.pop(name)
    codes = np.maximum(found["codes"], found.get("codes_conditional", 0))
    worst = int(codes.max(initial=0))
    return ToyFits(
        **about,
        status=STATUSES[worst] if worst > 1 else STATUSES[0],
        names=model.parameters,
        seed=seed,
        range=range,
        truth=truth,
        held=held,
        **found,
    )
