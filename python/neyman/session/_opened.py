"""A model on a device, opened."""

from __future__ import annotations

from typing import Any, TypeVar

from .. import _core
from .._asking import Asking
from ..devices import DeviceInfo
from ..errors import ArgumentError
from ..model import Model, as_model

# toys fitted together
CHUNK = 4096
S = TypeVar("S", bound="Opened")


class Opened(Asking):
    """What all statements need: the native session, and what results say of it."""

    _model: Model
    _asked: tuple[str, str, bool]

    def __init__(
        self,
        model: Model | Any,
        device: str = "auto",
        precision: str = "auto",
        *,
        host_fallback: bool = True,
    ) -> None:
        for what, word in (("device", device), ("precision", precision)):
            if not isinstance(word, str):
                raise ArgumentError(f"{what}: a string is needed, not {word!r}")
        self._model = as_model(model)
        self._asked = (device, precision, host_fallback)
        self._core: _core.Session | None
        self._core = self._model._likelihood(*self._asked)
        main, single = self._core.device()
        self._device, self._fit_device = DeviceInfo(**main), DeviceInfo(**single)
        self._provenance: dict[str, Any] = {
            "version": _core.__version__,
            "workspace": self._model._file,
            "digest": self._model.digest,
            "measurement": self._model.measurement,
            "interpolation": self._model.interpolation,
        }
        self._common = {
            "warnings": self._model.warnings,
            "poi": self._model.poi,
        }

    @property
    def model(self) -> Model:
        """The model."""
        return self._model

    @property
    def device(self) -> DeviceInfo:
        """What runs, and why. With ``auto`` toys may run elsewhere: their results tell."""
        return self._device

    @property
    def fit_device(self) -> DeviceInfo:
        """What runs single fits: the processor."""
        return self._fit_device

    def close(self) -> None:
        """Give the device back. Further calls are errors."""
        self._core = None

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session on {self._device.name} ({self._device.precision}): {self._model!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (type(self), self._model, *self._asked)

    def _open(self) -> _core.Session:
        if self._core is None:
            raise ArgumentError("this session is closed")
        return self._core

    def _about(
        self, device: DeviceInfo | None = None, seed: int | None = None
    ) -> dict[str, Any]:
        """Fields of all results."""
        device = device or self._device
        provenance = {
            **self._provenance,
            "device": device.name,
            "device_description": device.description,
            "precision": device.precision,
            "seed": seed,
        }
        return {**self._common, "provenance": provenance}


def opened(kind: type[S], model: Model, device: str, precision: str, host_fallback: bool) -> S:
    """A session again, in another process."""
    return kind(model, device, precision, host_fallback=host_fallback)
