"""Toys and their fits."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from .._convert import Floats, maybe, span, whole
from .._executor import Division, Task, cut, undivided
from .._progress import Progress, reporting
from .._statements import second_fit, toy_fits, truth_of
from ..devices import DeviceInfo
from ..model import Model
from ..results import ToyFits, join
from ._fits import Fits
from ._opened import CHUNK, opened


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
        core, model = self._open(), self._model
        first, last = span(toys, range)
        seed, chunk = whole(seed, "seed"), whole(chunk, "chunk", 1)
        point = self._truth(truth, mu, data, tolerance)
        if executor is not None:
            options = {
                "seed": seed,
                "truth": point,
                "test_mu": test_mu,
                "hold": None if hold is None else dict(hold),
                "with_data": with_data,
                "tolerance": tolerance,
                "chunk": chunk,
            }
            division = Division(executor, parts, progress)
            spans = cut(first, last, division.parts)
            asked = (self._model, self._asked)
            return join(division.gather([Task(_part, (*asked, s, options), s[1] - s[0]) for s in spans]))
        undivided(executor, parts)
        second = second_fit(model, hold, test_mu)
        pairs = [(model.index(name), value) for name, value in second.items()]
        with reporting(progress) as tell:
            found = core.fit_toys(
                point, seed, (first, last), pairs, bool(with_data), chunk, tolerance, tell
            )
        device = DeviceInfo(**found.pop("device"))
        warned = tuple({"path": None, "message": text} for text in found.pop("warnings"))
        about = self._about(device, seed)
        about["warnings"] += warned
        return toy_fits(found, about, model, seed, (first, last), point, second)


def _part(
    model: Model, asked: tuple[str, str, bool], span: tuple[int, int], options: dict[str, Any]
) -> ToyFits:
    """A part of the toys, in another process."""
    with opened(Toys, model, *asked) as session:
        return session.fit_toys(range=span, **options)
