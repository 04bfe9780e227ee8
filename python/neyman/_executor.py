"""Statements divided among workers: one way to cut, submit, gather, go on after losses, and give up."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from ._convert import whole
from ._progress import Progress, reporting
from .errors import ArgumentError, Error, ExecutorError

PARTS = 8
# how often a part is tried whose worker is lost
_ATTEMPTS = 4
# in seconds: some systems deliver Ctrl-C only between waits
_LOOK = 1.0


@dataclass(frozen=True)
class Task:
    """A part of a statement: what a worker calls, and how much of the whole it is."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    size: int

    def key(self) -> str:
        """The same for the same part in every process and call."""
        digest = hashlib.sha256(self.function.__qualname__.encode())
        _hash(digest, self.arguments)
        return digest.hexdigest()


def _hash(digest: Any, of: Any) -> None:
    if hasattr(of, "_likelihood"):
        # a model
        of = of.__reduce__()[1]
    if isinstance(of, np.ndarray):
        digest.update(f"{of.dtype}{of.shape}".encode() + of.tobytes())
    elif isinstance(of, Mapping):
        _hash(digest, sorted(of.items()))
    elif isinstance(of, (list, tuple)):
        digest.update(f"[{len(of)}".encode())
        for each in of:
            _hash(digest, each)
    else:
        digest.update(f"{type(of).__name__}:{of!r};".encode())


def _aligned(of: Any) -> Any:
    """The same with arrays that native code can read: dask lays them into messages wherever there is room."""
    if isinstance(of, np.ndarray):
        return np.require(of, requirements="A")
    if isinstance(of, dict):
        return {key: _aligned(value) for key, value in of.items()}
    return type(of)(map(_aligned, of)) if type(of) in (list, tuple) else of


def _work(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What a worker does."""
    return function(*_aligned(arguments))


def cut(first: int, last: int, parts: int) -> list[tuple[int, int]]:
    """Up to `parts` consecutive ranges of nearly the same length; one where there is nothing to cut."""
    parts = max(min(parts, last - first), 1)
    cuts = [first + (last - first) * i // parts for i in range(parts + 1)]
    return list(zip(cuts, cuts[1:], strict=False))


class Resumed(Executor):
    """An executor that takes over from a broken one, with the parts that were finished."""

    def __init__(self, executor: Executor, finished: Mapping[str, Any]) -> None:
        self.executor, self.finished = executor, dict(finished)

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        """As the executor behind it."""
        return self.executor.submit(function, *arguments, **named)


class Division:
    """One statement on its way through an executor.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Anything with its `submit`.
    parts : int or None
        How many tasks to make of the statement, about.
    progress : callable, bool or None
    unit : str
        What is counted.
    """

    def __init__(self, executor: Executor, parts: Any, progress: Progress, unit: str = "toys") -> None:
        if not callable(getattr(executor, "submit", None)):
            raise ArgumentError(f"executor: an object with submit() is needed, not {executor!r}")
        self.parts = whole(PARTS if parts is None else parts, "parts", 1)
        self._executor, self._progress, self._unit = executor, progress, unit
        self._known = executor.finished if isinstance(executor, Resumed) else {}
        self._finished: list[tuple[Task, Any]] = []
        self._tasks = self._done = self._total = 0

    def gather(self, tasks: Sequence[Task]) -> list[Any]:
        """What the workers make of the tasks, in their order. Any exception cancels those not begun."""
        results: list[Any] = [None] * len(tasks)
        waiting: dict[int, Future[Any]] = {}
        # not concurrent.futures.wait: it locks all futures at each call, and Ctrl-C would leave them locked
        ended: SimpleQueue[int] = SimpleQueue()
        attempts = [0] * len(tasks)
        self._tasks += len(tasks)
        self._total += sum(task.size for task in tasks)
        with reporting(self._progress, self._unit) as tell:

            def finish(i: int, value: Any) -> None:
                results[i] = value
                self._finished.append((tasks[i], value))
                self._done += tasks[i].size
                if tell is not None:
                    tell(self._done, self._total)

            def submit(i: int) -> None:
                try:
                    future = self._executor.submit(_work, tasks[i].function, tasks[i].arguments)
                # RuntimeError: it was shut down
                except (BrokenExecutor, RuntimeError) as error:
                    for k, other in waiting.items():
                        if other.done() and not other.cancelled() and other.exception() is None:
                            finish(k, _aligned(other.result()))
                    raise self._lost(f"the executor is broken: {error}") from error
                waiting[i] = future
                future.add_done_callback(lambda _: ended.put(i))

            try:
                for i, task in enumerate(tasks):
                    key = task.key() if self._known else ""
                    if key in self._known:
                        finish(i, self._known[key])
                    else:
                        submit(i)
                while waiting:
                    try:
                        i = ended.get(timeout=_LOOK)
                    except Empty:
                        continue
                    try:
                        value = _aligned(waiting.pop(i).result())
                    except Error:
                        # ours: it would be the same again
                        raise
                    except (Exception, asyncio.CancelledError) as error:
                        attempts[i] += 1
                        if attempts[i] == _ATTEMPTS:
                            why = f"{type(error).__name__}: {error}"
                            message = f"a part failed {_ATTEMPTS} times, at last with {why}"
                            raise self._lost(message) from error
                        submit(i)
                    else:
                        finish(i, value)
            except BaseException:
                for future in waiting.values():
                    # Parsl's cannot be
                    with suppress(NotImplementedError):
                        future.cancel()
                raise
        return results

    def _lost(self, why: str) -> ExecutorError:
        done = len(self._finished)
        message = (
            f"{why}. Of {self._tasks} parts {done} were finished: repeat the call with "
            "executor=error.resume(NEW_EXECUTOR), and they are not done again. Workers that die without a word "
            "often lack memory: give more parts, or fewer workers."
        )
        error = ExecutorError(message)
        error.finished = {**self._known, **{task.key(): value for task, value in self._finished}}
        error.parts = self._tasks
        return error


def undivided(executor: Executor | None, parts: Any, why: str = "") -> None:
    """An error unless this call is to be done here, as it must be."""
    if executor is not None:
        raise ArgumentError(f"executor: {why}")
    if parts is not None:
        raise ArgumentError("parts: they are those of an executor, and there is none")
