"""What models of bins and of single events have alike."""

from __future__ import annotations

from typing import Any

from ._convert import Floats
from .errors import ArgumentError


class WithParameters:
    """A model's parameters, as its native part describes them."""

    __slots__ = ("_fields",)

    def __init__(self, core: Any, kind: type[Any], made_by: str) -> None:
        if not isinstance(core, kind):
            raise ArgumentError(f"a {type(self).__name__} is made by {made_by}, not by its class")
        described: dict[str, Any] = core.describe()
        # tuples, so that nobody changes them
        lists = {name: tuple(of) for name, of in described.items() if isinstance(of, list)}
        self._fields = {**described, **lists}

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self._fields["names"]  # type: ignore[no-any-return]

    @property
    def init(self) -> Floats:
        """Where fits start, ``[n_parameters]``."""
        return self._fields["init"]  # type: ignore[no-any-return]

    @property
    def bounds(self) -> Floats:
        """Lower and upper bounds, ``[n_parameters, 2]``."""
        return self._fields["bounds"]  # type: ignore[no-any-return]

    @property
    def constraints(self) -> tuple[str, ...]:
        """Each parameter's constraint: ``none``, ``gaussian`` or, of counts, ``poisson``."""
        return self._fields["constraints"]  # type: ignore[no-any-return]

    @property
    def poi(self) -> str | None:
        """The parameter of interest; None where there is none."""
        return self._fields["poi"]  # type: ignore[no-any-return]
