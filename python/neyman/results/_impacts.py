"""Impacts on the parameter of interest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from ._base import Floats, Result, Strings, floats, number, plain


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """What a group of parameters adds to the uncertainty of the parameter of interest."""

    name: str
    uncertainty: float
    parameters: Strings


@dataclasses.dataclass(frozen=True, eq=False)
class GlobalImpacts:
    """Impacts by shifted auxiliary data; their squares and that of `statistical` add up."""

    names: Strings
    impact: Floats
    impact_up: Floats
    impact_down: Floats
    linear: Floats
    point_status: Strings
    statistical: float
    sum: float


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ImpactsResult(Result):
    """What each parameter does to the parameter of interest, sorted by the largest post-fit impact."""

    kind: ClassVar[str] = "impacts"
    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "parameters": {
            "name": "names",
            "value": "values",
            "uncertainty": "uncertainties",
            "prefit_value": "prefit_values",
            "prefit_uncertainty": "prefit_uncertainties",
            "pull": "pulls",
            "constraint": "constraints",
            "impact_up": "impact_up",
            "impact_down": "impact_down",
            "impact_prefit_up": "impact_prefit_up",
            "impact_prefit_down": "impact_prefit_down",
            "status": "point_status",
        }
    }

    value: float
    uncertainty: float
    at_bound: str | None = None
    twice_nll: float
    names: Strings
    values: Floats
    uncertainties: Floats
    prefit_values: Floats
    prefit_uncertainties: Floats
    pulls: Floats
    constraints: Floats
    impact_up: Floats
    impact_down: Floats
    impact_prefit_up: Floats
    impact_prefit_down: Floats
    point_status: Strings
    groups: tuple[Group, ...]
    global_impacts: GlobalImpacts | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        groups = tuple(
            g if isinstance(g, Group) else Group(g[0], g[1], tuple(g[2])) for g in self.groups
        )
        object.__setattr__(self, "groups", groups)
        if isinstance(self.global_impacts, dict):
            values = {k: tuple(v) if type(v) is list else v for k, v in self.global_impacts.items()}
            object.__setattr__(self, "global_impacts", GlobalImpacts(**values))

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        document.setdefault("at_bound", None)
        document.pop("global_impacts", None)
        if self.global_impacts is not None:
            g = self.global_impacts
            keys = ("name", "impact", "impact_up", "impact_down", "linear", "status")
            columns = (g.names, g.impact, g.impact_up, g.impact_down, g.linear, g.point_status)
            rows = zip(*(plain(c) for c in columns), strict=True)
            document["global"] = [dict(zip(keys, row, strict=True)) for row in rows]
            document["global_statistical"] = plain(g.statistical)
            document["global_sum"] = plain(g.sum)
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ImpactsResult:
        """The inverse of `to_dict`."""
        document = dict(document)
        document["groups"] = [
            Group(g["name"], number(g["uncertainty"]), tuple(g["parameters"])) for g in document["groups"]
        ]
        rows = document.pop("global", None)
        if rows is not None:
            column = {key: [row[key] for row in rows] for key in (rows[0] if rows else ())}
            numbers = ("impact", "impact_up", "impact_down", "linear")
            document["global_impacts"] = {
                "names": column.get("name", []),
                "point_status": column.get("status", []),
                **{key: floats(column.get(key, [])) for key in numbers},
                "statistical": number(document.pop("global_statistical")),
                "sum": number(document.pop("global_sum")),
            }
        return super().from_dict(document)
