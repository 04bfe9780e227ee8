"""Results from files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileError
from ._base import Result
from ._fit import FitResult, MinosResult
from ._gof import GofResult
from ._impacts import ImpactsResult
from ._limits import IntervalResult, LimitResult, LimitsResult
from ._scans import Scan2dResult, ScanResult
from ._tests import DiscoveryResult, HypotestResult
from ._tmd import TmdFit
from ._toys import ToyFits
from ._unbinned import UnbinnedFit
from ._yields import YieldsResult

_KINDS: dict[str, type[Result]] = {
    c.kind: c
    for c in (
        FitResult,
        HypotestResult,
        DiscoveryResult,
        LimitResult,
        LimitsResult,
        IntervalResult,
        ScanResult,
        Scan2dResult,
        MinosResult,
        ImpactsResult,
        GofResult,
        YieldsResult,
        ToyFits,
        UnbinnedFit,
        TmdFit,
    )
}


def load(path: str | os.PathLike[str]) -> Any:
    """Read a result that was saved, or that the command wrote.

    Parameters
    ----------
    path : str or path
        ``.json`` or ``.npz``.

    Returns
    -------
    Result
        Of the class that belongs to the document's ``kind``.
    """
    path = Path(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            if "document" not in arrays or "toy" in arrays:
                return ToyFits._from_arrays(arrays)
            document = json.loads(str(arrays["document"]))
        else:
            document = json.loads(path.read_text(encoding="utf-8"))
        kind = document.get("kind")
    except OSError:
        raise
    except (ValueError, KeyError, AttributeError) as error:
        raise FileError(f"{path}: this is no result of neyman: {error}") from None
    if kind not in _KINDS:
        raise FileError(f"{path}: there is no kind of result {kind!r}")
    return _KINDS[kind].from_dict(document)
