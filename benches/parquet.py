#!/usr/bin/env python3
"""Parquet files to NumPy arrays by neyman.read_parquet, pyarrow and, where it is there, polars, in one run, as ratios.

    python benches/parquet.py [--quick]

It needs neyman and pyarrow; figures count only for a release build (`PROFILE=release scripts/python.sh`). One thread,
files in the page cache; processor time, the least of the rounds, which the tools take in turns. Every tool ends with f64
in NumPy, the same to the bit. Nothing asserts a time.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from comparison import machine, report  # noqa: E402

# before any is read
os.environ.update(machine.THREADS | {"POLARS_MAX_THREADS": "1"})

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

import neyman  # noqa: E402

try:
    import polars
except ImportError:
    polars = None

COLUMNS = ["mass", "pt", "eta", "weight"]
ROUNDS = 21


def events(n):
    """Rising masses, as of events that were sorted: a cut on them passes one row group of ten."""
    random = np.random.default_rng(1)
    mass = np.sort(random.uniform(60, 160, n))
    return {"mass": mass, "pt": random.exponential(40, n), "eta": random.normal(0, 1.5, n), "weight": random.uniform(0.5, 1.5, n)}


def by_neyman(path, columns, cut):
    found = neyman.read_parquet(path, columns=columns, where=cut and {"mass": cut})
    return [found[name] for name in columns]


def by_pyarrow(path, columns, cut):
    filters = cut and [("mass", ">=", cut[0]), ("mass", "<=", cut[1])]
    table = pq.read_table(path, columns=columns, filters=filters, memory_map=True, use_threads=False)
    return [table.column(name).to_numpy() for name in columns]


def by_polars(path, columns, cut):
    frame = polars.scan_parquet(path)
    if cut:
        frame = frame.filter(polars.col("mass").is_between(*cut))
    frame = frame.select(columns).collect()
    return [frame[name].to_numpy() for name in columns]


def tools():
    all_tools = {"neyman": by_neyman, "pyarrow": by_pyarrow}
    return all_tools | ({"polars": by_polars} if polars else {})


def timed(call, *arguments):
    begin = time.process_time()
    found = call(*arguments)
    return time.process_time() - begin, found


def compare(path, columns, cut, rounds):
    """The least time of each tool; all have the same numbers."""
    least, wanted = {}, None
    for _ in range(rounds):
        for name, tool in tools().items():
            seconds, found = timed(tool, path, columns, cut)
            least[name] = min(seconds, least.get(name, seconds))
            wanted = wanted or found
            if not all(np.array_equal(ours, theirs) for ours, theirs in zip(wanted, found)):
                raise SystemExit(f"{name}: other numbers in {path}")
    return least, len(wanted[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="without the files of 5 million rows")
    options = parser.parse_args()
    pa.set_cpu_count(1)
    # row groups, compression, dictionaries
    files = {"10 groups, snappy": (10, "snappy", False), "pyarrow's default": (1, "snappy", True), "10 groups, plain": (10, "none", False)}
    # a tenth of the rows, in one group of ten
    work = {"all": (COLUMNS, None), "2 columns": (COLUMNS[:2], None), "1 column": (COLUMNS[:1], None), "cut, 10 % pass": (COLUMNS, (110.0, 119.999))}
    rows = [["rows", "file", "read", *tools(), "passed", *[f"{t} / neyman" for t in tools() if t != "neyman"]]]
    with tempfile.TemporaryDirectory() as folder:
        for n in (100_000,) if options.quick else (100_000, 5_000_000):
            data = pa.table(events(n))
            for kind, (groups, compression, dictionary) in files.items():
                path = str(Path(folder, "events.parquet"))
                pq.write_table(data, path, row_group_size=n // groups, compression=compression, use_dictionary=dictionary)
                for what, (columns, cut) in work.items():
                    least, passed = compare(path, columns, cut, ROUNDS if n < 1_000_000 else 5)
                    ratios = [f"{least[t] / least['neyman']:.2f}" for t in tools() if t != "neyman"]
                    times = [report.seconds(least[t]) for t in tools()]
                    rows.append([f"{n:.0e}", kind, what, *times, f"{passed:.3g}", *ratios])
    print(report.markdown(rows))
    print(f"{machine.processor()}; load {machine.load()}; pyarrow {pa.__version__}" + (f", polars {polars.__version__}" if polars else ""))


if __name__ == "__main__":
    main()
