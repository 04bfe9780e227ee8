"""The likelihood of events from tensors of log-densities, so that flows train end to end."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .. import _core
from ..errors import ArgumentError
from ..unbinned._reduce import checked
from ._bridge import check_type, constant as untrained, from_array, to_array

__all__ = ["ReduceLSE", "reduce_lse"]


def _wide(tensor: torch.Tensor) -> torch.dtype:
    """The widest type of its device: single precision would round what was summed with care."""
    return tensor.dtype if tensor.device.type == "mps" else torch.float64


def _slopes(
    logp: torch.Tensor, nu: torch.Tensor, weights: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradients in `logp` and `nu` once more, as functions that can be differentiated."""
    logs = logp.to(_wide(logp))
    yields = nu.to(logs).unsqueeze(1)
    # events that no process can make count nothing
    alive = ((logs > -torch.inf) & (yields > 0)).any(dim=0)
    logs = torch.where(alive, logs, 0.0)
    with torch.no_grad():
        top = torch.where(yields > 0, logs, -torch.inf).amax(dim=0)
        top = torch.where(alive, top, 0.0)
    scaled = torch.exp(logs - top)
    sums = torch.where(alive, (yields * scaled).sum(dim=0), 1.0)
    shares = alive * scaled / sums
    if weights is not None:
        shares = weights.to(shares) * shares
    return (-yields * shares).to(logp), (1.0 - shares.sum(dim=1)).to(nu)


class ReduceLSE(torch.autograd.Function):
    """The autograd function behind `reduce_lse`: ``ReduceLSE.apply(logp, nu, weights)``, weights a tensor or None.

    Its backward pass can be differentiated once more.
    """

    @staticmethod
    def forward(ctx: Any, logp: torch.Tensor, nu: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        """The NLL, ``[]``."""
        wanted = bool(ctx.needs_input_grad[0])
        rows, yields, of_events = checked(
            to_array(logp), to_array(nu), None if weights is None else to_array(weights)
        )
        found = _core.reduce_lse(rows, yields, of_events, [], 0.0, False, wanted)
        of_logp = from_array(found["logp_gradient"], logp) if wanted else None
        ctx.save_for_backward(logp, nu, weights, of_logp, from_array(found["nu_gradient"], nu))
        return torch.tensor(found["nll"], dtype=_wide(logp), device=logp.device)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradients in `logp` and in `nu`."""
        (gradient,) = gradients
        logp, nu, weights, of_logp, of_nu = ctx.saved_tensors
        if torch.is_grad_enabled():
            of_logp, of_nu = _slopes(logp, nu, weights)
        first = gradient.to(logp) * of_logp if ctx.needs_input_grad[0] else None
        second = gradient.to(nu) * of_nu if ctx.needs_input_grad[1] else None
        return first, second, None


def _penalty(constraints: Any, like: torch.Tensor) -> torch.Tensor:
    """Minus the logarithms of normal constraints, rows of value, center and sigma."""
    if isinstance(constraints, torch.Tensor):
        rows = constraints
    else:
        of = [[torch.as_tensor(x, dtype=like.dtype, device=like.device) for x in row] for row in constraints]
        if any(len(row) != 3 or any(x.ndim != 0 for x in row) for row in of):
            raise ArgumentError("constraints: rows of three numbers are needed, value, center and sigma")
        rows = torch.stack([torch.stack(row) for row in of]) if of else like.new_empty((0, 3))
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ArgumentError(f"constraints: shape [K, 3] is needed, not {list(rows.shape)}")
    value, center, sigma = rows.to(like).unbind(dim=1)
    bad = ~(torch.isfinite(value) & torch.isfinite(center) & torch.isfinite(sigma) & (sigma > 0))
    if bool(bad.any()):
        k = int(np.flatnonzero(bad.cpu().numpy())[0])
        raise ArgumentError(f"constraints, row {k}: finite numbers and a sigma above 0 are needed")
    found: torch.Tensor = 0.5 * (((value - center) / sigma) ** 2).sum()
    return found


def reduce_lse(
    logp: torch.Tensor,
    nu: Any,
    weights: Any = None,
    constraints: Any = None,
) -> torch.Tensor:
    """Extended likelihood of events from their log-densities: `neyman.reduce_lse` for tensors.

    d NLL / d logp_pi = -w_i r_pi, with the probability r_pi that event i is of process p, and d NLL / d nu_p =
    1 - sum_i w_i r_pi / nu_p, from one pass over the events on the processor, in float64; tensors of other devices are
    copied there and their gradients back.

    Parameters
    ----------
    logp : Tensor
        Log-densities, ``[P, N]``, float64 or float32: ``torch.stack([flow.log_prob(x), ...])``.
    nu : Tensor or array
        Yields, ``[P]``, 0 or more.
    weights : Tensor or array, optional
        Of the events, ``[N]``, 0 or more; constants.
    constraints : Tensor or list, optional
        ``[K, 3]``: value, center and sigma of normal constraints, each of them a number or a tensor.

    Returns
    -------
    Tensor
        The NLL, ``[]``, float64 (on Metal of the type of `logp`). It can be differentiated twice.

    Raises
    ------
    ArgumentError
        As `neyman.reduce_lse`.

    Examples
    --------
    >>> import torch
    >>> logp = torch.tensor([[0.2, 0.1, 0.4], [0.1, 0.3, 0.1]]).log().requires_grad_()
    >>> nu = torch.tensor([2.0, 1.0], requires_grad=True)
    >>> nll = neyman.torch.reduce_lse(logp, nu)
    >>> nll.backward()
    >>> print(f"{nll.item():.4f}", nu.grad)
    4.4917 tensor([-0.0444,  0.0889])
    """
    check_type(logp, "logp")
    if not isinstance(nu, torch.Tensor):
        nu = torch.as_tensor(np.array(nu, dtype=np.float64))
    check_type(nu, "nu")
    if weights is not None:
        weights = torch.as_tensor(np.array(untrained(weights), dtype=np.float64))
    found: torch.Tensor = ReduceLSE.apply(logp, nu, weights)
    return found if constraints is None else found + _penalty(constraints, found)
