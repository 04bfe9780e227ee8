"""How far a long call is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from .errors import ArgumentError

Progress: TypeAlias = Callable[[int, int], object] | bool | None


class _Bar:
    """A bar on stderr."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.begin = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        seconds = max(time.monotonic() - self.begin, 1e-9)
        filled = 30 * done // max(total, 1)
        rate = done / seconds
        left = (total - done) / rate if rate > 0 else 0.0
        bar = "#" * filled + "." * (30 - filled)
        sys.stderr.write(f"\r[{bar}] {done}/{total} {self.unit}  {rate:.0f}/s  {left:.0f} s left \x1b[K")
        sys.stderr.flush()


@contextmanager
def reporting(progress: Progress, unit: str = "toys") -> Iterator[Any]:
    """What to call with the numbers of toys, or of what `unit` says, done and to be done."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        if not sys.stderr.isatty():
            yield None
            return
        try:
            yield _Bar(unit)
        finally:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
    elif callable(progress):
        yield progress
    else:
        raise ArgumentError(f"progress: a function or True is needed, not {progress!r}")
