"""Integrals of densities over bins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._convert import Floats

# Gauss and Kronrod, 7 and 15 points on [-1, 1] (QUADPACK, Piessens et al. 1983), those from 0 up
_NODES = (
    0.0,
    0.207784955007898467600689403773245,
    0.405845151377397166906606412076961,
    0.586087235467691130294144691260028,
    0.741531185599394439863864773280788,
    0.864864423359769072789712788640926,
    0.949107912342758524526189684047851,
    0.991455371120812639206854697526329,
)
_KRONROD = (
    0.209482141084727828012999174891714,
    0.204432940075298892414161999234649,
    0.190350578064785409913256402421014,
    0.169004726639267902826583426598550,
    0.140653259715525918745189590510238,
    0.104790010322250183839876322541518,
    0.063092092629978553290700663189204,
    0.022935322010529224963732008058970,
)
# of every second node
_GAUSS = (
    0.417959183673469387755102040816327,
    0.381830050505118944950369775488975,
    0.279705391489276667901467771423780,
    0.129484966168869693270611432679082,
)
# of an integral over everything, which is 1
_TOLERANCE = 1e-11
_HALVINGS = 40


def integrate(density: Callable[[Floats], Floats], edges: Floats) -> Floats:
    """Integrals between neighbouring edges, by halving intervals until both rules agree."""
    nodes = np.array([-x for x in _NODES[:0:-1]] + list(_NODES))
    kronrod = np.array(list(_KRONROD[:0:-1]) + list(_KRONROD))
    gauss = np.zeros(15)
    gauss[7::2], gauss[7::-2] = _GAUSS, _GAUSS
    total = np.zeros(len(edges) - 1)
    owner = np.flatnonzero(np.diff(edges) > 0)
    low, high = edges[owner], edges[owner + 1]
    for depth in range(_HALVINGS + 1):
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        values = density(middle[:, None] + half[:, None] * nodes)
        fine, coarse = half * (values @ kronrod), half * (values @ gauss)
        # not better than rounding allows
        done = (np.abs(fine - coarse) <= _TOLERANCE) | (depth == _HALVINGS)
        np.add.at(total, owner[done], fine[done])
        owner, low, middle, high = (of[~done] for of in (owner, low, middle, high))
        if len(owner) == 0:
            break
        owner = np.concatenate((owner, owner))
        low, high = np.concatenate((low, middle)), np.concatenate((middle, high))
    return total
