#!/usr/bin/env python3
"""The same work by Neyman and by its installed peers, in one run, as ratios.

    python3 benches/compare.py [--quick] [--only fit/atlas_tHu] [--json out.json]

Nothing to prepare: the peers are installed, pinned, under benches/.peers. Models come from
$NEYMAN_DATA/workspaces; without it the two models that need no data are compared.
Times are CPU seconds (user and system) of one thread, medians over repeats after a warm-up.
The judge of every minimum is pyhf's numpy likelihood at the parameters the tool returned.
"""

import argparse
import json
import sys
from pathlib import Path

from comparison import machine, ours, report, work
from comparison.peers import Peers

ROOT = work.ROOT
JUDGE_LIMIT = 300  # seconds; no tool's failure, so not the tools' limit


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer toys and repeats")
    parser.add_argument("--full", action="store_true", help="the slow peers on the big models too")
    parser.add_argument(
        "--only",
        action="append",
        metavar="TEXT",
        help="only cells whose KIND/MODEL/TOOL contains TEXT (may be repeated)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--neyman", type=Path, metavar="PATH", help="an installed neyman")
    parser.add_argument(
        "--limit", type=float, metavar="SECONDS", help="for one cell (180, quick 90, full 900)"
    )
    return parser.parse_args()


def main():
    options = arguments()
    limit = options.limit or (900 if options.full else 90 if options.quick else 180)
    repeats = 3 if options.quick else 7
    folder = ROOT / "benches" / ".peers"
    folder.mkdir(exist_ok=True)
    peers = Peers(folder)
    peers.install()
    binary = options.neyman.resolve() if options.neyman else ROOT / "target" / "release" / "neyman"
    try:
        if not options.neyman:
            ours.build(ROOT)  # quick when current, and never a stale binary
    except ours.Failed as reason:
        print(f"{reason}: the peers are measured alone", file=sys.stderr)
    neyman = ours.Neyman(binary, folder, limit)
    run = {"machine": machine.describe(), "neyman": neyman.version(), "quick": options.quick}
    run["peers"] = (folder / "installed.txt").read_text().split("\n")[1:-1]
    run["results"] = []

    for item in work.all_work():
        tools = [tool for tool in work.TOOLS[item.kind] if wanted(options.only, f"{item}/{tool}")]
        path = work.workspace(item.model, folder)
        if not tools:
            continue
        if path is None:
            print(f"{item}: its workspace is not here (NEYMAN_DATA)", file=sys.stderr)
            continue
        entry = compare(item, tools, path, peers, neyman, repeats, limit, options)
        run["results"].append(entry)
        print(report.table(entry), flush=True)
    run["machine"]["load_at_end"] = machine.load()
    run["goals"] = report.goals(run["results"])
    print(report.closing(run))
    if options.json:
        options.json.write_text(json.dumps(run, indent=1) + "\n")


def wanted(only, cell):
    return not only or any(text in cell for text in only)


def compare(item, tools, path, peers, neyman, repeats, limit, options):
    """All tools on one piece of work; a failure fills its own cell and no other."""
    entry = {"kind": item.kind, "model": item.model, "cells": {}}
    data = []
    try:
        if item.kind == "toys":
            n = 3 if options.quick else 5
            data = peers.do(JUDGE_LIMIT, kind="throw", workspace=str(path), toys=n, seed=1)
    except ours.Failed as reason:
        entry["judge"] = f"no common toys: {reason}"
    for tool in tools:
        reason = work.skipped(item, tool, options.full)
        if reason:
            entry["cells"][tool] = {"skipped": reason}
            continue
        print(f"{item}: {tool} ...", file=sys.stderr, flush=True)
        thrown = item.kind in ("toys", "cls-toys")
        toys = work.toys_per_piece(item, tool, options.quick) if thrown else 0
        before = machine.load()
        try:
            if tool == "neyman":
                cell = neyman.do(item, path, toys, repeats, data)
            else:
                cell = peers.do(
                    limit,
                    kind=item.kind,
                    tool=tool,
                    workspace=str(path),
                    repeats=repeats,
                    seconds=limit / 4,
                    toys=toys,
                    values=work.scan_values(),
                    data=data,
                )
        except ours.Failed as reason:
            cell = {"failed": str(reason).replace(str(ROOT), ".")}
        cell["load"] = [before, machine.load()]
        entry["cells"][tool] = cell
    try:
        if item.kind in ("evaluate", "fit", "toys"):
            judge(entry, path, data, peers)
    except ours.Failed as reason:
        entry["judge"] = str(reason)
    if item.kind == "toys" and "cpu" in entry["cells"].get("neyman", {}):
        try:
            entry["cells"]["neyman"]["timed"] = judge_timed(path, peers, neyman)
        except ours.Failed as reason:
            entry["judge"] = f"the timed toys: {reason}"
    return entry


