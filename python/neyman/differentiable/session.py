"""A model and the samples whose yields it is differentiated in."""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .. import _core
from .._convert import Floats, number, vector
from ..errors import ArgumentError, DeviceError, UnsupportedError
from ..model import Model, as_model
from ..session import Session
from ._memory import DeviceNumber

__all__ = ["Asimov", "DifferentiableSession", "create_session"]

# a sample's nominal counts, or a variation of a histosys: sample, modifier, "lo" or "hi"
Template: TypeAlias = "str | tuple[str, str, str]"


@dataclass(frozen=True)
class Asimov:
    """Data expected for the yields at hand, at the initial parameters: they move with the yields, and
    derivatives know it.

    Parameters
    ----------
    mu : float, optional
        Value of the parameter of interest; its initial value where not given.

    Examples
    --------
    >>> session = neyman.differentiable.create_session(workspace)
    >>> values, _ = neyman.differentiable.best_fit([5.0, 10.0], session, data=neyman.differentiable.Asimov(2.0))
    >>> values.round(6)
    array([2., 1., 1.])
    """

    mu: float | None = None

    def __post_init__(self) -> None:
        if self.mu is not None:
            object.__setattr__(self, "mu", number(self.mu, "mu"))


class DifferentiableSession:
    """A model, the samples whose counts vary, and where it is computed.

    Made by `create_session`. Any number of threads may use one, forked processes too; it can be pickled.

    Attributes
    ----------
    model : Model
    samples : tuple of str
        As named.
    poi : str or None
        The parameter of interest.
    layout : tuple of (str or tuple, str, slice)
        What of `samples`, the channel, and where its bins are in a histogram.
    nominal : ndarray
        Counts of the workspace, ``[n_bins]``.
    """

    def __init__(self, model: Model | Any, samples: Sequence[Template], device: str, poi: str | None) -> None:
        if device not in ("auto", "cpu") and not re.fullmatch(r"cuda(:\d+)?", str(device)):
            raise ArgumentError(f"device: auto, cpu, cuda or cuda:NUMBER is needed, not {device!r}")
        self.model = as_model(model)
        self.samples = tuple(samples)
        self.poi = self.model.poi if poi is None else self.model.parameters[self.model.index(poi)]
        self._arguments = (self.samples, device, poi)
        self._device = device
        self._lock = threading.Lock()
        self._cuda: dict[int, _core.Differentiable | None] = {}
        self._core = self._open("cpu")
        self.nominal: Floats = self._core.nominal()
        runs, first = [], 0
        for sample, channel, n, variation in self._core.layout():
            template: Template = (sample, *variation) if variation else sample
            runs.append((template, channel, slice(first, first + n)))
            first += n
        self._n_bins = first
        self.layout: tuple[tuple[Template, str, slice], ...] = tuple(runs)
        if device.startswith("cuda"):
            index = int(device.partition(":")[2] or 0)
            # what is asked for by name is there, or an error
            self._cuda[index] = self._open(f"cuda:{index}")
            self._scratch = DeviceNumber(index)

    def _open(self, device: str) -> _core.Differentiable:
        return _core.Differentiable(Session(self.model, device)._open(), list(self.samples), self.poi)

    def on_cuda(self, index: int) -> _core.Differentiable | None:
        """The same on a CUDA device, opened when first asked for; None where it cannot be used."""
        # variations of shapes are read on the processor
        if self._device == "cpu" or not all(isinstance(of, str) for of in self.samples):
            return None
        with self._lock:
            if index not in self._cuda:
                try:
                    self._cuda[index] = self._open(f"cuda:{index}")
                except (DeviceError, UnsupportedError):
                    self._cuda[index] = None
            return self._cuda[index]

    def signal_n_bins(self) -> int:
        """Number of bins of a histogram, those of all its samples and channels."""
        return self._n_bins

    def n_params(self) -> int:
        """Number of parameters of the model."""
        return len(self.model.parameters)

    def parameter_init(self) -> Floats:
        """Initial values of the parameters, ``[n_params]``."""
        return self.model.init.copy()

    def nll_grad_signal(self, params: Any, signal_ptr: int, grad_signal_ptr: int) -> float:
        """NLL of the observed data for a histogram at an address, its gradient to another.

        Parameters
        ----------
        params : array
            ``[n_params]``.
        signal_ptr, grad_signal_ptr : int
            Addresses of contiguous float64 arrays of `signal_n_bins` values, the second one to be written to:
            in the host's memory, or, for a session on ``cuda``, in that device's, on its default stream.

        Returns
        -------
        float
            With all constants. d NLL / d signal_i = (1 - n_i / nu_i) factor_i, with the factor that the
            parameters give to this bin of the sample.

        Raises
        ------
        ArgumentError
            For null pointers, and parameters that do not fit.

        Notes
        -----
        Addresses are not checked otherwise: a wrong one ends the process.

        Examples
        --------
        >>> session = neyman.differentiable.create_session(workspace)
        >>> signal, gradient = np.array([5.0, 10.0]), np.empty(2)
        >>> round(session.nll_grad_signal([1.0, 1.0, 1.0], signal.ctypes.data, gradient.ctypes.data), 4)
        11.7921
        >>> gradient.round(4)
        array([ 0.0545, -0.0143])
        """
        for what, address in (("signal_ptr", signal_ptr), ("grad_signal_ptr", grad_signal_ptr)):
            if not isinstance(address, int) or address <= 0:
                raise ArgumentError(f"{what}: the address of an array is needed, not {address!r}")
        n = self.signal_n_bins()
        parameters = vector(params, "params")
        if self._device.startswith("cuda"):
            (core,) = self._cuda.values()
            assert core is not None
            with self._lock:
                core.nll_in_place(
                    1, signal_ptr, grad_signal_ptr, self._scratch.address, False, 0, parameters, None
                )
                return self._scratch.read()
        memory = [
            np.ctypeslib.as_array((ctypes.c_double * n).from_address(p)) for p in (signal_ptr, grad_signal_ptr)
        ]
        values, slopes, _ = self._core.nll(memory[0][None, :], parameters, None)
        memory[1][:] = slopes[0]
        return float(values[0])

    def __repr__(self) -> str:
        names = ", ".join(of if isinstance(of, str) else "/".join(of) for of in self.samples)
        return f"<DifferentiableSession of {names} ({self._device}): {self.model!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return DifferentiableSession, (self.model, *self._arguments)


