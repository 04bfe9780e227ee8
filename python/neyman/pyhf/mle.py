"""``pyhf.infer.mle``."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..errors import ArgumentError, ConvergenceError, UnsupportedError
from ..model import Model
from ..results import FitResult
from ._common import asked, data_of, opened, tensor

__all__ = ["fit", "fixed_poi_fit"]


def fit(
    data: Any,
    pdf: Any,
    init_pars: Sequence[float] | None = None,
    par_bounds: Sequence[tuple[float, float]] | None = None,
    fixed_params: Sequence[bool] | None = None,
    *,
    return_fitted_val: bool = False,
    return_result_obj: bool = False,
    return_uncertainties: bool = False,
    return_correlations: bool = False,
    tolerance: float | None = None,
    device: str = "auto",
) -> Any:
    """``pyhf.infer.mle.fit``.

    Parameters
    ----------
    data, pdf, init_pars, par_bounds, fixed_params
        As in pyhf.
    return_fitted_val, return_result_obj, return_uncertainties, return_correlations
        As in pyhf.
    tolerance : float, optional
        As in `neyman.Session.fit`.

    Returns
    -------
    tensor or tuple
        As in pyhf: parameters, or pairs of parameters and uncertainties; correlations; -2 log likelihood; the
        result as an object.

    Examples
    --------
    >>> import pyhf
    >>> pdf = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
    >>> neyman.pyhf.mle.fit([51, 48] + pdf.config.auxdata, pdf).round(4)
    array([0.    , 1.0031, 0.9627])
    """
    found = opened(pdf, device, init_pars, par_bounds, fixed_params).fit(
        data_of(data), tolerance=tolerance
    )
    return returned(
        found,
        return_uncertainties=return_uncertainties,
        return_correlations=return_correlations,
        return_fitted_val=return_fitted_val,
        return_result_obj=return_result_obj,
    )


def fixed_poi_fit(
    poi_val: Any,
    data: Any,
    pdf: Any,
    init_pars: Sequence[float] | None = None,
    par_bounds: Sequence[tuple[float, float]] | None = None,
    fixed_params: Sequence[bool] | None = None,
    **kwargs: Any,
) -> Any:
    """``pyhf.infer.mle.fixed_poi_fit``: `fit` with the parameter of interest held.

    Examples
    --------
    >>> import pyhf
    >>> pdf = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
    >>> neyman.pyhf.mle.fixed_poi_fit(1.0, [51, 48] + pdf.config.auxdata, pdf).round(4)
    array([1.    , 0.9722, 0.8755])
    """
    if isinstance(pdf, Model):
        index = None if pdf.poi is None else pdf.index(pdf.poi)
        init, fixed = list(pdf.init), list(pdf.fixed)
    else:
        config = pdf.config
        index = config.poi_index
        init, fixed = list(config.suggested_init()), list(config.suggested_fixed())
    if index is None:
        raise UnsupportedError("the model has no parameter of interest to be held")
    init = list(init if init_pars is None or len(init_pars) == 0 else init_pars)
    fixed = list(fixed if fixed_params is None or len(fixed_params) == 0 else fixed_params)
    if not index < min(len(init), len(fixed)):
        raise ArgumentError("init_pars, fixed_params: one value for each parameter is needed")
    init[index], fixed[index] = asked(poi_val, "poi_val"), True
    return fit(data, pdf, init, par_bounds, fixed, **kwargs)


def returned(
    found: FitResult,
    *,
    return_uncertainties: bool,
    return_correlations: bool,
    return_fitted_val: bool,
    return_result_obj: bool,
) -> Any:
    """A fit in pyhf's order of returned values."""
    if not found.converged:
        raise failed(f"the fit ended as {found.status.replace('_', ' ')}", found)
    wants_errors = return_uncertainties or return_correlations
    if wants_errors and found.covariance is None:
        raise failed(f"the fit has no uncertainties: {found.covariance_problem}", found)
    pairs = np.stack([found.values, found.uncertainties], axis=1)
    parameters = tensor(pairs if return_uncertainties else found.values)
    correlation = None
    if found.correlation is not None:
        # pyhf has zeros for fixed parameters, on the diagonal, too
        free = ~found.fixed
        correlation = tensor(np.where(np.outer(free, free), found.correlation, 0.0))
    values = [parameters]
    if return_correlations:
        values.append(correlation)
    if return_fitted_val:
        values.append(tensor(found.twice_nll))
    if return_result_obj:
        values.append(
            SimpleNamespace(
                x=parameters,
                unc=tensor(found.uncertainties),
                corr=correlation,
                fun=tensor(found.twice_nll),
                success=True,
                message=found.status,
                nfev=found.evaluations,
                neyman=found,
            )
        )
    return tuple(values) if len(values) > 1 else values[0]


def failed(message: str, found: FitResult) -> Exception:
    """pyhf's exception, where there is pyhf."""
    import sys

    pyhf = sys.modules.get("pyhf")
    if pyhf is None:
        return ConvergenceError(message)
    error: Exception = pyhf.exceptions.FailedMinimization(
        SimpleNamespace(message=message, neyman=found)
    )
    return error
