"""What all results have, and how they are written."""

from __future__ import annotations

import dataclasses
import html
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import ArgumentError, FileError

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Integers: TypeAlias = npt.NDArray[np.int64]
Strings: TypeAlias = tuple[str, ...]
R = TypeVar("R", bound="Result")

STATUSES = ("converged", "nothing_free", "evaluation_limit", "not_finite", "stalled")
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def plain(value: Any) -> Any:
    """As JSON has it: null where there is no number."""
    if isinstance(value, (float, np.floating)):
        if math.isfinite(value):
            return float(value)
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: plain(of) for key, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(of) for of in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


def number(value: Any) -> float:
    """The inverse of `plain`."""
    if value is None:
        return math.nan
    return _WORDS[value] if isinstance(value, str) else float(value)


def floats(value: Any) -> Floats:
    """Numbers from JSON as an array of the same shape."""

    def walk(of: Any) -> Any:
        return [walk(x) for x in of] if isinstance(of, (list, tuple)) else number(of)

    return frozen(np.array(walk(value), dtype=np.float64))


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array, read-only."""
    array.setflags(write=False)
    return array


def _typed(value: Any, kind: str) -> Any:
    """A field's value from JSON, where a number that could not be computed is null."""
    optional, kind = " | None" in kind, kind.replace(" | None", "")
    if value is None and kind != "float" and (optional or kind != "Floats"):
        return None
    if kind == "Floats":
        # a band of which nothing is known
        value = [None] * 5 if value is None else value
        return value if isinstance(value, np.ndarray) else floats(value)
    if kind in ("Bools", "Integers"):
        dtype: type[Any] = np.bool_ if kind == "Bools" else np.int64
        return value if isinstance(value, np.ndarray) else frozen(np.array(value, dtype=dtype))
    if kind == "float":
        return number(value)
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
            document[field.name] = plain(value)
        for key, table in self._tables.items():
            present = {c: plain(getattr(self, f)) for c, f in table.items() if getattr(self, f) is not None}
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
        from .. import _core

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
            import pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]
            import pyarrow.parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]
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
