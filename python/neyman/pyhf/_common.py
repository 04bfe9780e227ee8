"""Models and tensors of pyhf."""

from __future__ import annotations

import sys
import threading
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .._convert import array, by_channel, number, vector
from ..errors import ArgumentError
from ..model import Model, as_model
from ..session import Session

# models that did not change, by the object they come from
_KEPT: WeakKeyDictionary[Any, dict[Any, Session]] = WeakKeyDictionary()
_KEEPING = threading.Lock()
_MOST = 8


def tensor(value: Any) -> Any:
    """As the backend of pyhf has it, where there is one."""
    pyhf = sys.modules.get("pyhf")
    if pyhf is None:
        return np.asarray(value, dtype=np.float64)
    return pyhf.get_backend()[0].astensor(value)


def asked(value: Any, what: str) -> float:
    """One number, also from a tensor of one."""
    if np.ndim(value) > 0:
        value = np.asarray(value).ravel()
        if len(value) != 1:
            raise ArgumentError(f"{what}: one number is needed, not {len(value)}")
        value = value[0]
    return number(value, what)


def data_of(data: Any) -> Any:
    """Data, of which pyhf also takes a row of a matrix."""
    if by_channel(data):
        return data
    found = array(data, "data")
    return vector(found[0] if found.ndim == 2 and found.shape[0] == 1 else found, "data")


def _setting(values: Any, default: Any, what: str, dtype: Any) -> Any:
    if values is None or len(values) == 0:
        return np.asarray(default, dtype=dtype)
    found = np.asarray(values, dtype=dtype)
    if found.shape != np.shape(default):
        raise ArgumentError(f"{what}: shape {np.shape(default)} is needed, not {found.shape}")
    return found


def opened(
    pdf: Any, device: str, init_pars: Any = None, par_bounds: Any = None, fixed_params: Any = None
) -> Session:
    """A session of a model with these settings, or pyhf's own."""
    if isinstance(pdf, Model):
        defaults: tuple[Any, Any, Any] = (pdf.init, pdf.bounds, pdf.fixed)
    elif hasattr(pdf, "config") and hasattr(pdf, "spec"):
        config = pdf.config
        defaults = (config.suggested_init(), config.suggested_bounds(), config.suggested_fixed())
    else:
        raise ArgumentError(f"a model of pyhf or neyman is needed, not {type(pdf).__name__}")
    init = _setting(init_pars, defaults[0], "init_pars", np.float64)
    bounds = _setting(par_bounds, defaults[1], "par_bounds", np.float64)
    fixed = _setting(fixed_params, defaults[2], "fixed_params", np.bool_)
    key = (device, init.tobytes(), bounds.tobytes(), fixed.tobytes())
    hashable = not isinstance(pdf, Model)
    with _KEEPING:
        kept = _KEPT.setdefault(pdf, {}) if hashable else {}
        if key in kept:
            return kept[key]
    model = as_model(pdf)
    same = (
        np.array_equal(init, model.init)
        and np.array_equal(bounds, model.bounds)
        and np.array_equal(fixed, model.fixed)
    )
    if not same:
        model = model.with_parameters(init=init, bounds=bounds, fixed=fixed)
    session = Session(model, device)
    with _KEEPING:
        while len(kept) >= _MOST:
            kept.pop(next(iter(kept)))
        kept[key] = session
    return session
