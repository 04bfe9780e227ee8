"""What a session says: frozen records of float64 arrays with names.

Every result has `to_dict` (the document that the command `neyman` writes with ``--json``: ``docs/results.md``),
`save` and, in notebooks, a table. `load` reads a saved one, and documents that the command wrote.
"""

from __future__ import annotations

from ._base import Bools as Bools
from ._base import Result
from ._fit import FitResult, MinosResult
from ._gof import GofResult
from ._impacts import GlobalImpacts, Group, ImpactsResult
from ._limits import IntervalResult, LimitResult, LimitsResult
from ._load import load
from ._scans import Contour, Scan2dResult, ScanResult
from ._tests import DiscoveryResult, Ensemble, HypotestResult
from ._tmd import TmdFit, TmdReplicas, WeakDirection
from ._toys import ToyFits, join
from ._unbinned import ChannelFit, ChannelHistogram, UnbinnedFit
from ._yields import ChannelYields, Prediction, SampleYields, YieldsResult

__all__ = [
    "ChannelFit",
    "ChannelHistogram",
    "ChannelYields",
    "Contour",
    "DiscoveryResult",
    "Ensemble",
    "FitResult",
    "GlobalImpacts",
    "GofResult",
    "Group",
    "HypotestResult",
    "ImpactsResult",
    "IntervalResult",
    "LimitResult",
    "LimitsResult",
    "MinosResult",
    "Prediction",
    "Result",
    "SampleYields",
    "Scan2dResult",
    "ScanResult",
    "TmdFit",
    "TmdReplicas",
    "ToyFits",
    "UnbinnedFit",
    "WeakDirection",
    "YieldsResult",
    "join",
    "load",
]
