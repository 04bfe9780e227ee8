"""What examples in docstrings may use."""

import numpy as np
import pytest

import neyman

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
    )
