"""Arguments on their way to the native module."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import ArgumentError

if TYPE_CHECKING:
    from . import _core
    from .model import Model

Floats: TypeAlias = npt.NDArray[np.float64]


class Named(Protocol):
    """Whatever has parameters with names."""

    @property
    def parameters(self) -> tuple[str, ...]: ...
    def index(self, name: str) -> int: ...


class Parametrised(Named, Protocol):
    """What all models have."""

    @property
    def init(self) -> Floats: ...
    @property
    def bounds(self) -> Floats: ...
    @property
    def poi(self) -> str | None: ...


# devices of DLPack whose memory the processor reads: its own, and page-locked ones of CUDA and ROCm
_HOST = (1, 3, 11)


def array(values: Any, what: str) -> Floats:
    """Numbers of any kind as a contiguous float64 array."""
    if type(values) is np.ndarray and values.dtype == np.float64:
        if values.flags.c_contiguous and values.flags.aligned:
            return values
    if isinstance(values, Mapping):
        raise ArgumentError(f"{what}: a list of numbers is needed, not a {type(values).__name__}")
    try:
        found = np.asarray(_on_host(values, what))
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


def _on_host(values: Any, what: str) -> Any:
    """What NumPy can read of an array that may lie on a graphics processor."""
    if isinstance(values, np.ndarray) or not hasattr(values, "__dlpack__"):
        return values
    device = values.__dlpack_device__()[0] if hasattr(values, "__dlpack_device__") else _HOST[0]
    if device in _HOST:
        return values if hasattr(values, "__array__") else np.from_dlpack(values)
    why: Exception | None = None
    try:
        return np.from_dlpack(values, device="cpu", copy=True)
    except (TypeError, ValueError, BufferError, RuntimeError, NotImplementedError) as error:
        # NumPy before 2.1, or an exporter without the protocol of 2024
        why = error
    for copy in ("cpu", "get"):
        if callable(getattr(values, copy, None)):
            return getattr(values, copy)()
    raise ArgumentError(
        f"{what}: this {type(values).__name__} lies on another device and cannot be copied from there: {why}; "
        "copy it to the host first"
    )


def histogram(of: Any) -> bool:
    """Whether this is a histogram after UHI: of hist, boost-histogram, uproot."""
    # tensors have a method of that name, too
    return (
        callable(getattr(of, "values", None))
        and not isinstance(of, Mapping)
        and not hasattr(of, "__dlpack__")
    )


def by_channel(data: Any) -> bool:
    """Whether counts come channel by channel: a dict, a histogram, a list of histograms."""
    listed = isinstance(data, (list, tuple)) and len(data) > 0 and all(map(histogram, data))
    return listed or isinstance(data, Mapping) or histogram(data)


def counts(data: Any, bins: Mapping[str, int], what: str = "data") -> Floats:
    """Counts that come channel by channel, in the order of `bins`, each channel's number of them."""
    if isinstance(data, Mapping):
        for name in data:
            known(name, bins, "channel")
        missing = [name for name in bins if name not in data]
        if missing:
            raise ArgumentError(f"{what}: there are no counts of {', '.join(map(repr, missing))}")
        parts = dict(data)
    else:
        listed = [data] if histogram(data) else list(data)
        if len(listed) != len(bins):
            raise ArgumentError(
                f"{what}: the model has {len(bins)} channels ({', '.join(bins)}), got {len(listed)} histograms"
            )
        parts = dict(zip(bins, listed, strict=True))
    return np.concatenate([_channel(parts[name], n, f"{what} of channel {name!r}") for name, n in bins.items()])


def _channel(values: Any, n: int, what: str) -> Floats:
    if histogram(values):
        if getattr(getattr(values, "kind", None), "value", getattr(values, "kind", "COUNT")) == "MEAN":
            raise ArgumentError(f"{what}: a histogram of counts is needed, not one of means")
        values = values.values()
    found = vector(values, what)
    if len(found) != n:
        raise ArgumentError(f"{what}: the model has {n} bins there, got {len(found)} values")
    for bin, value in enumerate(found):
        if not np.isfinite(value):
            raise ArgumentError(f"{what}, bin {bin}: {value} is not finite")
        if value < 0:
            raise ArgumentError(f"{what}, bin {bin}: a count must not be below 0, got {value}")
    return found


def maybe(data: Any, model: Model) -> Floats | None:
    """Data, where there are any; nominal auxiliary data beside counts by channel."""
    if data is None:
        return None
    if by_channel(data):
        return np.concatenate((counts(data, model.bins), model.auxdata))
    return vector(data, "data")


def number(value: Any, what: str) -> float:
    """One number."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{what}: a number is needed, not {value!r}") from None
    if not np.isfinite(found):
        raise ArgumentError(f"{what} = {value!r} is not a finite number")
    return found


def optional(value: Any, what: str) -> float | None:
    """One number, where there is one."""
    return None if value is None else number(value, what)


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


def held(model: Named, fix: Mapping[str, Any] | None) -> dict[str, float]:
    """Parameters held at values, by name."""
    if fix is None:
        return {}
    if not isinstance(fix, Mapping):
        raise ArgumentError(f"fix: a dict of names and values is needed, not {type(fix).__name__}")
    return {model.parameters[model.index(n)]: number(v, f"fix[{n!r}]") for n, v in fix.items()}


def names_of(model: Parametrised, parameters: str | Sequence[str] | None) -> list[str]:
    """Names of parameters, checked."""
    if parameters is None:
        return []
    listed = [parameters] if isinstance(parameters, str) else list(parameters)
    for name in listed:
        if not (isinstance(name, str) and "*" in name):
            model.index(name)
    return listed
