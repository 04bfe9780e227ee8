"""What a session says: frozen records of float64 arrays with names.

Every result has `to_dict` (the document that the command `neyman` writes with ``--json``: ``docs/results.md``),
`save` and, in notebooks, a table. `load` reads a saved one, and documents that the command wrote.
"""

from __future__ import annotations

import dataclasses
import html
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .errors import ArgumentError, FileError

__all__ = [
    "ChannelYields",
    "Contour",
    "DiscoveryResult",
    "Ensemble",
    "FitResult",
    "GlobalImpacts",
    "GofResult",
    "Group",
    "HypotestResult",
    "ImpactsResult",
    "IntervalResult",
    "LimitResult",
    "MinosResult",
    "Prediction",
    "Result",
    "SampleYields",
    "Scan2dResult",
    "ScanResult",
    "ToyFits",
    "YieldsResult",
    "join",
    "load",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Integers: TypeAlias = npt.NDArray[np.int64]
Strings: TypeAlias = tuple[str, ...]
R = TypeVar("R", bound="Result")

STATUSES = ("converged", "nothing_free", "evaluation_limit", "not_finite", "stalled")
_BOUNDS: dict[int, str | None] = {-1: "lower", 0: None, 1: "upper"}
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _plain(value: Any) -> Any:
    """As JSON has it: null where there is no number."""
    if isinstance(value, (float, np.floating)):
        if math.isfinite(value):
            return float(value)
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _plain(of) for key, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(of) for of in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    return _WORDS[value] if isinstance(value, str) else float(value)


def _floats(value: Any) -> Floats:
    def walk(of: Any) -> Any:
        return [walk(x) for x in of] if isinstance(of, (list, tuple)) else _number(of)

    return _frozen(np.array(walk(value), dtype=np.float64))


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.setflags(write=False)
    return array


def _typed(value: Any, kind: str) -> Any:
    """A field's value from JSON."""
    optional, kind = " | None" in kind, kind.replace(" | None", "")
    if value is None and (optional or kind not in ("Floats", "float")):
        return None
    if kind == "Floats":
        # a band of which nothing is known
        value = [None] * 5 if value is None else value
        return value if isinstance(value, np.ndarray) else _floats(value)
    if kind in ("Bools", "Integers"):
        dtype: type[Any] = np.bool_ if kind == "Bools" else np.int64
        return value if isinstance(value, np.ndarray) else _frozen(np.array(value, dtype=dtype))
    if kind == "float":
        return _number(value)
    if kind.startswith(("tuple", "Strings")):
        return tuple(tuple(v) if isinstance(v, list) else v for v in value)
    return value


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Result:
    """What all results have.

    Attributes
    ----------
    status : str
        ``converged``, or why not: the worst of the fits behind the statement.
    poi : str or None
        Parameter of interest of the statement.
    notes : tuple of str
        What was done beside what was asked.
    warnings : tuple of dict
        Legal but suspicious things in the workspace: ``path``, a JSON pointer, and ``message``.
    provenance : dict
        Version, digest of the workspace, measurement, device, precision, seed.
    """

    kind: ClassVar[str] = ""
    # rows of the document, each column with the field it comes from
    _tables: ClassVar[dict[str, dict[str, str]]] = {}

    status: str
    poi: str | None = None
    notes: Strings = ()
    warnings: tuple[dict[str, str | None], ...] = ()
    provenance: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self._listed:
            value = getattr(self, name)
            if type(value) is list:
                object.__setattr__(self, name, tuple(value))

    _listed: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        named = [
            name
            for parent in cls.__mro__
            for name, kind in getattr(parent, "__annotations__", {}).items()
            if str(kind).startswith(("Strings", "tuple"))
        ]
        cls._listed = tuple(dict.fromkeys(named))

    @property
    def converged(self) -> bool:
        """Whether all fits behind the statement converged."""
        return self.status in STATUSES[:2]

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes; no NumPy in it, ready for ``json.dump``."""
        columns = {field for table in self._tables.values() for field in table.values()}
        document: dict[str, Any] = {"kind": self.kind}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in columns or value is None and field.name not in ("poi",):
                continue
            document[field.name] = _plain(value)
        for key, table in self._tables.items():
            present = {c: _plain(getattr(self, f)) for c, f in table.items() if getattr(self, f) is not None}
            rows = zip(*present.values(), strict=True)
            document[key] = [dict(zip(present, row, strict=True)) for row in rows]
        return document

    @classmethod
    def from_dict(cls: type[R], document: Mapping[str, Any]) -> R:
        """The inverse of `to_dict`."""
        values = dict(document)
        for key, table in cls._tables.items():
            rows = values.pop(key, [])
            for column, field in table.items():
                if not rows or column in rows[0]:
                    values[field] = [row.get(column) for row in rows]
        fields = {f.name: str(f.type) for f in dataclasses.fields(cls)}
        known = {name: _typed(values[name], kind) for name, kind in fields.items() if name in values}
        try:
            return cls(**known)
        except TypeError as error:
            raise FileError(f"this is no complete {cls.kind}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result, or draw it.

        Parameters
        ----------
        path : str or path
            The ending says what: ``.json`` (as `to_dict`), ``.npz`` (arrays by name, and the document),
            ``.parquet`` (the result's table; needs pyarrow), ``.svg`` or ``.png`` (as ``neyman plot`` draws it;
            where there are several figures, their names are appended to the file's).
        """
        path = Path(path)
        if path.suffix == ".json":
            path.write_text(json.dumps(self.to_dict(), allow_nan=False) + "\n", encoding="utf-8")
        elif path.suffix == ".npz":
            with path.open("wb") as file:
                np.savez_compressed(file, **self._arrays())
        elif path.suffix == ".parquet":
            self._parquet(path)
        elif path.suffix in (".svg", ".png"):
            self._draw(path)
        else:
            raise ArgumentError(f"{path}: the name must end with .json, .npz, .parquet, .svg or .png")

    def _draw(self, path: Path) -> None:
        from . import _core

        png = path.suffix == ".png"
        figures = _core.draw(json.dumps(self.to_dict(), allow_nan=False), png)
        for name, svg, picture in figures:
            to = path if len(figures) == 1 else path.with_stem(f"{path.stem}-{name}")
            to.write_bytes(svg.encode() if picture is None else picture)

    def _arrays(self) -> dict[str, Any]:
        fields = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        arrays = {name: value for name, value in fields if isinstance(value, np.ndarray)}
        return {**arrays, "document": np.array(json.dumps(self.to_dict(), allow_nan=False))}

    def _columns(self) -> dict[str, Any]:
        table = next(iter(self._tables.values()), {})
        columns = {column: getattr(self, field) for column, field in table.items()}
        return {column: value for column, value in columns.items() if value is not None}

    def _parquet(self, path: Path) -> None:
        try:
            import pyarrow  # type: ignore[import-not-found, unused-ignore]
            import pyarrow.parquet  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise FileError(f"{path}: parquet needs pyarrow, which is not installed") from None
        columns = self._columns()
        if not columns:
            raise ArgumentError(f"{path}: a {self.kind} has no table; save it as .json")
        lists = {c: list(v) if getattr(v, "ndim", 1) > 1 else v for c, v in columns.items()}
        pyarrow.parquet.write_table(pyarrow.table(lists), path)

    def _summary(self) -> list[tuple[str, str]]:
        """Single values, for people."""
        skip = ("notes", "warnings", "provenance", "status")
        found = [("status", self.status.replace("_", " "))]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in skip or value is None:
                continue
            if isinstance(value, float):
                found.append((field.name, f"{value:.6g}"))
            elif isinstance(value, (str, int)):
                found.append((field.name, str(value)))
            elif isinstance(value, np.ndarray) and value.ndim == 1 and value.size == 5:
                found.append((field.name, ", ".join(f"{v:.5g}" for v in value)))
        return found

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value}" for name, value in self._summary())
        return f"{type(self).__name__}({inside})"

    def _repr_html_(self) -> str:
        def row(cells: Iterable[Any], tag: str = "td") -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(str(c))}</{tag}>" for c in cells) + "</tr>"

        def cell(value: Any) -> str:
            if isinstance(value, (float, np.floating)):
                return "" if math.isnan(value) else f"{value:.5g}"
            if isinstance(value, np.ndarray):
                return ", ".join(cell(v) for v in value)
            return "" if value is None else str(value)

        parts = [f"<b>{html.escape(self.kind)}</b>", "<table>"]
        parts += [row(pair) for pair in self._summary()] + ["</table>"]
        columns = self._columns()
        if columns:
            rows = list(zip(*columns.values(), strict=True))
            parts += ["<table>", row(columns, "th")]
            parts += [row(map(cell, of)) for of in rows[:200]] + ["</table>"]
            if len(rows) > 200:
                parts.append(f"and {len(rows) - 200} more")
        parts += [f"<p>note: {html.escape(note)}</p>" for note in self.notes]
        return "\n".join(parts)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FitResult(Result):
    """One fit with its uncertainties; arrays have one element for each parameter.

    Attributes
    ----------
    names : tuple of str
        The parameters.
    values, uncertainties : ndarray
        Best fit, and square roots of the covariance's diagonal: 0 for fixed parameters and for those at a
        bound, NaN where there is no covariance.
    covariance : ndarray or None
        ``[n, n]``, inverse of the observed Hessian.
    covariance_problem : str or None
        Why there is none.
    fixed : ndarray of bool
    at_bound : ndarray of int
        -1 at the lower bound, 1 at the upper one, 0 elsewhere.
    constraints : tuple of str
        ``none``, ``gaussian`` or ``poisson``.
    prefit_values, prefit_uncertainties : ndarray
        Of the constraint terms; NaN without one.
    twice_nll : float
        -2 log likelihood at the minimum, all constants in.
    edm : float
        Estimated vertical distance to the minimum of the NLL.
    minima : ndarray
        -2 log likelihood of all distinct minima met, rising; the first is this fit.

    Examples
    --------
    >>> fit = neyman.fit(model)
    >>> print(f"{fit['mu']:.4f} +- {fit.uncertainties[0]:.4f}")
    0.8116 +- 1.1436
    """

    kind: ClassVar[str] = "fit"
    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "parameters": {
            "name": "names",
            "value": "values",
            "uncertainty": "uncertainties",
            "fixed": "fixed",
            "at_bound": "at_bound",
            "constraint": "constraints",
            "pull": "pulls",
            "prefit_value": "prefit_values",
            "prefit_uncertainty": "prefit_uncertainties",
        }
    }

    names: Strings
    values: Floats
    uncertainties: Floats
    covariance: Floats | None = None
    covariance_problem: str | None = None
    fixed: Bools
    at_bound: Integers
    constraints: Strings
    prefit_values: Floats
    prefit_uncertainties: Floats
    twice_nll: float
    edm: float
    evaluations: int
    negative_bins: Strings = ()
    minima: Floats

    @property
    def nll(self) -> float:
        """Negative log likelihood at the minimum."""
        return 0.5 * self.twice_nll

    @property
    def pulls(self) -> Floats:
        """Distance from the constraint's centre in units of its width; NaN where there is none."""
        with np.errstate(invalid="ignore"):
            pulls = (self.values - self.prefit_values) / self.prefit_uncertainties
        pulls[self.fixed] = math.nan
        return pulls

    @property
    def correlation(self) -> Floats | None:
        """Correlations ``[n, n]``, 1 on the diagonal."""
        if self.covariance is None:
            return None
        sigma = np.where(self.uncertainties > 0, self.uncertainties, np.inf)
        correlation: Floats = self.covariance / np.outer(sigma, sigma)
        np.fill_diagonal(correlation, 1.0)
        return correlation

    def __getitem__(self, name: str) -> float:
        """Best fit of the parameter of that name."""
        from ._convert import known

        known(name, self.names, "parameter")
        return float(self.values[self.names.index(name)])

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        document.setdefault("covariance_problem", None)
        for key in ("device", "precision", "measurement"):
            document[key] = self.provenance.get(key)
        for row in document["parameters"]:
            row["at_bound"] = _BOUNDS[row["at_bound"]]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> FitResult:
        """The inverse of `to_dict`."""
        ends = {word: number for number, word in _BOUNDS.items()}
        rows = [{**row, "at_bound": ends[row["at_bound"]]} for row in document["parameters"]]
        return super().from_dict({**document, "parameters": rows})


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


