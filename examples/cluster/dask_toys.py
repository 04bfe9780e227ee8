"""Toys on a cluster of dask's: dask_toys.py WORKSPACE [--scheduler slurm|htcondor|local] [--toys N] ...

Workers that die cost their part alone. For slurm and htcondor: pip install dask-jobqueue.
"""

from __future__ import annotations

import argparse
from typing import Any

import neyman
from distributed import Client, LocalCluster


def cluster(scheduler: str, workers: int) -> Any:
    """Workers of one thread for dask, and as many as there are cores for neyman."""
    if scheduler == "local":
        return LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)
    import dask_jobqueue

    kinds = {"slurm": dask_jobqueue.SLURMCluster, "htcondor": dask_jobqueue.HTCondorCluster}
    common = {"cores": 4, "processes": 1, "memory": "4 GB"}
    found = kinds[scheduler](**common, **({"disk": "1 GB"} if scheduler == "htcondor" else {}))
    found.scale(workers)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace")
    parser.add_argument("--scheduler", choices=("slurm", "htcondor", "local"), default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mu", type=float, default=1.0)
    parser.add_argument("--toys", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", default="cls.json")
    asked = parser.parse_args()
    session = neyman.Session(asked.workspace, "cpu")
    with cluster(asked.scheduler, asked.workers) as workers, Client(workers) as client:
        test = session.hypotest(
            asked.mu,
            toys=asked.toys,
            seed=asked.seed,
            executor=client.get_executor(),
            # several for each worker: the last ones end at about the same time
            parts=8 * asked.workers,
            progress=True,
        )
    test.save(asked.output)
    print(f"CLs = {test.cls_observed:.5f} +- {test.cls_observed_error:.5f}")


if __name__ == "__main__":
    main()
