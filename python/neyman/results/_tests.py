"""Tests of a hypothesis."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from ._base import Floats, Integers, Result, floats, frozen

T = TypeVar("T", bound="_Test")
_SIDES = ("signal_background", "background")


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """Toys of one hypothesis.

    Attributes
    ----------
    toys : int
        How many were thrown.
    failed : ndarray
        Numbers of those that count nowhere.
    seed, range
        From which any of them can be thrown again.
    values : ndarray
        The test statistic of each toy, NaN where it failed.
    """

    toys: int
    failed: Integers
    seed: int
    range: tuple[int, int]
    values: Floats


class _Test(Result):
    """A test that may have been done by toys: documents keep counts in `ensembles`, values in `distributions`."""

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        sides = {name: document.pop(name, None) for name in _SIDES}
        if any(side is not None for side in sides.values()):
            values = {name: side.pop("values") for name, side in sides.items()}
            document["ensembles"] = sides
            if any(values.values()):
                document["distributions"] = values
        for name in ("cls_expected", "cls_expected_error", "z_expected_band"):
            if name in document and all(v is None for v in document[name]):
                document[name] = None
        return document

    @classmethod
    def from_dict(cls: type[T], document: Mapping[str, Any]) -> T:
        """The inverse of `to_dict`."""
        document = dict(document)
        if "cls_expected_error" in document and document["cls_expected_error"] is None:
            document["cls_expected_error"] = [None] * 5
        values = document.pop("distributions", {})
        for name, side in document.pop("ensembles", {}).items():
            document[name] = Ensemble(
                toys=side["toys"],
                failed=frozen(np.array(side["failed"], dtype=np.int64)),
                seed=side["seed"],
                range=tuple(side["range"]),
                values=floats(values.get(name, [])),
            )
        return super().from_dict(document)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class HypotestResult(_Test):
    """A test of one value of the parameter of interest; bands run from -2 to +2 sigma.

    With toys p-values have Monte Carlo errors, and `signal_background` and `background` the toys of
    either hypothesis.
    """

    kind: ClassVar[str] = "cls"

    mu: float
    statistic: str
    test_statistic: float
    test_statistic_asimov: float | None = None
    muhat: float
    cls_observed: float
    cls_observed_error: float | None = None
    clsb: float
    clsb_error: float | None = None
    clb: float
    clb_error: float | None = None
    cls_expected: Floats
    cls_expected_error: Floats | None = None
    clsb_expected: Floats | None = None
    clb_expected: Floats | None = None
    toys: int | None = None
    failed: int | None = None
    interrupted: bool | None = None
    signal_background: Ensemble | None = None
    background: Ensemble | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class DiscoveryResult(_Test):
    """The significance of an excess over mu = 0, and what is expected for mu = 1."""

    kind: ClassVar[str] = "discovery"

    q0: float
    muhat: float
    p0_observed: float
    p0_observed_error: float | None = None
    z_observed: float
    z_expected: float
    z_expected_band: Floats
    toys: int | None = None
    failed: int | None = None
    interrupted: bool | None = None
    signal_background: Ensemble | None = None
    background: Ensemble | None = None
