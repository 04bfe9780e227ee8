"""The NLL at fixed parameters, twice differentiable; in the memory of CUDA devices without copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from .. import _core
from .._convert import Floats
from ..differentiable._arguments import Source, check_parameters, point, source
from ..differentiable.session import DifferentiableSession
from ._bridge import check, check_type, constant, from_array, to_array

__all__ = ["NeymanNLL", "nll_loss"]


def in_place(
    core: _core.Differentiable, signal: torch.Tensor, parameters: Floats, data: Source
) -> tuple[torch.Tensor, torch.Tensor]:
    """NLL and gradient of a CUDA tensor, on the current stream of its device; nothing is waited for."""
    yields = signal.detach().resolve_neg().contiguous()
    slopes = torch.empty_like(yields)
    nll = torch.empty(yields.shape[:-1], dtype=yields.dtype, device=yields.device)
    stream = torch.cuda.current_stream(yields.device).cuda_stream
    single = yields.dtype == torch.float32
    core.nll_in_place(
        nll.numel(),
        yields.data_ptr(),
        slopes.data_ptr(),
        nll.data_ptr(),
        single,
        stream,
        parameters.ravel(),
        data,
    )
    return nll, slopes


class NeymanNLL(torch.autograd.Function):
    """The autograd function behind `nll_loss`: ``NeymanNLL.apply(signal, params, session, source)``.

    `params` is a tensor or None, `source` None, an array or ``(mu,)``. Its backward pass can be differentiated once
    more, unless the data are expected ones.
    """

    @staticmethod
    def forward(
        ctx: Any,
        signal: torch.Tensor,
        params: torch.Tensor | None,
        session: DifferentiableSession,
        data: Source,
    ) -> torch.Tensor:
        """The NLL, ``[]`` or ``[batch]``."""
        ctx.session, ctx.data = session, data
        parameters = point(None if params is None else to_array(params), session)
        wanted = params is not None and ctx.needs_input_grad[1]
        if signal.is_cuda and not wanted and not isinstance(data, tuple):
            core = session.on_cuda(signal.get_device())
            if core is not None:
                nll, slopes = in_place(core, signal, parameters, data)
                ctx.save_for_backward(signal, params, slopes, None)
                return nll
        rows = np.atleast_2d(to_array(signal))
        values, gradient, of_params = session._core.nll(rows, parameters.ravel(), data)
        batch = tuple(signal.shape[:-1])
        slopes = from_array(gradient.reshape(signal.shape), signal)
        kept = None
        if params is not None and wanted:
            kept = from_array(of_params.reshape((*batch, -1)), params)
        ctx.save_for_backward(signal, params, slopes, kept)
        return from_array(values.reshape(batch), signal)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradients in the signal and in the parameters."""
        (gradient,) = gradients
        signal, params, slopes, of_params = ctx.saved_tensors
        if torch.is_grad_enabled():
            slopes, of_params = _Gradient.apply(signal, params, slopes, of_params, ctx.session, ctx.data)
        of_signal = gradient.unsqueeze(-1) * slopes if ctx.needs_input_grad[0] else None
        if of_params is None:
            return of_signal, None, None, None
        shares = gradient.to(of_params).unsqueeze(-1) * of_params
        return of_signal, shares.sum_to_size(params.shape), None, None


class _Gradient(torch.autograd.Function):
    """The gradient, which is known, as a function: its derivative is the Hessian times a direction."""

    @staticmethod
    def forward(
        ctx: Any,
        signal: torch.Tensor,
        params: torch.Tensor | None,
        slopes: torch.Tensor,
        of_params: torch.Tensor | None,
        session: DifferentiableSession,
        data: Source,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        ctx.session, ctx.data = session, data
        ctx.save_for_backward(signal, params)
        # an output that is an input would be taken for a view
        return slopes.clone(), None if of_params is None else of_params.clone()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, along_signal: torch.Tensor, along_params: torch.Tensor | None
    ) -> tuple[torch.Tensor | None, ...]:
        signal, params = ctx.saved_tensors
        session, n = ctx.session, ctx.session.n_params()
        rows, along = np.atleast_2d(to_array(signal)), np.atleast_2d(to_array(along_signal))
        points = np.broadcast_to(point(None if params is None else to_array(params), session), (len(rows), n))
        turns = np.zeros((len(rows), n))
        if along_params is not None:
            turns[:] = to_array(along_params)
        of_signal, of_params = np.empty_like(rows), np.empty_like(turns)
        for i, row in enumerate(rows):
            of_signal[i], of_params[i] = session._core.nll_hessian_product(
                row, points[i], along[i], turns[i], ctx.data
            )
        found: list[torch.Tensor | None] = [None] * 6
        if ctx.needs_input_grad[0]:
            found[0] = from_array(of_signal.reshape(signal.shape), signal)
        if ctx.needs_input_grad[1]:
            summed = of_params if params.ndim == 2 else of_params.sum(axis=0)
            found[1] = from_array(summed, params)
        return tuple(found)


def nll_loss(
    signal_histogram: torch.Tensor,
    session: DifferentiableSession,
    params: Any = None,
    data: Any = None,
) -> torch.Tensor:
    """Negative log likelihood at fixed parameters, with all constants.

    d NLL / d signal_i = (1 - n_i / nu_i) factor_i, with the factor that the parameters give to this bin of the
    sample (the Poisson term of HistFactory, CERN-OPEN-2012-016).

    Parameters
    ----------
    signal_histogram : Tensor
        Counts, ``[n_bins]`` or ``[batch, n_bins]``, float64 or float32.
    session : DifferentiableSession
    params : Tensor or array, optional
        ``[n_params]`` or ``[batch, n_params]``; the initial ones where not given. Tensors that require it get their
        gradient.
    data : array or Asimov, optional
        Counts and auxiliary data; the observed ones where not given.

    Returns
    -------
    Tensor
        ``[]`` or ``[batch]``. It can be differentiated twice, with expected data once.

    Raises
    ------
    ArgumentError
        Where a shape or a type does not fit, or a number is not finite. Numbers in the memory of a CUDA device are
        not looked at: there the result is not finite either.

    Examples
    --------
    >>> import torch
    >>> session = neyman.torch.create_session(workspace)
    >>> signal = torch.tensor([5.0, 10.0], dtype=torch.float64, requires_grad=True)
    >>> nll = neyman.torch.nll_loss(signal, session)
    >>> torch.autograd.grad(nll, signal)
    (tensor([ 0.0545, -0.0143], dtype=torch.float64),)
    """
    check(signal_histogram, session)
    if params is not None:
        if not isinstance(params, torch.Tensor):
            params = torch.as_tensor(point(params, session))
        check_type(params, "params")
        check_parameters(tuple(params.shape), tuple(signal_histogram.shape), session)
    of = source(constant(data))
    return NeymanNLL.apply(signal_histogram, params, session, of)  # type: ignore[no-any-return]
