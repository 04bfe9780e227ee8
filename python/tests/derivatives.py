"""Models, histograms and finite differences for tests of derivatives."""

from __future__ import annotations

import numpy as np
from workspaces import random_workspace

import neyman
from neyman.differentiable import Asimov

# two channels, five bins, with normsys, histosys, lumi, shapesys and staterror
WORKSPACE = random_workspace(10)
# templates of a shape uncertainty among the yields
SHAPES = [("background", "tilt", "hi"), "signal", ("background", "tilt", "lo")]
# profiled objectives, with what they are called with
OBJECTIVES = {
    "q0": ("q0", {}),
    "qmu": ("qmu", {"mu": 2.5}),
    "qtilde": ("qtilde", {"mu": 2.5}),
    "z0": ("z0", {}),
    "asimov_z0": ("asimov_z0", {"mu": 1.2}),
    "cls observed": ("cls", {"mu": 0.3}),
    "cls expected": ("cls", {"mu": 0.4, "quantile": 1.0, "data": Asimov(0.0)}),
    "limit observed": ("upper_limit", {}),
    "limit of Asimov data": ("upper_limit", {"quantile": 0.0, "data": Asimov(0.0)}),
    "limit at 90 %": ("upper_limit", {"quantile": -1.0, "confidence_level": 0.9}),
    "uncertainty": ("uncertainty", {}),
    "uncertainty of a nuisance parameter": ("uncertainty", {"parameter": "b0[0]", "data": Asimov()}),
}


def session(samples="signal", **options):
    return neyman.differentiable.create_session(WORKSPACE, samples, **options)


def data(seed=5):
    """Counts that are not the observed ones, with an excess."""
    model = neyman.from_pyhf(WORKSPACE)
    rng = np.random.default_rng(seed)
    point = model.init.copy()
    point[model.index("mu")] = 1.5
    counts = rng.poisson(model.expected_data(point, include_auxdata=False))
    return model.with_auxdata(counts.astype(float))


def given(options):
    """With data where the objective takes any and none are named."""
    return options if "data" in options else {**options, "data": data()}


def options_of(name, options):
    return options if name == "asimov_z0" else given(options)


def signals(of, n=3, seed=0):
    """Histograms around the nominal one, `[n, n_bins]`."""
    return of.nominal * np.random.default_rng(seed).uniform(0.8, 1.2, (n, of.signal_n_bins()))


def central(function, at, step=1e-3):
    """Gradient of a function of a histogram by central differences, error of fourth order in the step."""
    slopes = np.empty_like(at)
    for i in range(len(at)):
        unit = np.zeros_like(at)
        unit[i] = step * max(1.0, abs(at[i]))
        near = function(at + unit) - function(at - unit)
        far = function(at + 2 * unit) - function(at - 2 * unit)
        slopes[i] = (8 * near - far) / (12 * unit[i])
    return slopes