def _ensembles(document: dict[str, Any], result: HypotestResult | DiscoveryResult) -> None:
    """As documents have it: counts in `ensembles`, values in `distributions`."""
    names = ("signal_background", "background")
    found = {name: document.pop(name, None) for name in names}
    if any(side is not None for side in found.values()):
        values = {name: side.pop("values") for name, side in found.items()}
        document["ensembles"] = found
        if any(values.values()):
            document["distributions"] = values
    for name in ("cls_expected", "cls_expected_error", "z_expected_band"):
        if name in document and all(v is None for v in document[name]):
            document[name] = None
    if "cls_expected" in document and "ensembles" in document:
        document.setdefault("cls_expected_error", None)


def _with_ensembles(document: Mapping[str, Any]) -> dict[str, Any]:
    document = dict(document)
    values = document.pop("distributions", {})
    for name, side in document.pop("ensembles", {}).items():
        document[name] = Ensemble(
            toys=side["toys"],
            failed=_frozen(np.array(side["failed"], dtype=np.int64)),
            seed=side["seed"],
            range=tuple(side["range"]),
            values=_floats(values.get(name, [])),
        )
    return document


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class HypotestResult(Result):
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

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        _ensembles(document, self)
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> HypotestResult:
        """The inverse of `to_dict`."""
        return super().from_dict(_with_ensembles(document))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class DiscoveryResult(Result):
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

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        _ensembles(document, self)
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> DiscoveryResult:
        """The inverse of `to_dict`."""
        return super().from_dict(_with_ensembles(document))


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
            document["asymptotic_observed"] = _number(asymptotic["observed"])
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
            Contour(_number(c["level"]), _number(c["delta"]), tuple(_floats(line) for line in c["lines"]))
            for c in document["contours"]
        ]
        return super().from_dict({**document, "contours": contours})


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class MinosResult(Result):
    """Asymmetric uncertainties: `minos_up`, and `minos_down`, which is negative; NaN at a bound."""

    kind: ClassVar[str] = "minos"
    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "parameters": {
            "name": "names",
            "value": "values",
            "uncertainty": "uncertainties",
            "minos_up": "minos_up",
            "minos_down": "minos_down",
            "status_up": "status_up",
            "status_down": "status_down",
        }
    }

    names: Strings
    values: Floats
    uncertainties: Floats
    minos_up: Floats
    minos_down: Floats
    status_up: Strings
    status_down: Strings


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
            rows = zip(*(_plain(c) for c in columns), strict=True)
            document["global"] = [dict(zip(keys, row, strict=True)) for row in rows]
            document["global_statistical"] = _plain(g.statistical)
            document["global_sum"] = _plain(g.sum)
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ImpactsResult:
        """The inverse of `to_dict`."""
        document = dict(document)
        document["groups"] = [
            Group(g["name"], _number(g["uncertainty"]), tuple(g["parameters"])) for g in document["groups"]
        ]
        rows = document.pop("global", None)
        if rows is not None:
            column = {key: [row[key] for row in rows] for key in (rows[0] if rows else ())}
            numbers = ("impact", "impact_up", "impact_down", "linear")
            document["global_impacts"] = {
                "names": column.get("name", []),
                "point_status": column.get("status", []),
                **{key: _floats(column.get(key, [])) for key in numbers},
                "statistical": _number(document.pop("global_statistical")),
                "sum": _number(document.pop("global_sum")),
            }
        return super().from_dict(document)


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


