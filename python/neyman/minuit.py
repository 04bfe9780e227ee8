"""A cost function for iminuit.

Examples
--------
>>> from iminuit import Minuit
>>> cost = neyman.minuit.cost(model)
>>> minuit = Minuit(cost, cost.init, name=cost.names)
>>> minuit.limits, minuit.fixed = cost.limits, cost.fixed
>>> minuit.migrad().valid
True
>>> round(minuit.values["mu"], 1)
0.8
"""

from __future__ import annotations

from typing import Any

from ._convert import Floats, maybe
from .model import Model, as_model

__all__ = ["Cost", "cost"]


class Cost:
    """Negative log likelihood of all parameters, as one array, with its gradient.

    Attributes
    ----------
    errordef : float
        0.5, iminuit's ``Minuit.LIKELIHOOD``.
    ndata : int
        Number of bins and of auxiliary data.
    names, init, limits, fixed
        Of the parameters, for ``Minuit``.
    """

    errordef = 0.5

    def __init__(self, model: Model, data: Floats | None) -> None:
        self.model = model
        self.data = model.data if data is None else data
        self.ndata = len(self.data)
        self.names = model.parameters
        self.init = model.init
        self.limits = [(float(low), float(high)) for low, high in model.bounds]
        self.fixed = model.fixed.tolist()
        # a wrong length is told now, not in the middle of a fit
        self(model.init)

    def __call__(self, values: Any) -> float:
        return self.model.nll(values, self.data)

    def grad(self, values: Any) -> Floats:
        """Gradient, ``[n_parameters]``."""
        return self.model.grad(values, self.data)

    def hessian(self, values: Any) -> Floats:
        """Hessian, ``[n_parameters, n_parameters]``."""
        return self.model.hess(values, self.data)


def cost(model: Model | Any, data: Any = None) -> Cost:
    """A cost function of a model, or of what `from_pyhf` takes.

    Parameters
    ----------
    data : array, dict or histograms, optional
        As in `neyman.Session.fit`; the observed ones where not given.
    """
    model = as_model(model)
    return Cost(model, maybe(data, model))
