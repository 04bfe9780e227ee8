"""Invented events of two years: a peak at 91 above a falling background, to ``events.parquet``."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LOW, HIGH, SLOPE = 60.0, 120.0, -0.03


def masses(rng: np.random.Generator, signal: int, background: int) -> np.ndarray:
    """Masses in [LOW, HIGH], in random order: a normal peak and an exponential."""
    peak = rng.normal(91.0, 2.5, signal)
    share = rng.random(background) * -np.expm1(SLOPE * (HIGH - LOW))
    falling = LOW + np.log1p(-share) / SLOPE
    return rng.permutation(np.concatenate([peak, falling]))


rng = np.random.default_rng(20261121)
years = {"2015": masses(rng, 150, 600), "2016": masses(rng, 350, 1400)}
table = pa.table(
    {
        "_channel": np.repeat(list(years), [len(m) for m in years.values()]),
        "mass": np.concatenate(list(years.values())),
    }
)
pq.write_table(table, Path(__file__).parent / "events.parquet", compression="zstd")
