"""Figures of TMD fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._axes import COLOURS, axes, panels
from .._convert import Floats, known, vector
from ..errors import ArgumentError
from ..results import TmdFit
from ._plan import Plan

# central 68.27 %
_LOW, _HIGH = 15.865, 84.135
# means of a bin's points differ by less, relative
_SAME = 0.05


def _check(plan: Any, fit: Any) -> None:
    if not isinstance(plan, Plan) or not isinstance(fit, TmdFit):
        raise ArgumentError(f"a plan and its fit are needed, not {type(plan).__name__} and {type(fit).__name__}")
    if fit.names != plan.parameters or fit.n_points != plan.n_points:
        raise ArgumentError("this fit has other parameters or points than the plan")


def _replicas(fit: TmdFit) -> Floats | None:
    """Best fits of replicas that a band can be made from."""
    good = None if fit.replicas is None else fit.replicas.good
    return good if good is not None and len(good) > 1 else None


def _groups(plan: Plan, groups: Any) -> dict[str, Any]:
    """Points that belong together, by their labels, in the order of the points."""
    points, n = plan.points, plan.n_points
    if groups is not None:
        labels = [str(label) for label in groups]
        if len(labels) != n:
            raise ArgumentError(f"groups: {n} labels are needed, one for each point, got {len(labels)}")
    elif "table" in points:
        labels = list(points["table"])
    else:
        # a bin's points follow one another, rising in transverse momentum, their means of x, Q2 and z close by
        new = np.diff(points["PhT"], prepend=-np.inf) <= 0
        for key in ("x", "Q2", "z"):
            new[1:] |= np.abs(np.diff(points[key])) > _SAME * points[key][1:]
        run = np.cumsum(new)

        def label(of: int) -> str:
            at = run == of
            x, q2, z = (float(points[key][at].mean()) for key in ("x", "Q2", "z"))
            return f"x = {x:.3g}, Q² = {q2:.3g} GeV², z = {z:.2g}"

        names = [label(k) for k in range(int(run[-1]) + 1)]
        # two bins with the same means are two bins
        names = [name if names.count(name) == 1 else f"{name} ({k + 1})" for k, name in enumerate(names)]
        labels = [names[k] for k in run]
    found: dict[str, Any] = {}
    for k, of in enumerate(labels):
        found.setdefault(of, []).append(k)
    return {of: np.array(at) for of, at in found.items()}


def cross_sections(
    plan: Plan,
    fit: TmdFit,
    *,
    groups: Sequence[str] | None = None,
    show: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """Measured cross sections with the fitted ones, and the pull of each point below.

    Lines are the cross sections between a group's points, at x, z and Q2 between theirs; steps over bins; straight
    between the points where luminosities are known at these alone. Bands are central 68 % intervals of the
    predictions of replicas, where the fit has some. Pulls are data minus prediction over the error; with a
    covariance, over the square root of its diagonal.

    Parameters
    ----------
    plan : Plan
    fit : TmdFit
        Of this plan.
    groups : list of str, optional
        A label for each point: those of one label are joined. Where not given, points whose PhT rises in one bin of
        x, Q2 and z are a group; those of a table are.
    show : list of str, optional
        Labels of the groups that are drawn; all where not given.
    ax : pair of axes, optional
        For cross sections, and for pulls; a new figure where not given.

    Returns
    -------
    pair of axes

    Raises
    ------
    ArgumentError
        Where the fit is one of another plan, or was saved without its points.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> truth = plan.xsec()
    >>> found = neyman.tmd.fit(plan, truth, sigma=0.1 * truth, fix={"g2": 0.25})
    >>> upper, lower = neyman.plot.cross_sections(plan, found)
    >>> lower.get_xlabel()
    'PhT [GeV]'
    """
    _check(plan, fit)
    if fit.measured is None or fit.errors is None or fit.predictions is None or fit.pulls is None:
        raise ArgumentError("this fit knows no measured values: it was saved without its points")
    found = _groups(plan, groups)
    for name in show or ():
        known(name, found, "group")
    wanted = {name: at for name, at in found.items() if show is None or name in show}
    key = "PhT" if "PhT" in plan.points else "qT"
    where: Floats = np.asarray(plan.points[key])
    replicas = _replicas(fit)
    upper, lower = panels(ax)
    for k, (name, points) in enumerate(wanted.items()):
        colour = COLOURS[k % len(COLOURS)]
        at = points[np.argsort(where[points], kind="stable")]
        x, curve, band = _curve(plan, fit, replicas, at, where)
        if band is not None:
            upper.fill_between(x, *band, color=colour, alpha=0.3, lw=0)
        upper.plot(x, curve, color=colour, lw=1.3)
        style = {"fmt": "o", "color": colour, "markersize": 3.5, "elinewidth": 0.9}
        upper.errorbar(where[at], fit.measured[at], fit.errors[at], label=name, **style)
        lower.plot(where[at], fit.pulls[at], "o", color=colour, markersize=3.5)
    drawn = np.concatenate(list(wanted.values())) if wanted else np.array([], dtype=int)
    if drawn.size > 0 and (fit.measured[drawn] > 0).all() and np.ptp(np.log(fit.measured[drawn])) > np.log(30):
        upper.set_yscale("log")
    highest = max(3.0, 1.1 * np.nanmax(np.abs(fit.pulls[drawn]), initial=0.0))
    upper.set_ylabel("cross section")
    lower.set(ylim=(-highest, highest), xlabel=f"{key} [GeV]", ylabel="pull")
    upper.set_title(f"χ² = {fit.chi2:.1f} for {fit.n_points} points", fontsize=10)
    if len(wanted) <= 12:
        upper.legend(frameon=False, fontsize=8)
    return upper, lower


def _curve(
    plan: Plan, fit: TmdFit, replicas: Floats | None, at: Any, where: Floats
) -> tuple[Floats, Floats, Any]:
    """Where a group's cross sections are drawn, these, and the ends of the band."""
    points = plan.points
    x, of = where[at], at
    if "PhT_low" in points:
        x = np.column_stack((points["PhT_low"][at], points["PhT_high"][at])).ravel()
        of = np.repeat(at, 2)
    elif plan._fields.get("anywhere", False) and len(at) > 1:
        x = np.linspace(where[at[0]], where[at[-1]], 12 * len(at))
        between = {name: np.interp(x, where[at], points[name][at]) for name in ("x", "z", "Q2")}
        plan, of = plan.at({**between, "PhT": x}), np.arange(len(x))
    band = None if replicas is None else np.percentile(plan.xsec(replicas)[:, of], (_LOW, _HIGH), axis=0)
    return x, plan.xsec(fit.values)[of], band


