"""A model on a device: every statement about it is one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from . import _core
from ._convert import Floats, array, maybe, number, span, vector, whole
from ._progress import Progress, reporting
from .devices import DeviceInfo, cache_folder
from .errors import ArgumentError, ConvergenceError
from .model import Model, as_model, held, names_of
from .results import (
    STATUSES,
    DiscoveryResult,
    FitResult,
    GofResult,
    HypotestResult,
    ImpactsResult,
    IntervalResult,
    LimitResult,
    MinosResult,
    Scan2dResult,
    ScanResult,
    ToyFits,
    YieldsResult,
    join,
)

__all__ = ["Session"]

CHUNK = 4096


class Session:
    """A model on a device.

    Any number of threads may use one session at the same time: the interpreter is free while it computes.
    Ctrl-C ends long calls.

    Parameters
    ----------
    model : Model, or what `from_pyhf` takes
    device : str
        ``auto``: the processor for fits, whatever is faster for many toys. Else ``cpu``, ``gpu``, ``vulkan``,
        ``metal``, ``dx12`` or ``cuda``, with a number where there are several: ``cuda:1``.
    precision : str
        Of graphics processors: ``auto``, ``f64``, ``df64`` or ``f32``.
    host_fallback : bool
        What a device cannot finish is finished on the processor.

    Examples
    --------
    >>> with neyman.Session(model, device="cpu") as session:
    ...     round(session.limit().observed, 4)
    2.811
    """

    def __init__(
        self,
        model: Model | Any,
        device: str = "auto",
        precision: str = "auto",
        *,
        host_fallback: bool = True,
    ) -> None:
        for what, word in (("device", device), ("precision", precision)):
            if not isinstance(word, str):
                raise ArgumentError(f"{what}: a string is needed, not {word!r}")
        self._model = as_model(model)
        self._asked = (device, precision, host_fallback)
        core = self._model._core
        self._core: _core.Session | None
        self._core = _core.Session(core, device, precision, host_fallback, cache_folder())
        main, single = self._core.device()
        self._device, self._fit_device = DeviceInfo(**main), DeviceInfo(**single)
        self._provenance: dict[str, Any] = {
            "version": _core.__version__,
            "workspace": self._model._file,
            "digest": self._model.digest,
            "measurement": self._model.measurement,
            "interpolation": self._model.interpolation,
        }
        self._common = {
            "warnings": self._model.warnings,
            "poi": self._model.poi,
        }

    @property
    def model(self) -> Model:
        """The model."""
        return self._model

    @property
    def device(self) -> DeviceInfo:
        """What runs, and why. With ``auto`` toys may run elsewhere: their results tell."""
        return self._device

    @property
    def fit_device(self) -> DeviceInfo:
        """What runs single fits: the processor."""
        return self._fit_device

    def close(self) -> None:
        """Give the device back. Further calls are errors."""
        self._core = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session on {self._device.name} ({self._device.precision}): {self._model!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (self._model, *self._asked)

    def _open(self) -> _core.Session:
        if self._core is None:
            raise ArgumentError("this session is closed")
        return self._core

    def _about(
        self, device: DeviceInfo | None = None, seed: int | None = None
    ) -> dict[str, Any]:
        """Fields of all results."""
        device = device or self._device
        provenance = {
            **self._provenance,
            "device": device.name,
            "device_description": device.description,
            "precision": device.precision,
            "seed": seed,
        }
        return {**self._common, "provenance": provenance}

    def _poi(self, poi: str | None) -> str | None:
        return None if poi is None else self._model.parameters[self._model.index(poi)]

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
        found = self._open().fit(maybe(data, self._model), held(self._model, fix) if fix else {}, tolerance)
        model = self._model
        return FitResult(
            names=model.parameters,
            constraints=model.constraints,
            **found,
            **self._about(self._fit_device),
        )

    def _toys(
        self,
        toys: Any,
        range: Any,
        seed: Any,
        chunk: Any,
        error: float | None = None,
        observed_only: bool = False,
    ) -> _core._Toys:
        return {
            "seed": whole(seed, "seed"),
            "range": span(toys, range),
            "chunk": whole(chunk, "chunk", 1),
            "error": None if error is None else number(error, "cls_error"),
            "observed_only": bool(observed_only),
        }

    def hypotest(
        self,
        mu: float = 1.0,
        data: Any = None,
        *,
        poi: str | None = None,
        statistic: str = "qtilde",
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int | None = None,
        range: Any = None,
        seed: int = 0,
        cls_error: float | None = None,
        observed_only: bool = False,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> HypotestResult:
        """Test of one value of the parameter of interest: CLs, its parts and its expected band.

        By asymptotic formulas (arXiv:1007.1727), or by toys where their number or range is given.

        Parameters
        ----------
        mu : float
            The tested value.
        data, fix, tolerance
            As in `fit`.
        poi : str, optional
            Parameter of interest; the model's where not given.
        statistic : str
            ``qtilde``, ``qmu``, ``tmu``, ``ttilde`` or ``q0``.
        toys : int, optional
            Toys of each hypothesis.
        range : range or pair of int, optional
            The same by number: toy *i* of a seed is the same data in every range.
        seed : int
        cls_error : float, optional
            Stop at fewer toys, once the error of CLs is smaller than this.
        observed_only : bool
            Nothing expected; memory does not grow with toys.
        chunk : int
            Toys fitted together.
        progress : callable or True, optional
            Called with the numbers of toys done and to be done; True for a bar on a terminal.

        Examples
        --------
        >>> round(session.hypotest(1.0).cls_observed, 4)
        0.5699
        >>> by_toys = session.hypotest(1.0, toys=2000, seed=1)
        >>> abs(by_toys.cls_observed - 0.57) < 5 * by_toys.cls_observed_error
        True
        """
        mu, core = number(mu, "mu"), self._open()
        common = (maybe(data, self._model), self._poi(poi), str(statistic), held(self._model, fix), tolerance)
        if toys is None and range is None:
            return HypotestResult(**{**self._about(), **core.hypotest(mu, *common)})
        thrown = self._toys(toys, range, seed, chunk, cls_error, observed_only)
        with reporting(progress) as tell:
            found = core.hypotest_toys(mu, *common, thrown, tell)
        return HypotestResult(**{**self._about(seed=thrown["seed"]), **_with_ensembles(found)})

    def discovery(
        self,
        data: Any = None,
        *,
        poi: str | None = None,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int | None = None,
        range: Any = None,
        seed: int = 0,
        p0_error: float | None = None,
        observed_only: bool = False,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> DiscoveryResult:
        """Significance of an excess over mu = 0, and what is expected for mu = 1.

        Parameters are those of `hypotest`.

        Examples
        --------
        >>> round(session.discovery().z_observed, 4)
        0.7053
        """
        core = self._open()
        common = (maybe(data, self._model), self._poi(poi), held(self._model, fix), tolerance)
        if toys is None and range is None:
            return DiscoveryResult(**{**self._about(), **core.discovery(*common)})
        thrown = self._toys(toys, range, seed, chunk, p0_error, observed_only)
        with reporting(progress) as tell:
            found = core.discovery_toys(*common, thrown, tell)
        return DiscoveryResult(**{**self._about(seed=thrown["seed"]), **_with_ensembles(found)})

    def limit(
        self,
        data: Any = None,
        *,
        poi: str | None = None,
        statistic: str = "qtilde",
        confidence_level: float = 0.95,
        values: Any = (),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int | None = None,
        seed: int = 0,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> LimitResult:
        """Observed and expected upper limits by CLs.

        The range to look in is found, not asked for.

        Parameters
        ----------
        values : array, optional
            Values to be tested beside those that the search needs; with toys those alone.
        data, poi, statistic, fix, tolerance, toys, seed, chunk, progress
            As in `hypotest`.

        Examples
        --------
        >>> session.limit().expected.round(3)
        array([1.195, 1.601, 2.215, 3.071, 4.106])
        """
        core, values = self._open(), vector(values, "values")
        level = number(confidence_level, "confidence_level")
        fixed, name = held(self._model, fix), self._poi(poi)
        common = (maybe(data, self._model), name, str(statistic), level, values, fixed, tolerance)
        if toys is None:
            return LimitResult(**{**self._about(), **core.limit(*common)})
        thrown = self._toys(toys, None, seed, chunk)
        with reporting(progress) as tell:
            found = core.limit_toys(*common, thrown, tell)
        return LimitResult(**{**self._about(seed=found.pop("seed")), **found})

    def interval(
        self,
        data: Any = None,
        *,
        poi: str | None = None,
        statistic: str = "ttilde",
        confidence_level: float = 0.95,
        values: Any = (),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int = 1000,
        seed: int = 0,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> IntervalResult:
        """Confidence interval by toys, after Feldman and Cousins.

        Parameters are those of `limit`; `values` are 21 around the best fit where none are given.

        Examples
        --------
        >>> interval = session.interval(values=[0, 1, 2, 3, 4], toys=200)
        >>> interval.upper < 4
        True
        """
        core, values = self._open(), vector(values, "values")
        level = number(confidence_level, "confidence_level")
        thrown = self._toys(toys, None, seed, chunk)
        fixed, name = held(self._model, fix), self._poi(poi)
        with reporting(progress) as tell:
            found = core.interval(
                maybe(data, self._model), name, str(statistic), level, values, fixed, tolerance, thrown, tell
            )
        return IntervalResult(**{**self._about(seed=thrown["seed"]), **found})

    def scan(
        self,
        values: Any,
        data: Any = None,
        *,
        parameter: str | None = None,
        levels: Sequence[float] = (0.68, 0.95),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> ScanResult:
        """Profile likelihood at `values` of one parameter, and its intervals.

        Examples
        --------
        >>> session.scan([0, 1, 2]).delta_twice_nll.round(4)
        array([0.4975, 0.0272, 1.0979])
        """
        found = self._open().scan(
            vector(values, "values"),
            maybe(data, self._model),
            self._poi(parameter),
            vector(levels, "levels").tolist(),
            held(self._model, fix),
            tolerance,
        )
        return ScanResult(**{**self._about(), **found})

    def scan2d(
        self,
        parameters: tuple[str, str],
        x: Any,
        y: Any,
        data: Any = None,
        *,
        levels: Sequence[float] = (0.68, 0.95),
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> Scan2dResult:
        """Profile likelihood of two parameters at all pairs of `x` and `y`, and its contours.

        Examples
        --------
        >>> session.scan2d(("mu", "gamma[0]"), [0, 1, 2], [0.9, 1.1]).delta_twice_nll.shape
        (2, 3)
        """
        if isinstance(parameters, str) or len(parameters) != 2:
            raise ArgumentError(f"parameters: two names are needed, not {parameters!r}")
        first, second = (self._model.parameters[self._model.index(n)] for n in parameters)
        found = self._open().scan2d(
            (first, second),
            vector(x, "x"),
            vector(y, "y"),
            maybe(data, self._model),
            vector(levels, "levels").tolist(),
            held(self._model, fix),
            tolerance,
        )
        return Scan2dResult(**{**self._about(), **found})

    def contour(
        self,
        parameters: tuple[str, str],
        data: Any = None,
        *,
        levels: Sequence[float] = (0.68, 0.95),
        points: int = 25,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
    ) -> Scan2dResult:
        """Contours of two parameters on a grid around the best fit: `scan2d` within four uncertainties.

        Examples
        --------
        >>> [round(c.level, 2) for c in session.contour(("mu", "gamma[0]"), points=9).contours]
        [0.68, 0.95]
        """
        points = whole(points, "points", 2)
        if isinstance(parameters, str) or len(parameters) != 2:
            raise ArgumentError(f"parameters: two names are needed, not {parameters!r}")
        fit = self.fit(data, fix=fix, tolerance=tolerance)
        grid = []
        for name in parameters:
            k = self._model.index(name)
            lower, upper = self._model.bounds[k]
            best, width = fit.values[k], fit.uncertainties[k]
            width = width if width > 0 else 0.05 * (upper - lower)
            grid.append(np.linspace(max(lower, best - 4 * width), min(upper, best + 4 * width), points))
        x, y = grid
        return self.scan2d(parameters, x, y, data, levels=levels, fix=fix, tolerance=tolerance)

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
        names = names_of(self._model, parameters)
        found = self._open().minos(names, maybe(data, self._model), held(self._model, fix), tolerance)
        return MinosResult(**{**self._about(), **found})

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
        listed = [(str(n), names_of(self._model, of)) for n, of in (groups or {}).items()]
        names = names_of(self._model, parameters)
        found = self._open().impacts(
            maybe(data, self._model),
            self._poi(poi),
            names,
            listed,
            bool(global_impacts),
            held(self._model, fix),
            tolerance,
        )
        return ImpactsResult(**{**self._about(self._fit_device), **found})

    def gof(
        self,
        data: Any = None,
        *,
        fix: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        toys: int | None = None,
        range: Any = None,
        seed: int = 0,
        chunk: int = CHUNK,
        progress: Progress = None,
    ) -> GofResult:
        """Goodness of fit against the saturated model, by its chi-square limit and, if asked for, by toys.

        Examples
        --------
        >>> session.gof().degrees_of_freedom
        1
        """
        core = self._open()
        common = (maybe(data, self._model), held(self._model, fix), tolerance)
        if toys is None and range is None:
            return GofResult(**{**self._about(self._fit_device), **core.gof(*common)})
        thrown = self._toys(toys, range, seed, chunk)
        with reporting(progress) as tell:
            found = core.gof_toys(*common, thrown, tell)
        return GofResult(**{**self._about(self._fit_device, thrown["seed"]), **found})

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
        found = self._open().yields(maybe(data, self._model), held(self._model, fix), tolerance)
        return YieldsResult(**{**self._about(self._fit_device), **found})

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

    def _truth(
        self, truth: Any, mu: float | None, data: Any, tolerance: float | None = None
    ) -> Floats:
        """Where toys are thrown."""
        model = self._model
        fix: dict[str, float] = {}
        if mu is not None:
            if model.poi is None:
                raise ArgumentError("mu: the model has no parameter of interest")
            fix[model.poi] = number(mu, "mu")
        if isinstance(truth, str):
            if truth == "init":
                point = model.init.copy()
            elif truth == "fit":
                fit = self.fit(data, fix=fix, tolerance=tolerance)
                if not fit.converged:
                    why = fit.status.replace("_", " ")
                    raise ConvergenceError(f"the fit that toys are to be thrown from ended as {why}")
                point = fit.values.copy()
            else:
                raise ArgumentError(f"truth: 'fit', 'init' or parameters are needed, not {truth!r}")
        elif isinstance(truth, Mapping):
            point = model.init.copy()
            fix = {**held(model, truth), **fix}
        else:
            point = vector(truth, "truth").copy()
            if len(point) != len(model.parameters):
                n = len(model.parameters)
                raise ArgumentError(f"truth: the model needs {n} values, got {len(point)}")
        for name, value in fix.items():
            point[model.index(name)] = value
        if not np.isfinite(point).all():
            raise ArgumentError("truth: a value is not finite")
        return point

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

    def _divided(
        self,
        executor: Executor,
        span: tuple[int, int],
        parts: int,
        options: dict[str, Any],
        progress: Progress,
    ) -> ToyFits:
        """Toys by the tasks of an executor, joined."""
        first, last = span
        cuts = [first + (last - first) * i // parts for i in np.arange(parts + 1).tolist()]
        spans = [(a, b) for a, b in zip(cuts, cuts[1:], strict=False) if b > a] or [span]
        tasks = [executor.submit(_part, self._model, self._asked, s, options) for s in spans]
        done, found = 0, []
        with reporting(progress) as tell:
            try:
                for task, (a, b) in zip(tasks, spans, strict=True):
                    found.append(task.result())
                    done += b - a
                    if tell is not None:
                        tell(done, last - first)
            except BaseException:
                for task in tasks:
                    task.cancel()
                raise
        return join(found)

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
        executor : concurrent.futures.Executor, optional
            Of processes, or what dask, Parsl or Globus Compute have: each of `parts` (8) parts of the range is
            one task. The result does not depend on how it was divided.

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
            parts = whole(8 if parts is None else parts, "parts", 1)
            return self._divided(executor, (first, last), parts, options, progress)
        second = held(model, hold)
        if test_mu is not None:
            if model.poi is None:
                raise ArgumentError("test_mu: the model has no parameter of interest")
            second[model.poi] = number(test_mu, "test_mu")
        pairs = [(model.index(name), value) for name, value in second.items()]
        with reporting(progress) as tell:
            found = core.fit_toys(
                point, seed, (first, last), pairs, bool(with_data), chunk, tolerance, tell
            )
        device = DeviceInfo(**found.pop("device"))
        warned = tuple({"path": None, "message": text} for text in found.pop("warnings"))
        for name in ("status", "status_conditional"):
            if name in found:
                found[name.replace("status", "codes")] = found.pop(name)
        about = self._about(device, seed)
        codes = np.maximum(found["codes"], found.get("codes_conditional", 0))
        worst = int(codes.max(initial=0))
        return ToyFits(
            **{**about, "warnings": about["warnings"] + warned},
            status=STATUSES[worst] if worst > 1 else STATUSES[0],
            names=model.parameters,
            seed=seed,
            range=(first, last),
            truth=point,
            held=second,
            **found,
        )


def _part(
    model: Model, asked: tuple[str, str, bool], span: tuple[int, int], options: dict[str, Any]
) -> ToyFits:
    """A part of the toys, in another process."""
    with _open(model, *asked) as session:
        return session.fit_toys(range=span, **options)


def _with_ensembles(found: dict[str, Any]) -> dict[str, Any]:
    from .results import Ensemble

    for name in ("signal_background", "background"):
        found[name] = Ensemble(**found[name])
    return found


def _open(model: Model, device: str, precision: str, host_fallback: bool) -> Session:
    return Session(model, device, precision, host_fallback=host_fallback)
