"""A model on a device: every statement about it is one call."""

from __future__ import annotations

from ._scans import Scans
from ._tests import Tests
from ._toys import Toys

__all__ = ["Session"]


class Session(Tests, Scans, Toys):
    """A model on a device.

    Its statements are about the observed data, or those given as `data`; `fix` holds parameters in all of their fits.
    Any number of threads may use one session at the same time: the interpreter is free while it computes. Ctrl-C ends
    long calls.

    Parameters
    ----------
    model : Model, or what `from_pyhf` takes
    device : str
        ``auto``: the processor for fits, whatever is faster for many toys. Else ``cpu``, ``gpu``, ``vulkan``,
        ``metal``, ``dx12`` or ``cuda``, with a number where there are several: ``cuda:1``.
    precision : str
        Of graphics processors: ``auto``, ``f64``, ``df64`` or ``f32``.
    host_fallback : bool
        What a device cannot finish is finished on the processor.

    Examples
    --------
    >>> with neyman.Session(model, device="cpu") as session:
    ...     round(session.limit().observed, 4)
    2.811
    """
