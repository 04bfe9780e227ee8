"""Fits of single events."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from .._convert import known
from ._base import Floats, Strings, floats, number
from ._fit import Fitted


@dataclasses.dataclass(frozen=True, eq=False)
class ChannelHistogram:
    """Events of a channel in bins, and what is expected there at the minimum.

    Attributes
    ----------
    observable : str
    edges : ndarray
        ``[n_bins + 1]``, over the window.
    observed : ndarray
        Sums of the events' weights, ``[n_bins]``.
    uncertainty : ndarray or None
        Square roots of the sums of squared weights; None where events have none.
    expected : ndarray
        ``[n_processes, n_bins]``.
    """

    observable: str
    edges: Floats
    observed: Floats
    uncertainty: Floats | None
    expected: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class ChannelFit:
    """Events of a channel and what was fitted to them.

    Attributes
    ----------
    name : str
    file : str or None
        Where the events come from; None where they were arrays.
    events : int
    sum_of_weights, effective_events : float
        The latter is (sum w)^2 / sum w^2; both are `events` without weights.
    dropped : int
        Events outside the window that the specification has dropped.
    yields : dict
        Events expected of each process at the minimum.
    histogram : ChannelHistogram or None
        Where bins were asked for, and densities are of one observable.
    """

    name: str
    file: str | None
    events: int
    sum_of_weights: float
    effective_events: float
    dropped: int
    yields: dict[str, float]
    histogram: ChannelHistogram | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class UnbinnedFit(Fitted):
    """A fit of single events with its uncertainties; arrays have one element for each parameter.

    Attributes
    ----------
    names : tuple of str
        The parameters.
    values, uncertainties : ndarray
        Best fit, and square roots of the covariance's diagonal: 0 for fixed parameters and for those at a
        bound, NaN where there is no covariance.
    covariance : ndarray or None
        ``[n, n]``, inverse of the observed Hessian.
    covariance_problem : str or None
        Why there is none.
    fixed : ndarray of bool
    at_bound : ndarray of int
        -1 at the lower bound, 1 at the upper one, 0 elsewhere.
    constraints : tuple of str
        ``none`` or ``gaussian``; of a joint fit also ``poisson``.
    prefit_values, prefit_uncertainties : ndarray
        Of the constraint terms; NaN without one.
    twice_nll : float
        -2 log likelihood at the minimum, without the constants of constraints.
    edm : float
        Estimated vertical distance to the minimum of the NLL.
    evaluations, thinned_evaluations : int
        Of all events, and of a 16th of those of large channels, before all were looked at.
    minima : ndarray
        -2 log likelihood of all distinct minima met, rising; the first is this fit.
    channels : tuple of ChannelFit
    left_out : tuple of str
        Channels that the specification leaves out.
    binned : dict or None
        Of a joint fit: ``workspace``, ``measurement`` and ``digest``, and ``channels``, each with its ``name``, the
        number of its ``bins``, and ``observed`` and ``expected``, the sums over them.

    Examples
    --------
    >>> fit = search.fit()
    >>> print(f"{fit['mean']:.3f}", fit.channels[0].events)
    91.006 1000
    """

    kind: ClassVar[str] = "unbinned_fit"

    thinned_evaluations: int
    minima: Floats
    channels: tuple[ChannelFit, ...]
    left_out: Strings = ()
    binned: dict[str, Any] | None = None

    def channel(self, name: str) -> ChannelFit:
        """The channel of that name."""
        known(name, [c.name for c in self.channels], "channel")
        return next(c for c in self.channels if c.name == name)

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        for channel in document["channels"]:
            yields = channel.pop("yields")
            channel["processes"] = [{"name": name, "yield": of} for name, of in yields.items()]
            histogram = channel["histogram"]
            if histogram is None:
                del channel["histogram"]
            else:
                rows = zip(yields, histogram.pop("expected"), strict=True)
                histogram["processes"] = [{"name": name, "expected": of} for name, of in rows]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> UnbinnedFit:
        """The inverse of `to_dict`."""

        def channel(of: Mapping[str, Any]) -> ChannelFit:
            binned = of.get("histogram")
            return ChannelFit(
                name=of["name"],
                file=of["file"],
                events=of["events"],
                sum_of_weights=number(of["sum_of_weights"]),
                effective_events=number(of["effective_events"]),
                dropped=of["dropped"],
                yields={row["name"]: number(row["yield"]) for row in of["processes"]},
                histogram=None if binned is None else _histogram(binned),
            )

        channels = tuple(channel(of) for of in document["channels"])
        return super().from_dict({**document, "channels": channels})


def _histogram(of: Mapping[str, Any]) -> ChannelHistogram:
    uncertainty = of["uncertainty"]
    return ChannelHistogram(
        observable=of["observable"],
        edges=floats(of["edges"]),
        observed=floats(of["observed"]),
        uncertainty=None if uncertainty is None else floats(uncertainty),
        expected=floats([row["expected"] for row in of["processes"]]),
    )
