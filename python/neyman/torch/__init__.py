"""The likelihood and the statements made of it as functions of PyTorch tensors of yields, with exact gradients.

>>> import torch
>>> session = neyman.torch.create_session(workspace)
>>> signal = torch.tensor([5.0, 10.0], requires_grad=True)
>>> z = neyman.torch.asimov_z0_loss(signal, session)
>>> (-z).backward()
>>> round(z.item(), 4), signal.grad
(0.8761, tensor([-0.0714, -0.0490]))

Histograms are float64 or float32 tensors on any device, ``[n_bins]`` or ``[batch, n_bins]``; results have their type,
device and batch. Everything is computed in float64. Statements are returned as they are, not negated: whoever wants
a large significance minimises its negative, or takes `SignificanceLoss`, which knows the sign.

The NLL of CUDA tensors is computed in their memory, on the current stream; all else on the processor, with one copy
of the histogram there and one of the gradient back.

`reduce_lse` is the likelihood of single events, from their log-densities under each process.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("neyman.torch needs PyTorch: pip install 'neyman[torch]'") from error

from ..differentiable import Asimov, DifferentiableSession, create_session
from ._histogram import SoftHistogram
from ._losses import (
    asimov_z0_loss,
    best_fit,
    cls_loss,
    q0_loss,
    qmu_loss,
    qtilde_loss,
    uncertainty,
    upper_limit_loss,
    z0_loss,
)
from ._nll import NeymanNLL, nll_loss
from ._reduce import ReduceLSE, reduce_lse
from ._significance import SignificanceLoss

__all__ = [
    "Asimov",
    "DifferentiableSession",
    "NeymanNLL",
    "ReduceLSE",
    "SignificanceLoss",
    "SoftHistogram",
    "asimov_z0_loss",
    "best_fit",
    "cls_loss",
    "create_session",
    "nll_loss",
    "q0_loss",
    "qmu_loss",
    "qtilde_loss",
    "reduce_lse",
    "uncertainty",
    "upper_limit_loss",
    "z0_loss",
]
