"""Tables of ratios, in Markdown."""

import statistics

from .work import GOALS, Work

KINDS = {
    "evaluate": "negative log-likelihood and gradient at one point",
    "fit": "one maximum-likelihood fit",
    "toys": "one toy, sampled and fitted",
    "scan": "profile likelihood at 21 values of the parameter of interest, 0 to 5",
    "limit": "upper limit, observed and the five expected ones",
    "ranking": "impacts of all parameters, before and after the fit",
    "cls-toys": "one toy of a toy CLs, sampled and fitted twice",
}
# of these the answers are shown side by side; `cargo test` holds ours against pyhf's
ANSWERED = ("scan", "limit", "ranking", "cls-toys")


def table(entry):
    cells = entry["cells"]
    ours = cells.get("neyman", {}).get("cpu")
    size = f", {entry['parameters']} parameters, {entry['bins']} bins" if "bins" in entry else ""
    rows = [["tool", "CPU", "wall", "ratio to neyman", *quality_head(entry), "notes"]]
    for tool, cell in cells.items():
        if "cpu" not in cell:
            reason = f"failed: {cell['failed']}" if "failed" in cell else cell.get("skipped", "")
            rows.append([tool, "-", "-", "-", *["-"] * len(quality_head(entry)), reason])
            continue
        ratio = f"{cell['cpu'] / ours:.3g}" if ours else "-"
        row = [tool, seconds(cell["cpu"]), seconds(cell.get("wall")), ratio]
        rows.append([*row, *quality(entry, cell), notes(entry, cell)])
    text = f"\n## {entry['model']}: {KINDS[entry['kind']]}{size}\n\n{markdown(rows)}"
    return text + (f"\nnot judged: {entry['judge']}\n" if "judge" in entry else "")


def quality_head(entry):
    if entry["kind"] == "evaluate":
        return ["NLL off by", "gradient norm"]
    if entry["kind"] == "fit":
        return ["delta NLL", "parameter of interest"]
    if entry["kind"] in ANSWERED:
        return ["answer"]
    return ["delta NLL, median", "largest", "timed toys"]


def quality(entry, cell):
    if entry["kind"] == "evaluate":
        return [small(off(entry, cell)), f"{cell['gradient_norm']:.10g}"]
    if entry["kind"] in ANSWERED:
        return [cell.get("answer", "-")]
    deltas = cell.get("delta_nll")
    if entry["kind"] == "fit":
        return [small(deltas[0]) if deltas else "-", interest(cell["fits"][0])]
    alone = [small(statistics.median(deltas)), small(max(deltas))] if deltas else ["-", "-"]
    return [*alone, timed(cell.get("timed"))]


def timed(verdict):
    """The toys that were timed, on their own data. A negative distance: the referee got less far."""
    if verdict is None:
        return "-"
    said = [f"{verdict['toys']}: NLL off pyhf's by {small(verdict['nll_off'])}"]
    for referee in ("tight", "scipy"):
        above = verdict[f"above_{referee}"]
        if above:
            far = f"{small(min(above))} to {small(max(above))}"
            said.append(f"above {referee} ({len(above)}) {far}")
        else:
            said.append(f"no {referee}: {verdict.get('scipy_failed')}")
    return "; ".join(said)


def interest(fit):
    if fit.get("poi") is None:
        return "-"
    error = fit.get("poi_uncertainty")
    return f"{fit['poi']:.5f}" + (f" ± {error:.5f}" if error is not None else "")


def notes(entry, cell):
    said = []
    if cell.get("objection"):
        said.append(f"a point {cell['objection']}")
    if entry["kind"] == "fit" and not cell.get("covariance"):
        said.append("no covariance")
    if entry["kind"] in ("toys", "cls-toys") and not cell.get("aux_toys"):
        said.append("auxiliary data not fluctuated")
    if cell.get("unconverged"):
        said.append(f"{cell['unconverged']} of {cell['toys']} unconverged")
    if any(not fit["converged"] for fit in cell.get("fits", [])):
        said.append("reports no convergence")
    command = cell.get("cpu_of_toys_command")
    if command and not 0.8 < command / cell["cpu"] < 1.25:
        said.append(f"the toys command takes {seconds(command)} CPU")
    said.append(f"load {cell['load'][1]}")
    return ", ".join(said)


def goals(results):
    """Each required ratio with what this run reached, None where it was not measured.

    A ratio counts only with a right answer: `off` is how far ours is from the best, in NLL.
    """
    entries = {str(Work(entry["kind"], entry["model"])): entry for entry in results}
    rows = []
    for goal in GOALS:
        entry = entries.get(str(goal.work), {"cells": {}})
        ours, theirs = (entry["cells"].get(tool, {}) for tool in ("neyman", "nextstat"))
        measured = "cpu" in ours and "cpu" in theirs
        reached = theirs["cpu"] / ours["cpu"] if measured else None
        row = {"work": str(goal.work), "goal": goal.ratio, "reached": reached}
        rows.append(row | {"off": off(entry, ours), "objection": ours.get("objection")})
    return rows


def off(entry, cell):
    """How far a tool's answer is from the best one, None where it was not judged."""
    if entry.get("kind") == "evaluate" and "twice_nll" in cell and "twice_nll_at_init" in entry:
        return abs(cell["twice_nll"] - entry["twice_nll_at_init"]) / 2
    return max(cell.get("delta_nll", []), default=None)


def closing(run):
    rows = [["NextStat's CPU time over ours", "goal", "reached", "our NLL off by"]]
    for goal in run["goals"]:
        reached = f"{goal['reached']:.3g}" if goal["reached"] else "not measured"
        answer = goal["objection"] or small(goal["off"])
        rows.append([goal["work"], f"{goal['goal']:g}", reached, answer])
    on = run["machine"]
    return f"""
## Goals

{markdown(rows)}
{on['processor']}; {on['cores']} cores, {on['threads_per_tool']} thread for each tool; {on['system']};
1-minute load {on['load_at_start']} at the start, {on['load_at_end']} at the end.
{run['neyman']}; {', '.join(run['peers'])}.
CPU: user and system seconds of the process. delta NLL: above the lowest admissible point that any
tool found on the same data (main data fluctuated, auxiliary data as observed, since NextStat takes no
other), by pyhf's numpy likelihood. Timed toys are each tool's own data, in a batch; the delta NLL of toys
is that of the tool's single fit on the common data, not of the timed batch. The column of timed toys is
about the timed batch itself (ours; no peer gives out its toys), main and auxiliary data fluctuated: the
NLL at its minima against pyhf's, and by pyhf's NLL, least to most, how far they lie above a fit from eight
starts with tolerance 1e-13 (tight) and above scipy's L-BFGS-B on pyhf's likelihood from the same start.
"""


def seconds(value):
    if value is None:
        return "-"
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def small(value):
    # below the rounding of the judge itself there is nothing to tell
    if value is None:
        return "-"
    return "< 1e-10" if abs(value) < 1e-10 else f"{value:.1e}"


def markdown(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(str(c).ljust(w) for c, w in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines) + "\n"
