"""Tests of hypotheses, limits and intervals from single events."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from .._asking import Thrown
from .._progress import Progress
from ..results import DiscoveryResult, HypotestResult, IntervalResult, LimitResult
from ._fits import CHUNK, Fits


class Tests(Fits):
    """Tests of hypotheses, limits and intervals."""

    __slots__ = ()

    def hypotest(
        self,
        mu: float = 1.0,
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

        By asymptotic formulas (arXiv:1007.1727), expected values from `asimov` data, or by toys where their number or
        range is given. Best fits below 0 of a parameter that scales a yield stop at 0, and a note says so.

        Parameters
        ----------
        mu : float
            The tested value.
        poi : str, optional
            Parameter of interest; the model's where not given.
        statistic : str
            ``qtilde``, ``qmu``, ``tmu``, ``ttilde`` or ``q0``.
        fix, tolerance
            As in `fit`.
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
        >>> by_formulas = search.hypotest(340)
        >>> by_toys = search.hypotest(340, toys=200, seed=1)
        >>> abs(by_toys.cls_observed - by_formulas.cls_observed) < 5 * by_toys.cls_observed_error
        True
        """
        thrown = Thrown(toys, range, seed, chunk, progress, executor, parts)
        return self._hypotest(thrown, mu, None, poi, statistic, fix, tolerance, cls_error, observed_only)

    def discovery(
        self,
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
        """Significance of an excess over 0 of the parameter of interest, and what is expected for 1.

        Let that be a signal strength, not a number of events, where what is expected is to say something. Parameters
        are those of `hypotest`.

        Examples
        --------
        >>> round(search.discovery().z_observed, 2)
        19.81
        """
        thrown = Thrown(toys, range, seed, chunk, progress, executor, parts)
        return self._discovery(thrown, None, poi, fix, tolerance, p0_error, observed_only)

    def limit(
        self,
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

        By asymptotic formulas, or by toys where their number is given. The range to look in is found, not asked for.

        Parameters
        ----------
        poi, statistic, fix, tolerance, toys, seed, chunk, progress
            As in `hypotest`.
        confidence_level : float
        values : array, optional
            Values to be tested beside those that the search needs; with toys those alone.
        executor, parts
            As in `hypotest`, for the toys of all values at once. Without toys there is a search that cannot be divided.

        Examples
        --------
        >>> found = search.limit()
        >>> round(found.observed, 1), found.expected.round(1)
        (342.2, array([15.3, 20.7, 29.1, 41.2, 56.5]))
        """
        thrown = Thrown(toys, None, seed, chunk, progress, executor, parts)
        return self._limit(thrown, None, poi, statistic, confidence_level, values, fix, tolerance)

    def interval(
        self,
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
        >>> found = search.interval(values=[250, 300, 350], toys=50)
        >>> found.lower < 300 < found.upper
        True
        """
        thrown = Thrown(toys, None, seed, chunk, progress, executor, parts)
        return self._interval(thrown, None, poi, statistic, confidence_level, values, fix, tolerance)
