"""Figures by matplotlib: each takes a result, draws on `ax` or on a new figure, and returns the axes.

No style is changed but that of what is drawn.

Examples
--------
>>> import matplotlib
>>> matplotlib.use("agg")
>>> axes = neyman.plot.brazil(session.limit())
>>> axes.get_xlabel()
'mu'
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ._axes import axes
from ._convert import known
from .errors import ArgumentError
from .results import (
    FitResult,
    GofResult,
    HypotestResult,
    ImpactsResult,
    LimitResult,
    Result,
    Scan2dResult,
    ScanResult,
    TmdFit,
    UnbinnedFit,
    YieldsResult,
)
from .tmd._figure import cross_sections, fnp
from .unbinned._figure import unbinned

__all__ = [
    "brazil",
    "contours",
    "correlation",
    "cross_sections",
    "fnp",
    "gof",
    "pulls",
    "ranking",
    "scan",
    "test_statistic",
    "unbinned",
    "yields",
]

ONE, TWO = "#00c800", "#ffd700"


def _check(of: Any, *kinds: type[Result]) -> None:
    if not isinstance(of, kinds):
        needed = " or ".join(kind.__name__ for kind in kinds)
        raise ArgumentError(f"a {needed} is to be drawn, not a {type(of).__name__}")


def brazil(limit: LimitResult, *, ax: Any = None) -> Any:
    """CLs against the parameter of interest, with the expected bands and the level."""
    _check(limit, LimitResult)
    ax = axes(ax)
    mu, band = limit.mu, limit.cls_expected.T
    ax.fill_between(mu, band[0], band[4], color=TWO, label=r"expected $\pm 2\sigma$", lw=0)
    ax.fill_between(mu, band[1], band[3], color=ONE, label=r"expected $\pm 1\sigma$", lw=0)
    ax.plot(mu, band[2], "k--", label="expected")
    errors = limit.cls_observed_error
    if errors is None:
        ax.plot(mu, limit.cls_observed, "k-", label="observed")
    else:
        ax.errorbar(mu, limit.cls_observed, errors, color="k", marker=".", label="observed")
    ax.axhline(1 - limit.confidence_level, color="r", lw=1)
    ax.set(xlabel=limit.poi, ylabel=r"CL$_s$", ylim=(0, 1))
    ax.legend()
    return ax


def pulls(fit: FitResult | UnbinnedFit, *, names: Iterable[str] | None = None, ax: Any = None) -> Any:
    """Pulls of the constrained parameters, with their uncertainties in units of the pre-fit ones.

    Parameters
    ----------
    names : list of str, optional
        Which of them; all where not given.
    """
    _check(fit, FitResult, UnbinnedFit)
    wanted = None if names is None else set(names)
    for name in wanted or ():
        known(name, fit.names, "parameter")
    constrained = np.flatnonzero(~np.isnan(fit.pulls))
    at = [k for k in constrained if wanted is None or fit.names[k] in wanted]
    ax = axes(ax, (6, 1 + 0.25 * len(at)))
    y = np.arange(len(at))[::-1]
    widths = fit.uncertainties[at] / fit.prefit_uncertainties[at]
    ax.axvspan(-2, 2, color=TWO, lw=0)
    ax.axvspan(-1, 1, color=ONE, lw=0)
    ax.errorbar(fit.pulls[at], y, xerr=widths, fmt="ko")
    ax.set_yticks(y, [fit.names[k] for k in at])
    ax.set(xlabel="pull", xlim=(-3, 3), ylim=(-1, len(at)))
    return ax


def correlation(fit: FitResult | TmdFit | UnbinnedFit, *, threshold: float = 0.0, ax: Any = None) -> Any:
    """Correlations of the free parameters that have one above `threshold`."""
    _check(fit, FitResult, TmdFit, UnbinnedFit)
    whole = fit.correlation
    if whole is None:
        why = getattr(fit, "covariance_problem", "the data leave a direction free")
        raise ArgumentError(f"the fit has no correlations: {why}")
    others = np.abs(whole - np.eye(len(whole)))
    at = np.flatnonzero(~fit.fixed & (others.max(axis=0, initial=0.0) >= threshold))
    ax = axes(ax, (2 + 0.3 * len(at),) * 2)
    image = ax.imshow(whole[np.ix_(at, at)], vmin=-1, vmax=1, cmap="RdBu_r")
    names = [fit.names[k] for k in at]
    ax.set_xticks(range(len(at)), names, rotation=90)
    ax.set_yticks(range(len(at)), names)
    # as high as the image
    ax.figure.colorbar(image, ax=ax, label="correlation", fraction=0.046, pad=0.04)
    return ax


def ranking(impacts: ImpactsResult, *, top: int = 20, ax: Any = None) -> Any:
    """Impacts on the parameter of interest, the largest first; boxes are pre-fit."""
    _check(impacts, ImpactsResult)
    n = min(top, len(impacts.names))
    ax = axes(ax, (6, 1 + 0.3 * n))
    y = np.arange(n)[::-1]
    for name, colour in (("up", "C0"), ("down", "C1")):
        before = getattr(impacts, f"impact_prefit_{name}")[:n]
        after = getattr(impacts, f"impact_{name}")[:n]
        ax.barh(y, before, fill=False, edgecolor=colour)
        ax.barh(y, after, color=colour, alpha=0.7, label=name)
    ax.axvline(0, color="k", lw=0.8)
    ax.set_yticks(y, impacts.names[:n])
    ax.set_xlabel(f"impact on {impacts.poi}")
    ax.legend()
    return ax


def scan(profile: ScanResult, *, ax: Any = None) -> Any:
    """A profile likelihood, with the ends of its intervals."""
    _check(profile, ScanResult)
    ax = axes(ax)
    ax.plot(profile.mu, profile.delta_twice_nll, "k.-")
    for level, lower, upper in zip(profile.levels, profile.lower, profile.upper, strict=True):
        for end in (lower, upper):
            if np.isfinite(end):
                ax.axvline(end, color="C0", ls="--" if level < 0.9 else ":", lw=1)
    ax.set(xlabel=profile.parameter, ylabel=r"$-2\,\Delta\ln L$")
    ax.set_ylim(bottom=0)
    return ax


def contours(profile: Scan2dResult, *, ax: Any = None) -> Any:
    """Contours of two parameters, and their best fit."""
    _check(profile, Scan2dResult)
    ax = axes(ax)
    for i, contour in enumerate(profile.contours):
        for k, line in enumerate(contour.lines):
            label = f"{100 * contour.level:g} %" if k == 0 else None
            ax.plot(*line.T, color=f"C{i}", label=label)
    ax.plot(*profile.best, "k+", label="best fit")
    ax.set(xlabel=profile.parameters[0], ylabel=profile.parameters[1])
    ax.legend()
    return ax


def yields(result: YieldsResult, channel: str, *, prefit: bool = False, ax: Any = None) -> Any:
    """Expected counts of a channel by sample, with their uncertainty, and the data."""
    _check(result, YieldsResult)
    of = result[channel]
    prediction = of.prefit if prefit else of.postfit
    ax = axes(ax)
    edges, base = np.arange(len(of.observed) + 1) - 0.5, np.zeros(len(of.observed))
    for sample in prediction.samples:
        ax.stairs(base + sample.yields, edges, baseline=base, fill=True, label=sample.name)
        base = base + sample.yields
    total, width = prediction.total.yields, prediction.total.uncertainty
    if width is not None:
        ax.stairs(
            total + width, edges, baseline=total - width, hatch="////", color="0.4", lw=0, label="uncertainty"
        )
    bins = np.arange(len(of.observed))
    ax.errorbar(bins, of.observed, np.sqrt(of.observed), fmt="ko", label="data")
    ax.set(xlabel=f"bin of {channel}", ylabel="events")
    ax.legend()
    return ax


def test_statistic(test: HypotestResult, *, bins: int = 50, ax: Any = None) -> Any:
    """Distributions of the test statistic of toys, and the observed value."""
    _check(test, HypotestResult)
    ax = axes(ax)
    for name in ("signal_background", "background"):
        ensemble = getattr(test, name)
        if ensemble is None:
            raise ArgumentError("this test has no toys: give it some, hypotest(..., toys=1000)")
        if not ensemble.values.size:
            raise ArgumentError("this test kept no values of its toys: leave observed_only out")
        values = ensemble.values[np.isfinite(ensemble.values)]
        label = name.replace("_", " + ")
        ax.hist(values, bins=bins, density=True, histtype="step", label=label)
    ax.axvline(test.test_statistic, color="k", label="observed")
    ax.set(xlabel=test.statistic, yscale="log")
    ax.legend()
    return ax


def gof(result: GofResult, *, bins: int = 50, ax: Any = None) -> Any:
    """The saturated statistic of toys, and the observed one."""
    _check(result, GofResult)
    ax = axes(ax)
    if result.distribution is None:
        raise ArgumentError("this goodness of fit has no toys: give it some, gof(toys=1000)")
    values = result.distribution[np.isfinite(result.distribution)]
    ax.hist(values, bins=bins, density=True, histtype="step", label="toys")
    ax.axvline(result.test_statistic, color="k", label="observed")
    ax.set(xlabel=r"$-2\ln(L / L_{saturated})$")
    ax.legend()
    return ax
