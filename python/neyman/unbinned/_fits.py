"""Fits of single events, and what stands on them: profiles, impacts, toys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from .. import _core
from .._asking import Thrown
from .._convert import held, optional, whole
from .._progress import Progress
from .._statements import around, pair, truth_of
from ..devices import DeviceInfo
from ..results import (
    ChannelFit,
    ChannelHistogram,
    ImpactsResult,
    MinosResult,
    Scan2dResult,
    ScanResult,
    ToyFits,
    UnbinnedFit,
)
from ._described import Described

# toys between two looks at whether to go on
CHUNK = 256


class Fits(Described):
    """Fits, and what stands on them."""

    __slots__ = ()

    def fit(
        self,
        *,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        bins: int | None = None,
    ) -> UnbinnedFit:
        """Maximum-likelihood fit from the initial values, with covariance.

        Where it ends depends neither on the number of threads nor on the units of parameters.

        Parameters
        ----------
        fix : dict, optional
            Parameters held at values.
        tolerance : float, optional
            Estimated distance to the minimum of the NLL at which a fit has converged.
        bins : int, optional
            Also count events and what is expected in so many bins: ``fit.save("fit.svg")`` draws them.

        Returns
        -------
        UnbinnedFit
            A fit that does not converge is no error: its ``status`` says so.

        Examples
        --------
        >>> fit = search.fit(fix={"n_sig": 0})
        >>> print(fit.status, f"{fit.nll - search.fit().nll:.2f}")
        converged 196.17
        """
        wanted = None if bins is None else whole(bins, "bins", 1)
        found = self._core.fit(held(self, fix), optional(tolerance, "tolerance"), wanted)
        yields, histograms = found.pop("yields"), found.pop("histograms")
        channels = []
        for k, (of, file, row) in enumerate(zip(self._channels.values(), self._fields["files"], yields, strict=True)):
            histogram = histograms[k] if histograms else None
            channels.append(
                ChannelFit(
                    name=of["name"],
                    file=file or None,
                    events=of["events"],
                    sum_of_weights=of["sum_of_weights"],
                    effective_events=of["effective_events"],
                    dropped=of["dropped"],
                    yields=dict(zip(self.processes[of["name"]], row, strict=True)),
                    histogram=None if histogram is None else ChannelHistogram(**histogram),
                )
            )
        same = ("names", "constraints", "prefit_values", "prefit_uncertainties", "left_out", "notes")
        return UnbinnedFit(
            channels=tuple(channels),
            **{name: self._fields[name] for name in same},
            **self._about(),
            **found,
        )

    def scan(
        self,
        values: Any,
        *,
        parameter: str | None = None,
        levels: Sequence[float] = (0.68, 0.95),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        progress: Progress = None,
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> ScanResult:
        """Profile likelihood at `values` of one parameter, and its intervals.

        Parameters
        ----------
        values : array
        parameter : str, optional
            The parameter of interest where not given.
        levels : list of float
            Confidence levels of the intervals.
        fix, tolerance
            As in `fit`.
        executor, parts, progress
            As in `neyman.Session.scan`.

        Examples
        --------
        >>> scan = search.scan(np.linspace(250, 360, 12))
        >>> print(f"{scan.best:.1f} in [{scan.lower[0]:.1f}, {scan.upper[0]:.1f}]")
        306.4 in [285.6, 327.8]
        """
        return self._scan(values, None, parameter, levels, fix, tolerance, progress, executor, parts)

    def scan2d(
        self,
        parameters: tuple[str, str],
        x: Any,
        y: Any,
        *,
        levels: Sequence[float] = (0.68, 0.95),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        progress: Progress = None,
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> Scan2dResult:
        """Profile likelihood of two parameters at all pairs of `x` and `y`, and its contours.

        Other parameters are those of `scan`; an executor's parts are rows of `y`.

        Examples
        --------
        >>> search.scan2d(("n_sig", "mean"), [280, 300, 320], [90.8, 91.2]).delta_twice_nll.shape
        (2, 3)
        """
        return self._scan2d(parameters, x, y, None, levels, fix, tolerance, progress, executor, parts)

    def contour(
        self,
        parameters: tuple[str, str],
        *,
        points: int = 25,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        **options: Any,
    ) -> Scan2dResult:
        """Contours of two parameters on a grid around the best fit: `scan2d` within four uncertainties.

        Parameters
        ----------
        points : int
            Of each parameter.
        fix, tolerance, options
            As in `scan2d`.

        Examples
        --------
        >>> [round(c.level, 2) for c in search.contour(("n_sig", "mean"), points=9).contours]
        [0.68, 0.95]
        """
        names, points = pair(self, parameters), whole(points, "points", 2)
        x, y = around(self, self.fit(fix=fix, tolerance=tolerance), names, points)
        return self.scan2d(names, x, y, fix=fix, tolerance=tolerance, **options)

    def minos(
        self,
        parameters: str | Sequence[str] | None = None,
        *,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> MinosResult:
        """Asymmetric uncertainties of these parameters, or of all that are free.

        Examples
        --------
        >>> found = search.minos("n_sig")
        >>> print(f"{found.minos_down[0]:.2f} +{found.minos_up[0]:.2f}")
        -20.91 +21.58
        """
        return self._minos(parameters, None, fix, tolerance)

    def impacts(
        self,
        *,
        poi: str | None = None,
        parameters: str | Sequence[str] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> ImpactsResult:
        """What each parameter does to the parameter of interest, and groups of them: a ranking.

        Parameters
        ----------
        poi : str, optional
            Parameter of interest; the model's where not given.
        parameters : str or list of str, optional
            Which to rank, ``*`` standing for anything; all that are free where not given.
        groups : dict, optional
            Lists of such names, in addition to ``stat`` and ``syst``.
        fix, tolerance
            As in `fit`.

        Examples
        --------
        >>> search.impacts().names
        ('n_bkg', 'slope', 'mean')
        """
        return self._impacts(None, poi, parameters, groups, False, fix, tolerance)

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
        tolerance: float | None = None,
        chunk: int = CHUNK,
        progress: Progress = None,
        executor: Executor | None = None,
        parts: int | None = None,
    ) -> ToyFits:
        """Throw toys and fit them; with `test_mu` each a second time, for the test statistic t_mu.

        Numbers of events, events and auxiliary measurements are thrown; events of toys have no weights. Fits begin at
        the truth.

        Parameters
        ----------
        toys, range, seed
            How many, or which. Toy *i* of a seed is the same data on every machine and in every range: `toy`.
        truth : str, dict or array
            ``fit``, the best fit; ``init``, the initial parameters; or values.
        mu : float, optional
            Value of the parameter of interest there.
        test_mu : float, optional
            Value at which the second fit holds the parameter of interest.
        hold : dict, optional
            Parameters that the second fit holds, by name.
        tolerance
            As in `fit`.
        chunk : int
            Toys fitted together.
        progress : callable or True, optional
            Called with the numbers of toys done and to be done; True for a bar on a terminal.
        executor : concurrent.futures.Executor, optional
            Of processes, or what dask, Parsl or Globus Compute have: each of `parts` (8) parts of the range is one
            task, sent with the model and its events; files of simulations and of flows are read where it runs. The
            result is the same to the bit however it was divided. Workers open the device that the model is `on`.

        Returns
        -------
        ToyFits
            One row each, with `uncertainties` and numbers of `events`. A failing fit never loses the others: see
            ``codes`` and ``ok``.

        Examples
        --------
        >>> fits = search.fit_toys(100, seed=1)
        >>> pulls = (fits["n_sig"] - fits.truth[0]) / fits.uncertainties[:, 0]
        >>> bool(fits.ok.all() and abs(pulls.mean()) < 0.3 and 0.8 < pulls.std() < 1.2)
        True
        """
        thrown = Thrown(toys, range, seed, chunk, progress, executor, parts)
        point = truth_of(self, truth, mu, lambda fix: self.fit(fix=fix, tolerance=tolerance))
        return self._fit_toys(thrown, point, hold, test_mu, False, tolerance)

    def _about(self, device: DeviceInfo | None = None, seed: int | None = None) -> dict[str, Any]:
        """Fields of all results."""
        device = device or self._device
        provenance = {
            "version": _core.__version__,
            "specification": self._file,
            "schema_version": self._fields["schema_version"],
            "digest": self.digest,
            "files": [file or None for file in self._fields["files"]],
            "device": device.name,
            "device_description": device.description,
            "device_reason": device.reason,
            "precision": device.precision,
            "seed": seed,
        }
        return {"poi": self.poi, "provenance": provenance}
