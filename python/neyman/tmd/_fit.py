"""Least squares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _core
from .._convert import array, held, number, optional, vector, whole
from .._progress import Progress, reporting
from ..errors import ArgumentError
from ..results import TmdFit, TmdReplicas, WeakDirection
from ._plan import Plan

__all__ = ["fit"]

_METHODS = ("lm", "adam", "lbfgs")


def fit(
    plan: Plan,
    data: Any,
    *,
    sigma: Any = None,
    cov: Any = None,
    method: str = "lm",
    start: Any = None,
    fix: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    steps: int = 500,
    rate: float = 0.05,
    tolerance: float | None = None,
    replicas: int = 0,
    seed: int = 0,
    progress: Progress = None,
) -> TmdFit:
    """The parameters whose cross sections are nearest to the data, with their errors.

    Parameters
    ----------
    plan : Plan
    data : array
        What was measured, ``[n_points]``.
    sigma : array
        Standard deviations, ``[n_points]``, above 0. Either these or `cov` are needed.
    cov : array
        Their covariance, ``[n_points, n_points]``, positive definite.
    method : str
        ``lm`` (Levenberg-Marquardt); ``adam`` or ``lbfgs`` for comparison.
    start : array or dict, optional
        Where to start, ``[n_parameters]``; a dict changes some of the plan's initial values, which are taken where not
        given.
    fix : dict, optional
        Parameters held at values.
    bounds : dict, optional
        Lower and upper bounds by name, instead of the plan's.
    steps : int
        Most evaluations, or steps of a descent.
    rate : float
        Step size of Adam.
    tolerance : float, optional
        Estimated distance to the minimum of chi2 / 2 at which a fit has converged.
    replicas : int
        Fits, by Levenberg-Marquardt, of so many data with their errors added once more; they begin at the best fit.
        Replica *i* of a seed is the same on every machine.
    seed : int
        Of the replicas.
    progress : bool or callable, optional
        True for a bar, or what to call with the numbers of replicas done and to be done.

    Returns
    -------
    TmdFit
        A fit that does not converge is no error: its ``status`` says so.

    Raises
    ------
    ArgumentError
        Wrong lengths, numbers that are not finite, unknown names, a start outside its bounds, a covariance that is not
        positive definite.

    Examples
    --------
    >>> truth = plan.xsec()
    >>> found = neyman.tmd.fit(plan, truth, sigma=0.1 * truth, fix={"g2": 0.25, "pdf.alpha": 0.3}, replicas=100)
    >>> found.replicas.n, round(found.chi2, 6)
    (100, 0.0)
    """
    if not isinstance(plan, Plan):
        raise ArgumentError(f"plan: a neyman.tmd.Plan is needed, not {type(plan).__name__}")
    if method not in _METHODS:
        raise ArgumentError(f"method {method!r}: there are {', '.join(_METHODS)}")
    if (sigma is None) == (cov is None):
        raise ArgumentError("give sigma or cov, one of them")
    values = vector(data, "data")
    errors = None if sigma is None else vector(sigma, "sigma")
    covariance = None if cov is None else array(cov, "cov")
    if covariance is not None and covariance.shape != (len(values), len(values)):
        needed = [len(values), len(values)]
        raise ArgumentError(f"cov: shape {needed} is needed, not {list(covariance.shape)}")
    at, fixed = plan._point(start, "start").copy(), plan.fixed.copy()
    for name, value in held(plan, fix).items():
        k = plan.index(name)
        at[k], fixed[k] = value, True
    limits = plan.bounds if bounds is None else plan._with_bounds(bounds)
    lower, upper = np.ascontiguousarray(limits[:, 0]), np.ascontiguousarray(limits[:, 1])
    links = [link for link in plan._links if not fixed[link[0]]]
    n, seed = whole(replicas, "replicas"), whole(seed, "seed")
    with reporting(progress, "replicas") as report:
        found = _core.fit_tmd(
            plan._core,
            values,
            errors,
            covariance,
            (at, lower, upper, fixed.tolist(), links),
            method,
            min(whole(steps, "steps", 1), 2**32 - 1),
            number(rate, "rate"),
            optional(tolerance, "tolerance"),
            n,
            seed,
            report,
        )
    device = plan.device
    spread = np.sqrt(np.diag(covariance)) if covariance is not None else errors
    held_back = fixed.copy()
    held_back[[k for k, _, _ in links]] = True
    again = found.pop("replicas")
    made = None if again is None else TmdReplicas.of(**again)
    worst = plan.quadrature_error(found["values"])
    return TmdFit(
        names=plan.parameters,
        init=plan.init,
        start=at,
        fixed=held_back,
        sign_matters=~np.array(plan._fields["even"], dtype=np.bool_),
        replica_mean=None if made is None else made.mean,
        replica_spread=None if made is None else made.spread,
        n_points=plan.n_points,
        measured=values.copy(),
        errors=spread,
        pulls=(values - found["predictions"]) / spread,
        places={name: np.asarray(of).tolist() for name, of in plan.points.items()},
        replicas=made,
        weak_directions=tuple(WeakDirection(s, dict(parts)) for s, parts in found.pop("weak")),
        method=method,
        quadrature=plan.rule,
        quadrature_error=np.nan if worst is None else float(np.abs(worst).max()),
        warnings=tuple({"path": "", "message": message} for message in plan.warnings),
        provenance={
            "version": _core.__version__,
            "files": [str(of) for of in plan._source[1] if hasattr(of, "is_absolute")],
            "device": device["name"],
            "device_description": device["description"],
            "device_reason": device["reason"],
            "precision": device["precision"],
            "seed": seed,
        },
        **found,
    )
