"""Fit the events of two years and draw them: ``python examples/unbinned/fit.py [FIGURE]``."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

import neyman

figure = Path(sys.argv[1] if len(sys.argv) > 1 else "unbinned.png")
model = neyman.unbinned.Model.from_spec(Path(__file__).parent / "search.yaml")
fit = model.fit()
print(f"{fit.status} after {fit.evaluations} evaluations, -2 ln L = {fit.twice_nll:.3f}")
for name, value, uncertainty in zip(fit.names, fit.values, fit.uncertainties, strict=True):
    print(f"{name:16} {value:10.4f} +- {uncertainty:.4f}")

# a column a year, densities above and pulls below
ratios = {"height_ratios": (3, 1), "hspace": 0.04}
canvas, axes = pyplot.subplots(
    2, len(model.channels), sharex="col", figsize=(10, 5), layout="constrained", gridspec_kw=ratios
)
for channel, pair in zip(model.channels, axes.T, strict=True):
    upper, lower = neyman.plot.unbinned(model, fit, channel=channel, bins=40, ax=pair)
    upper.set_title(channel)
    lower.set_xlabel("mass [GeV]")
canvas.savefig(figure, dpi=150)
print(f"drawn to {figure}")
