"""HistFactory likelihood fits and toys, exact and fast, on the machine in front of you.

>>> import neyman
>>> model = neyman.from_pyhf(workspace)
>>> with neyman.Session(model) as session:
...     fit = session.fit()
...     limit = session.limit()
>>> round(fit["mu"], 3), round(limit.observed, 3)
(0.812, 2.811)

Everything that a session says is also a function of this module for a single call: `fit`, `profile_scan`,
`hypotest`, `upper_limit`, `ranking`, `fit_toys`; `upper_limits` is for all patches of a patchset. `neyman.pyhf` has
pyhf's own functions, `neyman.minuit` a cost function, `neyman.cabinetry` results in its shape, `neyman.plot` figures.
`neyman.unbinned` has likelihoods of single events, `read_parquet` their tables and `reduce_lse` what a mixture of
densities makes of them. `neyman.tmd` has fits of transverse-momentum-dependent distributions. `neyman.torch`,
`neyman.jax` and `neyman.differentiable` have statements as functions of the yields of samples, with gradients.
"""

from __future__ import annotations

import importlib
from typing import Any

from ._core import __version__
from .devices import Device, DeviceInfo, devices, has_cuda, has_metal, has_vulkan
from .errors import (
    ArgumentError,
    ConvergenceError,
    DeviceError,
    Error,
    EventsError,
    ExecutorError,
    FileError,
    SpecificationError,
    UnsupportedError,
)
from .functions import fit, fit_toys, hypotest, profile_scan, ranking, upper_limit, upper_limits
from .model import Model, from_pyhf
from .results import load
from .session import Session
from .unbinned import read_parquet, reduce_lse

__all__ = [
    "ArgumentError",
    "ConvergenceError",
    "Device",
    "DeviceError",
    "DeviceInfo",
    "Error",
    "EventsError",
    "ExecutorError",
    "FileError",
    "Model",
    "Session",
    "SpecificationError",
    "UnsupportedError",
    "__version__",
    "devices",
    "fit",
    "fit_toys",
    "from_pyhf",
    "has_cuda",
    "has_metal",
    "has_vulkan",
    "hypotest",
    "load",
    "profile_scan",
    "ranking",
    "read_parquet",
    "reduce_lse",
    "upper_limit",
    "upper_limits",
]


_PARTS = ("cabinetry", "differentiable", "jax", "minuit", "plot", "pyhf", "results", "tmd", "torch", "unbinned")


def __getattr__(name: str) -> Any:
    # read when they are wanted: importing neyman stays quick
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted((*__all__, *_PARTS))
