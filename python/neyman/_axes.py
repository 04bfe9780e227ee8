"""Axes of matplotlib, which is read when something is drawn."""

from __future__ import annotations

from typing import Any

from .errors import ArgumentError

# of curves; there are as many as one can tell apart
COLOURS = ("#3b6fb6", "#e0803a", "#4f9d69", "#b5506b", "#8268b0", "#7d6b5d", "#c9a227", "#5aa7b5")


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ArgumentError("matplotlib is not installed: pip install matplotlib") from None
    return pyplot


def axes(ax: Any, size: tuple[float, float] | None = None) -> Any:
    """These axes, or those of a new figure."""
    return ax if ax is not None else _pyplot().subplots(figsize=size, layout="constrained")[1]


def panels(ax: Any) -> tuple[Any, Any]:
    """A pair of axes, the lower one for pulls, with their bands."""
    if ax is None:
        ratios = {"height_ratios": (3, 1), "hspace": 0.05}
        of = {"sharex": True, "figsize": (6.4, 5.4), "layout": "constrained", "gridspec_kw": ratios}
        ax = _pyplot().subplots(2, 1, **of)[1]
    try:
        upper, lower = ax
    except (TypeError, ValueError):
        raise ArgumentError("ax: two axes are needed, for densities and for pulls") from None
    lower.axhspan(-2, 2, color="0.93", lw=0)
    lower.axhspan(-1, 1, color="0.85", lw=0)
    lower.axhline(0, color="0.4", lw=0.8)
    return upper, lower
