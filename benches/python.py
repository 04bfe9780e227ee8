#!/usr/bin/env python3
"""What changing one import of a script of pyhf's brings: the same calls by pyhf and by neyman.pyhf.

    NEYMAN_DATA=... python benches/python.py [--model NAME] [--values 21]

CPU seconds of all threads (linear algebra on one), since wall seconds on a shared machine tell of the neighbours; of the
first call on a new model, so that compiling it counts. Needs an environment with pyhf and the package
(`scripts/python.sh` makes one). Nothing asserts a time; the largest difference stands beside.
"""

import argparse
import json
import os
import time
from pathlib import Path

# before NumPy is read
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np  # noqa: E402
import pyhf  # noqa: E402

import neyman  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="atlas_susy_2018_31_sbottom_SRA_bottom_squarks")
    parser.add_argument("--values", type=int, default=21, help="of the parameter of interest")
    return parser.parse_args()


def timed(call, infer, workspace):
    pdf = workspace.model()
    data = workspace.data(pdf)
    begin = time.process_time()
    found = call(infer, pdf, data)
    return time.process_time() - begin, found


def main():
    options = arguments()
    folder = Path(os.environ["NEYMAN_DATA"], "workspaces")
    workspace = pyhf.Workspace(json.loads((folder / f"{options.model}.json").read_text()))
    values = np.linspace(0.1, 5.0, options.values)
    calls = {
        f"hypotest, {options.values} values": lambda infer, pdf, data: [
            infer.hypotest(mu, data, pdf, return_expected_set=True)[0] for mu in values
        ],
        "mle.fit": lambda infer, pdf, data: infer.mle.fit(data, pdf, return_fitted_val=True)[1],
    }
    print(f"{options.model}: {workspace.model().config.npars} parameters\n")
    print("| work | pyhf | neyman.pyhf | ratio | largest difference |\n|---|---|---|---|---|")
    for name, call in calls.items():
        theirs, their_answers = timed(call, pyhf.infer, workspace)
        ours, our_answers = timed(call, neyman.pyhf, workspace)
        off = np.abs(np.subtract(our_answers, their_answers)).max()
        print(f"| {name} | {theirs:.3g} s | {1e3 * ours:.3g} ms | {theirs / ours:.0f} | {off:.1e} |", flush=True)


if __name__ == "__main__":
    main()
