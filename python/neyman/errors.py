"""What can go wrong. All exceptions are `Error`, and built-in ones where those fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = [
    "ArgumentError",
    "ConvergenceError",
    "DeviceError",
    "Error",
    "EventsError",
    "ExecutorError",
    "FileError",
    "SpecificationError",
    "UnsupportedError",
]


class Error(Exception):
    """Base of all exceptions of neyman.

    Attributes
    ----------
    path : str or None
        JSON pointer (RFC 6901) to the place in the workspace that is at fault, where there is one.

    Examples
    --------
    >>> import neyman
    >>> try:
    ...     neyman.from_pyhf({"version": "1.0.0", "channels": [], "observations": [], "measurements": 1})
    ... except neyman.Error as error:
    ...     print(error.path)
    /channels
    """

    path: str | None

    def __init__(self, message: str = "", *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, {"path": self.path}


class SpecificationError(Error, ValueError):
    """The workspace, patch or patchset is not what it should be."""


class ArgumentError(Error, ValueError):
    """An argument does not fit the model: a wrong length, an unknown name, a value out of bounds."""


@contextmanager
def naming(file: str | None) -> Iterator[None]:
    """What is said of a specification, with the name of its file, where it is from one."""
    try:
        yield
    except SpecificationError as error:
        if file is None:
            raise
        raise SpecificationError(f"{file}: {error}", path=error.path) from None


class EventsError(Error, ValueError):
    """A table of events is at fault: a column that is not there, a value that is no number or outside its window.

    Attributes
    ----------
    file : str or None
        The file that it was read from.
    column : str or None
    row : int or None
        Of the table or the file, from 0.
    """

    file: str | None = None
    column: str | None = None
    row: int | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, dict(self.__dict__)


class DeviceError(Error, RuntimeError):
    """A device cannot be used."""


class ConvergenceError(Error, RuntimeError):
    """A fit that everything else stands on has not converged."""


class UnsupportedError(Error, RuntimeError):
    """The model lacks what is asked for, such as a parameter of interest."""


class FileError(Error, OSError):
    """A file of results cannot be read or written, or holds something else."""


class ExecutorError(Error, RuntimeError):
    """The workers of an executor were lost, and what was asked for is not whole.

    Attributes
    ----------
    finished : dict
        What came of the parts that were finished.
    parts : int
        How many there are.
    """

    finished: dict[str, Any]
    parts: int

    def __init__(self, message: str = "", *, path: str | None = None) -> None:
        super().__init__(message, path=path)
        self.finished, self.parts = {}, 0

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, dict(self.__dict__)

    def resume(self, executor: Executor) -> Executor:
        """What to give as ``executor`` when the same call is repeated: finished parts are taken from here.

        Parameters
        ----------
        executor : concurrent.futures.Executor
            One that works, for the parts that are missing.
        """
        from ._executor import Resumed

        return Resumed(executor, self.finished)
