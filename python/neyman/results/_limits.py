"""Limits and intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from ._base import Floats, Integers, Result, Strings, number


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LimitResult(Result):
    """Upper limits by CLs; NaN where there is none.

    Attributes
    ----------
    observed : float
    expected : ndarray
        ``[5]``, from -2 to +2 sigma.
    mu, test_statistic, cls_observed : ndarray
        All values tested on the way, rising.
    cls_expected : ndarray
        ``[n, 5]``.
    """

    kind: ClassVar[str] = "limit"
    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "points": {
            "mu": "mu",
            "test_statistic": "test_statistic",
            "cls_observed": "cls_observed",
            "cls_observed_error": "cls_observed_error",
            "cls_expected": "cls_expected",
            "cls_expected_error": "cls_expected_error",
            "toys": "point_toys",
            "failed": "point_failed",
            "seeds": "point_seeds",
            "status": "point_status",
        }
    }

    statistic: str
    confidence_level: float
    muhat: float
    observed: float
    observed_error: float | None = None
    expected: Floats
    expected_error: Floats | None = None
    asymptotic_observed: float | None = None
    asymptotic_expected: Floats | None = None
    mu: Floats
    test_statistic: Floats
    cls_observed: Floats
    cls_observed_error: Floats | None = None
    cls_expected: Floats
    cls_expected_error: Floats | None = None
    point_status: Strings
    point_toys: Integers | None = None
    point_failed: Integers | None = None
    point_seeds: tuple[tuple[int, int], ...] | None = None
    toys: int | None = None
    failed: int | None = None
    interrupted: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        observed = document.pop("asymptotic_observed", None)
        expected = document.pop("asymptotic_expected", None)
        document.setdefault("observed", None)
        if expected is not None:
            document["asymptotic"] = {"observed": observed, "expected": expected}
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> LimitResult:
        """The inverse of `to_dict`."""
        document = dict(document)
        asymptotic = document.pop("asymptotic", None)
        if asymptotic is not None:
            document["asymptotic_observed"] = number(asymptotic["observed"])
            document["asymptotic_expected"] = asymptotic["expected"]
        return super().from_dict(document)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class IntervalResult(Result):
    """A confidence interval by toys, after Feldman and Cousins; NaN where an end is beyond the values tested."""

    kind: ClassVar[str] = "interval"
    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "points": {
            "mu": "mu",
            "test_statistic": "test_statistic",
            "critical": "critical",
            "p_value": "p_value",
            "p_value_error": "p_value_error",
            "toys": "point_toys",
            "failed": "point_failed",
            "seed": "point_seeds",
        }
    }

    parameter: str
    confidence_level: float
    lower: float
    upper: float
    mu: Floats
    test_statistic: Floats
    critical: Floats
    p_value: Floats
    p_value_error: Floats
    point_toys: Integers
    point_failed: Integers
    point_seeds: tuple[int, ...]
    interrupted: bool = False


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LimitsResult(Result):
    """Upper limits by CLs for all patches of a patchset; NaN where there is none.

    Attributes
    ----------
    labels : tuple of str
        Names of the patches' values.
    names : tuple of str
        The patches.
    values : tuple of tuple
        ``[n_patches][n_labels]``, numbers or words.
    observed : ndarray
        ``[n_patches]``.
    expected : ndarray
        ``[n_patches, 5]``, from -2 to +2 sigma.
    point_status : tuple of str
        ``converged``, how the fits ended, or why there is no limit for a patch.
    point_notes : tuple
        Notes of each limit.
    """

    kind: ClassVar[str] = "limits"
    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "points": {
            "name": "names",
            "values": "values",
            "status": "point_status",
            "observed": "observed",
            "expected": "expected",
            "notes": "point_notes",
        }
    }

    labels: Strings
    confidence_level: float
    names: Strings
    values: tuple[tuple[float | str, ...], ...]
    observed: Floats
    expected: Floats
    point_status: Strings
    point_notes: tuple[Strings, ...]
