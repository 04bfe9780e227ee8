"""Cross sections of points as functions of parameters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import _core
from .._convert import Floats, array, known, number, vector, whole
from ..errors import ArgumentError
from ..model import _json
from ..results import Bools

__all__ = ["Nodes", "Plan"]

_COLUMNS = ("x", "z", "Q2", "PhT")
Document: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any]"


class Nodes(NamedTuple):
    """The quadrature of each point's integral over b.

    Attributes
    ----------
    b : ndarray
        1/GeV, ``[n_points, n_nodes]``.
    weight : ndarray
        1/GeV^2: ``(weight * F(b)).sum(axis=1)`` are the integrals of b J0(qT b) F(b), over a bin where a
        point is one.
    """

    b: Floats
    weight: Floats


class Plan:
    """Cross sections of points, everything but the parameters worked out; made by `from_yaml` or `from_tables`.

    Plans do not change, can be pickled (with the names of their files, which are read again), and are safe to share
    between threads. The interpreter is free while they compute, and Ctrl-C ends it.

    Examples
    --------
    >>> plan = neyman.tmd.Plan.from_yaml(config, kinematics, fnp)
    >>> plan
    <tmd.Plan: 5 parameters, 18 points, sinh-gl, 64 nodes>
    """

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

    def xsec(self, params: Any = None) -> Floats:
        """Cross sections.

        Parameters
        ----------
        params : array or dict, optional
            ``[n_parameters]`` or ``[n_rows, n_parameters]``; a dict changes some of the initial values. Bounds and
            links are not asked.

        Returns
        -------
        ndarray
            ``[n_points]`` or ``[n_rows, n_points]``.

        Raises
        ------
        ArgumentError
            A wrong length, an unknown name, a number that is not finite, shapes without a value there.

        Examples
        --------
        >>> plan = neyman.tmd.Plan.from_yaml(config, kinematics, fnp)
        >>> plan.xsec()[:3].round(3), plan.xsec([plan.init, plan.init]).shape
        (array([4.475, 8.845, 9.115]), (2, 18))
        """
        rows, single = self._rows(params)
        found = self._core.xsec(rows)
        return found[0] if single else found

    def jacobian(self, params: Any = None) -> Floats:
        """Derivatives of the cross sections in the parameters.

        Parameters
        ----------
        params : array or dict, optional
            As in `xsec`.

        Returns
        -------
        ndarray
            ``[n_points, n_parameters]`` or ``[n_rows, n_points, n_parameters]``.

        Examples
        --------
        >>> plan.jacobian().shape
        (18, 5)
        """
        rows, single = self._rows(params)
        found = self._core.jacobian(rows)
        return found[0] if single else found

    def pullback(self, weights: Any, params: Any = None) -> Floats:
        """``weights @ jacobian(params)`` without the matrix: slopes of a function of the cross sections.

        Parameters
        ----------
        weights : array
            Its slopes in these, ``[n_points]``, or a row for each of `params`.
        params : array or dict, optional
            As in `xsec`.

        Returns
        -------
        ndarray
            ``[n_parameters]`` or ``[n_rows, n_parameters]``.

        Examples
        --------
        >>> plan.pullback(np.ones(plan.n_points)).shape
        (5,)
        """
        rows, single = self._rows(params)
        given = np.atleast_2d(array(weights, "weights"))
        if given.shape != (len(rows), self.n_points):
            shape = [self.n_points] if single else [len(rows), self.n_points]
            raise ArgumentError(f"weights: shape {shape} is needed, not {list(np.shape(weights))}")
        found = self._core.pullback(rows, given)
        return found[0] if single else found

    def fnp(
        self,
        b: Any,
        x: float,
        params: Any = None,
        *,
        distribution: str | None = None,
        zeta: float = 1.0,
    ) -> Floats:
        """A distribution's shape in b with its evolution, 1 at b = 0.

        Parameters
        ----------
        b : array
            1/GeV, ``[n_b]``.
        x : float
            Momentum fraction, x or z.
        params : array or dict, optional
            As in `xsec`.
        distribution : str, optional
            One of `distributions`; the first where not given.
        zeta : float
            Scale of the evolution, GeV^2.

        Returns
        -------
        ndarray
            ``[n_b]`` or ``[n_rows, n_b]``.

        Examples
        --------
        >>> plan.fnp([0.0, 1.0, 2.0], 0.1).round(3)
        array([1.   , 0.903, 0.666])
        """
        rows, single = self._rows(params)
        name = self.distributions[0] if distribution is None else distribution
        known(name, self.distributions, "distribution")
        found = self._core.shape(name, number(x, "x"), number(zeta, "zeta"), vector(b, "b"), rows)
        return found[0] if single else found

    def nodes(self) -> Nodes:
        """Nodes b of each point's integral, with their weights.

        Raises
        ------
        ArgumentError
            For a plan of tables, which have nodes of their own.

        Examples
        --------
        >>> plan.nodes().b.shape
        (18, 64)
        """
        return Nodes(*self._core.nodes())

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

    def _like(self, core: _core.TmdPlan, source: tuple[str, tuple[Any, ...]]) -> Plan:
        """The same parameters for another native plan."""
        return _rebuild(source, self._init, self._named_bounds(), core)

    def _named_bounds(self) -> dict[str, Any]:
        return dict(zip(self.parameters, self._bounds.tolist(), strict=True))

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

    @property
    def device(self) -> dict[str, str]:
        """What evaluates the plan, and why."""
        return self._core.device()

    def quadrature_error(self, params: Any = None) -> Floats | None:
        """By how much a quarter more nodes change the cross sections, relative, ``[n_points]``.

        Parameters
        ----------
        params : array or dict, optional
            ``[n_parameters]``, as in `xsec`.

        Returns
        -------
        ndarray or None
            None where luminosities are known at these nodes alone.

        Examples
        --------
        >>> bool(abs(plan.quadrature_error()).max() < 1e-9)
        True
        """
        return self._core.quadrature_error(self._point(params, "params"))

    def measured(self, t0: Any = None) -> tuple[Floats, Floats]:
        """What was measured in the tables: values ``[n_points]``, and their covariance ``[n_points, n_points]``.

        Parameters
        ----------
        t0 : array or dict, optional
            Parameters at whose predictions multiplicative errors are taken (t0 method: Ball et al., JHEP 05 (2010)
            075); the initial ones where not given.

        Raises
        ------
        ArgumentError
            For a plan without tables.
        """
        return self._core.measured(self._point(t0, "t0"))

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
