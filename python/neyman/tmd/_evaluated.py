"""Plans: cross sections as functions of parameters, their derivatives, and what they are made of."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._convert import Floats, array, known, number, vector
from ..errors import ArgumentError
from ._described import Described


class Nodes(NamedTuple):
    """The quadrature of each point's integral over b.

    Attributes
    ----------
    b : ndarray
        1/GeV, ``[n_points, n_nodes]``.
    weight : ndarray
        1/GeV^2: ``(weight * F(b)).sum(axis=1)`` are the integrals of b J0(qT b) F(b), over a bin where a
        point is one.
    """

    b: Floats
    weight: Floats


class Evaluated(Described):
    """What a plan evaluates."""

    __slots__ = ()

    def xsec(self, params: Any = None) -> Floats:
        """Cross sections.

        Parameters
        ----------
        params : array or dict, optional
            ``[n_parameters]`` or ``[n_rows, n_parameters]``; a dict changes some of the initial values. Bounds and
            links are not asked.

        Returns
        -------
        ndarray
            ``[n_points]`` or ``[n_rows, n_points]``.

        Raises
        ------
        ArgumentError
            A wrong length, an unknown name, a number that is not finite, shapes without a value there.

        Examples
        --------
        >>> plan = neyman.tmd.Plan.from_yaml(config, kinematics, fnp)
        >>> plan.xsec()[:3].round(3), plan.xsec([plan.init, plan.init]).shape
        (array([4.475, 8.845, 9.115]), (2, 18))
        """
        rows, single = self._rows(params)
        found = self._core.xsec(rows)
        return found[0] if single else found

    def jacobian(self, params: Any = None) -> Floats:
        """Derivatives of the cross sections in the parameters.

        Parameters
        ----------
        params : array or dict, optional
            As in `xsec`.

        Returns
        -------
        ndarray
            ``[n_points, n_parameters]`` or ``[n_rows, n_points, n_parameters]``.

        Examples
        --------
        >>> plan.jacobian().shape
        (18, 5)
        """
        rows, single = self._rows(params)
        found = self._core.jacobian(rows)
        return found[0] if single else found

    def pullback(self, weights: Any, params: Any = None) -> Floats:
        """``weights @ jacobian(params)`` without the matrix: slopes of a function of the cross sections.

        Parameters
        ----------
        weights : array
            Its slopes in these, ``[n_points]``, or a row for each of `params`.
        params : array or dict, optional
            As in `xsec`.

        Returns
        -------
        ndarray
            ``[n_parameters]`` or ``[n_rows, n_parameters]``.

        Examples
        --------
        >>> plan.pullback(np.ones(plan.n_points)).shape
        (5,)
        """
        rows, single = self._rows(params)
        given = np.atleast_2d(array(weights, "weights"))
        if given.shape != (len(rows), self.n_points):
            shape = [self.n_points] if single else [len(rows), self.n_points]
            raise ArgumentError(f"weights: shape {shape} is needed, not {list(np.shape(weights))}")
        found = self._core.pullback(rows, given)
        return found[0] if single else found

    def fnp(
        self,
        b: Any,
        x: float,
        params: Any = None,
        *,
        distribution: str | None = None,
        zeta: float = 1.0,
    ) -> Floats:
        """A distribution's shape in b with its evolution, 1 at b = 0.

        Parameters
        ----------
        b : array
            1/GeV, ``[n_b]``.
        x : float
            Momentum fraction, x or z.
        params : array or dict, optional
            As in `xsec`.
        distribution : str, optional
            One of `distributions`; the first where not given.
        zeta : float
            Scale of the evolution, GeV^2.

        Returns
        -------
        ndarray
            ``[n_b]`` or ``[n_rows, n_b]``.

        Examples
        --------
        >>> plan.fnp([0.0, 1.0, 2.0], 0.1).round(3)
        array([1.   , 0.903, 0.666])
        """
        rows, single = self._rows(params)
        name = self.distributions[0] if distribution is None else distribution
        known(name, self.distributions, "distribution")
        found = self._core.shape(name, number(x, "x"), number(zeta, "zeta"), vector(b, "b"), rows)
        return found[0] if single else found

    def nodes(self) -> Nodes:
        """Nodes b of each point's integral, with their weights.

        Raises
        ------
        ArgumentError
            For a plan of tables, which have nodes of their own.

        Examples
        --------
        >>> plan.nodes().b.shape
        (18, 64)
        """
        return Nodes(*self._core.nodes())

    def quadrature_error(self, params: Any = None) -> Floats | None:
        """By how much a quarter more nodes change the cross sections, relative, ``[n_points]``.

        Parameters
        ----------
        params : array or dict, optional
            ``[n_parameters]``, as in `xsec`.

        Returns
        -------
        ndarray or None
            None where luminosities are known at these nodes alone.

        Examples
        --------
        >>> bool(abs(plan.quadrature_error()).max() < 1e-9)
        True
        """
        return self._core.quadrature_error(self._point(params, "params"))

    def measured(self, t0: Any = None) -> tuple[Floats, Floats]:
        """What was measured in the tables: values ``[n_points]``, and their covariance ``[n_points, n_points]``.

        Parameters
        ----------
        t0 : array or dict, optional
            Parameters at whose predictions multiplicative errors are taken (t0 method: Ball et al., JHEP 05 (2010)
            075); the initial ones where not given.

        Raises
        ------
        ArgumentError
            For a plan without tables.
        """
        return self._core.measured(self._point(t0, "t0"))
