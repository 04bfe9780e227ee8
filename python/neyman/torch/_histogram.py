"""Histograms that can be differentiated in the events."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ArgumentError
from ._bridge import check_type

__all__ = ["SoftHistogram"]


class SoftHistogram(nn.Module):
    """A histogram in which an event counts for each bin with the share of a kernel around it.

    The share of event x in the bin from a to b is F((b - x) / h) - F((a - x) / h) with bandwidth h. F is the
    Gaussian's cumulative distribution (``kde``: a kernel density estimate, integrated over bins, as in neos,
    arXiv:2203.05570) or the logistic function (``sigmoid``: each edge is a soft cut). For h to 0 it is the usual
    histogram.

    Parameters
    ----------
    edges : sequence of float
        Edges of the bins, rising, ``[n_bins + 1]``.
    bandwidth : float
        h, in units of the events.
    kind : str
        ``kde`` or ``sigmoid``.
    learn_edges : bool
        Inner edges are parameters: `logits`, whose softmax are the shares that bins have of the range, so that edges
        stay sorted. No bin becomes narrower than a thousandth of the narrowest one at the start.
    flow : bool
        Events, and tails of kernels, beyond the outer edges count in the end bins.

    Examples
    --------
    >>> import torch
    >>> soft = neyman.torch.SoftHistogram([0.0, 1.0, 2.0], bandwidth=0.01)
    >>> soft(torch.tensor([0.2, 0.4, 1.5]), torch.tensor([1.0, 1.0, 3.0]))
    tensor([2., 3.])
    """

    def __init__(
        self,
        edges: Any,
        bandwidth: float = 0.1,
        kind: str = "kde",
        *,
        learn_edges: bool = False,
        flow: bool = False,
    ) -> None:
        super().__init__()
        found = torch.as_tensor(edges).detach().to(torch.float64)
        if found.ndim != 1 or len(found) < 2 or not bool(found.isfinite().all()) or not bool((found.diff() > 0).all()):
            raise ArgumentError(f"edges: two or more rising numbers are needed, not {found.tolist()}")
        if not (bandwidth > 0 and math.isfinite(bandwidth)):
            raise ArgumentError(f"bandwidth: a number above 0 is needed, not {bandwidth!r}")
        if kind not in ("kde", "sigmoid"):
            raise ArgumentError(f"kind: kde or sigmoid is needed, not {kind!r}")
        self.kind, self.bandwidth, self.flow = kind, float(bandwidth), flow
        self.register_buffer("fixed_edges", found)
        shares = found.diff() / (found[-1] - found[0])
        self._least = 1e-3 * float(shares.min())
        self.logits: nn.Parameter | None = nn.Parameter((shares - self._least).log()) if learn_edges else None

    @property
    def edges(self) -> Tensor:
        """Edges of the bins, float64, ``[n_bins + 1]``."""
        fixed: Tensor = self.get_buffer("fixed_edges")
        if self.logits is None:
            return fixed
        shares = self._least + (1 - len(self.logits) * self._least) * self.logits.softmax(0)
        inner = fixed[0] + (fixed[-1] - fixed[0]) * shares.cumsum(0)[:-1]
        return torch.cat((fixed[:1], inner.to(fixed), fixed[-1:]))

    def forward(self, events: Tensor, weights: Tensor | None = None) -> Tensor:
        """Counts of events.

        Parameters
        ----------
        events : Tensor
            ``[n_events]`` or ``[batch, n_events]``, float64 or float32.
        weights : Tensor, optional
            One for each event, or what can be broadcast to that; 1 where not given.

        Returns
        -------
        Tensor
            ``[n_bins]`` or ``[batch, n_bins]``, of the events' type.
        """
        check_type(events, "events")
        if events.ndim not in (1, 2):
            shape = list(events.shape)
            raise ArgumentError(f"events: shape [n_events] or [batch, n_events] is needed, not {shape}")
        edges = (self.edges[1:-1] if self.flow else self.edges).to(events)
        distance = (edges - events.unsqueeze(-1)) / self.bandwidth
        if self.kind == "kde":
            # beyond 12 sigma all is 0 or 1, and the slope a denormal number, which processors are slow with
            below = 0.5 + 0.5 * torch.erf(distance.clamp(-12.0, 12.0) * math.sqrt(0.5))
        else:
            below = distance.sigmoid()
        if self.flow:
            none = events.new_zeros((*events.shape, 1))
            below = torch.cat((none, below, none + 1), -1)
        shares = below.diff(dim=-1)
        if weights is not None:
            check_type(weights, "weights")
            try:
                shares = shares * weights.unsqueeze(-1)
            except RuntimeError:
                told = f"weights: shape {list(weights.shape)} does not fit events of shape {list(events.shape)}"
                raise ArgumentError(told) from None
        return shares.sum(-2)

    def extra_repr(self) -> str:
        """What the printed module says."""
        n = len(self.get_buffer("fixed_edges")) - 1
        return f"{n} bins, bandwidth={self.bandwidth}, kind={self.kind!r}, flow={self.flow}"
