"""Tests of hypotheses, limits, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._convert import maybe, number, vector
from .._progress import Progress, reporting
from ..model import held
from ..results import DiscoveryResult, Ensemble, GofResult, HypotestResult, IntervalResult, LimitResult
from ._opened import CHUNK, Opened


class Tests(Opened):
    """Tests of hypotheses, limits, intervals."""

    def hypotest(
        self,
        mu: float = 1.0,
        data: Any = None,
        *,
        poi: str | None = None,
        statistic: str = "qtilde",
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int | None = None,
        range: Any = None,
        seed: int = 0,
        cls_error: float | None = None,
        observed_only: bool = False,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> HypotestResult:
        """Test of one value of the parameter of interest: CLs, its parts and its expected band.

        By asymptotic formulas (arXiv:1007.1727), or by toys where their number or range is given.

        Parameters
        ----------
        mu : float
            The tested value.
        data, fix, tolerance
            As in `fit`.
        poi : str, optional
            Parameter of interest; the model's where not given.
        statistic : str
            ``qtilde``, ``qmu``, ``tmu``, ``ttilde`` or ``q0``.
        toys : int, optional
            Toys of each hypothesis.
        range : range or pair of int, optional
            The same by number: toy *i* of a seed is the same data in every range.
        seed : int
        cls_error : float, optional
            Stop at fewer toys, once the error of CLs is smaller than this.
        observed_only : bool
            Nothing expected; memory does not grow with toys.
        chunk : int
            Toys fitted together.
        progress : callable or True, optional
            Called with the numbers of toys done and to be done; True for a bar on a terminal.

        Examples
        --------
        >>> round(session.hypotest(1.0).cls_observed, 4)
        0.5699
        >>> by_toys = session.hypotest(1.0, toys=2000, seed=1)
        >>> abs(by_toys.cls_observed - 0.57) < 5 * by_toys.cls_observed_error
        True
        """
        mu, core = number(mu, "mu"), self._open()
        common = (maybe(data, self._model), self._poi(poi), str(statistic), held(self._model, fix), tolerance)
        if toys is None and range is None:
            return HypotestResult(**{**self._about(), **core.hypotest(mu, *common)})
        thrown = self._toys(toys, range, seed, chunk, cls_error, observed_only)
        with reporting(progress) as tell:
            found = core.hypotest_toys(mu, *common, thrown, tell)
        return HypotestResult(**{**self._about(seed=thrown["seed"]), **_with_ensembles(found)})

    def discovery(
        self,
        data: Any = None,
        *,
        poi: str | None = None,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int | None = None,
        range: Any = None,
        seed: int = 0,
        p0_error: float | None = None,
        observed_only: bool = False,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> DiscoveryResult:
        """Significance of an excess over mu = 0, and what is expected for mu = 1.

        Parameters are those of `hypotest`.

        Examples
        --------
        >>> round(session.discovery().z_observed, 4)
        0.7053
        """
        core = self._open()
        common = (maybe(data, self._model), self._poi(poi), held(self._model, fix), tolerance)
        if toys is None and range is None:
            return DiscoveryResult(**{**self._about(), **core.discovery(*common)})
        thrown = self._toys(toys, range, seed, chunk, p0_error, observed_only)
        with reporting(progress) as tell:
            found = core.discovery_toys(*common, thrown, tell)
        return DiscoveryResult(**{**self._about(seed=thrown["seed"]), **_with_ensembles(found)})

    def limit(
        self,
        data: Any = None,
        *,
        poi: str | None = None,
        statistic: str = "qtilde",
        confidence_level: float = 0.95,
        values: Any = (),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int | None = None,
        seed: int = 0,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> LimitResult:
        """Observed and expected upper limits by CLs.

        The range to look in is found, not asked for.

        Parameters
        ----------
        values : array, optional
            Values to be tested beside those that the search needs; with toys those alone.
        data, poi, statistic, fix, tolerance, toys, seed, chunk, progress
            As in `hypotest`.

        Examples
        --------
        >>> session.limit().expected.round(3)
        array([1.195, 1.601, 2.215, 3.071, 4.106])
        """
        core, values = self._open(), vector(values, "values")
        level = number(confidence_level, "confidence_level")
        fixed, name = held(self._model, fix), self._poi(poi)
        common = (maybe(data, self._model), name, str(statistic), level, values, fixed, tolerance)
        if toys is None:
            return LimitResult(**{**self._about(), **core.limit(*common)})
        thrown = self._toys(toys, None, seed, chunk)
        with reporting(progress) as tell:
            found = core.limit_toys(*common, thrown, tell)
        return LimitResult(**{**self._about(seed=found.pop("seed")), **found})

    def interval(
        self,
        data: Any = None,
        *,
        poi: str | None = None,
        statistic: str = "ttilde",
        confidence_level: float = 0.95,
        values: Any = (),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int = 1000,
        seed: int = 0,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> IntervalResult:
        """Confidence interval by toys, after Feldman and Cousins.

        Parameters are those of `limit`; `values` are 21 around the best fit where none are given.

        Examples
        --------
        >>> interval = session.interval(values=[0, 1, 2, 3, 4], toys=200)
        >>> interval.upper < 4
        True
        """
        core, values = self._open(), vector(values, "values")
        level = number(confidence_level, "confidence_level")
        thrown = self._toys(toys, None, seed, chunk)
        fixed, name = held(self._model, fix), self._poi(poi)
        with reporting(progress) as tell:
            found = core.interval(
                maybe(data, self._model), name, str(statistic), level, values, fixed, tolerance, thrown, tell
            )
        return IntervalResult(**{**self._about(seed=thrown["seed"]), **found})

    def gof(
        self,
        data: Any = None,
        *,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int | None = None,
        range: Any = None,
        seed: int = 0,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> GofResult:
        """Goodness of fit against the saturated model, by its chi-square limit and, if asked for, by toys.

        Examples
        --------
        >>> session.gof().degrees_of_freedom
        1
        """
        core = self._open()
        common = (maybe(data, self._model), held(self._model, fix), tolerance)
        if toys is None and range is None:
            return GofResult(**{**self._about(self._fit_device), **core.gof(*common)})
        thrown = self._toys(toys, range, seed, chunk)
        with reporting(progress) as tell:
            found = core.gof_toys(*common, thrown, tell)
        return GofResult(**{**self._about(self._fit_device, thrown["seed"]), **found})


def _with_ensembles(found: dict[str, Any]) -> dict[str, Any]:
    for name in ("signal_background", "background"):
        found[name] = Ensemble(**found[name])
    return found
