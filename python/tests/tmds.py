"""A plan of cross sections for tests, and where recorded values are."""

from __future__ import annotations

import os
from pathlib import Path

from neyman.tmd import Plan

DATA = Path(os.environ["NEYMAN_DATA"], "tmd") if "NEYMAN_DATA" in os.environ else None


def points() -> dict[str, list[float]]:
    """Transverse momenta in six bins."""
    bins = [(0.05, 0.3, 1.5), (0.05, 0.5, 2.0), (0.1, 0.3, 2.5), (0.1, 0.6, 4.0), (0.2, 0.4, 3.0), (0.2, 0.6, 8.0)]
    rows = [(pht, *of) for of in bins for pht in (0.1, 0.25, 0.4)]
    return dict(zip(("PhT", "x", "z", "Q2"), map(list, zip(*rows))))


TMD = {
    "config": {"luminosity": "ll1"},
    "kinematics": {"header": {"Vs": 7.26}, "data": points()},
    "fnp": {
        "zeta": "Q2",
        "evolution": {"init_g2": 0.25},
        "flavors": {"u": {"shape": "simple", "init_params": [1.0, 0.3]}},
        "fragmentation": {"shape": "gauss", "init_params": [0.2, 0.3], "bounds": [[0, 5], None]},
    },
}
PLAN = Plan.from_yaml(**TMD)
