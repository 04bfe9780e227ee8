"""Plans: what they have, and their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _core
from .._convert import Floats, array, known, number, vector
from ..errors import ArgumentError
from ..results import Bools


class Described:
    """What a plan has."""

    __slots__ = ("_core", "_fields", "_fixed", "_init", "_links", "_bounds", "_source")

    def __init__(
        self,
        core: _core.TmdPlan,
        source: tuple[str, tuple[Any, ...]],
        init: Any = None,
        bounds: Mapping[str, Any] | None = None,
    ) -> None:
        self._core = core
        self._source = source
        self._fields: dict[str, Any] = core.describe()
        n = len(self.parameters)
        self._init: Floats = self._fields.get("init", np.zeros(n))
        self._bounds: Floats = self._fields.get("bounds", np.full((n, 2), (-np.inf, np.inf)))
        self._fixed: Bools = np.array(self._fields.get("fixed", [False] * n), dtype=np.bool_)
        self._links: list[tuple[int, int, float]] = self._fields.get("links", [])
        if init is not None:
            self._init = self._point(init, "init", complete=True)
        if bounds is not None:
            self._bounds = self._with_bounds(bounds)
        for of in (self._init, self._bounds, self._fixed):
            of.setflags(write=False)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters: those of the evolution, then those of each distribution."""
        return tuple(self._fields["names"])

    @property
    def init(self) -> Floats:
        """Where fits start, ``[n_parameters]``."""
        return self._init

    @property
    def bounds(self) -> Floats:
        """Lower and upper bounds, ``[n_parameters, 2]``."""
        return self._bounds

    @property
    def fixed(self) -> Bools:
        """Which parameters keep their initial values, ``[n_parameters]``."""
        return self._fixed

    @property
    def links(self) -> dict[str, tuple[str, float]]:
        """Parameters that follow another: its name, and the factor."""
        names = self.parameters
        return {names[k]: (names[to], factor) for k, to, factor in self._links}

    @property
    def even(self) -> tuple[str, ...]:
        """Parameters that enter squared alone, so that their sign is without meaning."""
        return tuple(name for name, even in zip(self.parameters, self._fields["even"], strict=True) if even)

    @property
    def distributions(self) -> tuple[str, ...]:
        """Names of the distributions."""
        return tuple(self._fields["distributions"])

    @property
    def flavours(self) -> tuple[str, ...]:
        """Flavours that are summed: one for all where luminosities are not told by flavour; none of tables."""
        return tuple(self._fields.get("flavours", ()))

    @property
    def n_points(self) -> int:
        """Number of points."""
        return self._fields["n_points"]  # type: ignore[no-any-return]

    @property
    def points(self) -> dict[str, Any]:
        """Where they are: arrays of ``x``, ``z``, ``Q2``, ``PhT`` and ``qT``, ``PhT_low`` and ``PhT_high`` where
        there are bins; of tables their names and ``qT``.
        """
        return dict(self._fields["points"])

    @property
    def rule(self) -> str:
        """How the integrals over b are done."""
        return self._fields["rule"]  # type: ignore[no-any-return]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before believing a fit."""
        return tuple(self._fields.get("warnings", ()))

    def index(self, name: str) -> int:
        """Index of the parameter of that name."""
        known(name, self.parameters, "parameter")
        return self.parameters.index(name)

    @property
    def device(self) -> dict[str, str]:
        """What evaluates the plan, and why."""
        return self._core.device()

    def _named_bounds(self) -> dict[str, Any]:
        return dict(zip(self.parameters, self._bounds.tolist(), strict=True))

    def _point(self, values: Any, what: str, complete: bool = False) -> Floats:
        """One set of parameters."""
        n = len(self.parameters)
        if values is None:
            return self._init
        if isinstance(values, Mapping):
            found: Floats = np.full(n, np.nan) if complete else self._init.copy()
            for name, value in values.items():
                found[self.index(name)] = number(value, f"{what}[{name!r}]")
            missing = [name for name, value in zip(self.parameters, found, strict=True) if np.isnan(value)]
            if missing:
                raise ArgumentError(f"{what}: there are no values of {', '.join(missing)}")
            return found
        found = vector(values, what)
        if len(found) != n:
            raise ArgumentError(f"{what}: {n} values are needed ({', '.join(self.parameters)}), got {len(found)}")
        if not np.isfinite(found).all():
            k = int(np.flatnonzero(~np.isfinite(found))[0])
            raise ArgumentError(f"{what}: {self.parameters[k]} is {found[k]}, not a finite number")
        return found

    def _rows(self, params: Any) -> tuple[Floats, bool]:
        """Parameters in rows, and whether one set was given."""
        if params is None or isinstance(params, Mapping):
            return self._point(params, "params")[None], True
        rows, n = array(params, "params"), len(self.parameters)
        if rows.ndim not in (1, 2) or rows.shape[-1] != n:
            told = f"[{n}] or [n_rows, {n}] is needed ({', '.join(self.parameters)})"
            raise ArgumentError(f"params: shape {told}, not {list(rows.shape)}")
        return np.atleast_2d(rows), rows.ndim == 1

    def _with_bounds(self, bounds: Mapping[str, Any]) -> Floats:
        """The bounds with others for some parameters."""
        if not isinstance(bounds, Mapping):
            raise ArgumentError(f"bounds: a dict of names and pairs is needed, not {type(bounds).__name__}")
        found: Floats = self._bounds.copy()
        for name, pair in bounds.items():
            try:
                lower, upper = map(float, pair)
            except (TypeError, ValueError):
                raise ArgumentError(f"bounds[{name!r}]: two numbers are needed, not {pair!r}") from None
            found[self.index(name)] = lower, upper
        return found

    def __repr__(self) -> str:
        return f"<tmd.Plan: {len(self.parameters)} parameters, {self.n_points} points, {self.rule}>"
