#!/usr/bin/env python3
"""Unbinned fits by Neyman and by the peers that this Python has, in one run, as ratios.

    python3 -m venv peers
    peers/bin/pip install -r benches/comparison/unbinned_peers.txt
    peers/bin/python benches/unbinned.py [--quick] [--only cb_exp] [--json out.json]

Extended fits of a peak (normal, or a crystal ball) above an exponential, shapes and yields free, with
errors, from the same poor start; and toys, from the truth. Every tool gets the same events in memory, so that
reading is in no time; one thread; CPU seconds, the least of the repeats after one call that is not
counted (compilation). Ours includes checking the events and making the model. Minima are judged by one
likelihood, in numpy: those above the lowest are flagged.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from comparison import machine, report
from comparison.unbinned_judge import nll, sample

ROOT = Path(__file__).resolve().parent.parent
WORKER = ROOT / "benches" / "comparison" / "unbinned_worker.py"
TOOLS = ("iminuit", "fused", "zfit", "nextstat")
# n_sig and n_bkg in shares of the events
START = {
    "gauss_exp": [0.3, 0.7, 90.0, 3.0, -0.02],
    "cb_exp": [0.3, 0.7, 90.0, 3.0, -0.02, 1.5, 4.0],
}
TRUTH = {
    "gauss_exp": [0.25, 0.75, 91.2, 2.5, -0.03],
    "cb_exp": [0.25, 0.75, 91.2, 2.5, -0.03, 1.2, 3.0],
}
SIZES = {"gauss_exp": (100_000, 1_000_000), "cb_exp": (100_000,)}
PER_TOY = 10_000
TOYS = 1000
# how many toys each tool gets: seconds of each, not minutes
SOME = {"iminuit": 10, "fused": 40, "zfit": 10, "nextstat": 100}
# wrong by more than this in NLL
WRONG = 1e-3


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="1e5 events only")
    parser.add_argument("--only", help="one of the models, or toys")
    parser.add_argument("--json", type=Path, help="write everything measured")
    parser.add_argument("--ours", type=Path, help="an unbinned_work that is built already")
    options = parser.parse_args()
    ours = options.ours or build()
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for model in START:
            if options.only in (None, model):
                for n in (100_000,) if options.quick else SIZES[model]:
                    results.append(fits(model, n, ours, scratch, 3))
                    print(table(results[-1]), flush=True)
        if options.only in (None, "toys"):
            results.append(toys(ours, scratch))
            print(table(results[-1]), flush=True)
    on = machine.describe()
    print(f"{on['processor']}, {on['cores']} cores, 1-minute load {on['load_at_start']} at the end")
    if options.json:
        options.json.write_text(json.dumps({"machine": on, "results": results}, indent=1) + "\n")


def build():
    """Our program, built as it is shipped."""
    command = ["cargo", "bench", "--bench", "unbinned_work", "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return next(
        a["executable"]
        for a in artifacts
        if a.get("executable") and a["target"]["name"] == "unbinned_work"
    )


def scaled(shape, n):
    return [shape[0] * n, shape[1] * n, *shape[2:]]


def ask(command, limit=900):
    """One line of JSON, or why there is none."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=machine.one_thread()
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"over {limit} s"}
    if done.returncode:
        return {"failed": machine.last_line(done.stderr) or f"exit status {done.returncode}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def fits(model, n, ours, scratch, repeats):
    events = sample(model, TRUTH[model], n, np.random.default_rng(n))
    path = scratch / f"{model}_{n}.f64"
    events.tofile(path)
    start = scaled(START[model], n)
    cells = {"neyman": ask([ours, model, path, 3 * repeats, *start])}
    for tool in TOOLS:
        # of what takes minutes one is enough
        some = repeats if n <= 100_000 else 1
        cells[tool] = ask([sys.executable, WORKER, tool, model, path, some, *start])
    found = [c for c in cells.values() if "parameters" in c]
    for cell in found:
        cell["nll"] = nll(model, events, cell["parameters"])
    lowest = min(cell["nll"] for cell in found)
    for cell in found:
        cell["above"] = cell["nll"] - lowest
    return {"work": f"fit, {model}, {n} events", "cells": cells}


def toys(ours, scratch):
    model, truth = "gauss_exp", TRUTH["gauss_exp"]
    random = np.random.default_rng(1)
    counts = random.poisson(PER_TOY, TOYS).astype(np.uint64)
    # yields fluctuate by themselves, and so does their sum
    signal = random.binomial(counts.astype(int), truth[0])
    events = np.concatenate(
        [sample(model, truth, n, random, s) for n, s in zip(counts.astype(int), signal)]
    )
    path, lengths = scratch / "toys.f64", scratch / "toys.u64"
    events.tofile(path)
    counts.tofile(lengths)
    start = scaled(truth, PER_TOY)
    cells = {"neyman": ask([ours, model, path, 5, *start, "--toys", lengths])}
    mine = cells["neyman"]
    if "cpu" in mine:
        pulls = (np.array(mine["n_sig"]) - truth[0] * PER_TOY) / np.array(mine["n_sig_errors"])
        mine["note"] = (
            f"{mine['converged']} of {TOYS} converged, pulls of n_sig "
            f"{pulls.mean():.3f} +- {pulls.std():.3f}; as many thrown and fitted: {report.seconds(mine['thrown'])}"
        )
        for key in ("n_sig", "n_sig_errors"):
            del mine[key]
    for tool in TOOLS:
        some = SOME[tool]
        arguments = [tool, model, path, 1, *start, "--toys", lengths, some]
        cell = cells[tool] = ask([sys.executable, WORKER, *arguments])
        if "cpu" in cell:
            cell["cpu"] *= TOYS / some
            cell["note"] = f"{some} toys, scaled; {cell['converged']} converged"
    return {"work": f"{TOYS} toys of {PER_TOY} events, gauss_exp, from the truth", "cells": cells}


def table(entry):
    ours = entry["cells"]["neyman"].get("cpu")
    rows = [["tool", "CPU", "ratio", "NLL above the lowest", "n_sig", "notes"]]
    for tool, cell in entry["cells"].items():
        if "cpu" not in cell:
            rows.append([tool, "-", "-", "-", "-", cell.get("failed", "no answer")])
            continue
        above = cell.get("above")
        said = "-" if above is None else f"{above:.1e}" + (" WRONG" if above > WRONG else "")
        ratio = f"{cell['cpu'] / ours:.3g}" if ours else "-"
        value = "-"
        if "parameters" in cell and "above" in cell:
            value = f"{cell['parameters'][0]:.2f}"
            value += f" +- {cell['errors'][0]:.2f}" if cell.get("errors") else " (no error)"
        rows.append([tool, report.seconds(cell["cpu"]), ratio, said, value, cell.get("note", "")])
    return f"\n## {entry['work']}\n\n{report.markdown(rows)}"


if __name__ == "__main__":
    main()