def judge_timed(path, peers, neyman):
    """Our timed toys with the data they had: their NLL by pyhf, and how far two tight fits get."""
    archive = neyman.scratch / "toys.npz"
    neyman.timed_toys(path, work.THROWN_TOYS, archive)
    common = {"workspace": str(path)}
    n = work.JUDGED_TOYS
    toys = peers.do(JUDGE_LIMIT, kind="read toys", archive=str(archive), toys=n, **common)
    tight = [neyman.tight_fit(path, toy["data"]) for toy in toys]
    some = [toy["data"] for toy in toys[:: max(len(toys) // work.REFEREED_TOYS, 1)]]
    result = {"toys": len(toys)}
    try:
        scipy = peers.do(JUDGE_LIMIT, kind="minimize", data=some, **common)
    except ours.Failed as reason:
        scipy, result["scipy_failed"] = [], str(reason)
    points = [{"parameters": toy["parameters"], "data": toy["data"]} for toy in toys]
    points += [{"parameters": fit, "data": toy["data"]} for fit, toy in zip(tight, toys)]
    points += [{"parameters": fit, "data": data} for fit, data in zip(scipy, some)]
    verdicts = peers.do(JUDGE_LIMIT, kind="judge", points=points, **common)["verdicts"]
    objections = [verdict["objection"] for verdict in verdicts if verdict["objection"]]
    if objections:
        raise ours.Failed(f"a point {objections[0]}")
    nll = [verdict["nll"] for verdict in verdicts]
    found, tight, scipy = nll[:n], nll[n : 2 * n], nll[2 * n :]
    result["nll_off"] = max(abs(toy["nll"] - judged) for toy, judged in zip(toys, found))
    result["above_tight"] = [a - b for a, b in zip(found, tight)]
    at = [found[i] for i in range(0, n, max(n // work.REFEREED_TOYS, 1))]
    result["above_scipy"] = [a - b for a, b in zip(at, scipy)]
    return result


def judge(entry, path, data, peers):
    """Adds `delta_nll` to each cell: one number a fit, above the best admissible point found."""
    asked = [
        (tool, i, {"parameters": fit["parameters"], "data": data[i] if data else None})
        for tool, cell in entry["cells"].items()
        for i, fit in enumerate(cell.get("fits", []))
    ]
    points = [point for _, _, point in asked]
    answer = peers.do(JUDGE_LIMIT, kind="judge", workspace=str(path), points=points)
    entry["parameters"], entry["bins"] = answer["parameters"], answer["bins"]
    entry["twice_nll_at_init"] = 2 * answer["nll_at_init"]
    best = {}
    for (tool, i, _), verdict in zip(asked, answer["verdicts"]):
        if verdict["nll"] is not None and not verdict["objection"]:
            best[i] = min(best.get(i, verdict["nll"]), verdict["nll"])
    entry["best_nll"] = [best.get(i) for i in range(max(best, default=-1) + 1)]
    for (tool, i, _), verdict in zip(asked, answer["verdicts"]):
        cell = entry["cells"][tool]
        if verdict["objection"]:
            cell["objection"] = verdict["objection"]
        elif i in best and len({tool for tool, _, _ in asked}) > 1:
            # a point compared with itself alone would look perfect
            cell.setdefault("delta_nll", []).append(verdict["nll"] - best[i])
    for cell in entry["cells"].values():
        for fit in cell.get("fits", []):
            # the name of the parameter of interest is the judge's to say
            uncertainties = fit.pop("uncertainties", None)
            if uncertainties:
                fit["poi_uncertainty"] = uncertainties.get(answer["poi"])
            fit["poi"] = fit["parameters"].get(answer["poi"])


if __name__ == "__main__":
    main()
