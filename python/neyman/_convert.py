"""Arguments on their way to the native module."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import ArgumentError

if TYPE_CHECKING:
    from . import _core

Floats: TypeAlias = npt.NDArray[np.float64]


def array(values: Any, what: str) -> Floats:
    """Numbers of any kind as a contiguous float64 array."""
    if type(values) is np.ndarray and values.dtype == np.float64:
        if values.flags.c_contiguous and values.flags.aligned:
            return values
    if isinstance(values, Mapping):
        raise ArgumentError(f"{what}: a list of numbers is needed, not a {type(values).__name__}")
    try:
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            values = np.from_dlpack(values)
        found = np.asarray(values)
    except (ValueError, TypeError, BufferError, RuntimeError) as error:
        raise ArgumentError(f"{what}: not an array of numbers: {error}") from None
    if found.dtype == object:
        # lists of one-element tensors, as pyhf makes them
        try:
            found = np.array([float(v) for v in found.ravel()]).reshape(found.shape)
        except (TypeError, ValueError):
            raise ArgumentError(f"{what}: numbers are needed, not objects") from None
    if found.dtype.kind not in "biuf" and found.size > 0:
        raise ArgumentError(f"{what}: real numbers are needed, not values of type {found.dtype}")
    return np.require(found, np.float64, ["C", "A"])


def vector(values: Any, what: str) -> Floats:
    """The same for a list."""
    found = array(values, what)
    if found.ndim != 1:
        raise ArgumentError(f"{what}: a list of numbers is needed, not an array of shape {found.shape}")
    return found


def maybe(data: Any) -> Floats | None:
    """Data, where there are any."""
    return None if data is None else vector(data, "data")


def number(value: Any, what: str) -> float:
    """One number."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{what}: a number is needed, not {value!r}") from None
    if not np.isfinite(found):
        raise ArgumentError(f"{what} = {value!r} is not a finite number")
    return found


def whole(value: Any, what: str, least: int = 0) -> int:
    """A number of things."""
    try:
        found = int(value)
        same = found == value
    except (TypeError, ValueError, OverflowError):
        same = False
    if not same or isinstance(value, str) or not least <= found < 2**64:
        raise ArgumentError(f"{what}: a whole number of {least} or more is needed, not {value!r}")
    return found


def known(name: str, names: Iterable[str], what: str) -> None:
    """An error with a suggestion unless `name` is one of `names`."""
    names = list(names)
    if name not in names:
        near = difflib.get_close_matches(str(name), names, 1, 0.5)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(f"the model has no {what} {name!r}{guess}")


def parameter(core: _core.Model, names: Sequence[str], name: Any) -> int:
    """Index of a parameter."""
    index = core.index(name) if isinstance(name, str) else None
    if index is None:
        known(name, names, "parameter")
        raise ArgumentError(f"the model has no parameter {name!r}")
    return index


def span(toys: Any, range: Any) -> tuple[int, int]:
    """First toy and the one after the last."""
    if (toys is None) == (range is None):
        raise ArgumentError("give a number of toys, or a range of them")
    if range is None:
        return 0, whole(toys, "toys")
    try:
        first, last = range.start, range.stop
        if getattr(range, "step", 1) not in (1, None):
            raise ArgumentError("range: toys follow one another, the step is 1")
    except AttributeError:
        try:
            first, last = range
        except (TypeError, ValueError):
            raise ArgumentError(f"range: a first and a last toy are needed, not {range!r}") from None
    first, last = whole(first or 0, "range"), whole(last, "range")
    if last < first:
        raise ArgumentError(f"range: {last} is below {first}")
    return first, last
