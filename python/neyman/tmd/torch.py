"""Cross sections of a plan as functions of PyTorch tensors.

>>> import torch
>>> layer = neyman.tmd.torch.SidisLayer(plan)
>>> params = torch.tensor(plan.init, requires_grad=True)
>>> chi2 = ((layer(params) - 1.0) ** 2).sum()
>>> chi2.backward()
>>> params.grad.shape
torch.Size([5])
"""

from __future__ import annotations

from typing import Any

try:
    import torch
except ImportError as error:
    raise ImportError("neyman.tmd.torch needs PyTorch: pip install 'neyman[torch]'") from error

from ..errors import ArgumentError, UnsupportedError
from ..torch._bridge import check_type, from_array, to_array
from ._plan import Plan

__all__ = ["CrossSections", "SidisLayer"]


class _Slopes(torch.autograd.Function):
    """The slopes in the parameters: whoever differentiates them is told that this cannot be done."""

    @staticmethod
    def forward(ctx: Any, params: torch.Tensor, weights: torch.Tensor, plan: Plan) -> torch.Tensor:
        return from_array(plan.pullback(to_array(weights), to_array(params)), params)

    @staticmethod
    def backward(ctx: Any, *_: torch.Tensor) -> tuple[torch.Tensor, ...]:
        raise UnsupportedError("second derivatives of TMD cross sections: there are first ones alone")


class CrossSections(torch.autograd.Function):
    """The autograd function behind `SidisLayer`: ``CrossSections.apply(params, plan)``."""

    @staticmethod
    def forward(ctx: Any, params: torch.Tensor, plan: Plan) -> torch.Tensor:
        """The cross sections."""
        ctx.plan = plan
        ctx.save_for_backward(params)
        return from_array(plan.xsec(to_array(params)), params)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        """The slopes in the parameters, by `Plan.pullback`."""
        (params,) = ctx.saved_tensors
        found: torch.Tensor = _Slopes.apply(params, gradients[0], ctx.plan)
        return found, None


class SidisLayer(torch.nn.Module):
    """Cross sections of a plan as a layer without weights of its own.

    Everything is computed in float64 on the processor, with one copy of the parameters there and one of the cross
    sections back; gradients are exact, and no matrix of derivatives is made. There are no second derivatives.

    Parameters
    ----------
    plan : Plan

    Examples
    --------
    >>> import torch
    >>> layer = neyman.tmd.torch.SidisLayer(plan)
    >>> params = torch.tensor(np.stack([plan.init, plan.init]), requires_grad=True)
    >>> layer(params).shape
    torch.Size([2, 18])
    >>> torch.autograd.gradcheck(layer, params)
    True
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        if not isinstance(plan, Plan):
            raise ArgumentError(f"plan: a neyman.tmd.Plan is needed, not {type(plan).__name__}")
        self.plan = plan

    def forward(self, params: torch.Tensor) -> torch.Tensor:
        """Cross sections.

        Parameters
        ----------
        params : Tensor
            ``[n_parameters]`` or ``[n_rows, n_parameters]``, float64 or float32.

        Returns
        -------
        Tensor
            ``[n_points]`` or ``[n_rows, n_points]``, with the type and device of `params`.

        Raises
        ------
        ArgumentError
            As `Plan.xsec`.
        """
        check_type(params, "params")
        found: torch.Tensor = CrossSections.apply(params, self.plan)
        return found
