"""``pyhf.infer.intervals.upper_limits``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._convert import vector
from ...errors import ArgumentError, UnsupportedError
from .._common import asked, data_of, opened, tensor
from .._hypotest import hypotest

__all__ = ["upper_limit"]


def upper_limit(
    data: Any,
    model: Any,
    scan: Any = None,
    level: float = 0.05,
    return_results: bool = False,
    *,
    init_pars: Sequence[float] | None = None,
    par_bounds: Sequence[tuple[float, float]] | None = None,
    fixed_params: Sequence[bool] | None = None,
    test_stat: str = "qtilde",
    calc_base_dist: str = "normal",
    calctype: str = "asymptotics",
    ntoys: int = 2000,
    track_progress: bool = False,
    seed: int = 0,
    device: str = "auto",
) -> Any:
    """``pyhf.infer.intervals.upper_limits.upper_limit``.

    Parameters
    ----------
    data, model, level, return_results
        As in pyhf.
    scan : array, optional
        Values to be tested. Without them limits are found to six digits; with them they are interpolated, as in pyhf.
    init_pars, par_bounds, fixed_params, test_stat, calc_base_dist, calctype, ntoys, track_progress, seed, device
        As in `hypotest`. Limits at levels below one half are the same with a clipped distribution.

    Returns
    -------
    tuple
        Observed limit, list of five expected ones, and, where asked for, values tested and their results.

    Examples
    --------
    >>> import pyhf
    >>> pdf = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
    >>> observed, expected = neyman.pyhf.upper_limit([51, 48] + pdf.config.auxdata, pdf)
    >>> print(observed.round(4))
    1.0116
    """
    session = opened(model, device, init_pars, par_bounds, fixed_params)
    level, data = asked(level, "level"), data_of(data)
    if calc_base_dist not in ("normal", "clipped_normal"):
        raise ArgumentError(f"calc_base_dist: there are normal and clipped_normal, not {calc_base_dist!r}")
    clipped = calc_base_dist == "clipped_normal"
    if clipped and scan is None and level >= 0.5:
        raise UnsupportedError("limits at levels of one half and above need a scan where the distribution is clipped")
    values = () if scan is None else vector(scan, "scan")
    options: dict[str, Any] = {"statistic": test_stat, "confidence_level": 1.0 - level}
    if calctype == "toybased":
        options |= {"toys": ntoys, "seed": seed, "progress": True if track_progress else None}
    elif calctype != "asymptotics":
        raise ArgumentError(f"calctype: there are asymptotics and toybased, not {calctype!r}")
    found = session.limit(data, values=values, **options)
    at = np.arange(len(found.mu)) if scan is None else np.searchsorted(found.mu, values)
    if clipped and calctype == "asymptotics":
        # a clipped expected CLs is above one half, as it is without clipping: limits found above stay
        settings = (data, model, init_pars, par_bounds, fixed_params)
        wanted: dict[str, Any] = {"return_expected_set": True, "test_stat": test_stat, "device": device}
        results = [hypotest(mu, *settings, calc_base_dist=calc_base_dist, **wanted) for mu in found.mu[at]]
    else:
        results = [
            (tensor(found.cls_observed[i]), [tensor(p) for p in found.cls_expected[i]]) for i in at
        ]
    if scan is None:
        observed, expected = tensor(found.observed), [tensor(v) for v in found.expected]
        tested: Any = found.mu.tolist()
    else:
        mu, tested = found.mu[at][::-1], scan
        observed = tensor(np.interp(level, found.cls_observed[at][::-1], mu))
        bands = np.array([np.asarray(band) for _, band in results])[::-1]
        expected = [tensor(np.interp(level, bands[:, k], mu)) for k in range(5)]
    return (observed, expected, (tested, results)) if return_results else (observed, expected)
