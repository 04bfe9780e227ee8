"""Fits, and what stands on one fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._convert import Floats, array, maybe
from ..errors import ArgumentError
from ..results import FitResult, ImpactsResult, MinosResult, YieldsResult
from ._opened import Opened


class Fits(Opened):
    """Fits, and what stands on one fit."""

    def fit(
        self,
        data: Any = None,
        *,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> FitResult:
        """Maximum-likelihood fit with covariance.

        Parameters
        ----------
        data : array, dict or histograms, optional
            Main data followed by auxiliary data, in pyhf's order; or counts by channel, with the nominal auxiliary
            data: a dict of arrays or histograms, a list of histograms (UHI) in the channels' order, or one
            histogram of the only channel. The observed data where not given.
        fix : dict, optional
            Parameters held at values.
        tolerance : float, optional
            Estimated distance to the minimum of the NLL at which a fit has converged.

        Returns
        -------
        FitResult
            A fit that does not converge is no error: its ``status`` says so.

        Examples
        --------
        >>> round(session.fit(fix={"mu": 0}).twice_nll, 4)
        23.9936
        """
        model, (_, fixed, edm) = self._model, self._choices(None, fix, tolerance)
        found = self._open().fit(maybe(data, model), fixed, edm)
        found |= {"names": model.parameters, "constraints": model.constraints}
        return self._say(FitResult, found, self._fit_device)

    def minos(
        self,
        parameters: str | Sequence[str] | None = None,
        data: Any = None,
        *,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> MinosResult:
        """Asymmetric uncertainties of these parameters, or of all that are free.

        Examples
        --------
        >>> session.minos("mu").minos_up.round(4)
        array([1.1345])
        """
        return self._minos(parameters, maybe(data, self._model), fix, tolerance)

    def impacts(
        self,
        data: Any = None,
        *,
        poi: str | None = None,
        parameters: str | Sequence[str] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        global_impacts: bool = False,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> ImpactsResult:
        """What each parameter does to the parameter of interest, and groups of them.

        Parameters
        ----------
        parameters : str or list of str, optional
            Which to rank, ``*`` standing for anything; all that are free where not given.
        groups : dict, optional
            Lists of such names, in addition to ``stat``, ``syst``, ``mc_stat`` and ``normalisation``.
        global_impacts : bool
            Also shift the auxiliary data (arXiv:2307.04007).

        Examples
        --------
        >>> session.impacts().names[0]
        'gamma[1]'
        """
        given = maybe(data, self._model)
        return self._impacts(given, poi, parameters, groups, global_impacts, fix, tolerance, self._fit_device)

    def yields(
        self,
        data: Any = None,
        *,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> YieldsResult:
        """Expected counts by channel and sample, before and after a fit, with uncertainties.

        Examples
        --------
        >>> session.yields()["region"].postfit.total.yields.round(1)
        array([53.4, 70.1])
        """
        _, fixed, edm = self._choices(None, fix, tolerance)
        found = self._open().yields(maybe(data, self._model), fixed, edm)
        return self._say(YieldsResult, found, self._fit_device)

    def evaluate(self, points: Any, data: Any = None) -> tuple[Floats, Floats]:
        """NLL ``[n_points]`` and its gradient ``[n_points, n_parameters]`` at many points, on the device.

        Examples
        --------
        >>> nll, gradient = session.evaluate([[1, 1, 1], [0, 1, 1]])
        >>> gradient.shape
        (2, 3)
        """
        points = array(points, "points")
        n = len(self._model.parameters)
        if points.ndim != 2 or points.shape[1] != n:
            raise ArgumentError(f"points: rows of {n} parameters are needed, not {points.shape}")
        if not np.isfinite(points).all():
            raise ArgumentError("points: a value is not finite")
        return self._open().evaluate(points.ravel(), maybe(data, self._model))
