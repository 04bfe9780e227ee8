"""One number in the memory of a CUDA device, for those who have no library that could allocate it."""

from __future__ import annotations

import ctypes
import sys

from ..errors import DeviceError

__all__ = ["DeviceNumber"]


class DeviceNumber:
    """A float64 in the memory of a CUDA device, in the context that all libraries of a process share.

    It is kept as long as the process lives, eight bytes.
    """

    def __init__(self, index: int) -> None:
        self._driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        device, self._context, pointer = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(device), index)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), device)
        self._inside("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(8))
        self.address = pointer.value

    def read(self) -> float:
        """Its value, when the default stream has passed."""
        value = ctypes.c_double()
        self._inside("cuMemcpyDtoH_v2", ctypes.byref(value), ctypes.c_uint64(self.address), ctypes.c_size_t(8))
        return value.value

    def _inside(self, name: str, *arguments: object) -> None:
        self._call("cuCtxPushCurrent_v2", self._context)
        try:
            self._call(name, *arguments)
        finally:
            self._call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status != 0:
            raise DeviceError(f"CUDA: {name} ended with error {status}")
