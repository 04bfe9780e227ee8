"""What is compared: the pieces of work, the models, the tools, and the ratios we owe."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BIG = ("atlas_tHu_fcnc", "atlas_tttt_prod")  # real analyses, 184 and 249 parameters
STACK = "ours_synthetic_50x4"  # 201 parameters: 50 channels of 4 bins, staterror only
SMALL = "one_channel_7_bins"  # 8 parameters
SEARCH = "search"  # the example that comes with the sources


@dataclass(frozen=True)
class Work:
    """One row group of the report: every tool does this to this model."""

    kind: str  # evaluate, fit, toys, scan, limit, ranking or cls-toys
    model: str

    def __str__(self):
        return f"{self.kind}/{self.model}"


@dataclass(frozen=True)
class Goal:
    """NextStat's CPU time over ours, at least."""

    work: Work
    ratio: float


GOALS = [
    Goal(Work("toys", "atlas_tHu_fcnc"), 1000),
    Goal(Work("toys", "atlas_tttt_prod"), 1000),
    Goal(Work("toys", STACK), 20),
    Goal(Work("toys", SMALL), 20),
    Goal(Work("fit", "atlas_tHu_fcnc"), 40),
    Goal(Work("evaluate", "atlas_tHu_fcnc"), 20),
    Goal(Work("scan", "atlas_tHu_fcnc"), 200),
    Goal(Work("limit", "atlas_tHu_fcnc"), 200),
    Goal(Work("cls-toys", STACK), 10),
]

# in the order of the report; pyhf's slower minimizer only where it has something to add: errors
TOOLS = {
    "evaluate": ("neyman", "nextstat", "pyhf-jax-slsqp"),
    "fit": ("neyman", "nextstat", "pyhf-jax-slsqp", "pyhf-jax-minuit"),
    "toys": ("neyman", "nextstat", "pyhf-jax-slsqp"),
    "scan": ("neyman", "nextstat"),
    "limit": ("neyman", "nextstat"),
    "ranking": ("neyman", "nextstat"),
    "cls-toys": ("neyman", "nextstat"),
}
SCAN = (0.0, 5.0, 21)


JUDGED_TOYS = 20  # of the timed ones, spread over the first THROWN_TOYS
THROWN_TOYS = 200
REFEREED_TOYS = 5  # of the judged ones: scipy's fit of a large model takes its time


def all_work():
    models = (*BIG, STACK, SMALL, SEARCH)
    return [
        Work("evaluate", BIG[0]),
        *(Work("fit", model) for model in models),
        *(Work("toys", model) for model in models),
        *(Work(kind, BIG[0]) for kind in ("scan", "limit", "ranking")),
        Work("cls-toys", STACK),
    ]


def scan_values():
    low, high, n = SCAN
    return [low + (high - low) * i / (n - 1) for i in range(n)]


def skipped(work, tool, full):
    """Why this tool does not do this work, or None."""
    if tool == "pyhf-jax-minuit" and work.model in (*BIG, STACK) and not full:
        return "up to a minute a fit: --full"
    return None


def toys_per_piece(work, tool, quick):
    """Enough toys that one timed piece is neither noise nor a coffee break."""
    if work.kind == "cls-toys":  # of each hypothesis
        return {"neyman": 10_000, "nextstat": 1_000}[tool] // (2 if quick else 1)
    small, search, stack, big = {
        "neyman": (20_000, 5_000, 5_000, 1_000),
        "nextstat": (2_000, 30, 200, 10),  # a quarter of a second each for the search
        "pyhf-jax-slsqp": (20, 5, 5, 3),
    }[tool]
    n = big if work.model in BIG else {STACK: stack, SEARCH: search}.get(work.model, small)
    return max(n // 2, 3) if quick else n


def workspace(model, scratch):
    """The path of a model's workspace, or None where the data it needs is not here."""
    if model == SMALL:
        path = scratch / f"{SMALL}.json"
        path.write_text(json.dumps(one_channel_7_bins()))
        return path
    if model == SEARCH:
        path = ROOT / "examples" / "search.json"
    elif os.environ.get("NEYMAN_DATA"):
        path = Path(os.environ["NEYMAN_DATA"]) / "workspaces" / f"{model}.json"
    else:
        return None
    return path if path.is_file() else None


def one_channel_7_bins():
    """One channel, 7 bins, a signal and a background with an uncorrelated shape uncertainty."""
    signal = [12.2, 5.2, 8.7, 4.3, 12.4, 7.7, 7.8]
    background = [126.6, 127.0, 91.8, 64.6, 37.0, 104.4, 60.5]
    uncertainty = [10.2, 16.3, 4.9, 8.4, 3.1, 12.9, 7.2]
    observed = [140, 128, 93, 66, 52, 110, 75]
    modifiers = [{"name": "shape", "type": "shapesys", "data": uncertainty}]
    return {
        "version": "1.0.0",
        "channels": [
            {
                "name": "channel",
                "samples": [
                    {
                        "name": "signal",
                        "data": signal,
                        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                    },
                    {"name": "background", "data": background, "modifiers": modifiers},
                ],
            }
        ],
        "observations": [{"name": "channel", "data": observed}],
        "measurements": [{"name": "measurement", "config": {"poi": "mu", "parameters": []}}],
    }
