#!/usr/bin/env python3
"""Likelihoods of single events in HS3, by Neyman and by pyhs3.

    pip install pyhs3
    python3 tests/pyhs3_live.py [--neyman target/debug/neyman]

A specification is converted to HS3; of this document, and of one by hand, differences of log-likelihoods between points
are compared: where parameters are held with `--fix`, `neyman unbinned fit` says the likelihood there. Without pyhs3
nothing is compared, which is said, and the exit code is 77.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

TOLERANCE = 1e-8
# pyhs3 normalises by Gauss and Legendre's rule of 64 points, which does not see where a tail begins
KINKED = 5e-3

EVENTS = [61.5, 70.25, 84.0, 88.5, 90.5, 91.0, 91.5, 95.0, 104.75, 119.0]
POINTS = [
    {"mean": 90.5, "slope": -0.03, "n_sig": 5.0, "n_bkg": 6.0},
    {"mean": 92.0, "slope": -0.01, "n_sig": 2.5, "n_bkg": 9.0},
    {"mean": 87.0, "slope": 0.02, "n_sig": 8.0, "n_bkg": 1.5},
]


def document(signal):
    """Single events in HS3: `signal` over an exponential, with a constraint."""
    signal = {"name": "signal", **signal}
    return {
        "metadata": {"hs3_version": "0.2.9"},
        "distributions": [
            signal,
            {"name": "background", "type": "exponential_dist", "x": "m", "c": "minus_slope"},
            {"name": "SR", "type": "mixture_dist", "summands": ["signal", "background"],
             "coefficients": ["n_sig", "n_bkg"], "extended": True},
            {"name": "aux", "type": "gaussian_dist", "x": "measured", "mean": "mean", "sigma": 0.7},
        ],
        "functions": [{"name": "minus_slope", "type": "product", "factors": [-1, "slope"]}],
        "data": [{"name": "d", "type": "unbinned", "entries": [[x] for x in EVENTS],
                  "weights": [0.5 + 0.1 * i for i in range(10)],
                  "axes": [{"name": "m", "min": 60, "max": 120}]}],
        "likelihoods": [{"name": "L", "distributions": ["SR"], "data": ["d"], "aux_distributions": ["aux"]}],
        "domains": [{"name": "dom", "type": "product_domain", "axes": [
            {"name": "mean", "min": 80, "max": 100}, {"name": "slope", "min": -1, "max": 1},
            {"name": "n_sig", "min": 0, "max": 100}, {"name": "n_bkg", "min": 0, "max": 100}]}],
        "parameter_points": [{"name": "start", "parameters": [
            *({"name": name, "value": value} for name, value in POINTS[0].items()),
            {"name": "measured", "value": 91.2, "const": True}]}],
        "analyses": [{"name": "a", "likelihood": "L", "domain": "dom", "domains": ["dom"], "init": "start"}],
    }


# not uniform_dist, whose x pyhs3 wants as a list, nor crystalball_dist, which it has with one tail
SIGNALS = {
    "gaussian_dist": {"type": "gaussian_dist", "x": "m", "mean": "mean", "sigma": "width"},
    "crystalball_doublesided_dist": {
        "type": "crystalball_doublesided_dist", "m": "m", "m0": "mean", "sigma_L": "width", "sigma_R": "other",
        "alpha_L": "cut", "alpha_R": "far", "n_L": "steep", "n_R": "other"},
    "argus_dist": {"type": "argus_dist", "mass": "m", "resonance": "end", "slope": "bend", "power": "half"},
    "lognormal_dist": {"type": "lognormal_dist", "x": "m", "mu": "log", "sigma": "spread"},
    "polynomial_dist": {"type": "polynomial_dist", "x": "m", "coefficients": ["half", "spread"]},
}
CONST = {"width": 2.5, "other": 3.5, "cut": 1.5, "far": 1.25, "steep": 2.0, "end": 125.0, "bend": -0.5,
         "half": 0.5, "log": 4.5, "spread": 0.2}


def with_constants(value):
    """The const parameters that the signal needs: pyhs3 wants names, not numbers."""
    used = json.dumps(value["distributions"][0])
    point = value["parameter_points"][0]["parameters"]
    point.extend({"name": n, "value": v, "const": True} for n, v in CONST.items() if f'"{n}"' in used)
    return value


def by_pyhs3(pyhs3, value):
    import pytensor
    from pytensor.graph.traversal import explicit_graph_inputs

    workspace = pyhs3.Workspace(**value)
    model = workspace.model(workspace.analyses[value["analyses"][0]["name"]], progress=False)
    inputs = list(explicit_graph_inputs([model.log_prob]))
    function = pytensor.function(inputs, model.log_prob, mode="FAST_COMPILE")
    given = {**model.data, **model.free_params}
    values = []
    for point in POINTS:
        at = {**given, **point}
        values.append(-float(function(**{i.name: at[i.name] for i in inputs})[0]))
    return values


def by_neyman(neyman, specification):
    values = []
    for point in POINTS:
        fix = [f"--fix={name}={value!r}" for name, value in point.items()]
        command = [neyman, "unbinned", "fit", str(specification), "--json", *fix]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr)
        values.append(json.loads(done.stdout)["twice_nll"] / 2)
    return values


def convert(neyman, source, target, to):
    command = [neyman, "unbinned", "convert", str(source), str(target), "--to", to, "--force"]
    subprocess.run(command, check=True, capture_output=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--neyman", default=Path(__file__).parent.parent / "target/debug/neyman")
    neyman = Path(arguments.parse_args().neyman).resolve()
    warnings.filterwarnings("ignore", message=".*per-event weights.*")
    try:
        import pyhs3
    except ImportError:
        print("skipped: pyhs3 is not installed", file=sys.stderr)
        return 77
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, signal in SIGNALS.items():
            ways = {"by hand": with_constants(document(signal))}
            (folder / "in.json").write_text(json.dumps(ways["by hand"]))
            convert(neyman, folder / "in.json", folder / "spec.json", "neyman")
            ours = by_neyman(neyman, folder / "spec.json")
            # pyhs3's name of two tails is RooFit's, not the standard's
            if "crystalball" not in name:
                convert(neyman, folder / "spec.json", folder / "out.json", "hs3")
                ways["converted"] = json.loads((folder / "out.json").read_text())
            for way, value in ways.items():
                theirs = by_pyhs3(pyhs3, value)
                for k in range(1, len(POINTS)):
                    here, there = ours[k] - ours[0], theirs[k] - theirs[0]
                    difference = abs(here - there) / max(1.0, abs(here))
                    allowed = KINKED if "crystalball" in name else TOLERANCE
                    worst = max(worst, difference / allowed)
                    mark = "" if difference <= allowed else "  DIFFERENT"
                    print(f"{name}, {way}, point {k}: {here:.10f} {there:.10f}{mark}")
    print(f"largest difference {worst:.1e} of what is allowed")
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
