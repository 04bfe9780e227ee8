#!/usr/bin/env python3
"""CLs, limits and significances of random models, by Neyman and by pyhf itself.

    python3 tests/pyhf_live.py [--models 40] [--seed 1] [--neyman target/debug/neyman]

pyhf, pinned, comes into the environment that `benches/compare.py` uses. Models on which the two differ are
named by its number.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benches"))

CLS = 2e-5
SIGNIFICANCE = 2e-4


def workspace(seed):
    """A small analysis: one to three channels, every kind of modifier now and then."""
    dice = random.Random(seed)
    channels, observations = [], []
    for c in range(dice.randint(1, 3)):
        bins = dice.randint(1, 4)
        background = [dice.uniform(10, 120) for _ in range(bins)]
        signal = [dice.uniform(0.05, 0.5) * b for b in background]
        modifiers = []
        if dice.random() < 0.7:
            up, down = 1 + dice.uniform(0.02, 0.25), 1 - dice.uniform(0.02, 0.25)
            modifiers.append({"name": "norm", "type": "normsys", "data": {"hi": up, "lo": down}})
        if dice.random() < 0.6:
            slope = [dice.uniform(0.02, 0.15) for _ in range(bins)]
            modifiers.append({"name": "shape", "type": "histosys", "data": {
                "hi_data": [b * (1 + s) for b, s in zip(background, slope)],
                "lo_data": [b * (1 - s) for b, s in zip(background, slope)]}})
        kind = dice.choice(["staterror", "shapesys", None])
        if kind:
            modifiers.append({"name": f"gamma_{c}", "type": kind,
                              "data": [dice.uniform(0.03, 0.15) * b for b in background]})
        if dice.random() < 0.3:
            modifiers.append({"name": "lumi", "type": "lumi", "data": None})
        if c > 0 and dice.random() < 0.5:
            modifiers.append({"name": "k", "type": "normfactor", "data": None})
        channels.append({"name": f"channel_{c}", "samples": [
            {"name": "signal", "data": signal,
             "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
            {"name": "background", "data": background, "modifiers": modifiers}]})
        truth = dice.choice([0.0, 0.5, 1.0])
        counts = [max(0, round(dice.gauss(b + truth * s, (b + truth * s) ** 0.5)))
                  for s, b in zip(signal, background)]
        observations.append({"name": f"channel_{c}", "data": counts})
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "inits": [1.0], "bounds": [[0.5, 1.5]]}
    used = any(m["type"] == "lumi" for c in channels for s in c["samples"] for m in s["modifiers"])
    config = {"poi": "mu", "parameters": [lumi] if used else []}
    return {"version": "1.0.0", "channels": channels, "observations": observations,
            "measurements": [{"name": "m", "config": config}]}


def ours(binary, file, *verb):
    command = [binary, verb[0], file, *verb[1:], "--json", "--quiet", "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
    return json.loads(done.stdout)


def theirs(spec, limits):
    """pyhf's CLs and p0, and its CLs at the limits: the observed one, then the expected ones."""
    import pyhf

    model = pyhf.Workspace(spec).model()
    data = pyhf.Workspace(spec).data(model)

    def hypotest(mu):
        found = pyhf.infer.hypotest(mu, data, model, test_stat="qtilde", return_expected_set=True)
        return [float(found[0]), *map(float, found[1])]

    discovery = pyhf.infer.hypotest(0.0, data, model, test_stat="q0", return_expected=True)
    return {
        "cls": hypotest(1.0),
        "p0": float(discovery[0]), "p0_expected": float(discovery[1]),
        "at_limits": [hypotest(mu)[k] for k, mu in enumerate(limits)],
    }


def compare(number, binary, folder):
    from statistics import NormalDist

    spec = workspace(number)
    file = folder / f"{number}.json"
    file.write_text(json.dumps(spec))
    cls, limit = ours(binary, file, "cls", "--mu", "1"), ours(binary, file, "limit")
    discovery = ours(binary, file, "discovery")
    limits = [limit["observed"], *limit["expected"]]
    them = theirs(spec, limits)
    found = []

    def check(what, here, there, allowed):
        if not abs(here - there) <= allowed:
            found.append(f"model {number}: {what} {here} here, {there} in pyhf")

    names = ["observed", *(f"expected {k:+}" for k in range(-2, 3))]
    for name, here, there, at in zip(
            names, [cls["cls_observed"], *cls["cls_expected"]], them["cls"], them["at_limits"]):
        check(f"CLs, {name}", here, there, CLS)
        check(f"CLs at the limit, {name}", 0.05, at, CLS)
    check("p0", discovery["p0_observed"], them["p0"], CLS)
    z = NormalDist().inv_cdf(1 - them["p0_expected"]) if 0 < them["p0_expected"] < 1 else None
    if z is not None and z < 6:
        check("expected significance", discovery["z_expected"], z, SIGNIFICANCE)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1, help="number of the first model")
    parser.add_argument("--neyman", type=Path, default=ROOT / "target/debug/neyman")
    arguments = parser.parse_args()
    try:
        import jax  # noqa: F401
        import pyhf
    except ImportError:
        from comparison.peers import Peers
        peers = Peers(ROOT / "benches" / ".peers")
        peers.install()
        sys.exit(subprocess.run([peers.python, __file__, *sys.argv[1:]], check=False).returncode)
    # SLSQP with exact gradients, to the end
    pyhf.set_backend("jax", pyhf.optimize.scipy_optimizer(tolerance=1e-15, maxiter=10_000))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.seed, arguments.seed + arguments.models):
            found += compare(number, arguments.neyman, Path(folder))
    print("\n".join(found) or f"{arguments.models} models: all agree")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
