"""Fits of toys."""

from __future__ import annotations

import dataclasses
import html
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._convert import known
from ..errors import ArgumentError
from ._base import STATUSES, Bools, Floats, Integers, Result, Strings, frozen, plain


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ToyFits(Result):
    """Fits of toys, one row each; arrays are named as in the files of ``neyman toys -o FILE.npz``.

    Attributes
    ----------
    names : tuple of str
        The parameters.
    truth : ndarray
        Where the toys were thrown.
    toy : ndarray
        Their numbers.
    parameters : ndarray
        ``[n_toys, n_parameters]``, best fits.
    nll, edm, evaluations, codes, negative_bin : ndarray
        Of each fit: minimum, distance to it, evaluations, how it ended (0 converged, 1 nothing to fit, 2
        evaluation limit, 3 not finite, 4 stalled), and the first bin with a negative rate or -1.
    t_mu : ndarray or None
        Test statistic of the parameters `held`, with the fits behind it (``..._conditional``).
    main, auxiliary : ndarray or None
        What was fitted, where it was asked for.
    uncertainties, events : ndarray or None
        Of unbinned models: uncertainties in the free fits, NaN where there are none, and numbers of events.
    """

    kind: ClassVar[str] = "toys"

    names: Strings
    seed: int
    range: tuple[int, int]
    truth: Floats
    held: dict[str, float]
    toy: Integers
    parameters: Floats
    nll: Floats
    edm: Floats
    evaluations: Integers
    codes: Integers
    negative_bin: Integers
    parameters_conditional: Floats | None = None
    nll_conditional: Floats | None = None
    edm_conditional: Floats | None = None
    evaluations_conditional: Integers | None = None
    codes_conditional: Integers | None = None
    negative_bin_conditional: Integers | None = None
    t_mu: Floats | None = None
    main: Floats | None = None
    auxiliary: Floats | None = None
    uncertainties: Floats | None = None
    events: Integers | None = None
    failure: str | None = None

    def __len__(self) -> int:
        return len(self.toy)

    @property
    def ok(self) -> Bools:
        """Toys of which all fits converged."""
        good = self.codes <= 1
        return good if self.codes_conditional is None else good & (self.codes_conditional <= 1)

    def __getitem__(self, name: str) -> Floats:
        """Best fits of the parameter of that name."""
        known(name, self.names, "parameter")
        column: Floats = self.parameters[:, self.names.index(name)]
        return column

    def _columns(self) -> dict[str, Any]:
        wide = ("truth", "main", "auxiliary")
        fields = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        return {n: v for n, v in fields if isinstance(v, np.ndarray) and n not in wide}

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def __repr__(self) -> str:
        good, n = int(self.ok.sum()), len(self)
        return f"ToyFits({n} toys, {good} converged, seed={self.seed}, range={self.range})"

    def _arrays(self) -> dict[str, Any]:
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        arrays = {_file_name(n): v for n, v in fields.items() if isinstance(v, np.ndarray)}
        rest = {n: v for n, v in fields.items() if not isinstance(v, np.ndarray) and v is not None}
        return {**arrays, "document": np.array(json.dumps(plain({"kind": self.kind, **rest})))}

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, Any]) -> ToyFits:
        names = {_file_name(f.name): f.name for f in dataclasses.fields(cls)}
        values: dict[str, Any] = {names[n]: frozen(a) for n, a in arrays.items() if n in names and n != "names"}
        if "document" in arrays:
            return cls.from_dict({**json.loads(str(arrays["document"])), **values})
        run = json.loads(str(_text(arrays["run"])))
        values |= {
            "status": "converged",
            "poi": run["poi"],
            "provenance": {key: run[key] for key in ("version", "device", "precision", "seed")},
            "names": run["names"],
            "seed": run["seed"],
            "range": (run["first"], run["end"]),
            "truth": np.array(run["truth"]),
            "held": dict(run["held"]),
        }
        return cls.from_dict(values)


def join(parts: Sequence[ToyFits]) -> ToyFits:
    """Toys of consecutive ranges as one result.

    Parameters
    ----------
    parts : list of ToyFits
        Of the same model, seed, truth and parameters held.

    Examples
    --------
    >>> parts = [session.fit_toys(range=(a, a + 10), seed=1) for a in (10, 0)]
    >>> neyman.results.join(parts).range
    (0, 20)
    """
    parts = sorted(parts, key=lambda p: p.range)
    if not parts:
        raise ArgumentError("there are no toys to be joined")
    begin = parts[0]
    for before, after in zip(parts, parts[1:], strict=False):
        if before.range[1] != after.range[0]:
            raise ArgumentError(f"toys {before.range[1]} to {after.range[0]} are missing, or there twice")
        same = (after.names, after.seed, after.held) == (begin.names, begin.seed, begin.held)
        if not same or not np.array_equal(after.truth, begin.truth):
            raise ArgumentError("these are toys of different runs")
    values = {f.name: getattr(begin, f.name) for f in dataclasses.fields(begin)}
    for name, value in values.items():
        if isinstance(value, np.ndarray) and name != "truth":
            values[name] = frozen(np.concatenate([getattr(p, name) for p in parts]))
    failures = [p.failure for p in parts if p.failure is not None]
    values["range"] = (begin.range[0], parts[-1].range[1])
    values["failure"] = failures[0] if failures else None
    values["status"] = max((p.status for p in parts), key=STATUSES.index)
    return ToyFits(**values)


def _file_name(field: str) -> str:
    return field.replace("codes", "status") if field.startswith("codes") else field


def _text(array: npt.NDArray[Any]) -> str:
    if array.dtype.kind in "SU":
        value = array.item()
        return value.decode() if isinstance(value, bytes) else str(value)
    return array.tobytes().decode()