@dataclasses.dataclass(frozen=True, eq=False)
class SampleYields:
    """Expected counts of a sample; `uncertainty` is None where the fit has none."""

    name: str
    yields: Floats
    uncertainty: Floats | None
    total_uncertainty: float


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """Expected counts of a channel, by sample and in all."""

    samples: tuple[SampleYields, ...]
    total: SampleYields


@dataclasses.dataclass(frozen=True, eq=False)
class ChannelYields:
    """Counts of a channel: observed, and expected before and after the fit."""

    name: str
    observed: Floats
    prefit: Prediction
    postfit: Prediction


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class YieldsResult(Result):
    """Expected counts by channel and sample, before and after the fit."""

    kind: ClassVar[str] = "yields"

    channels: tuple[ChannelYields, ...]

    def __post_init__(self) -> None:
        super().__post_init__()

        def prediction(of: Any) -> Prediction:
            return Prediction(tuple(SampleYields(*s) for s in of[0]), SampleYields(*of[1]))

        channels = tuple(
            c
            if isinstance(c, ChannelYields)
            else ChannelYields(c[0], c[1], prediction(c[2]), prediction(c[3]))
            for c in self.channels
        )
        object.__setattr__(self, "channels", channels)

    def __getitem__(self, channel: str) -> ChannelYields:
        """The channel of that name."""
        from ._convert import known

        known(channel, [c.name for c in self.channels], "channel")
        return next(c for c in self.channels if c.name == channel)

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""

        def prediction(of: Prediction) -> dict[str, Any]:
            total = of.total
            return {
                "samples": _plain(of.samples),
                "total": _plain(total.yields),
                "uncertainty": _plain(total.uncertainty),
                "total_uncertainty": _plain(total.total_uncertainty),
            }

        channels = [
            {
                "name": c.name,
                "bins": len(c.observed),
                "observed": _plain(c.observed),
                "prefit": prediction(c.prefit),
                "postfit": prediction(c.postfit),
            }
            for c in self.channels
        ]
        return {**super().to_dict(), "channels": channels}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> YieldsResult:
        """The inverse of `to_dict`."""

        def sample(of: Mapping[str, Any], name: str, yields: str) -> SampleYields:
            uncertainty = None if of["uncertainty"] is None else _floats(of["uncertainty"])
            return SampleYields(name, _floats(of[yields]), uncertainty, _number(of["total_uncertainty"]))

        def prediction(of: Mapping[str, Any]) -> Prediction:
            samples = tuple(sample(s, s["name"], "yields") for s in of["samples"])
            return Prediction(samples, sample(of, "total", "total"))

        channels = [
            ChannelYields(c["name"], _floats(c["observed"]), prediction(c["prefit"]), prediction(c["postfit"]))
            for c in document["channels"]
        ]
        return super().from_dict({**document, "channels": channels})


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ToyFits(Result):
    """Fits of toys, one row each; arrays are named as in the files of ``neyman toys -o FILE.npz``.

    Attributes
    ----------
    names : tuple of str
        The parameters.
    truth : ndarray
        Where the toys were thrown.
    toy : ndarray
        Their numbers.
    parameters : ndarray
        ``[n_toys, n_parameters]``, best fits.
    nll, edm, evaluations, codes, negative_bin : ndarray
        Of each fit: minimum, distance to it, evaluations, how it ended (0 converged, 1 nothing to fit, 2
        evaluation limit, 3 not finite, 4 stalled), and the first bin with a negative rate or -1.
    t_mu : ndarray or None
        Test statistic of the parameters `held`, with the fits behind it (``..._conditional``).
    main, auxiliary : ndarray or None
        What was fitted, where it was asked for.
    """

    kind: ClassVar[str] = "toys"

    names: Strings
    seed: int
    range: tuple[int, int]
    truth: Floats
    held: dict[str, float]
    toy: Integers
    parameters: Floats
    nll: Floats
    edm: Floats
    evaluations: Integers
    codes: Integers
    negative_bin: Integers
    parameters_conditional: Floats | None = None
    nll_conditional: Floats | None = None
    edm_conditional: Floats | None = None
    evaluations_conditional: Integers | None = None
    codes_conditional: Integers | None = None
    negative_bin_conditional: Integers | None = None
    t_mu: Floats | None = None
    main: Floats | None = None
    auxiliary: Floats | None = None
    failure: str | None = None

    def __len__(self) -> int:
        return len(self.toy)

    @property
    def ok(self) -> Bools:
        """Toys of which all fits converged."""
        good = self.codes <= 1
        return good if self.codes_conditional is None else good & (self.codes_conditional <= 1)

    def __getitem__(self, name: str) -> Floats:
        """Best fits of the parameter of that name."""
        from ._convert import known

        known(name, self.names, "parameter")
        column: Floats = self.parameters[:, self.names.index(name)]
        return column

    def _columns(self) -> dict[str, Any]:
        wide = ("truth", "main", "auxiliary")
        fields = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        return {n: v for n, v in fields if isinstance(v, np.ndarray) and n not in wide}

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def __repr__(self) -> str:
        good, n = int(self.ok.sum()), len(self)
        return f"ToyFits({n} toys, {good} converged, seed={self.seed}, range={self.range})"

    def _arrays(self) -> dict[str, Any]:
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        arrays = {_file_name(n): v for n, v in fields.items() if isinstance(v, np.ndarray)}
        rest = {n: v for n, v in fields.items() if not isinstance(v, np.ndarray) and v is not None}
        return {**arrays, "document": np.array(json.dumps(_plain({"kind": self.kind, **rest})))}

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, Any]) -> ToyFits:
        names = {_file_name(f.name): f.name for f in dataclasses.fields(cls)}
        values: dict[str, Any] = {names[n]: _frozen(a) for n, a in arrays.items() if n in names and n != "names"}
        if "document" in arrays:
            return cls.from_dict({**json.loads(str(arrays["document"])), **values})
        run = json.loads(str(_text(arrays["run"])))
        values |= {
            "status": "converged",
            "poi": run["poi"],
            "provenance": {key: run[key] for key in ("version", "device", "precision", "seed")},
            "names": run["names"],
            "seed": run["seed"],
            "range": (run["first"], run["end"]),
            "truth": np.array(run["truth"]),
            "held": dict(run["held"]),
        }
        return cls.from_dict(values)


