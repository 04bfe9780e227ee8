"""Tensors of any device as arrays, and arrays as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .._convert import Floats
from ..differentiable._arguments import check_histogram
from ..differentiable.session import DifferentiableSession
from ..errors import ArgumentError

__all__ = ["check", "check_type", "constant", "from_array", "to_array"]


def check_type(tensor: Any, what: str) -> None:
    """An error unless it is a float64 or float32 tensor."""
    if not isinstance(tensor, torch.Tensor):
        raise ArgumentError(f"{what}: a tensor is needed, not a {type(tensor).__name__}")
    if tensor.dtype not in (torch.float64, torch.float32):
        raise ArgumentError(f"{what}: torch.float64 or torch.float32 is needed, not {tensor.dtype}")
    if tensor.layout != torch.strided or tensor.is_meta:
        kind = "one without numbers (meta)" if tensor.is_meta else f"one of layout {tensor.layout}"
        raise ArgumentError(f"{what}: a dense tensor is needed, not {kind}")


def check(signal: Any, session: DifferentiableSession) -> None:
    """An error unless it is a histogram, or a batch of them."""
    check_type(signal, "signal_histogram")
    check_histogram(tuple(signal.shape), session)


def constant(value: Any) -> Any:
    """An argument that nothing is differentiated in."""
    if isinstance(value, torch.Tensor):
        if value.requires_grad:
            raise ArgumentError("data and numbers are constants: detach the tensor that requires a gradient")
        return value.cpu().numpy()
    return value


def to_array(tensor: torch.Tensor) -> Floats:
    """The numbers in the host's memory, float64 and contiguous; not a copy where they are that already."""
    found: Floats = tensor.detach().cpu().double().resolve_neg().contiguous().numpy()
    return found


def from_array(values: Any, like: torch.Tensor) -> torch.Tensor:
    """A new tensor with the type and device of another."""
    # a copy: arrays of the native module are read-only, tensors never
    copied = torch.from_numpy(np.array(values, dtype=np.float64))
    return copied.to(like.dtype).to(like.device)
