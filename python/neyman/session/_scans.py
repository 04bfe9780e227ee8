"""Profile likelihoods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from .._convert import maybe, whole
from .._progress import Progress
from .._statements import around, pair
from ..results import Scan2dResult, ScanResult
from ._fits import Fits


class Scans(Fits):
    """Profile likelihoods."""

    def scan(
        self,
        values: Any,
        data: Any = None,
        *,
        parameter: str | None = None,
        levels: Sequence[float] = (0.68, 0.95),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        progress: Progress = None,
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> ScanResult:
        """Profile likelihood at `values` of one parameter, and its intervals.

        Parameters
        ----------
        values : array
        data, fix, tolerance
            As in `fit`.
        parameter : str, optional
            The parameter of interest where not given.
        levels : list of float
            Confidence levels of the intervals.
        executor : concurrent.futures.Executor, optional
            Of processes, or what dask, Parsl or Globus Compute have: about `parts` (8) tasks with neighbouring
            values each. Fits start from the best fit and from neighbours of their own part, so that heights may
            differ within the fits' tolerance; where a part finds a lower minimum, all are above that one.
        progress : callable or True, optional
            With an executor: called with the numbers of values done and to be done.

        Examples
        --------
        >>> session.scan([0, 1, 2]).delta_twice_nll.round(4)
        array([0.4975, 0.0272, 1.0979])
        """
        given = maybe(data, self._model)
        return self._scan(values, given, parameter, levels, fix, tolerance, progress, executor, parts)


    def scan2d(
        self,
        parameters: tuple[str, str],
        x: Any,
        y: Any,
        data: Any = None,
        *,
        levels: Sequence[float] = (0.68, 0.95),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        progress: Progress = None,
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> Scan2dResult:
        """Profile likelihood of two parameters at all pairs of `x` and `y`, and its contours.

        Other parameters are those of `scan`; an executor's parts are rows of `y`.

        Examples
        --------
        >>> session.scan2d(("mu", "gamma[0]"), [0, 1, 2], [0.9, 1.1]).delta_twice_nll.shape
        (2, 3)
        """
        given = maybe(data, self._model)
        return self._scan2d(parameters, x, y, given, levels, fix, tolerance, progress, executor, parts)


    def contour(
        self,
        parameters: tuple[str, str],
        data: Any = None,
        *,
        points: int = 25,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        **options: Any,
    ) -> Scan2dResult:
        """Contours of two parameters on a grid around the best fit: `scan2d` within four uncertainties.

        Parameters
        ----------
        points : int
            Of each parameter.
        data, fix, tolerance, options
            As in `scan2d`.

        Examples
        --------
        >>> [round(c.level, 2) for c in session.contour(("mu", "gamma[0]"), points=9).contours]
        [0.68, 0.95]
        """
        points = whole(points, "points", 2)
        parameters = pair(self._model, parameters)
        fit = self.fit(data, fix=fix, tolerance=tolerance)
        x, y = around(self._model, fit, parameters, points)
        return self.scan2d(parameters, x, y, data, fix=fix, tolerance=tolerance, **options)
