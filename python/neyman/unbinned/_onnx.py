"""Where the library is that runs flows in ONNX."""

from __future__ import annotations

import functools
import importlib.util
import os
from pathlib import Path

from .. import _core

# as the package onnxruntime has it on Linux, macOS and Windows
_FILES = ("libonnxruntime.so*", "libonnxruntime*.dylib", "onnxruntime.dll")


@functools.cache
def name_library() -> None:
    """Names the library to the native module: ``ORT_DYLIB_PATH``, or that of the package onnxruntime, if there is one.

    The package itself is not imported.
    """
    named = os.environ.get("ORT_DYLIB_PATH")
    if named:
        _core.onnx_library(named)
        return
    spec = importlib.util.find_spec("onnxruntime")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        for pattern in _FILES:
            for file in sorted(Path(folder, "capi").glob(pattern)):
                _core.onnx_library(os.fspath(file))
                return
