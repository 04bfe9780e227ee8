"""The example of training."""

import importlib.util

import numpy as np
import pytest
from workspaces import REPOSITORY

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("train_significance", REPOSITORY / "examples/train_significance.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_training_on_the_limit_pays(example, tmp_path):
    picture = tmp_path / "limits.png"
    limits = example.main(["--epochs", "4", "--out", str(picture)])
    assert limits["upper_limit"] < 0.95 * limits["cross-entropy"]
    assert limits["asimov_z0"] < limits["cross-entropy"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_example_is_repeatable(example):
    session = example.neyman.torch.create_session(example.workspace(), example.TEMPLATES)
    first, second = (example.train("upper_limit", 1, 3, session)[0] for _ in range(2))
    np.testing.assert_allclose(first, second, rtol=1e-3)
    assert first[1] < first[0]
