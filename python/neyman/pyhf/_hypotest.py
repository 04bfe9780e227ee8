"""``pyhf.infer.hypotest``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ArgumentError
from . import calculators


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
        As in pyhf.
    return_tail_probs, return_expected, return_expected_set, return_calculator
        As in pyhf. The calculator is one of `neyman.pyhf.calculators`.
    test_stat, calc_base_dist, ntoys, track_progress
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
    settings = (data, pdf, init_pars, par_bounds, fixed_params, test_stat)
    calculator: calculators.AsymptoticCalculator | calculators.ToyCalculator
    if calctype == "asymptotics":
        calculator = calculators.AsymptoticCalculator(*settings, calc_base_dist, device=device)
    elif calctype == "toybased":
        calculator = calculators.ToyCalculator(*settings, ntoys, track_progress, seed=seed, device=device)
    else:
        raise ArgumentError(f"calctype: there are asymptotics and toybased, not {calctype!r}")
    value = calculator.teststatistic(poi_test)
    distributions = calculator.distributions(poi_test)
    clsb, clb, cls = calculator.pvalues(value, *distributions)
    discovery = test_stat == "q0"
    returned: list[Any] = [clsb if discovery else cls]
    if return_tail_probs:
        returned.append([clb] if discovery else [clsb, clb])
    if return_expected or return_expected_set:
        expected = calculator.expected_pvalues(*distributions)
        band = expected[0 if discovery else 2]
        returned += [band[2]] if return_expected else []
        returned += [band] if return_expected_set else []
    if return_calculator:
        returned.append(calculator)
    return tuple(returned) if len(returned) > 1 else returned[0]
