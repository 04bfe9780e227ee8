"""Goodness of fit."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from ._base import Floats, Integers, Result


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class GofResult(Result):
    """Goodness of fit against the saturated model; `p_value` is NaN without degrees of freedom."""

    kind: ClassVar[str] = "gof"

    statistic: str = "saturated"
    test_statistic: float
    degrees_of_freedom: int
    p_value: float
    twice_nll: float
    p_value_toys: float | None = None
    p_value_toys_error: float | None = None
    toys: int | None = None
    failed: int | None = None
    failed_toys: Integers | None = None
    interrupted: bool | None = None
    distribution: Floats | None = None
