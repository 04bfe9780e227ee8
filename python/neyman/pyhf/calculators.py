"""``pyhf.infer.calculators``: the same names, arguments and methods.

Examples
--------
>>> import pyhf
>>> pdf = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
>>> calculator = neyman.pyhf.calculators.AsymptoticCalculator([51, 48] + pdf.config.auxdata, pdf)
>>> q_tilde = calculator.teststatistic(1.0)
>>> clsb, clb, cls = calculator.pvalues(q_tilde, *calculator.distributions(1.0))
>>> print(cls.round(4))
0.0525
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, log, log1p, pi, sqrt
from typing import Any

import numpy as np

from .._convert import Floats
from ..errors import ArgumentError, UnsupportedError
from ..results import HypotestResult
from ..session import Session
from ._common import asked, data_of, opened, tensor
from .mle import failed

__all__ = [
    "AsymptoticCalculator",
    "AsymptoticTestStatDistribution",
    "EmpiricalDistribution",
    "HypoTestFitResults",
    "ToyCalculator",
    "generate_asimov_data",
]

SIGMAS = (2, 1, 0, -1, -2)
# percentiles at -2, -1, 0, 1, 2 standard deviations, as pyhf has them
PERCENTILES = (2.27501319, 15.86552539, 50.0, 84.13447461, 97.72498681)
# fits end within their tolerance: values that are closer than this (four tolerances and rounding) are one, as for
# `Session.hypotest`
TIE = 4 * 1e-8 + 1e-6


def _cdf(values: Any) -> Floats:
    """Of the standard normal distribution."""
    found = np.asarray(values, dtype=np.float64)
    return np.array([0.5 * erfc(-v / sqrt(2.0)) for v in found.ravel()]).reshape(found.shape)


def _log_cdf(value: float) -> float:
    """Its logarithm, also where the number itself is too small for a float."""
    if value > -30.0:
        return log(0.5 * erfc(-value / sqrt(2.0)))
    # Mills' ratio, Abramowitz and Stegun 26.2.12
    square = value * value
    series = -1.0 / square + 3.0 / square**2 - 15.0 / square**3
    return -0.5 * square - log(-value * sqrt(2.0 * pi)) + log1p(series)


def generate_asimov_data(
    asimov_mu: Any,
    data: Any,
    pdf: Any,
    init_pars: Sequence[float] | None = None,
    par_bounds: Sequence[tuple[float, float]] | None = None,
    fixed_params: Sequence[bool] | None = None,
    return_fitted_pars: bool = False,
) -> Any:
    """``pyhf.infer.calculators.generate_asimov_data``: expectation of the fit at `asimov_mu`.

    Returns
    -------
    tensor or tuple
        Main and auxiliary data; and, where asked for, the parameters of the fit.
    """
    session = opened(pdf, "auto", init_pars, par_bounds, fixed_params)
    pars = _fitted(session, data_of(data), asked(asimov_mu, "asimov_mu"))
    asimov = tensor(session.model.expected_data(pars))
    return (asimov, tensor(pars)) if return_fitted_pars else asimov


def _fitted(session: Session, data: Any, mu: float | None = None) -> Floats:
    poi = session.model.poi
    if poi is None:
        raise UnsupportedError("the model has no parameter of interest")
    found = session.fit(data, fix=None if mu is None else {poi: mu})
    if not found.converged:
        raise failed(f"the fit ended as {found.status.replace('_', ' ')}", found)
    return found.values


class AsymptoticTestStatDistribution:
    """Normal distribution of -muhat / sigma, of width 1 around `shift` (arXiv:1007.1727).

    Attributes
    ----------
    shift : float
    cutoff : float
        Lowest value that is possible.
    """

    def __init__(self, shift: float, cutoff: float = float("-inf")) -> None:
        self.shift = shift
        self.cutoff = cutoff

    def cdf(self, value: Any) -> Any:
        """Probability of a value of at most `value`."""
        return tensor(_cdf(np.asarray(value) - self.shift))

    def pvalue(self, value: Any) -> Any:
        """Probability of a value of at least `value`; NaN below the cutoff."""
        value = np.asarray(value, dtype=np.float64)
        return tensor(np.where(value >= self.cutoff, _cdf(self.shift - value), np.nan))

    def expected_value(self, nsigma: Any) -> Any:
        """The value `nsigma` standard deviations from the middle, not below the cutoff."""
        return tensor(np.maximum(self.shift + np.asarray(nsigma, dtype=np.float64), self.cutoff))


class EmpiricalDistribution:
    """Values of a test statistic over toys.

    Attributes
    ----------
    samples : tensor
    """

    def __init__(self, samples: Any) -> None:
        values = np.ravel(np.asarray(samples, dtype=np.float64))
        self.samples = tensor(values)
        self._sorted = np.sort(values)
        if len(values) == 0 or np.isnan(values).any():
            raise ArgumentError("samples: numbers are needed")

    def pvalue(self, value: Any) -> Any:
        """Fraction of toys of at least `value`."""
        n = len(self._sorted)
        below = np.searchsorted(self._sorted, np.asarray(value, dtype=np.float64) - TIE)
        return tensor((n - below) / n)

    def expected_value(self, nsigma: Any) -> Any:
        """The value below which a normal distribution has `nsigma` standard deviations, interpolated."""
        return tensor(np.percentile(self._sorted, 100.0 * _cdf(nsigma)))


@dataclass(frozen=True)
class HypoTestFitResults:
    """Parameters of the five fits behind an asymptotic test."""

    asimov_pars: Any
    free_fit_to_data: Any
    free_fit_to_asimov: Any
    fixed_poi_fit_to_data: Any
    fixed_poi_fit_to_asimov: Any


class _Calculator:
    """What both calculators share."""

    def __init__(
        self,
        data: Any,
        pdf: Any,
        init_pars: Sequence[float] | None,
        par_bounds: Sequence[tuple[float, float]] | None,
        fixed_params: Sequence[bool] | None,
        test_stat: str,
        device: str,
    ) -> None:
        if test_stat not in ("qtilde", "q", "q0"):
            raise ArgumentError(f"test_stat: there are qtilde, q and q0, not {test_stat!r}")
        self._session = opened(pdf, device, init_pars, par_bounds, fixed_params)
        self.data = data_of(data)
        self.pdf = pdf
        self.test_stat = test_stat

    def _tested(self, poi_test: Any, **options: Any) -> HypotestResult:
        mu = asked(poi_test, "poi_test")
        return self._session.hypotest(mu, self.data, statistic=self.test_stat, **options)

    def pvalues(
        self, teststat: Any, sig_plus_bkg_distribution: Any, bkg_only_distribution: Any
    ) -> tuple[Any, Any, Any]:
        """CLs+b, CLb and CLs of a value of the test statistic."""
        clsb = sig_plus_bkg_distribution.pvalue(teststat)
        clb = bkg_only_distribution.pvalue(teststat)
        with np.errstate(divide="ignore", invalid="ignore"):
            return clsb, clb, tensor(np.asarray(clsb) / np.asarray(clb))


class AsymptoticCalculator(_Calculator):
    """Tests by the asymptotic formulas.

    Parameters
    ----------
    data, pdf, init_pars, par_bounds, fixed_params, test_stat, calc_base_dist
        As in pyhf. ``clipped_normal`` has expected values of the test statistic end where its own range does,
        which changes the expected CLs of +1 and +2 sigma where these are above one half.
    device : str
        As in `neyman.Session`.
    """

    def __init__(
        self,
        data: Any,
        pdf: Any,
        init_pars: Sequence[float] | None = None,
        par_bounds: Sequence[tuple[float, float]] | None = None,
        fixed_params: Sequence[bool] | None = None,
        test_stat: str = "qtilde",
        calc_base_dist: str = "normal",
        *,
        device: str = "auto",
    ) -> None:
        if calc_base_dist not in ("normal", "clipped_normal"):
            raise ArgumentError(f"calc_base_dist: there are normal and clipped_normal, not {calc_base_dist!r}")
        super().__init__(data, pdf, init_pars, par_bounds, fixed_params, test_stat, device)
        self.calc_base_dist = calc_base_dist
        self.sqrtqmuA_v: Any = None
        self._mu: float | None = None

    def teststatistic(self, poi_test: Any) -> Any:
        """The observed test statistic in units of -muhat / sigma, shifted as pyhf shifts it."""
        found = self._tested(poi_test)
        # a fit's tolerance can leave it below 0
        q, q_asimov = max(found.test_statistic, 0.0), max(found.test_statistic_asimov or 0.0, 0.0)
        root = sqrt(q_asimov)
        self.sqrtqmuA_v, self._mu = tensor(root), found.mu
        # without sensitivity (mu = 0) the hypotheses are one, and CLs is 1
        if self.test_stat == "qtilde" and q > q_asimov > 0.0:
            return tensor((q - q_asimov) / (2.0 * root))
        return tensor(sqrt(q) - root)

    def distributions(self, poi_test: Any) -> tuple[Any, Any]:
        """Distributions under signal and background, and under background alone."""
        if self.sqrtqmuA_v is None:
            raise RuntimeError("need to call .teststatistic(poi_test) first")
        root = float(self.sqrtqmuA_v)
        cutoff = -root if self.calc_base_dist == "clipped_normal" else float("-inf")
        return AsymptoticTestStatDistribution(-root, cutoff), AsymptoticTestStatDistribution(0.0, cutoff)

    def pvalues(
        self, teststat: Any, sig_plus_bkg_distribution: Any, bkg_only_distribution: Any
    ) -> tuple[Any, Any, Any]:
        """CLs+b, CLb and CLs of a value of the test statistic."""
        sides = (sig_plus_bkg_distribution, bkg_only_distribution)
        clsb, clb, cls = super().pvalues(teststat, *sides)
        if np.ndim(clb) == 0 and float(clb) == 0.0:
            # a ratio of numbers that are too small
            tails = [_log_cdf(side.shift - float(teststat)) for side in sides]
            cls = tensor(exp(tails[0] - tails[1]))
        return clsb, clb, cls

    def expected_pvalues(self, sig_plus_bkg_distribution: Any, bkg_only_distribution: Any) -> list[list[Any]]:
        """Expected CLs+b, CLb and CLs, from -2 to +2 sigma."""
        values = [bkg_only_distribution.expected_value(n) for n in SIGMAS]
        rows = [self.pvalues(v, sig_plus_bkg_distribution, bkg_only_distribution) for v in values]
        return [list(band) for band in zip(*rows, strict=True)]

    @property
    def fitted_pars(self) -> HypoTestFitResults | None:
        """Parameters of the fits behind the last test statistic; fitted again when asked for."""
        if self._mu is None:
            return None
        session, data = self._session, self.data
        asimov_pars = _fitted(session, data, 1.0 if self.test_stat == "q0" else 0.0)
        asimov = session.model.expected_data(asimov_pars)
        pars = (
            asimov_pars,
            _fitted(session, data),
            _fitted(session, asimov),
            _fitted(session, data, self._mu),
            _fitted(session, asimov, self._mu),
        )
        return HypoTestFitResults(*map(tensor, pars))


class ToyCalculator(_Calculator):
    """Tests by toys.

    Parameters
    ----------
    data, pdf, init_pars, par_bounds, fixed_params, test_stat, ntoys, track_progress
        As in pyhf.
    seed : int
    device : str
        As in `neyman.Session`.
    """

    def __init__(
        self,
        data: Any,
        pdf: Any,
        init_pars: Sequence[float] | None = None,
        par_bounds: Sequence[tuple[float, float]] | None = None,
        fixed_params: Sequence[bool] | None = None,
        test_stat: str = "qtilde",
        ntoys: int = 2000,
        track_progress: bool = True,
        *,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        super().__init__(data, pdf, init_pars, par_bounds, fixed_params, test_stat, device)
        self.ntoys = ntoys
        self.track_progress = track_progress
        self.seed = seed

    def teststatistic(self, poi_test: Any) -> Any:
        """The observed test statistic."""
        return tensor(self._tested(poi_test).test_statistic)

    def distributions(self, poi_test: Any, track_progress: bool | None = None) -> tuple[Any, Any]:
        """The test statistic of toys of signal and background, and of background alone."""
        shown = self.track_progress if track_progress is None else track_progress
        found = self._tested(
            poi_test, toys=self.ntoys, seed=self.seed, progress=True if shown else None
        )
        both = [e.values for e in (found.signal_background, found.background) if e is not None]
        first, second = (EmpiricalDistribution(values[~np.isnan(values)]) for values in both)
        return first, second

    def expected_pvalues(self, sig_plus_bkg_distribution: Any, bkg_only_distribution: Any) -> list[list[Any]]:
        """Quantiles, from -2 to +2 sigma, of CLs+b, CLb and CLs of the toys of background alone."""
        toys = np.asarray(bkg_only_distribution.samples)
        bands = self.pvalues(toys, sig_plus_bkg_distribution, bkg_only_distribution)
        return [[tensor(p) for p in np.percentile(np.asarray(band), PERCENTILES)] for band in bands]
