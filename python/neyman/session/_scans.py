"""Profile likelihoods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._convert import maybe, vector, whole
from ..errors import ArgumentError
from ..model import held
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
    ) -> ScanResult:
        """Profile likelihood at `values` of one parameter, and its intervals.

        Examples
        --------
        >>> session.scan([0, 1, 2]).delta_twice_nll.round(4)
        array([0.4975, 0.0272, 1.0979])
        """
        found = self._open().scan(
            vector(values, "values"),
            maybe(data, self._model),
            self._poi(parameter),
            vector(levels, "levels").tolist(),
            held(self._model, fix),
            tolerance,
        )
        return ScanResult(**{**self._about(), **found})

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
    ) -> Scan2dResult:
        """Profile likelihood of two parameters at all pairs of `x` and `y`, and its contours.

        Examples
        --------
        >>> session.scan2d(("mu", "gamma[0]"), [0, 1, 2], [0.9, 1.1]).delta_twice_nll.shape
        (2, 3)
        """
        if isinstance(parameters, str) or len(parameters) != 2:
            raise ArgumentError(f"parameters: two names are needed, not {parameters!r}")
        first, second = (self._model.parameters[self._model.index(n)] for n in parameters)
        found = self._open().scan2d(
            (first, second),
            vector(x, "x"),
            vector(y, "y"),
            maybe(data, self._model),
            vector(levels, "levels").tolist(),
            held(self._model, fix),
            tolerance,
        )
        return Scan2dResult(**{**self._about(), **found})

    def contour(
        self,
        parameters: tuple[str, str],
        data: Any = None,
        *,
        levels: Sequence[float] = (0.68, 0.95),
        points: int = 25,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> Scan2dResult:
        """Contours of two parameters on a grid around the best fit: `scan2d` within four uncertainties.

        Examples
        --------
        >>> [round(c.level, 2) for c in session.contour(("mu", "gamma[0]"), points=9).contours]
        [0.68, 0.95]
        """
        points = whole(points, "points", 2)
        if isinstance(parameters, str) or len(parameters) != 2:
            raise ArgumentError(f"parameters: two names are needed, not {parameters!r}")
        fit = self.fit(data, fix=fix, tolerance=tolerance)
        grid = []
        for name in parameters:
            k = self._model.index(name)
            lower, upper = self._model.bounds[k]
            best, width = fit.values[k], fit.uncertainties[k]
            width = width if width > 0 else 0.05 * (upper - lower)
            grid.append(np.linspace(max(lower, best - 4 * width), min(upper, best + 4 * width), points))
        x, y = grid
        return self.scan2d(parameters, x, y, data, levels=levels, fix=fix, tolerance=tolerance)