def join(parts: Sequence[ToyFits]) -> ToyFits:
    """Toys of consecutive ranges as one result.

    Parameters
    ----------
    parts : list of ToyFits
        Of the same model, seed, truth and parameters held.

    Examples
    --------
    >>> parts = [session.fit_toys(range=(a, a + 10), seed=1) for a in (10, 0)]
    >>> neyman.results.join(parts).range
    (0, 20)
    """
    parts = sorted(parts, key=lambda p: p.range)
    if not parts:
        raise ArgumentError("there are no toys to be joined")
    begin = parts[0]
    for before, after in zip(parts, parts[1:], strict=False):
        if before.range[1] != after.range[0]:
            raise ArgumentError(f"toys {before.range[1]} to {after.range[0]} are missing, or there twice")
        same = (after.names, after.seed, after.held) == (begin.names, begin.seed, begin.held)
        if not same or not np.array_equal(after.truth, begin.truth):
            raise ArgumentError("these are toys of different runs")
    values = {f.name: getattr(begin, f.name) for f in dataclasses.fields(begin)}
    for name, value in values.items():
        if isinstance(value, np.ndarray) and name != "truth":
            values[name] = _frozen(np.concatenate([getattr(p, name) for p in parts]))
    failures = [p.failure for p in parts if p.failure is not None]
    statuses = [p.status for p in parts if p.status != STATUSES[0]]
    values["range"] = (begin.range[0], parts[-1].range[1])
    values["failure"] = failures[0] if failures else None
    values["status"] = statuses[0] if statuses else STATUSES[0]
    return ToyFits(**values)