def fnp(
    plan: Plan,
    fit: TmdFit,
    x: Any,
    *,
    distribution: str | None = None,
    zeta: float = 1.0,
    b: Any = None,
    ax: Any = None,
) -> Any:
    """The fitted shape in b with the band of replicas, central 68 % intervals at each b.

    Parameters
    ----------
    plan : Plan
    fit : TmdFit
        Of this plan; without replicas there is no band.
    x : float or list
        Momentum fractions, a curve each.
    distribution : str, optional
        One of the plan's; the first where not given.
    zeta : float
        Scale of the evolution, GeV^2.
    b : array, optional
        1/GeV; up to 5 where not given.
    ax : axes, optional

    Returns
    -------
    axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> truth = plan.xsec()
    >>> found = neyman.tmd.fit(plan, truth, sigma=0.1 * truth, fix={"g2": 0.25}, replicas=20)
    >>> neyman.plot.fnp(plan, found, [0.05, 0.2]).get_xlabel()
    'b [1/GeV]'
    """
    _check(plan, fit)
    at = np.linspace(0.0, 5.0, 201) if b is None else vector(b, "b")
    name = plan.distributions[0] if distribution is None else distribution
    replicas = _replicas(fit)
    # momentum fractions of fragmentation are called so
    letter = "z" if name == "ff" or name.startswith("ff_") else "x"
    ax = axes(ax)
    for k, fraction in enumerate(vector(np.atleast_1d(x), "x")):
        colour = COLOURS[k % len(COLOURS)]

        def shape(params: Floats, fraction: float = float(fraction)) -> Floats:
            return plan.fnp(at, fraction, params, distribution=name, zeta=zeta)

        if replicas is not None:
            low, high = np.percentile(shape(replicas), (_LOW, _HIGH), axis=0)
            ax.fill_between(at, low, high, color=colour, alpha=0.3, lw=0)
        ax.plot(at, shape(fit.values), color=colour, lw=1.5, label=f"{letter} = {fraction:.3g}")
    ax.set(xlabel="b [1/GeV]", ylabel=rf"$f_{{NP}}$ of {name}", xlim=(at.min(), at.max()))
    ax.legend(frameon=False)
    return ax
