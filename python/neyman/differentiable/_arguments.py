"""Histograms, parameters and data on their way to the native module, whatever library they come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from .._convert import Floats, array, vector
from ..errors import ArgumentError
from .session import Asimov, DifferentiableSession

Source: TypeAlias = "Floats | tuple[float | None] | None"
# `[rows, n_bins]` to values `[rows]` and gradients `[rows, n_bins]`
Objective: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]


def check_shape(shape: tuple[int, ...], n: int, what: str, width: str) -> None:
    """An error unless it is `[n]` or `[batch, n]`."""
    if len(shape) not in (1, 2) or shape[-1] != n:
        needed = f"[{width}] or [batch, {width}] is needed with {width} = {n}"
        raise ArgumentError(f"{what}: shape {needed}, not {list(shape)}")


def check_histogram(shape: tuple[int, ...], session: DifferentiableSession) -> None:
    """The same of histograms."""
    if not isinstance(session, DifferentiableSession):
        raise ArgumentError(f"session: one made by create_session is needed, not a {type(session).__name__}")
    check_shape(shape, session.signal_n_bins(), "signal", "n_bins")


def check_parameters(shape: tuple[int, ...], signal: tuple[int, ...], session: DifferentiableSession) -> None:
    """The same of parameters: a row for all histograms, or one for each."""
    check_shape(shape, session.n_params(), "params", "n_params")
    if len(shape) == 2 and (len(signal) != 2 or shape[0] != signal[0]):
        of = f"{signal[0]} histograms" if len(signal) == 2 else "one histogram"
        raise ArgumentError(f"params: {shape[0]} rows do not fit {of}")


def histogram(signal: Any, session: DifferentiableSession) -> Floats:
    """Histograms as an array, checked."""
    found = array(signal, "signal")
    check_histogram(found.shape, session)
    return found


def source(data: Any) -> Source:
    """Data as the native module takes them."""
    if data is None:
        return None
    return (data.mu,) if isinstance(data, Asimov) else vector(data, "data")


def point(params: Any, session: DifferentiableSession) -> Floats:
    """Parameters as an array; the initial ones where there are none."""
    return session.parameter_init() if params is None else array(params, "params")
