"""What examples in docstrings may use."""

import signal
from pathlib import Path

import numpy as np
import pytest
import tmds

import neyman

# shells start what runs in the background with Ctrl-C ignored, and the tests of it would wait for ever
signal.signal(signal.SIGINT, signal.default_int_handler)

WORKSPACE = {
    "channels": [
        {
            "name": "region",
            "samples": [
                {
                    "name": "signal",
                    "data": [5, 10],
                    "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                },
                {
                    "name": "background",
                    "data": [50, 60],
                    "modifiers": [{"name": "gamma", "type": "shapesys", "data": [5, 12]}],
                },
            ],
        }
    ],
    "observations": [{"name": "region", "data": [52, 71]}],
    "measurements": [{"name": "search", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}


SPEC = {
    "schema_version": "neyman_unbinned_spec_v1",
    "model": {
        "poi": "n_sig",
        "parameters": [
            {"name": "n_sig", "init": 100, "bounds": [0, 1e5]},
            {"name": "n_bkg", "init": 1000, "bounds": [0, 1e5]},
            {"name": "mean", "init": 90, "bounds": [80, 100]},
            {"name": "slope", "init": -0.01, "bounds": [-1, 1]},
        ],
    },
    "channels": [
        {
            "name": "SR",
            "observables": [{"name": "mass", "bounds": [60, 120]}],
            "processes": [
                {
                    "name": "signal",
                    "pdf": {"type": "gaussian", "observable": "mass", "params": ["mean", 2.5]},
                    "yield": {"type": "parameter", "name": "n_sig"},
                },
                {
                    "name": "background",
                    "pdf": {"type": "exponential", "observable": "mass", "params": ["slope"]},
                    "yield": {"type": "parameter", "name": "n_bkg"},
                },
            ],
        }
    ],
}
EXAMPLES = Path(__file__).parents[1] / "examples" / "unbinned"


def masses():
    """Events of SPEC: a peak at 91 above a falling background."""
    rng = np.random.default_rng(7)
    falling = 60 - 50 * np.log1p(-rng.random(700) * -np.expm1(-60 / 50))
    return np.concatenate((rng.normal(91, 2.5, 300), falling))


@pytest.fixture
def workspace():
    return WORKSPACE


@pytest.fixture(autouse=True)
def _examples(doctest_namespace):
    model = neyman.from_pyhf(WORKSPACE)
    doctest_namespace.update(
        neyman=neyman,
        np=np,
        workspace=WORKSPACE,
        model=model,
        session=neyman.Session(model, "cpu"),
        spec=SPEC,
        masses=masses(),
        search=neyman.unbinned.Model.from_dict(SPEC, data={"SR": {"mass": masses()}}),
        spec_file=EXAMPLES / "search.yaml",
        events_file=EXAMPLES / "events.parquet",
        plan=tmds.PLAN,
        **tmds.TMD,
    )
