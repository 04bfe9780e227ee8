"""Profile likelihoods."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from ._base import Floats, Result, Strings, floats, number


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ScanResult(Result):
    """A profile likelihood, and where it crosses the levels asked for (NaN: at the parameter's bound).

    Attributes
    ----------
    mu : ndarray
        Values of the parameter, rising.
    delta_twice_nll : ndarray
        -2 ln (L / L(best fit)) there.
    parameters : ndarray or None
        ``[n_values, n_parameters]``, the best values of all parameters there.
    levels, lower, upper : ndarray
        Intervals.
    """

    kind: ClassVar[str] = "scan"
    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "points": {"mu": "mu", "delta_twice_nll": "delta_twice_nll", "status": "point_status"},
        "intervals": {"level": "levels", "lower": "lower", "upper": "upper"},
    }

    parameter: str
    best: float
    twice_nll: float
    mu: Floats
    delta_twice_nll: Floats
    parameters: Floats | None = None
    point_status: Strings
    levels: Floats
    lower: Floats
    upper: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Contour:
    """Lines at a confidence level, each ``[n_points, 2]``."""

    level: float
    delta: float
    lines: tuple[Floats, ...]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Scan2dResult(Result):
    """A profile likelihood of two parameters, ``delta_twice_nll[y, x]``, and its contours."""

    kind: ClassVar[str] = "scan2d"

    parameters: Strings
    best: Floats
    twice_nll: float
    x: Floats
    y: Floats
    delta_twice_nll: Floats
    contours: tuple[Contour, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        contours = tuple(
            c if isinstance(c, Contour) else Contour(c[0], c[1], tuple(c[2])) for c in self.contours
        )
        object.__setattr__(self, "contours", contours)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Scan2dResult:
        """The inverse of `to_dict`."""
        contours = [
            Contour(number(c["level"]), number(c["delta"]), tuple(floats(line) for line in c["lines"]))
            for c in document["contours"]
        ]
        return super().from_dict({**document, "contours": contours})
