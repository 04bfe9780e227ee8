"""pyhf's own functions, with pyhf's arguments and return shapes, by neyman.

>>> import pyhf
>>> pdf = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
>>> data = [51, 48] + pdf.config.auxdata
>>> print(neyman.pyhf.hypotest(1.0, data, pdf).round(4))
0.0525

Models may be of pyhf or of neyman. Each is compiled once and kept as long as pyhf's object lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._convert import vector
from ..errors import ArgumentError, UnsupportedError
from ..results import HypotestResult
from . import mle
from ._common import asked, data_of, opened, tensor
from ._optimizer import Optimizer, optimizer

__all__ = ["Calculator", "Optimizer", "hypotest", "mle", "optimizer", "upper_limit"]


class Calculator:
    """What pyhf's calculators tell, of a finished test.

    Attributes
    ----------
    result : HypotestResult
    """

    def __init__(self, result: HypotestResult) -> None:
        self.result = result

    def teststatistic(self, poi_test: float) -> Any:
        """The observed test statistic, as pyhf's calculator gives it."""
        if poi_test != self.result.mu:
            raise ArgumentError(f"this test was one of {self.result.mu}, not of {poi_test}")
        return tensor(self.result.test_statistic)

    def pvalues(self, *_: Any) -> tuple[Any, Any, Any]:
        """Observed CLs+b, CLb and CLs."""
        result = self.result
        return tensor(result.clsb), tensor(result.clb), tensor(result.cls_observed)

    def expected_pvalues(self, *_: Any) -> list[list[Any]]:
        """Expected CLs+b, CLb and CLs, from -2 to +2 sigma."""
        result = self.result
        bands = (result.clsb_expected, result.clb_expected, result.cls_expected)
        return [[tensor(v) for v in band] for band in bands if band is not None]


def hypotest(
    poi_test: Any,
    data: Any,
    pdf: Any,
    init_pars: Sequence[float] | None = None,
    par_bounds: Sequence[tuple[float, float]] | None = None,
    fixed_params: Sequence[bool] | None = None,
    calctype: str = "asymptotics",
    return_tail_probs: bool = False,
    return_expected: bool = False,
    return_expected_set: bool = False,
    return_calculator: bool = False,
    *,
    test_stat: str = "qtilde",
    calc_base_dist: str = "normal",
    ntoys: int = 2000,
    track_progress: bool = False,
    seed: int = 0,
    device: str = "auto",
) -> Any:
    """``pyhf.infer.hypotest``.

    Parameters
    ----------
    poi_test, data, pdf, init_pars, par_bounds, fixed_params, calctype
    return_tail_probs, return_expected, return_expected_set, return_calculator
        As in pyhf. The calculator is a `Calculator`.
    test_stat, ntoys, track_progress
        As in pyhf's calculators.
    seed : int
        Of toys.
    device : str
        As in `neyman.Session`.

    Returns
    -------
    tensor or tuple
        As in pyhf.

    Examples
    --------
    >>> import pyhf
    >>> pdf = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
    >>> observed, band = neyman.pyhf.hypotest(
    ...     1.0, [51, 48] + pdf.config.auxdata, pdf, return_expected_set=True
    ... )
    >>> np.round(band, 4)
    array([0.0026, 0.0138, 0.0645, 0.2353, 0.573 ])
    """
    if calc_base_dist != "normal":
        raise UnsupportedError(f"calc_base_dist: there is normal, not {calc_base_dist}")
    session = opened(pdf, device, init_pars, par_bounds, fixed_params)
    options: dict[str, Any] = {}
    if calctype == "toybased":
        options = {"toys": ntoys, "seed": seed, "progress": True if track_progress else None}
    elif calctype != "asymptotics":
        raise ArgumentError(f"calctype: there are asymptotics and toybased, not {calctype!r}")
    result = session.hypotest(
        asked(poi_test, "poi_test"), data_of(data), statistic=test_stat, **options
    )
    return _returned(
        result, return_tail_probs, return_expected, return_expected_set, return_calculator
    )


def _returned(
    result: HypotestResult, tail_probs: bool, expected: bool, expected_set: bool, calculator: bool
) -> Any:
    discovery = result.statistic == "q0"
    returned: list[Any] = [tensor(result.clsb if discovery else result.cls_observed)]
    if tail_probs:
        tails = [result.clb] if discovery else [result.clsb, result.clb]
        returned.append([tensor(p) for p in tails])
    values = result.clsb_expected if discovery else result.cls_expected
    band = [tensor(p) for p in (() if values is None else values)]
    if expected:
        returned.append(band[2])
    if expected_set:
        returned.append(band)
    if calculator:
        returned.append(Calculator(result))
    return tuple(returned) if len(returned) > 1 else returned[0]


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
    calctype: str = "asymptotics",
    ntoys: int = 2000,
    track_progress: bool = False,
    seed: int = 0,
    device: str = "auto",
) -> Any:
    """``pyhf.infer.intervals.upper_limits.upper_limit``.

    Parameters
    ----------
    data, model, scan, level, return_results
        As in pyhf. Without `scan` limits are found to six digits; with it they are interpolated, as in pyhf.
    init_pars, par_bounds, fixed_params, test_stat, calctype, ntoys, track_progress, seed, device
        As in `hypotest`.

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
    values = () if scan is None else vector(scan, "scan")
    options: dict[str, Any] = {"statistic": test_stat, "confidence_level": 1.0 - level}
    if calctype == "toybased":
        options |= {"toys": ntoys, "seed": seed, "progress": True if track_progress else None}
    elif calctype != "asymptotics":
        raise ArgumentError(f"calctype: there are asymptotics and toybased, not {calctype!r}")
    found = session.limit(data, values=values, **options)
    at = np.arange(len(found.mu)) if scan is None else np.searchsorted(found.mu, values)
    results = [
        (tensor(found.cls_observed[i]), [tensor(p) for p in found.cls_expected[i]]) for i in at
    ]
    if scan is None:
        observed, expected = tensor(found.observed), [tensor(v) for v in found.expected]
        tested: Any = found.mu.tolist()
    else:
        mu, tested = found.mu[at][::-1], scan
        observed = tensor(np.interp(level, found.cls_observed[at][::-1], mu))
        bands = found.cls_expected[at][::-1]
        expected = [tensor(np.interp(level, bands[:, k], mu)) for k in range(5)]
    return (observed, expected, (tested, results)) if return_results else (observed, expected)
