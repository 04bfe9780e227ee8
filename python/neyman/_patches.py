"""Upper limits for all patches of a patchset."""

from __future__ import annotations

import os
import sys
from concurrent.futures import Executor
from typing import Any

import numpy as np

from . import _core
from ._convert import number, optional, vector
from ._executor import Division, Task, cut, undivided
from ._progress import Progress, reporting
from .model import _codes, _document, _patches
from .results import LimitsResult

# what makes the native object again, in another process
Source = tuple[bytes, list[bytes], bytes, str | None, str | None, str, str | None, bool]


def upper_limits(
    workspace: Any,
    patchset: Any,
    *,
    measurement: str | None = None,
    patch: Any = None,
    patch_name: str | None = None,
    poi: str | None = None,
    interpolation: Any = None,
    verify: bool = True,
    statistic: str = "qtilde",
    confidence_level: float = 0.95,
    values: Any = (),
    tolerance: float | None = None,
    device: str = "cpu",
    precision: str = "auto",
    host_fallback: bool = True,
    progress: Progress = None,
    executor: Executor | None = None,
    parts: int | None = None,
) -> LimitsResult:
    """Observed and expected upper limits by CLs for every patch of a patchset, by asymptotic formulas.

    A patch that fails does not keep the others from theirs.

    Parameters
    ----------
    workspace : path, dict, bytes or pyhf.Workspace
        The workspace that the patches are for.
    patchset : path, dict, bytes or pyhf.PatchSet
    measurement, patch, patch_name, poi, interpolation
        As in `from_pyhf`; `patch` is applied before those of the set.
    verify : bool
        Refuse a patchset whose digests are those of another workspace.
    statistic, confidence_level, values, tolerance
        As in `Session.limit`.
    device, precision, host_fallback
        As in `Session`.
    progress : callable or True, optional
        Called with the numbers of patches done and to be done; True for a bar on a terminal.
    executor : concurrent.futures.Executor, optional
        Of processes, or what dask, Parsl or Globus Compute have: each of `parts` (8) parts of the patches is one
        task. The result is the same to the bit.

    Raises
    ------
    SpecificationError
        Where a file is not what it should be, the patchset was made for another workspace, or all patches fail.

    Examples
    --------
    >>> signal = [{"op": "replace", "path": "/channels/0/samples/0/data/0", "value": 7}]
    >>> patchset = {
    ...     "metadata": {
    ...         "name": "signals", "description": "one", "labels": ["mass"], "references": {"hepdata": "ins1"},
    ...         "digests": {"sha256": neyman.from_pyhf(workspace).digest},
    ...     },
    ...     "patches": [{"metadata": {"name": "m700", "values": [700]}, "patch": signal}],
    ...     "version": "1.0.0",
    ... }
    >>> limits = neyman.upper_limits(workspace, patchset)
    >>> limits.names, limits.observed.round(3)
    (('m700',), array([2.367]))
    """
    before, name = _patches(patch, patch_name)
    source: Source = (
        _document(workspace, "workspace"),
        before,
        _document(_set(patchset), "patchset"),
        measurement,
        poi,
        _codes(interpolation),
        name,
        bool(verify),
    )
    patches = _core.Patches(*source)
    about = patches.describe()
    digest, n = about.pop("digest"), len(about["names"])
    level = number(confidence_level, "confidence_level")
    where = (str(device), str(precision), bool(host_fallback))
    rest = (where, str(statistic), level, vector(values, "values"), optional(tolerance, "tolerance"))
    if executor is None:
        undivided(executor, parts)
        with reporting(progress, "patches") as tell:
            found = [patches.limits((0, n), *rest, tell)]
    else:
        division = Division(executor, parts, progress, "patches")
        spans = cut(0, n, division.parts)
        found = division.gather([Task(_part, (source, s, rest), s[1] - s[0]) for s in spans])
    failures = [failure for part in found for failure in part["failures"]]
    if failures and all(failure is not None for failure in failures):
        raise failures[0]
    statuses = [status for part in found for status in part["point_status"]]
    named = isinstance(workspace, (str, os.PathLike))
    return LimitsResult(
        status=next((s for s in statuses if s != "converged"), "converged"),
        poi=next((part["poi"] for part in found if part["poi"] is not None), None),
        confidence_level=level,
        labels=tuple(about["labels"]),
        names=tuple(about["names"]),
        values=tuple(tuple(row) for row in about["values"]),
        observed=np.concatenate([part["observed"] for part in found]),
        expected=np.concatenate([part["expected"] for part in found]),
        point_status=tuple(statuses),
        point_notes=tuple(tuple(notes) for part in found for notes in part["point_notes"]),
        provenance={
            "version": _core.__version__,
            "workspace": os.fspath(workspace) if named else None,
            "digest": digest,
            "measurement": measurement,
            "interpolation": _codes(interpolation),
            "device": where[0],
            "device_description": None,
            "precision": where[1],
            "seed": None,
        },
    )


def _set(patchset: Any) -> Any:
    """A patchset of pyhf as a document."""
    pyhf = sys.modules.get("pyhf")
    if pyhf is None or not isinstance(patchset, pyhf.PatchSet):
        return patchset
    patches = [{"metadata": dict(p.metadata), "patch": list(p.patch)} for p in patchset]
    return {"metadata": dict(patchset.metadata), "version": patchset.version, "patches": patches}


def _part(source: Source, span: tuple[int, int], rest: tuple[Any, Any, Any, Any, Any]) -> Any:
    return _core.Patches(*source).limits(span, *rest, None)
