"""What is asked of likelihoods of bins and of single events alike, here or by workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from . import _core
from ._convert import Floats, held, names_of, number, optional, span, vector, whole
from ._executor import Division, Task, cut, undivided
from ._progress import Progress, reporting
from ._statements import pair, poi_of, second_fit, toy_fits, with_ensembles
from .devices import DeviceInfo
from .errors import ArgumentError
from .results import DiscoveryResult, HypotestResult, ImpactsResult, IntervalResult, LimitResult, MinosResult
from .results import Result, Scan2dResult, ScanResult, ToyFits, join

R = TypeVar("R", bound=Result)
Held: TypeAlias = "Mapping[str, float] | None"

NO_TOYS = "there are no toys to divide: give toys, or a range of them"
_ADAPTIVE = (
    "the search for an asymptotic limit chooses each value by those before it: it cannot be divided. Give toys, "
    "or divide patches by neyman.upper_limits"
)


@dataclass(frozen=True)
class Thrown:
    """How toys are thrown, and by whom; none where there is neither a number nor a range of them."""

    toys: Any
    range: Any
    seed: Any
    chunk: Any
    progress: Progress
    executor: Executor | None
    parts: Any

    def none(self, why: str = NO_TOYS) -> bool:
        """Whether there are none, and so nothing to divide."""
        if self.toys is not None or self.range is not None:
            return False
        undivided(self.executor, self.parts, why)
        return True


class Asking:
    """Statements, asked of `_open`; `given` are data as it takes them, None for the model's own."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def _model(self) -> Any:
            """The model, which can be pickled; its `_likelihood` is what another process asks."""

        @property
        def _asked(self) -> tuple[Any, ...]:
            """What that is told of devices."""

        def _open(self) -> _core.Likelihood:
            """What is asked here."""

        def _about(self, device: DeviceInfo | None = None, seed: int | None = None) -> dict[str, Any]:
            """Fields of all results."""

    def _say(self, of: type[R], found: dict[str, Any], device: DeviceInfo | None = None, seed: int | None = None) -> R:
        return of(**{**self._about(device, seed), **found})

    def _task(self, size: int, method: str, *arguments: Any) -> Task:
        """A call of the native module by a worker."""
        return Task(_called, (self._model, self._asked, method, *arguments), size)

    def _choices(self, poi: str | None, fix: Held, tolerance: Any) -> tuple[str | None, dict[str, float], float | None]:
        """What most statements take, checked."""
        return poi_of(self._model, poi), held(self._model, fix), optional(tolerance, "tolerance")

    def _hypotest(
        self,
        thrown: Thrown,
        mu: Any,
        given: Floats | None,
        poi: str | None,
        statistic: str,
        fix: Held,
        tolerance: float | None,
        error: Any,
        observed_only: bool,
    ) -> HypotestResult:
        mu, statistic = number(mu, "mu"), str(statistic)
        poi, fixed, edm = self._choices(poi, fix, tolerance)
        if thrown.none():
            return self._say(HypotestResult, self._open().hypotest(mu, given, poi, statistic, fixed, edm))
        of: dict[str, Any] = {"mu": mu, "statistic": statistic, "observed_only": bool(observed_only)}
        of["error"] = optional(error, "cls_error")
        return self._by_toys(HypotestResult, thrown, given, poi, fixed, edm, **of)

    def _discovery(
        self,
        thrown: Thrown,
        given: Floats | None,
        poi: str | None,
        fix: Held,
        tolerance: float | None,
        error: Any,
        observed_only: bool,
    ) -> DiscoveryResult:
        common = self._choices(poi, fix, tolerance)
        if thrown.none():
            return self._say(DiscoveryResult, self._open().discovery(given, *common))
        of: dict[str, Any] = {"observed_only": bool(observed_only), "error": optional(error, "p0_error")}
        return self._by_toys(DiscoveryResult, thrown, given, *common, **of)

    def _limit(
        self,
        thrown: Thrown,
        given: Floats | None,
        poi: str | None,
        statistic: str,
        confidence_level: float,
        values: Any,
        fix: Held,
        tolerance: float | None,
    ) -> LimitResult:
        level, of, statistic = number(confidence_level, "confidence_level"), vector(values, "values"), str(statistic)
        poi, fixed, edm = self._choices(poi, fix, tolerance)
        if thrown.none(_ADAPTIVE):
            return self._say(LimitResult, self._open().limit(given, poi, statistic, level, of, fixed, edm))
        special: dict[str, Any] = {"statistic": statistic, "confidence_level": level, "values": of.tolist()}
        return self._by_toys(LimitResult, thrown, given, poi, fixed, edm, **special)

    def _interval(
        self,
        thrown: Thrown,
        given: Floats | None,
        poi: str | None,
        statistic: str,
        confidence_level: float,
        values: Any,
        fix: Held,
        tolerance: float | None,
    ) -> IntervalResult:
        of: dict[str, Any] = {"statistic": str(statistic), "values": vector(values, "values").tolist()}
        of["confidence_level"] = number(confidence_level, "confidence_level")
        common = self._choices(poi, fix, tolerance)
        return self._by_toys(IntervalResult, thrown, given, *common, **of)

    def _by_toys(
        self,
        kind: type[R],
        thrown: Thrown,
        given: Floats | None,
        poi: str | None,
        fix: dict[str, float],
        tolerance: float | None,
        device: DeviceInfo | None = None,
        **special: Any,
    ) -> R:
        """What a statement says, its toys thrown here or by workers."""
        first, last = span(thrown.toys, thrown.range)
        if first == last:
            raise ArgumentError("toys: at least one is needed")
        asked: Any = {
            "kind": kind.kind,
            "seed": whole(thrown.seed, "seed"),
            "range": (first, last),
            "chunk": whole(thrown.chunk, "chunk", 1),
            "poi": poi,
            "fix": fix,
            "edm": tolerance,
            # for what not all of them have
            "mu": 0.0,
            "statistic": "qtilde",
            "confidence_level": 0.95,
            "values": [],
            "error": None,
            "observed_only": False,
            **special,
        }
        if thrown.executor is None:
            undivided(None, thrown.parts)
            with reporting(thrown.progress) as tell:
                found = self._open().by_toys(asked, given, tell)
        else:
            division = Division(thrown.executor, thrown.parts, thrown.progress)
            found = self._gathered(self._open().pending(asked, given), division)
        return self._say(kind, with_ensembles(found), device, asked["seed"])

    def _gathered(self, pending: _core.Pending, division: Division) -> dict[str, Any]:
        while needed := pending.needed():
            toys = sum(plan["range"][1] - plan["range"][0] for plan in needed)
            pieces = []
            for plan in needed:
                first, last = plan["range"]
                n = -(-(last - first) * division.parts // max(toys, 1))
                pieces += [{**plan, "range": piece} for piece in cut(first, last, n)]
            tasks = [self._task(p["range"][1] - p["range"][0], "throw", p) for p in pieces]
            for piece, found in zip(pieces, division.gather(tasks), strict=True):
                pending.take(piece["ensemble"], piece["range"], found)
        return pending.conclude()

    def _fit_toys(
        self,
        thrown: Thrown,
        truth: Floats,
        hold: Held,
        test_mu: float | None,
        with_data: bool,
        tolerance: float | None,
    ) -> ToyFits:
        first, last = span(thrown.toys, thrown.range)
        seed, chunk = whole(thrown.seed, "seed"), whole(thrown.chunk, "chunk", 1)
        second = second_fit(self._model, hold, test_mu)
        pairs = [(self._model.index(name), value) for name, value in second.items()]
        rest = (pairs, bool(with_data), chunk, optional(tolerance, "tolerance"))
        if thrown.executor is None:
            undivided(None, thrown.parts)
            spans = [(first, last)]
            with reporting(thrown.progress) as tell:
                found = [self._open().fit_toys(truth, seed, (first, last), *rest, tell)]
        else:
            division = Division(thrown.executor, thrown.parts, thrown.progress)
            spans = cut(first, last, division.parts)
            found = division.gather([self._task(s[1] - s[0], "fit_toys", truth, seed, s, *rest, None) for s in spans])
        parts = []
        for of, part in zip(found, spans, strict=True):
            about = self._about(DeviceInfo(**of.pop("device")), seed)
            warned = tuple({"path": None, "message": text} for text in of.pop("warnings"))
            about["warnings"] = (*about.get("warnings", ()), *warned)
            parts.append(toy_fits(of, about, self._model, seed, part, truth, second))
        return join(parts)

    def _scan(
        self,
        values: Any,
        given: Floats | None,
        parameter: str | None,
        levels: Sequence[float],
        fix: Held,
        tolerance: float | None,
        progress: Progress,
        executor: Executor | None,
        parts: Any,
    ) -> ScanResult:
        values, heights = vector(values, "values"), vector(levels, "levels").tolist()
        name, fixed, edm = self._choices(parameter, fix, tolerance)
        rest = (given, name, heights, fixed, edm)
        if executor is None:
            undivided(executor, parts)
            found = self._open().scan(values, *rest)
        else:
            division = Division(executor, parts, progress, "values")
            tasks = [self._task(len(piece), "scan", piece, *rest) for piece in _pieces(values, division)]
            found = _core.join_scans(division.gather(tasks))
        return self._say(ScanResult, found)

    def _scan2d(
        self,
        parameters: tuple[str, str],
        x: Any,
        y: Any,
        given: Floats | None,
        levels: Sequence[float],
        fix: Held,
        tolerance: float | None,
        progress: Progress,
        executor: Executor | None,
        parts: Any,
    ) -> Scan2dResult:
        names, heights = pair(self._model, parameters), vector(levels, "levels").tolist()
        x, y = vector(x, "x"), vector(y, "y")
        _, fixed, edm = self._choices(None, fix, tolerance)
        rest = (given, heights, fixed, edm)
        if executor is None:
            undivided(executor, parts)
            found = self._open().scan2d(names, x, y, *rest)
        else:
            division = Division(executor, parts, progress, "points")
            pieces = _pieces(y, division)
            tasks = [self._task(len(x) * len(piece), "scan2d", names, x, piece, *rest) for piece in pieces]
            found = _core.join_scans2d(division.gather(tasks), heights)
        return self._say(Scan2dResult, found)

    def _minos(
        self,
        parameters: str | Sequence[str] | None,
        given: Floats | None,
        fix: Held,
        tolerance: float | None,
    ) -> MinosResult:
        names, (_, fixed, edm) = names_of(self._model, parameters), self._choices(None, fix, tolerance)
        return self._say(MinosResult, self._open().minos(names, given, fixed, edm))

    def _impacts(
        self,
        given: Floats | None,
        poi: str | None,
        parameters: str | Sequence[str] | None,
        groups: Mapping[str, Sequence[str]] | None,
        global_impacts: bool,
        fix: Held,
        tolerance: float | None,
        device: DeviceInfo | None = None,
    ) -> ImpactsResult:
        names = names_of(self._model, parameters)
        listed = [(str(name), names_of(self._model, of)) for name, of in (groups or {}).items()]
        poi, fixed, edm = self._choices(poi, fix, tolerance)
        found = self._open().impacts(given, poi, names, listed, bool(global_impacts), fixed, edm)
        return self._say(ImpactsResult, found, device)


def _pieces(values: Floats, division: Division) -> list[Floats]:
    values = np.unique(values)
    return [values[a:b] for a, b in cut(0, len(values), division.parts)]


def _called(model: Any, asked: tuple[Any, ...], method: str, *arguments: Any) -> Any:
    return getattr(model._likelihood(*asked), method)(*arguments)
