"""The kinematics and the measured values beside this file: an experiment that never took place.

Cross sections at other parameters than those of fnp.yaml, with errors of 3 %: ``python examples/tmd/data.py``.
"""

import json
from pathlib import Path

import numpy as np

import neyman

HERE = Path(__file__).parent
ENERGY = 17.4
# x, Q2 in GeV^2, z: bins of a fixed-target experiment
BINS = [
    (x, q2, z)
    for x, scales in ((0.04, (2.0, 5.0)), (0.1, (3.0, 10.0)), (0.3, (6.0, 20.0)))
    for q2 in scales
    for z in (0.25, 0.4, 0.65)
]
TRUTH = {"g2": 0.25, "pdf.N1": 0.28, "pdf.alpha1": 1.3, "pdf.sigma1": 0.35, "ff.N3": 0.22, "ff.beta1": 2.2}

rows = []
for x, q2, z in BINS:
    highest = 0.6 * z * np.sqrt(q2)
    rows += [(round(pht, 3), x, z, q2) for pht in np.linspace(0.15, 1.0, 7) * highest]
columns = dict(zip(("PhT", "x", "z", "Q2"), map(list, zip(*rows, strict=True)), strict=True))
text = "# Written by data.py: points of an invented experiment.\n"
text += f"header: {{process: SIDIS, hadron: PI, charge: 1, Vs: {ENERGY}}}\ndata:\n"
text += "".join(f"  {name}: {json.dumps(values)}\n" for name, values in columns.items())
(HERE / "kinematics.yaml").write_text(text)

plan = neyman.tmd.Plan.from_yaml(HERE / "config.yaml", HERE / "kinematics.yaml", HERE / "fnp.yaml")
expected = plan.xsec(TRUTH)
random = np.random.default_rng(6)
errors = 0.03 * expected
values = expected + errors * random.normal(size=plan.n_points)
measured = {name: [float(f"{v:.5g}") for v in of] for name, of in (("values", values), ("errors", errors))}
(HERE / "measured.json").write_text(json.dumps(measured) + "\n")
print(f"{plan.n_points} points")
