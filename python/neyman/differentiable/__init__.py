"""The likelihood and the statements made of it as functions of the nominal counts of samples, with exact
derivatives: what an analysis that is optimised by gradients needs.

Histograms are those of the samples that a session was made for, ``[n_bins]`` or ``[batch, n_bins]``: sample after
sample as they were named, each in the channels that have it (`DifferentiableSession.layout`). Each function returns
its value and the gradient. `neyman.torch` and `neyman.jax` have the same for tensors and tracers.

>>> session = neyman.differentiable.create_session(workspace)
>>> z, gradient = neyman.differentiable.asimov_z0([5.0, 10.0], session)
>>> round(z, 4), gradient.round(4)
(0.8761, array([0.0714, 0.049 ]))
>>> limit, gradient = neyman.differentiable.upper_limit([5.0, 10.0], session, data=neyman.differentiable.Asimov(0))
>>> round(limit, 4)
2.1236
"""

from .functions import (
    BestFit,
    asimov_z0,
    best_fit,
    cls,
    nll,
    q0,
    qmu,
    qtilde,
    uncertainty,
    upper_limit,
    z0,
)
from .session import Asimov, DifferentiableSession, create_session

__all__ = [
    "Asimov",
    "BestFit",
    "DifferentiableSession",
    "asimov_z0",
    "best_fit",
    "cls",
    "create_session",
    "nll",
    "q0",
    "qmu",
    "qtilde",
    "uncertainty",
    "upper_limit",
    "z0",
]
