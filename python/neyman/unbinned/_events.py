"""Events that the caller has, on their way to the native module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from .. import _core
from .._convert import Floats, known, vector
from ..errors import ArgumentError

# of each channel the columns by name, and weights
Given: TypeAlias = "dict[str, tuple[list[tuple[str, Floats]], Floats | None]]"
# the column of weights where none is named
_WEIGHT = "_weight"


def _mapping(of: Any, what: str) -> Mapping[str, Any]:
    if of is None:
        return {}
    if not isinstance(of, Mapping):
        raise ArgumentError(f"{what}: a dict by channel is needed, not a {type(of).__name__}")
    return of


def gathered(spec: Mapping[str, Any], text: bytes, data: Any, weights: Any) -> Given:
    """Events as the native module takes them: the columns that the specification, whose JSON is `text`, asks for."""
    data, weights = _mapping(data, "data"), _mapping(weights, "weights")
    listed = spec.get("channels")
    channels = [c.get("name") for c in listed if isinstance(c, Mapping)] if isinstance(listed, list) else []
    for name in (*data, *weights):
        known(name, [n for n in channels if isinstance(n, str)], "channel")
    needed = dict(_core.UnbinnedModel.columns(text, list(data)))
    for name in weights:
        if name not in data:
            raise ArgumentError(f"weights of channel {name!r}: its events are in a file, which names their weights")
    found: Given = {}
    for name, table in data.items():
        what, of_events = f"data of channel {name!r}", weights.get(name)
        wanted = list(needed[name])
        if of_events is None and _WEIGHT not in wanted:
            wanted.append(_WEIGHT)
        names, column = _table(table, wanted, what)
        for one in needed[name]:
            if one not in names:
                near = f"; there are {', '.join(map(str, names))}" if len(names) < 20 else ""
                raise ArgumentError(f"{what}: there is no column {one!r}{near}")
        columns = [(one, column(one)) for one in wanted if one in names]
        given = None if of_events is None else vector(of_events, f"weights of channel {name!r}")
        found[name] = (columns, given)
    return found


def _table(table: Any, wanted: list[str], what: str) -> tuple[list[Any], Callable[[str], Floats]]:
    """Names of a table's columns, and what gives those of `wanted`."""
    stream = getattr(table, "__arrow_c_stream__", None)
    # pandas would make its NaN nulls, and needs pyarrow for that
    if stream is None or hasattr(table, "iloc"):
        return _columns(table, what), lambda column: vector(table[column], f"{what}, column {column!r}")
    names, columns = _core.read_arrow(stream(), wanted, what)
    return names, dict(columns).__getitem__


def _columns(table: Any, what: str) -> list[Any]:
    """Names of a table's columns."""
    if isinstance(table, np.ndarray):
        if table.dtype.names is not None:
            return list(table.dtype.names)
    elif callable(getattr(table, "keys", None)):
        return list(table.keys())
    else:
        for attribute in ("column_names", "columns"):
            if hasattr(table, attribute):
                return list(getattr(table, attribute))
    raise ArgumentError(f"{what}: a dict of columns, or a table, is needed, not a {type(table).__name__}")
