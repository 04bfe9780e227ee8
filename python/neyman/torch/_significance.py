"""An objective as a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ..differentiable.session import Asimov, DifferentiableSession
from ..errors import ArgumentError
from ._losses import asimov_z0_loss, uncertainty, upper_limit_loss, z0_loss

__all__ = ["SignificanceLoss"]

# the statement, whether more of it is better, and what it is about where nothing else is said
_OBJECTIVES: dict[str, tuple[Callable[..., Tensor], bool, dict[str, Any]]] = {
    "asimov_z0": (asimov_z0_loss, True, {}),
    "z0": (z0_loss, True, {}),
    "upper_limit": (upper_limit_loss, False, {"quantile": 0.0, "data": Asimov(0.0)}),
    "uncertainty": (uncertainty, False, {"data": Asimov()}),
}


class SignificanceLoss(nn.Module):
    """What an analysis wants, as a number to be minimised; the mean of a batch.

    Parameters
    ----------
    session : DifferentiableSession
    objective : str
        ``asimov_z0``: the negative median significance; ``z0``: the negative observed one; ``upper_limit``: the
        median limit without a signal; ``uncertainty``: that of the parameter of interest, for data expected at its
        initial value.
    **options
        Those of `asimov_z0_loss`, `z0_loss`, `upper_limit_loss` or `uncertainty`.

    Examples
    --------
    >>> import torch
    >>> session = neyman.torch.create_session(workspace)
    >>> loss = neyman.torch.SignificanceLoss(session, "upper_limit", confidence_level=0.9)
    >>> round(loss(torch.tensor([5.0, 10.0])).item(), 3)
    1.786
    """

    def __init__(self, session: DifferentiableSession, objective: str = "asimov_z0", **options: Any) -> None:
        super().__init__()
        if objective not in _OBJECTIVES:
            raise ArgumentError(f"objective: one of {', '.join(_OBJECTIVES)} is needed, not {objective!r}")
        self.session, self.objective = session, objective
        self._statement, self._more_is_better, defaults = _OBJECTIVES[objective]
        self.options = {**defaults, **options}

    def forward(self, signal_histogram: Tensor) -> Tensor:
        """The loss of histograms, ``[n_bins]`` or ``[batch, n_bins]``."""
        value = self._statement(signal_histogram, self.session, **self.options).mean()
        return -value if self._more_is_better else value

    def extra_repr(self) -> str:
        """What the printed module says."""
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"{self.objective!r}{options}"