def _file_name(field: str) -> str:
    return field.replace("codes", "status") if field.startswith("codes") else field


def _text(array: npt.NDArray[Any]) -> str:
    if array.dtype.kind in "SU":
        value = array.item()
        return value.decode() if isinstance(value, bytes) else str(value)
    return array.tobytes().decode()


_KINDS: dict[str, type[Result]] = {
    c.kind: c
    for c in (
        FitResult,
        HypotestResult,
        DiscoveryResult,
        LimitResult,
        IntervalResult,
        ScanResult,
        Scan2dResult,
        MinosResult,
        ImpactsResult,
        GofResult,
        YieldsResult,
        ToyFits,
    )
}


def load(path: str | os.PathLike[str]) -> Any:
    """Read a result that was saved, or that the command wrote.

    Parameters
    ----------
    path : str or path
        ``.json`` or ``.npz``.

    Returns
    -------
    Result
        Of the class that belongs to the document's ``kind``.
    """
    path = Path(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            if "document" not in arrays or "toy" in arrays:
                return ToyFits._from_arrays(arrays)
            document = json.loads(str(arrays["document"]))
        else:
            document = json.loads(path.read_text(encoding="utf-8"))
        kind = document.get("kind")
    except OSError:
        raise
    except (ValueError, KeyError, AttributeError) as error:
        raise FileError(f"{path}: this is no result of neyman: {error}") from None
    if kind not in _KINDS:
        raise FileError(f"{path}: there is no kind of result {kind!r}")
    return _KINDS[kind].from_dict(document)
