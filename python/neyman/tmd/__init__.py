"""Fits of transverse-momentum-dependent distributions (TMDs).

Cross sections are Fourier-Bessel integrals over two shapes in b, whose parameters are fitted: `Plan` has their values
and exact derivatives, `fit` finds the parameters nearest to measured ones, with errors and replicas.

>>> plan = neyman.tmd.Plan.from_yaml(config, kinematics, fnp)
>>> plan.parameters
('g2', 'pdf.lambda_f', 'pdf.alpha', 'ff.g1', 'ff.lambda')
>>> truth = plan.xsec()
>>> found = neyman.tmd.fit(plan, truth, sigma=0.1 * truth, start={"pdf.lambda_f": 1.2})
>>> print(found.status, f"{found['pdf.lambda_f']:.4f}")
converged 1.0000

[The how-to](../howto/tmd.md) says what stands in the three documents. `neyman.tmd.torch.SidisLayer` is a plan in
PyTorch, `neyman.plot.cross_sections` and `neyman.plot.fnp` draw a fit.
"""

from __future__ import annotations

import importlib
from typing import Any

from ._evaluated import Nodes
from ._fit import fit
from ._plan import Plan

__all__ = ["Nodes", "Plan", "fit"]


def __getattr__(name: str) -> Any:
    # PyTorch is read when it is wanted
    if name == "torch":
        return importlib.import_module(f"{__name__}.torch")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted((*__all__, "torch"))
