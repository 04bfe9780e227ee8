"""The figure of a fit of single events."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._axes import COLOURS, panels
from .._convert import Floats, vector, whole
from ..errors import ArgumentError
from ..results import UnbinnedFit
from ._model import Model


def poisson_errors(counts: Floats) -> tuple[Floats, Floats]:
    """Distances to the ends of central 68.27 % intervals of Poisson means (Gehrels, ApJ 303 (1986) 336).

    Within 1 % of the exact ones.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        below = counts * (1 - 1 / (9 * counts) - 1 / (3 * np.sqrt(counts))) ** 3
    above = (counts + 1) * (1 - 1 / (9 * (counts + 1)) + 1 / (3 * np.sqrt(counts + 1))) ** 3
    return counts - np.where(counts > 0, below, 0.0), above - counts


def unbinned(
    model: Model,
    fit: UnbinnedFit,
    *,
    channel: str | None = None,
    bins: Any = 60,
    ax: Any = None,
) -> Any:
    """Events of a channel in bins, the fitted densities, and the pull of each bin below.

    Expected counts are integrals of the densities over each bin, not their values at its centre. Pulls are data minus
    expectation over the square root of the expectation; bins that expect no event have none. Error bars of data are
    central Poisson intervals; of weighted events, square roots of the sum of squared weights, and pulls are in units of
    what these would be for the expected number.

    Parameters
    ----------
    model : Model
    fit : UnbinnedFit
        Of this model.
    channel : str, optional
        Needed where there are several.
    bins : int or array
        Their number over the window, or their edges; events of bins of several widths are drawn per unit.
    ax : pair of axes, optional
        For data and densities, and for pulls; a new figure where not given.

    Returns
    -------
    pair of axes

    Raises
    ------
    ArgumentError
        Where the channel has densities of several observables, or the fit is one of another model.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> upper, lower = neyman.plot.unbinned(search, search.fit(), bins=30)
    >>> upper.get_ylabel(), lower.get_xlabel()
    ('events / 2', 'mass')
    """
    if not isinstance(model, Model) or not isinstance(fit, UnbinnedFit):
        raise ArgumentError(f"a model and its fit are needed, not {type(model).__name__} and {type(fit).__name__}")
    if fit.names != model.parameters:
        raise ArgumentError("this fit has other parameters than the model")
    name = model._only(channel)
    observable, window = _observable(model, name)
    edges = _edges(bins, window)
    expected = model.expected_in_bins(edges, fit.values, channel=name)
    events, weights = model.events(name)[observable], model.weights(name)
    counts = np.histogram(events, edges, weights=weights)[0].astype(np.float64)
    total = np.sum(list(expected.values()), axis=0)
    upper, lower = panels(ax)
    centres, widths = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    # in bins of several widths events are drawn per unit
    per = float(widths[0]) if np.allclose(widths, widths[0]) else 1.0
    _densities(upper, model, fit, name, edges, per)
    # of n events of weight w on average the variance is n w, w of those of the whole channel
    scale = 1.0
    if weights is None:
        errors: Any = np.array(poisson_errors(counts))
    else:
        squares = np.histogram(events, edges, weights=weights**2)[0]
        errors = np.sqrt(squares)
        scale = squares.sum() / counts.sum() if counts.sum() > 0 else 1.0
    style = {"fmt": "o", "color": "k", "markersize": 3, "elinewidth": 0.9}
    height = per / widths
    upper.errorbar(centres, height * counts, height * errors, label="data", zorder=5, **style)
    upper.set_ylim(bottom=0)
    upper.set_xlim(edges[0], edges[-1])
    upper.set_ylabel(f"events / {per:.3g}")
    handles, labels = upper.get_legend_handles_labels()
    # data first, then the total and processes in their order
    order = sorted(range(len(labels)), key=lambda k: labels[k] != "data")
    upper.legend([handles[k] for k in order], [labels[k] for k in order], frameon=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = np.where(total > 0, (counts - total) / np.sqrt(scale * total), np.nan)
    lower.bar(centres, pulls, 0.8 * widths, color="0.25")
    highest = max(3.0, 1.1 * np.nanmax(np.abs(pulls), initial=0.0))
    lower.set(ylim=(-highest, highest), xlim=(edges[0], edges[-1]), xlabel=observable, ylabel="pull")
    return upper, lower


def _observable(model: Model, channel: str) -> tuple[str, tuple[float, float]]:
    names = {name for process in model.processes[channel] for name in model._process(process, channel)[2]}
    if len(names) > 1:
        raise ArgumentError(
            f"channel {channel!r}: its densities have the observables {', '.join(sorted(names))}; those of one are drawn"
        )
    name = names.pop()
    return name, model.observables[channel][name]


def _edges(bins: Any, window: tuple[float, float]) -> Floats:
    if np.ndim(bins) == 0:
        return np.linspace(*window, whole(bins, "bins", 1) + 1)
    return vector(bins, "bins")


def _densities(ax: Any, model: Model, fit: UnbinnedFit, channel: str, edges: Floats, per: float) -> None:
    """Densities of events, per this much of the observable."""
    processes = model.expected(fit.values)[channel]
    observable, (low, high) = _observable(model, channel)
    x = np.linspace(max(edges[0], low), min(edges[-1], high), 801)
    curves = {
        name: events * per * model.pdf(name, x, fit.values, channel=channel) for name, events in processes.items()
    }
    total = np.sum(list(curves.values()), axis=0)
    ax.plot(x, total, color="#c0202a", lw=1.6, label="total", zorder=4)
    for k, (name, curve) in enumerate(curves.items()):
        ax.plot(x, curve, color=COLOURS[k % len(COLOURS)], lw=1.3, ls="--", label=name)
