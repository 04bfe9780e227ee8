"""Tests of hypotheses, limits, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from .. import _core
from .._convert import held, maybe, number, vector
from .._executor import Division, cut, undivided
from .._progress import Progress, reporting
from .._statements import asked as asked_for, poi_of, with_ensembles
from ..results import DiscoveryResult, GofResult, HypotestResult, IntervalResult, LimitResult
from ._opened import CHUNK, Opened


_NO_TOYS = "there are no toys to divide: give toys, or a range of them"
_ADAPTIVE = (
    "the search for an asymptotic limit chooses each value by those before it: it cannot be divided. Give toys, "
    "or divide patches by neyman.upper_limits"
)


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
        mu, core = number(mu, "mu"), self._open()
        if toys is None and range is None:
            undivided(executor, parts, _NO_TOYS)
            common = (maybe(data, self._model), poi_of(self._model, poi), str(statistic), held(self._model, fix), tolerance)
            return HypotestResult(**{**self._about(), **core.hypotest(mu, *common)})
        asked = asked_for(self._model, "cls", toys, range, seed, chunk, poi, fix, tolerance)
        asked |= {"mu": mu, "statistic": str(statistic), "observed_only": bool(observed_only)}
        asked["error"] = None if cls_error is None else number(cls_error, "cls_error")
        found = self._by_toys(asked, data, progress, executor, parts)
        return HypotestResult(**{**self._about(seed=asked["seed"]), **with_ensembles(found)})

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
        if toys is None and range is None:
            undivided(executor, parts, _NO_TOYS)
            common = (maybe(data, self._model), poi_of(self._model, poi), held(self._model, fix), tolerance)
            return DiscoveryResult(**{**self._about(), **self._open().discovery(*common)})
        asked = asked_for(self._model, "discovery", toys, range, seed, chunk, poi, fix, tolerance)
        asked["observed_only"] = bool(observed_only)
        asked["error"] = None if p0_error is None else number(p0_error, "p0_error")
        found = self._by_toys(asked, data, progress, executor, parts)
        return DiscoveryResult(**{**self._about(seed=asked["seed"]), **with_ensembles(found)})

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
        values, level = vector(values, "values"), number(confidence_level, "confidence_level")
        if toys is None:
            undivided(executor, parts, _ADAPTIVE)
            name, fixed = poi_of(self._model, poi), held(self._model, fix)
            common = (maybe(data, self._model), name, str(statistic), level, values, fixed, tolerance)
            return LimitResult(**{**self._about(), **self._open().limit(*common)})
        asked = asked_for(self._model, "limit", toys, None, seed, chunk, poi, fix, tolerance)
        asked |= {"statistic": str(statistic), "confidence_level": level, "values": values.tolist()}
        found = self._by_toys(asked, data, progress, executor, parts)
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
        asked = asked_for(self._model, "interval", toys, None, seed, chunk, poi, fix, tolerance)
        asked |= {"statistic": str(statistic), "values": vector(values, "values").tolist()}
        asked["confidence_level"] = number(confidence_level, "confidence_level")
        found = self._by_toys(asked, data, progress, executor, parts)
        return IntervalResult(**{**self._about(seed=asked["seed"]), **found})

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
        if toys is None and range is None:
            undivided(executor, parts, _NO_TOYS)
            found = self._open().gof(maybe(data, self._model), held(self._model, fix), tolerance)
            return GofResult(**{**self._about(self._fit_device), **found})
        asked = asked_for(self._model, "gof", toys, range, seed, chunk, None, fix, tolerance)
        found = self._by_toys(asked, data, progress, executor, parts)
        return GofResult(**{**self._about(self._fit_device, asked["seed"]), **found})

    def _by_toys(
        self, asked: _core._Asked, data: Any, progress: Progress, executor: Executor | None, parts: Any
    ) -> dict[str, Any]:
        """What the statement says, its toys thrown here or by workers."""
        core, data = self._open(), maybe(data, self._model)
        if executor is None:
            undivided(executor, parts)
            with reporting(progress) as tell:
                return core.by_toys(asked, data, tell)
        division = Division(executor, parts, progress)
        pending = core.pending(asked, data)
        while needed := pending.needed():
            toys = sum(plan["range"][1] - plan["range"][0] for plan in needed)
            pieces = []
            for plan in needed:
                first, last = plan["range"]
                n = -(-(last - first) * division.parts // max(toys, 1))
                pieces += [{**plan, "range": piece} for piece in cut(first, last, n)]
            tasks = [self._task(p["range"][1] - p["range"][0], "throw", p) for p in pieces]
            for piece, found in zip(pieces, division.gather(tasks), strict=True):
                pending.take(piece["ensemble"], piece["range"], found)
        return pending.conclude()
