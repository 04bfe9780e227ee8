"""The likelihood of events whose densities come from elsewhere."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .. import _core
from .._convert import Floats, array, number, vector
from ..errors import ArgumentError

__all__ = ["Reduced", "reduce_lse"]


@dataclasses.dataclass(frozen=True, eq=False)
class Reduced:
    """A likelihood of events and its derivatives.

    Attributes
    ----------
    nll : float
        Its negative logarithm; infinite where `zero_density` is not 0.
    zero_density : int
        Events of weight above 0 that no process can make. Derivatives leave them out.
    nu_gradient : ndarray
        d NLL / d nu, ``[P]``, also of yields that are 0.
    logp_gradient : ndarray or None
        d NLL / d logp, ``[P, N]``: minus the weight times the probability that the event is of the process.
    constraint_gradient : ndarray
        Derivatives in the constrained values, ``[K]``, of their constraints alone.
    nu_hessian : ndarray or None
        Second derivatives in the yields, ``[P, P]``.
    """

    nll: float
    zero_density: int
    nu_gradient: Floats
    logp_gradient: Floats | None
    constraint_gradient: Floats
    nu_hessian: Floats | None


def checked(logp: Any, nu: Any, weights: Any) -> tuple[Floats, Floats, Floats | None]:
    """The same as arrays whose shapes fit each other."""
    rows, yields = array(logp, "logp"), vector(nu, "nu")
    if rows.ndim != 2:
        raise ArgumentError(f"logp: shape [processes, events] is needed, not {list(rows.shape)}")
    if len(rows) != len(yields):
        raise ArgumentError(f"nu: {len(yields)} yields for logp of {len(rows)} processes")
    of_events = None if weights is None else vector(weights, "weights")
    if of_events is not None and len(of_events) != rows.shape[1]:
        raise ArgumentError(f"weights: {len(of_events)} of them for {rows.shape[1]} events")
    return rows, yields, of_events


def reduce_lse(
    logp: Any,
    nu: Any,
    weights: Any = None,
    constraints: Any = None,
    *,
    constant: float = 0.0,
    logp_gradient: bool = True,
    hessian: bool = False,
) -> Reduced:
    """Extended likelihood of events from their log-densities, with exact derivatives.

    NLL = sum_p nu_p - sum_i w_i ln(sum_p nu_p exp(logp_pi)) + sum_k ((value_k - center_k) / sigma_k)^2 / 2 + constant
    (Barlow, Nucl. Instrum. Meth. A 297 (1990) 496). Sums are compensated, in float64, and the same bits for any number
    of threads.

    Parameters
    ----------
    logp : array
        Log-densities, ``[P, N]``: of each process, at each event. ``-inf`` where a density is 0. float32 is widened.
    nu : array
        Yields, ``[P]``, 0 or more.
    weights : array, optional
        Of the events, ``[N]``, 0 or more.
    constraints : array, optional
        ``[K, 3]``: value, center and sigma of normal constraints.
    constant : float
        Is added.
    logp_gradient, hessian : bool
        Whether these derivatives are wanted.

    Returns
    -------
    Reduced

    Raises
    ------
    ArgumentError
        With process and event: a log-density that is NaN or +inf, a yield or weight that is negative or not finite;
        shapes that do not fit.

    Examples
    --------
    >>> logp = np.log([[0.2, 0.1, 0.4], [0.1, 0.3, 0.1]])
    >>> found = neyman.reduce_lse(logp, [2.0, 1.0])
    >>> print(f"{found.nll:.6f}", found.nu_gradient.round(4))
    4.491655 [-0.0444  0.0889]
    """
    for tensor in (logp, nu, weights):
        if getattr(tensor, "requires_grad", False) is True:
            raise ArgumentError("these are tensors that require a gradient: take neyman.torch.reduce_lse, or detach them")
    rows, yields, of_events = checked(logp, nu, weights)
    held = array(np.empty((0, 3)) if constraints is None else constraints, "constraints")
    if held.ndim != 2 or held.shape[1] != 3:
        raise ArgumentError(f"constraints: shape [K, 3] is needed, not {list(held.shape)}")
    triples = [(float(v), float(c), float(s)) for v, c, s in held]
    constant = number(constant, "constant")
    found = _core.reduce_lse(rows, yields, of_events, triples, constant, bool(hessian), bool(logp_gradient))
    return Reduced(**found)
