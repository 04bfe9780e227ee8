"""Fit the cross sections beside this file and draw them: ``python examples/tmd/fit.py [FOLDER]``."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import numpy as np
from matplotlib import pyplot

import neyman

here, folder = Path(__file__).parent, Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plan = neyman.tmd.Plan.from_yaml(here / "config.yaml", here / "kinematics.yaml", here / "fnp.yaml")
measured = json.loads((here / "measured.json").read_text())
fit = neyman.tmd.fit(plan, measured["values"], sigma=measured["errors"], replicas=200, seed=1)
print(f"{fit.status}: chi2 = {fit.chi2:.1f} for {fit.n_points} points, {fit.replicas.converged} replicas")
for k in np.flatnonzero(~fit.fixed):
    spread = f"{fit.replica_mean[k]:8.4f} +- {fit.replica_spread[k]:.4f} of replicas"
    print(f"{fit.names[k]:12} {fit.values[k]:8.4f} +- {fit.uncertainties[k]:.4f}  {spread}")

# a column for each x at its lower scale, a colour for each z
x, q2, z = (plan.points[name] for name in ("x", "Q2", "z"))
labels = [f"x = {a:g}, Q² = {b:g} GeV², z = {c:g}" for a, b, c in zip(x, q2, z, strict=True)]
ratios = {"height_ratios": (3, 1), "hspace": 0.04}
canvas, axes = pyplot.subplots(2, 3, sharex="col", figsize=(11, 5), layout="constrained", gridspec_kw=ratios)
for value, pair in zip(np.unique(x), axes.T, strict=True):
    low = q2[x == value].min()
    show = [label for label in dict.fromkeys(labels) if label.startswith(f"x = {value:g}, Q² = {low:g} ")]
    upper, _ = neyman.plot.cross_sections(plan, fit, groups=labels, show=show, ax=pair)
    upper.set_title("")
canvas.suptitle(f"χ² = {fit.chi2:.1f} for {fit.n_points} points", fontsize=10)
canvas.savefig(folder / "tmd_cross_sections.png", dpi=150)

canvas, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
neyman.plot.fnp(plan, fit, [0.04, 0.1, 0.3], zeta=4.0, b=np.linspace(0, 6, 201), ax=left)
neyman.plot.fnp(plan, fit, [0.25, 0.65], distribution="ff", zeta=4.0, b=np.linspace(0, 6, 201), ax=right)
canvas.savefig(folder / "tmd_fnp.png", dpi=150)
print(f"drawn to {folder / 'tmd_cross_sections.png'} and {folder / 'tmd_fnp.png'}")
