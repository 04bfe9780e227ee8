"""Fits of TMDs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ._base import STATUSES, Bools, Floats, Strings, floats, frozen, number
from ._fit import Estimates


@dataclasses.dataclass(frozen=True, eq=False)
class WeakDirection:
    """A direction in parameter space that the data hardly determine.

    Attributes
    ----------
    strength : float
        Singular value of the derivatives, in units of each parameter's own, relative to the largest.
    parts : dict
        Parts of parameters in the direction, by name, largest first; small ones are left out.
    """

    strength: float
    parts: dict[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class TmdReplicas:
    """Fits of data with their errors added once more.

    Attributes
    ----------
    n, converged : int
        How many, and how many of them converged.
    values : ndarray or None
        Best fits of all, ``[n, n_parameters]``.
    chi2 : ndarray or None
        ``[n]``
    statuses : tuple of str
        How each ended.
    finished_on_processor : int
        How many a device left to the processor for want of digits.
    """

    n: int
    converged: int
    values: Floats | None = None
    chi2: Floats | None = None
    statuses: Strings = ()
    finished_on_processor: int = 0

    @classmethod
    def of(cls, values: Floats, chi2: Floats, statuses: Sequence[str], finished_on_processor: int) -> TmdReplicas:
        """From what the fits say."""
        converged = sum(status in STATUSES[:2] for status in statuses)
        return cls(len(statuses), converged, values, chi2, tuple(statuses), finished_on_processor)

    @property
    def good(self) -> Floats:
        """Best fits of those that converged, ``[converged, n_parameters]``."""
        if self.values is None:
            return np.empty((0, 0))
        found: Floats = self.values[[status in STATUSES[:2] for status in self.statuses]]
        return found

    @property
    def mean(self) -> Floats:
        """Means over those that converged, ``[n_parameters]``."""
        good = self.good
        return frozen(good.mean(axis=0) if len(good) > 0 else np.full(good.shape[1], np.nan))

    @property
    def spread(self) -> Floats:
        """Standard deviations over those that converged, ``[n_parameters]``."""
        good = self.good
        return frozen(good.std(axis=0, ddof=1) if len(good) > 1 else np.full(good.shape[1], np.nan))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class TmdFit(Estimates):
    """A fit of TMDs; arrays have one element for each parameter, or for each point where that is said.

    Attributes
    ----------
    names : tuple of str
        The parameters.
    values, uncertainties : ndarray
        Best fit, and square roots of the covariance's diagonal: 0 for fixed parameters and for those at a
        bound, NaN where the data leave a direction free. Parameters that enter squared alone are not negative.
    covariance : ndarray or None
        ``[n, n]``, inverse of J'J.
    fixed : ndarray of bool
        Those that are not fitted, or follow another one.
    at_bound : ndarray of int
        -1 at the lower bound, 1 at the upper one, 0 elsewhere.
    init, start : ndarray
        The plan's initial values, and where the fit began.
    sign_matters : ndarray of bool
        False for those that enter squared alone.
    replica_mean, replica_spread : ndarray or None
        Over the replicas that converged.
    chi2 : float
        Sum of squared residuals.
    n_points : int
    edm : float
        Estimated vertical distance to the minimum of chi2 / 2.
    measured, errors, predictions, pulls : ndarray or None
        Of each point: the data, the square root of its variance, the cross section at the best fit, and data minus
        cross section in units of the error.
    places : dict or None
        Where the points are, a list each: ``x``, ``z``, ``Q2``, ``PhT`` and ``qT``, or ``table`` and ``qT``.
    weak_directions : tuple of WeakDirection
        What the data do not determine, weakest first.
    replicas : TmdReplicas or None
    method : str
        ``lm``, ``adam`` or ``lbfgs``.
    history : ndarray or None
        chi2 before the first and after each step of a descent.
    quadrature : str
        How integrals were done.
    quadrature_error : float
        Largest relative change of a prediction by a quarter more nodes; NaN where nodes are given.
    synthetic : bool
        Whether the data were the model's own.
    interrupted : bool
        Whether Ctrl-C ended the command's fit, or its replicas.
    finished_on_processor : bool
        Whether a device left the fit to the processor for want of digits.

    Examples
    --------
    >>> truth = plan.xsec()
    >>> found = neyman.tmd.fit(plan, truth, sigma=0.1 * truth, fix={"g2": 0.25})
    >>> found.n_points, bool(abs(found.pulls).max() < 1e-3)
    (18, True)
    """

    kind: ClassVar[str] = "tmd_fit"
    _tables: ClassVar[dict[str, dict[str, str]]] = {
        "parameters": {
            "name": "names",
            "init": "init",
            "start": "start",
            "value": "values",
            "uncertainty": "uncertainties",
            "fixed": "fixed",
            "at_bound": "at_bound",
            "sign_matters": "sign_matters",
            "replica_mean": "replica_mean",
            "replica_spread": "replica_spread",
        },
        "points": {
            "measured": "measured",
            "error": "errors",
            "prediction": "predictions",
            "pull": "pulls",
        },
    }

    init: Floats
    start: Floats
    sign_matters: Bools
    replica_mean: Floats | None = None
    replica_spread: Floats | None = None
    chi2: float
    n_points: int
    measured: Floats | None = None
    errors: Floats | None = None
    predictions: Floats | None = None
    pulls: Floats | None = None
    places: dict[str, Any] | None = None
    weak_directions: tuple[WeakDirection, ...] = ()
    replicas: TmdReplicas | None = None
    method: str = "lm"
    history: Floats | None = None
    quadrature: str
    quadrature_error: float
    synthetic: bool = False
    interrupted: bool = False
    finished_on_processor: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and value.flags.writeable:
                object.__setattr__(self, field.name, frozen(value.copy()))

    def _summary(self) -> list[tuple[str, str]]:
        # five parameters are no band
        arrays = {f.name for f in dataclasses.fields(self) if isinstance(getattr(self, f.name), np.ndarray)}
        return [row for row in super()._summary() if row[0] not in arrays]

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""
        document = super().to_dict()
        document.setdefault("replicas", None)
        places = document.pop("places", None)
        # in the rows of the points, before what was measured there
        if places and document["points"]:
            where = ({name: of[k] for name, of in places.items()} for k in range(self.n_points))
            document["points"] = [{**at, **row} for at, row in zip(where, document["points"], strict=True)]
        for of in document["weak_directions"]:
            of["parts"] = [{"name": name, "part": part} for name, part in of["parts"].items()]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> TmdFit:
        """The inverse of `to_dict`."""
        values = dict(document)
        values["weak_directions"] = [
            WeakDirection(number(of["strength"]), {p["name"]: number(p["part"]) for p in of["parts"]})
            for of in document.get("weak_directions", [])
        ]
        of = document.get("replicas")
        if of is not None:
            known = {key: floats(of[key]) for key in ("values", "chi2") if of.get(key) is not None}
            statuses, left = tuple(of.get("statuses", ())), of.get("finished_on_processor", 0)
            values["replicas"] = TmdReplicas(of["n"], of["converged"], **known, statuses=statuses, finished_on_processor=left)
        # a row without columns: nothing is known of the points
        values.setdefault("points", [{}])
        known_columns = cls._tables["points"]
        columns = [name for name in values["points"][0] if name not in known_columns]
        if columns:
            values["places"] = {name: [row[name] for row in values["points"]] for name in columns}
        rows = values["parameters"]
        if rows and rows[0].get("replica_mean") is None and of is None:
            # the command writes null where there are none
            drop = ("replica_mean", "replica_spread")
            values["parameters"] = [{k: v for k, v in row.items() if k not in drop} for row in rows]
        return super().from_dict(values)
