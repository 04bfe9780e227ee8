"""An optimizer for pyhf."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ._common import data_of, opened
from .mle import returned

__all__ = ["Optimizer", "optimizer"]


class Optimizer:
    """Fits of pyhf by neyman: ``pyhf.set_backend("numpy", neyman.pyhf.optimizer())``.

    Only twice the negative log likelihood of a pyhf model is minimized, which is what all of pyhf's inference
    asks for. The tensor backend computes nothing in a fit.
    """

    name = "neyman"

    def __init__(self, device: str = "auto", tolerance: float | None = None) -> None:
        self.device = device
        self.tolerance = tolerance
        # read by users of pyhf's optimizers
        self.maxiter, self.verbose = 100000, 0

    def minimize(
        self,
        objective: Any,
        data: Any,
        pdf: Any,
        init_pars: Any,
        par_bounds: Any,
        fixed_vals: Any = None,
        return_fitted_val: bool = False,
        return_result_obj: bool = False,
        return_uncertainties: bool = False,
        return_correlations: bool = False,
        do_grad: bool | None = None,
        do_stitch: bool = False,
        **kwargs: Any,
    ) -> Any:
        """``pyhf.optimize.mixins.OptimizerMixin.minimize``."""
        known = {"maxiter", "verbose", "tolerance", "method", "solver_options", "strategy"}
        if set(kwargs) - known:
            raise UnsupportedError(f"unknown options: {sorted(set(kwargs) - known)}")
        if getattr(objective, "__name__", "") != "twice_nll":
            raise UnsupportedError("only pyhf.infer.mle.twice_nll can be minimized")
        init = np.array(init_pars, dtype=np.float64)
        fixed = np.zeros(len(init), dtype=np.bool_)
        for index, value in fixed_vals or ():
            init[index], fixed[index] = value, True
        session = opened(pdf, self.device, init, par_bounds, fixed)
        found = session.fit(data_of(data), tolerance=self.tolerance)
        return returned(
            found,
            return_uncertainties=return_uncertainties,
            return_correlations=return_correlations,
            return_fitted_val=return_fitted_val,
            return_result_obj=return_result_obj,
        )


def optimizer(device: str = "auto", tolerance: float | None = None) -> Optimizer:
    """An optimizer for ``pyhf.set_backend``.

    Examples
    --------
    >>> import pyhf
    >>> pdf = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
    >>> pyhf.set_backend("numpy", neyman.pyhf.optimizer())
    >>> print(pyhf.infer.hypotest(1.0, [51, 48] + pdf.config.auxdata, pdf).round(4))
    0.0525
    >>> pyhf.set_backend("numpy")
    """
    return Optimizer(device, tolerance)
