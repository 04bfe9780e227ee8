"""Toys and their fits."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from .._asking import Thrown
from .._convert import Floats, span, whole
from .._progress import Progress
from .._statements import truth_of
from ..results import ToyFits
from ._fits import Fits
from ._opened import CHUNK


class Toys(Fits):
    """Toys and their fits."""

    def _truth(
        self, truth: Any, mu: float | None, data: Any, tolerance: float | None = None
    ) -> Floats:
        """Where toys are thrown."""
        return truth_of(self._model, truth, mu, lambda fix: self.fit(data, fix=fix, tolerance=tolerance))

    def toys(
        self,
        toys: int | None = None,
        *,
        range: Any = None,
        seed: int = 0,
        truth: Any = "fit",
        mu: float | None = None,
        data: Any = None,
    ) -> Floats:
        """Data of toys, ``[n_toys, n_bins + n_auxiliary]``.

        Parameters
        ----------
        toys, range, seed
            How many, or which. Toy *i* of a seed is the same data on every machine and in every range.
        truth : str, dict or array
            ``fit``, the best fit; ``init``, the initial parameters; or values.
        mu : float, optional
            Value of the parameter of interest there.

        Examples
        --------
        >>> session.toys(3, seed=1).shape
        (3, 4)
        """
        thrown = span(toys, range)
        return self._open().toys(self._truth(truth, mu, data), whole(seed, "seed"), thrown)

    def fit_toys(
        self,
        toys: int | None = None,
        *,
        range: Any = None,
        seed: int = 0,
        truth: Any = "fit",
        mu: float | None = None,
        test_mu: float | None = None,
        hold: Mapping[str, float] | None = None,
        data: Any = None,
        with_data: bool = False,
        tolerance: float | None = None,
        chunk: int = CHUNK,
        progress: Progress = None,
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> ToyFits:
        """Throw toys and fit them; with `test_mu` each a second time, for the test statistic t_mu.

        Parameters
        ----------
        toys, range, seed, truth, mu
            As in `toys`.
        test_mu : float, optional
            Value at which the second fit holds the parameter of interest.
        hold : dict, optional
            Parameters that the second fit holds, by name.
        with_data : bool
            Keep what was fitted.
        tolerance
            As in `fit`.
        chunk : int
            Toys fitted together.
        progress : callable or True, optional
            Called with the numbers of toys done and to be done; True for a bar on a terminal.
        executor : concurrent.futures.Executor, optional
            Of processes, or what dask, Parsl or Globus Compute have: each of `parts` (8) parts of the range is
            one task. A part whose worker dies is submitted again. The result is the same to the bit however it
            was divided, as long as all workers have the same device: name it (``device="cpu"``).

        Returns
        -------
        ToyFits
            One row each. A failing fit never loses the others: see ``codes`` and ``ok``.

        Examples
        --------
        >>> fits = session.fit_toys(1000, seed=1, mu=1.0, test_mu=1.0)
        >>> fits["mu"].shape, bool(fits.ok.all()), bool((fits.t_mu > -1e-6).all())
        ((1000,), True, True)
        """
        thrown = Thrown(toys, range, seed, chunk, progress, executor, parts)
        point = self._truth(truth, mu, data, tolerance)
        return self._fit_toys(thrown, point, hold, test_mu, with_data, tolerance)
