"""Plans, and where they come from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .. import _core
from .._convert import Floats, array, known, number, whole
from ..errors import ArgumentError
from ..model import _json
from ._evaluated import Evaluated

__all__ = ["Plan"]

_COLUMNS = ("x", "z", "Q2", "PhT")
Document: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any]"


class Plan(Evaluated):
    """Cross sections of points, everything but the parameters worked out; made by `from_yaml` or `from_tables`.

    Plans do not change, can be pickled (with the names of their files, which are read again), and are safe to share
    between threads. The interpreter is free while they compute, and Ctrl-C ends it.

    Examples
    --------
    >>> plan = neyman.tmd.Plan.from_yaml(config, kinematics, fnp)
    >>> plan
    <tmd.Plan: 5 parameters, 18 points, sinh-gl, 64 nodes>
    """

    __slots__ = ()

    @classmethod
    def from_yaml(
        cls,
        config: Document,
        kinematics: Document,
        fnp: Document,
        *,
        points: int | None = None,
    ) -> Plan:
        """A plan of semi-inclusive deep-inelastic scattering.

        Parameters
        ----------
        config, kinematics, fnp : path or dict
            Settings, points and shapes, as `neyman tmd` reads them: names of files (YAML or JSON), or what they would
            say. Files that a dict names are found from the current folder.
        points : int, optional
            The first so many below the cut; all where not given.

        Raises
        ------
        ArgumentError
            Where a document is not what it should be, with its name and the place in it; where no point is left.
        OSError
            Where a file cannot be read.

        Examples
        --------
        >>> plan = neyman.tmd.Plan.from_yaml({"luminosity": "ll1", "qToQcut": 0.5}, kinematics, fnp)
        >>> plan.warnings[0]
        '12 of 18 points pass qT/Q < 0.5'
        """
        most = 2**63 - 1 if points is None else whole(points, "points", 1)
        given = (_given(config, "config"), _given(kinematics, "kinematics"), _given(fnp, "fnp"))
        return cls(_core.TmdPlan.from_sources(*given, most), ("from_sources", (*given, most)))

    @classmethod
    def from_tables(
        cls,
        tables: str | os.PathLike[str] | Iterable[tuple[str | os.PathLike[str], str | os.PathLike[str]]],
        init: Any,
        *,
        shape: str = "pv19x",
        evolution: str = "pv19",
        bounds: Mapping[str, tuple[float, float]] | None = None,
        cut: float = 0.2,
    ) -> Plan:
        """A plan of Drell-Yan cross sections by NangaParbat's convolution tables.

        Parameters
        ----------
        tables : path or list of pairs of paths
            A table (YAML, may be in gzip) and the file of what was measured there, which `measured` returns. A folder
            has all its ``NAME.table.yaml`` with ``NAME.data.yaml``.
        init : array or dict
            Where fits start: one value for each parameter, those of the evolution first.
        shape : str
            Of both distributions: ``map22_pdf``, ``map22_ff``, ``map24``, ``pv19x``, ``gauss`` or ``simple``.
        evolution : str
            ``map`` (parameter g2) or ``pv19`` (g2 and g2B).
        bounds : dict, optional
            Lower and upper bounds of parameters by name.
        cut : float
            Points with qT / Q at or above it are left out, Q being the lowest of their bin.

        Raises
        ------
        ArgumentError
            Where a file is not what it should be; a pair whose values of qT differ; no point left; a shape or a
            parameter that there is not.
        OSError
            Where a file cannot be read.
        """
        pairs = []
        if isinstance(tables, (str, os.PathLike)):
            tables = _core.TmdPlan.table_pairs([Path(tables).absolute()])
        for pair in tables:
            try:
                table, data = pair
            except (TypeError, ValueError):
                raise ArgumentError("tables: pairs of a table and its data are needed") from None
            pairs.append((Path(table).absolute(), Path(data).absolute()))
        source = (pairs, number(cut, "cut"), str(shape), str(evolution))
        return cls(_core.TmdPlan.from_tables(*source), ("from_tables", source), init, bounds)

    def with_luminosity(self, values: Any) -> Plan:
        """The plan with other factors under the integrals: what a perturbative program makes of `nodes`.

        Parameters
        ----------
        values : array or dict
            ``[n_points, n_nodes]``; of a plan of several `flavours` such an array for each, by name. The squares of
            charges are in them.

        Examples
        --------
        >>> b = plan.nodes().b
        >>> plan.with_luminosity(np.exp(-0.1 * b**2)).xsec()[:3].round(3)
        array([3.684, 7.574, 8.426])
        """
        if not isinstance(values, Mapping):
            if len(self.flavours) > 1:
                raise ArgumentError(f"values: a dict with an array of each flavour is needed, {', '.join(self.flavours)}")
            values = dict.fromkeys(self.flavours, values)
        given = [(str(name), array(of, "values").copy()) for name, of in values.items()]
        for _, of in given:
            if of.ndim != 2:
                raise ArgumentError(f"values: shape [n_points, n_nodes] is needed, not {list(of.shape)}")
        return self._like(self._core.with_luminosity(given), ("with_luminosity", (self._source, given)))

    def at(self, points: Mapping[str, Any]) -> Plan:
        """The plan at other points, without bins.

        Parameters
        ----------
        points : dict
            ``x``, ``z``, ``Q2`` (GeV^2) and ``PhT`` (GeV): arrays of one length, or numbers.

        Raises
        ------
        ArgumentError
            A name that is none of these, lengths that differ, values out of range; a plan of tables or with a
            luminosity that is known at its own points alone.

        Examples
        --------
        >>> plan.at({"x": 0.1, "z": 0.4, "Q2": 3.0, "PhT": np.linspace(0.1, 0.5, 100)}).n_points
        100
        """
        if not isinstance(points, Mapping):
            raise ArgumentError(f"points: a dict of columns is needed, not {type(points).__name__}")
        for name in points:
            known(name, _COLUMNS, "column")
        missing = [name for name in _COLUMNS if name not in points]
        if missing:
            raise ArgumentError(f"points: there are no values of {', '.join(missing)}")
        columns = [np.atleast_1d(array(points[name], f"points[{name!r}]")) for name in _COLUMNS]
        n = max(len(column) for column in columns)
        for name, column in zip(_COLUMNS, columns, strict=True):
            if column.ndim != 1 or len(column) not in (1, n):
                raise ArgumentError(f"points[{name!r}]: {n} values are needed or one, not {list(column.shape)}")
        whole_columns = [np.ascontiguousarray(np.broadcast_to(column, n)) for column in columns]
        return self._like(self._core.at(whole_columns), ("at", (self._source, whole_columns)))

    def on(self, device: str, precision: str = "auto") -> Plan:
        """The same plan on a device, where `xsec`, `jacobian` and fits are then worked out.

        `pullback` stays on the processor, and so does a plan that is pickled. Fits of replicas go side by side, each
        step of all of them one batch.

        Parameters
        ----------
        device : str
            ``"cpu"``, ``"gpu"``, ``"cuda"``, ``"cuda:1"`` and so on, as `neyman.devices` lists them; ``"auto"`` is the
            processor.
        precision : str
            ``"f64"``, ``"df64"`` or ``"f32"`` of a graphics processor.

        Raises
        ------
        DeviceError
            There is no such device, not in this precision, or no memory on it.

        Examples
        --------
        >>> plan.on("auto").device["name"]
        'cpu'
        """
        return Plan(self._core.on_device(str(device), str(precision)), self._source, self._init, self._named_bounds())

    def _like(self, core: _core.TmdPlan, source: tuple[str, tuple[Any, ...]]) -> Plan:
        """The same parameters for another native plan."""
        return _rebuild(source, self._init, self._named_bounds(), core)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._source, self._init, self._named_bounds())


def _core_of(source: tuple[str, tuple[Any, ...]]) -> _core.TmdPlan:
    how, of = source
    if how in ("with_luminosity", "at"):
        changed: _core.TmdPlan = getattr(_core_of(of[0]), how)(of[1])
        return changed
    made: _core.TmdPlan = getattr(_core.TmdPlan, how)(*of)
    return made


def _rebuild(
    source: tuple[str, tuple[Any, ...]],
    init: Floats,
    bounds: Mapping[str, Any],
    core: _core.TmdPlan | None = None,
) -> Plan:
    return Plan(_core_of(source) if core is None else core, source, init, bounds)


def _given(document: Document, what: str) -> bytes | Path:
    if isinstance(document, Mapping):
        return _json(dict(document))
    try:
        return Path(document).absolute()
    except TypeError:
        raise ArgumentError(f"{what}: a path or a dict is needed, not {type(document).__name__}") from None
