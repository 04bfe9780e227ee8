"""Fits and their uncertainties."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from .._convert import known
from ._base import Bools, Floats, Integers, Result, Strings

E = TypeVar("E", bound="Estimates")
_BOUNDS: dict[int, str | None] = {-1: "lower", 0: None, 1: "upper"}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Estimates(Result):
    """What all estimates of parameters have; arrays have one element for each parameter."""

    names: Strings
    values: Floats
    uncertainties: Floats
    covariance: Floats | None = None
    fixed: Bools
    at_bound: Integers
    edm: float
    evaluations: int

    @property
    def correlation(self) -> Floats | None:
        """Correlations ``[n, n]``, 1 on the diagonal."""
        if self.covariance is None:
            return None
        sigma = np.where(self.uncertainties > 0, self.uncertainties, np.inf)
        correlation: Floats = self.covariance / np.outer(sigma, sigma)
        np.fill_diagonal(correlation, 1.0)
        return correlation

    def __getitem__(self, name: str) -> float:
        """Best fit of the parameter of that name."""
        known(name, self.names, "parameter")
        return float(self.values[self.names.index(name)])

    def uncertainty(self, name: str) -> float:
        """Uncertainty of the parameter of that name: NaN where there is no covariance, 0 where it is held."""
        known(name, self.names, "parameter")
        return float(self.uncertainties[self.names.index(name)])

    def _summary(self) -> list[tuple[str, str]]:
        status, *rest = super()._summary()
        if self.poi not in self.names:
            return [status, *rest]
        best = f"{self[self.poi]:.6g} +- {self.uncertainty(self.poi):.3g}"
        return [status, (self.poi, best), *((name, text) for name, text in rest if name != "poi")]

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        for row in document["parameters"]:
            row["at_bound"] = _BOUNDS[row["at_bound"]]
        return document

    @classmethod
    def from_dict(cls: type[E], document: Mapping[str, Any]) -> E:
        """The inverse of `to_dict`."""
        ends = {word: number for number, word in _BOUNDS.items()}
        rows = [{**row, "at_bound": ends[row["at_bound"]]} for row in document["parameters"]]
        return super().from_dict({**document, "parameters": rows})


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Fitted(Estimates):
    """What fits of likelihoods have."""

    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "parameters": {
            "name": "names",
            "value": "values",
            "uncertainty": "uncertainties",
            "fixed": "fixed",
            "at_bound": "at_bound",
            "constraint": "constraints",
            "pull": "pulls",
            "prefit_value": "prefit_values",
            "prefit_uncertainty": "prefit_uncertainties",
        }
    }

    covariance_problem: str | None = None
    constraints: Strings
    prefit_values: Floats
    prefit_uncertainties: Floats
    twice_nll: float

    @property
    def nll(self) -> float:
        """Negative log likelihood at the minimum."""
        return 0.5 * self.twice_nll

    @property
    def pulls(self) -> Floats:
        """Distance from the constraint's centre in units of its width; NaN where there is none."""
        with np.errstate(invalid="ignore"):
            pulls = (self.values - self.prefit_values) / self.prefit_uncertainties
        pulls[self.fixed] = math.nan
        return pulls

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        document.setdefault("covariance_problem", None)
        return document


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FitResult(Fitted):
    """One fit with its uncertainties; arrays have one element for each parameter.

    Attributes
    ----------
    names : tuple of str
        The parameters.
    values, uncertainties : ndarray
        Best fit, and square roots of the covariance's diagonal: 0 for fixed parameters and for those at a
        bound, NaN where there is no covariance.
    covariance : ndarray or None
        ``[n, n]``, inverse of the observed Hessian.
    covariance_problem : str or None
        Why there is none.
    fixed : ndarray of bool
    at_bound : ndarray of int
        -1 at the lower bound, 1 at the upper one, 0 elsewhere.
    constraints : tuple of str
        ``none``, ``gaussian`` or ``poisson``.
    prefit_values, prefit_uncertainties : ndarray
        Of the constraint terms; NaN without one.
    twice_nll : float
        -2 log likelihood at the minimum, all constants in.
    edm : float
        Estimated vertical distance to the minimum of the NLL.
    minima : ndarray
        -2 log likelihood of all distinct minima met, rising; the first is this fit.

    Examples
    --------
    >>> fit = neyman.fit(model)
    >>> print(f"{fit['mu']:.4f} +- {fit.uncertainty('mu'):.4f}")
    0.8116 +- 1.1436
    """

    kind: ClassVar[str] = "fit"
    negative_bins: Strings = ()
    minima: Floats

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        for key in ("device", "precision", "measurement"):
            document[key] = self.provenance.get(key)
        return document


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class MinosResult(Result):
    """Asymmetric uncertainties: `minos_up`, and `minos_down`, which is negative; NaN at a bound."""

    kind: ClassVar[str] = "minos"
    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "parameters": {
            "name": "names",
            "value": "values",
            "uncertainty": "uncertainties",
            "minos_up": "minos_up",
            "minos_down": "minos_down",
            "status_up": "status_up",
            "status_down": "status_down",
        }
    }

    names: Strings
    values: Floats
    uncertainties: Floats
    minos_up: Floats
    minos_down: Floats
    status_up: Strings
    status_down: Strings
