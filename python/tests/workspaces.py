"""Workspaces for tests."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.json"))
# more of them, where a checkout has them
SHARED = [
    Path(os.environ["NEYMAN_DATA"], "workspaces", f"{name}.json")
    for name in (
        "ours_all_modifiers_a",
        "cabinetry_example_workspace",
        "ns_two_channel_workspace",
        "belle2_workspace",
        "val_1bin_lumi",
        "p2c_verification_model",
    )
    if "NEYMAN_DATA" in os.environ
]


def random_workspace(seed: int) -> dict:
    """Channels, samples and all types of modifiers at random; data thrown from them."""
    rng = np.random.default_rng(seed)
    channels, observations = [], []
    for c in range(rng.integers(1, 3)):
        n = int(rng.integers(1, 4))
        background = rng.uniform(30, 200, n)
        signal = rng.uniform(5, 40, n)

        def normsys(name):
            effect = rng.uniform(0.02, 0.15)
            return {"name": name, "type": "normsys", "data": {"hi": 1 + effect, "lo": 1 - 0.9 * effect}}

        def histosys(name, nominal):
            tilt = 1 + rng.uniform(-0.1, 0.1, len(nominal))
            shape = {"hi_data": list(nominal * tilt), "lo_data": list(nominal / tilt)}
            return {"name": name, "type": "histosys", "data": shape}

        modifiers = [normsys("jes"), histosys("tilt", background)]
        if rng.random() < 0.5:
            modifiers.append({"name": f"b{c}", "type": "shapesys", "data": list(0.1 * background)})
        if rng.random() < 0.5:
            modifiers.append({"name": f"stat{c}", "type": "staterror", "data": list(0.05 * background)})
        if rng.random() < 0.3:
            modifiers.append({"name": "lumi", "type": "lumi", "data": None})
        channels.append(
            {
                "name": f"channel{c}",
                "samples": [
                    {
                        "name": "signal",
                        "data": list(signal),
                        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}, normsys("eff")],
                    },
                    {"name": "background", "data": list(background), "modifiers": modifiers},
                ],
            }
        )
        counts = rng.poisson(background + signal).astype(float)
        observations.append({"name": f"channel{c}", "data": list(counts)})
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.5, 1.5]], "inits": [1.0]}
    used = any(m["name"] == "lumi" for c in channels for s in c["samples"] for m in s["modifiers"])
    config = {"poi": "mu", "parameters": [lumi] if used else []}
    return {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": "random", "config": config}],
        "version": "1.0.0",
    }
