"""Where this build can compute."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from . import _core

__all__ = ["Device", "DeviceInfo", "devices", "has_cuda", "has_metal", "has_vulkan"]


@dataclass(frozen=True)
class DeviceInfo:
    """What runs, and why.

    Attributes
    ----------
    name : str
        ``cpu``, ``gpu:0``, ``cuda:0``.
    backend : str
        ``cpu``, ``vulkan``, ``metal``, ``dx12`` or ``cuda``.
    driver : str
    precision : str
        Arithmetic of the results: ``f64``, ``df64`` or ``f32``.
    description : str
    reason : str
        Why this device.
    """

    name: str
    backend: str
    driver: str
    precision: str
    description: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}, {self.description}, {self.precision} ({self.reason})"


@dataclass(frozen=True)
class Device:
    """A device that could be asked for.

    Attributes
    ----------
    device, also : str
        Its names for `Session`.
    passed : bool or None
        Whether its arithmetic passed the test against the processor; None where that was not asked for.
    """

    device: str
    also: str | None
    name: str
    backend: str
    driver: str
    type: str
    precisions: tuple[str, ...]
    passed: bool | None
    message: str | None


def devices(test: bool = False) -> tuple[Device, ...]:
    """All devices, the processor first.

    Parameters
    ----------
    test : bool
        Also test each one's arithmetic against the processor's.

    Examples
    --------
    >>> neyman.devices()[0].device
    'cpu'
    """
    rows = _core.devices(test)
    return tuple(Device(**{**row, "precisions": tuple(row["precisions"])}) for row in rows)


def has_cuda() -> bool:
    """Whether there is an NVIDIA card with a driver."""
    return _core.has_backend("cuda")


def has_metal() -> bool:
    """Whether there is a graphics processor through Metal."""
    return _core.has_backend("metal")


def has_vulkan() -> bool:
    """Whether there is a graphics processor, or its emulation in software, through Vulkan."""
    return _core.has_backend("vulkan")


def cache_folder() -> str | None:
    """Where the command keeps how fast devices are, too."""
    if os.name == "nt":
        place, below = os.environ.get("LOCALAPPDATA", ""), ""
    elif sys.platform == "darwin":
        place, below = os.environ.get("HOME", ""), "Library/Caches"
    elif os.path.isabs(os.environ.get("XDG_CACHE_HOME", "")):
        place, below = os.environ["XDG_CACHE_HOME"], ""
    else:
        place, below = os.environ.get("HOME", ""), ".cache"
    return os.path.join(place, below, "neyman") if os.path.isabs(place) else None
