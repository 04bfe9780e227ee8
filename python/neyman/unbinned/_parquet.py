"""Events from Parquet files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _core
from .._convert import Floats
from ..errors import ArgumentError

__all__ = ["read_parquet"]


def read_parquet(
    path: str | os.PathLike[str],
    columns: Sequence[str] | None = None,
    where: Mapping[str, Any] | None = None,
    weight: str | None = None,
) -> dict[str, Floats]:
    """Columns of a Parquet file.

    Flat columns of float64, float32 and integers are read, whatever their encoding, compressed with Snappy, Zstandard,
    LZ4 or gzip. Row groups that `where` excludes by their statistics are not decoded.

    Parameters
    ----------
    path : str or path
    columns : list of str, optional
        Which of them; all that hold one number an event where not given.
    where : dict, optional
        Rows in all of these ranges alone: ``{"mass": (60, 120)}``, bounds included, None for an open end. For one
        column of text, the text that it must have: ``{"_channel": "SR"}``.
    weight : str, optional
        A column of weights: it is read with the others, and must not be negative.

    Returns
    -------
    dict of ndarray
        A float64 array for each column, all of one length, without a copy of what was decoded.

    Raises
    ------
    EventsError
        With ``file``, ``column`` and ``row`` (from 0, in the file): a column that is not there or of another type, a
        null, a number that is not finite, a damaged file.
    FileError
        Where the file cannot be opened.

    Examples
    --------
    >>> events = neyman.read_parquet(events_file, ["mass"], where={"mass": (80, 100), "_channel": "2016"})
    >>> len(events["mass"])
    782
    """
    chosen = None if columns is None else _names(columns)
    ranges, channel = _where({} if where is None else where)
    if weight is not None and not isinstance(weight, str):
        raise ArgumentError(f"weight: the name of a column is needed, not {weight!r}")
    return dict(_core.read_parquet(os.fspath(path), chosen, ranges, channel, weight))


def _names(columns: Sequence[str]) -> list[str]:
    listed = [columns] if isinstance(columns, str) else list(columns)
    for name in listed:
        if not isinstance(name, str):
            raise ArgumentError(f"columns: names are needed, not {name!r}")
    return listed


def _where(where: Mapping[str, Any]) -> tuple[list[tuple[str, float, float]], tuple[str, str] | None]:
    """Ranges, and what a column of text must be."""
    if not isinstance(where, Mapping):
        raise ArgumentError(f"where: a dict of columns and ranges is needed, not {where!r}")
    ranges: list[tuple[str, float, float]] = []
    texts: list[tuple[str, str]] = []
    for column, of in where.items():
        if not isinstance(column, str):
            raise ArgumentError(f"where: a column has a name, not {column!r}")
        if isinstance(of, str):
            texts.append((column, of))
            continue
        try:
            low, high = of
            low = -np.inf if low is None else float(low)
            high = np.inf if high is None else float(high)
        except (TypeError, ValueError):
            told = f"where[{column!r}]: a lower and an upper end, or a text, are needed, not {of!r}"
            raise ArgumentError(told) from None
        ranges.append((column, low, high))
    if len(texts) > 1:
        raise ArgumentError(f"where: one column of text can be asked, not {len(texts)}")
    return ranges, texts[0] if texts else None
