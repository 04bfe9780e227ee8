"""Tests of hypotheses, limits, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from .._asking import Thrown
from .._convert import maybe
from .._progress import Progress
from ..results import DiscoveryResult, GofResult, HypotestResult, IntervalResult, LimitResult
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
        executor: Executor | None = None,
        parts: int | None = None,
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
        executor : concurrent.futures.Executor, optional
            Of processes, or what dask, Parsl or Globus Compute have, for the toys: about `parts` (8) tasks, as in
            `fit_toys`, and as there the result is the same to the bit. With `cls_error` so many for each step.

        Examples
        --------
        >>> round(session.hypotest(1.0).cls_observed, 4)
        0.5699
        >>> by_toys = session.hypotest(1.0, toys=2000, seed=1)
        >>> abs(by_toys.cls_observed - 0.57) < 5 * by_toys.cls_observed_error
        True
        """
        thrown = Thrown(toys, range, seed, chunk, progress, executor, parts)
        given = maybe(data, self._model)
        return self._hypotest(thrown, mu, given, poi, statistic, fix, tolerance, cls_error, observed_only)

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
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> DiscoveryResult:
        """Significance of an excess over mu = 0, and what is expected for mu = 1.

        Parameters are those of `hypotest`.

        Examples
        --------
        >>> round(session.discovery().z_observed, 4)
        0.7053
        """
        thrown = Thrown(toys, range, seed, chunk, progress, executor, parts)
        return self._discovery(thrown, maybe(data, self._model), poi, fix, tolerance, p0_error, observed_only)

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
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> LimitResult:
        """Observed and expected upper limits by CLs.

        The range to look in is found, not asked for.

        Parameters
        ----------
        values : array, optional
            Values to be tested beside those that the search needs; with toys those alone.
        data, poi, statistic, fix, tolerance, toys, seed, chunk, progress
            As in `hypotest`.
        executor, parts
            As in `hypotest`, for the toys of all values at once. Without toys there is a search that cannot be
            divided: `neyman.upper_limits` divides patches.

        Examples
        --------
        >>> session.limit().expected.round(3)
        array([1.195, 1.601, 2.215, 3.071, 4.106])
        """
        thrown = Thrown(toys, None, seed, chunk, progress, executor, parts)
        given = maybe(data, self._model)
        return self._limit(thrown, given, poi, statistic, confidence_level, values, fix, tolerance)

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
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> IntervalResult:
        """Confidence interval by toys, after Feldman and Cousins.

        Parameters are those of `limit`; `values` are 21 around the best fit where none are given.

        Examples
        --------
        >>> interval = session.interval(values=[0, 1, 2, 3, 4], toys=200)
        >>> interval.upper < 4
        True
        """
        thrown = Thrown(toys, None, seed, chunk, progress, executor, parts)
        given = maybe(data, self._model)
        return self._interval(thrown, given, poi, statistic, confidence_level, values, fix, tolerance)

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
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> GofResult:
        """Goodness of fit against the saturated model, by its chi-square limit and, if asked for, by toys.

        Parameters are those of `hypotest`.

        Examples
        --------
        >>> session.gof().degrees_of_freedom
        1
        """
        thrown = Thrown(toys, range, seed, chunk, progress, executor, parts)
        given, (_, fixed, edm) = maybe(data, self._model), self._choices(None, fix, tolerance)
        if thrown.none():
            return self._say(GofResult, self._open().gof(given, fixed, edm), self._fit_device)
        return self._by_toys(GofResult, thrown, given, None, fixed, edm, self._fit_device)
