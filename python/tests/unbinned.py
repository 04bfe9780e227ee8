"""Specifications and events for tests of unbinned likelihoods."""

from __future__ import annotations

import numpy as np

import neyman

LOW, HIGH = 60.0, 120.0


def parameter(name, init, bounds, constraint=None):
    found = {"name": name, "init": init, "bounds": list(bounds)}
    if constraint is not None:
        found["constraint"] = {"type": "gaussian", "mean": constraint[0], "sigma": constraint[1]}
    return found


def process(name, kind, params, events, modifiers=(), **keys):
    density = {"type": kind, "observable": "mass", **keys}
    if params is not None:
        density["params"] = list(params)
    expected = {"type": "parameter", "name": events} if isinstance(events, str) else {"type": "fixed", "value": events}
    if modifiers:
        expected["modifiers"] = list(modifiers)
    return {"name": name, "pdf": density, "yield": expected}


def specification(parameters, processes, window=(LOW, HIGH), **channel):
    """One channel, SR, of the observable mass."""
    return {
        "schema_version": "neyman_unbinned_spec_v1",
        "model": {"parameters": list(parameters)},
        "channels": [
            {
                "name": "SR",
                "observables": [{"name": "mass", "bounds": list(window)}],
                "processes": list(processes),
                **channel,
            }
        ],
    }


def search_spec(**channel):
    """A normal peak on a falling exponential, all five parameters free."""
    return specification(
        [
            parameter("n_sig", 500, (0, 1e6)),
            parameter("n_bkg", 3000, (0, 1e6)),
            parameter("mean", 90, (80, 100)),
            parameter("width", 3, (0.5, 10)),
            parameter("slope", -0.02, (-1, 1)),
        ],
        [
            process("signal", "gaussian", ["mean", "width"], "n_sig"),
            process("background", "exponential", ["slope"], "n_bkg"),
        ],
        **channel,
    )


def masses(n_sig=1000, n_bkg=4000, seed=11):
    rng = np.random.default_rng(seed)
    peak = rng.normal(91, 2.5, n_sig)
    share = rng.random(n_bkg) * -np.expm1(-0.03 * (HIGH - LOW))
    return rng.permutation(np.concatenate([peak, LOW - np.log1p(-share) / 0.03]))


def search(events=None, weights=None):
    events = masses() if events is None else events
    given = None if weights is None else {"SR": weights}
    return neyman.unbinned.Model.from_dict(search_spec(), data={"SR": {"mass": events}}, weights=given)
