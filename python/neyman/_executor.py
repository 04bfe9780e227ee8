"""Statements divided among workers: one way to cut, submit, gather, go on after losses, and give up."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._convert import whole
from ._progress import Progress, reporting
from .errors import ArgumentError, Error, ExecutorError
from .model import Model

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
    if isinstance(of, Model):
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
        waiting: dict[Future[Any], int] = {}
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
                    waiting[self._executor.submit(tasks[i].function, *tasks[i].arguments)] = i
                # RuntimeError: it was shut down
                except (BrokenExecutor, RuntimeError) as error:
                    for future, k in waiting.items():
                        if future.done() and not future.cancelled() and future.exception() is None:
                            finish(k, future.result())
                    raise self._lost(f"the executor is broken: {error}") from error

            try:
                for i, task in enumerate(tasks):
                    key = task.key() if self._known else ""
                    if key in self._known:
                        finish(i, self._known[key])
                    else:
                        submit(i)
                while waiting:
                    for future in wait(waiting, _LOOK, FIRST_COMPLETED).done:
                        i = waiting.pop(future)
                        try:
                            value = future.result()
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
                for future in waiting:
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