def create_session(
    model: Model | Any,
    signal_sample_name: str | Sequence[Template] = "signal",
    device: str = "auto",
    poi: str | None = None,
) -> DifferentiableSession:
    """Statements as functions of the counts of samples.

    Parameters
    ----------
    model : Model, or what `from_pyhf` takes
    signal_sample_name : str, or sequence of str and tuples
        The samples, in the order in which histograms have them: any of the model, not only the signal. A tuple
        (sample, modifier, ``"lo"`` or ``"hi"``) is the template of a histosys. Those that are not named stay the
        additions to the nominal counts that the workspace says, and widths of constraints what they are there.
    device : str
        ``auto``: the processor, and for tensors in the memory of a CUDA device the NLL there, without copies.
        ``cpu``: the processor alone. ``cuda`` or ``cuda:1``: the device must be there, and `nll_grad_signal` takes
        addresses in its memory. Fits are made on the processor in any case.
    poi : str, optional
        Parameter of interest instead of the model's.

    Returns
    -------
    DifferentiableSession

    Raises
    ------
    ArgumentError
        Where the model has no such sample, histosys or parameter; the nearest name is told.

    Examples
    --------
    >>> session = neyman.differentiable.create_session(workspace, ["signal", "background"])
    >>> session.layout
    (('signal', 'region', slice(0, 2, None)), ('background', 'region', slice(2, 4, None)))
    >>> session.nominal
    array([ 5., 10., 50., 60.])
    >>> neyman.differentiable.create_session(workspace, "signals")
    Traceback (most recent call last):
        ...
    neyman.errors.ArgumentError: the model has no sample "signals"; did you mean "signal"?
    """
    samples = [signal_sample_name] if isinstance(signal_sample_name, str) else list(signal_sample_name)
    for name in samples:
        parts = name if isinstance(name, tuple) and len(name) == 3 else (name,)
        if not all(isinstance(part, str) for part in parts):
            told = 'names of samples, or (sample, modifier, "lo" or "hi") are needed'
            raise ArgumentError(f"signal_sample_name: {told}, not {name!r}")
    return DifferentiableSession(model, samples, device, poi)
