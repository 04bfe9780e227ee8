"""The example and the page on training."""

import importlib.util
import json
import re

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


def test_the_page(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workspace.json").write_text(json.dumps(example.workspace()))
    text = (REPOSITORY / "docs/training.md").read_text()
    names = {}
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) == 4
    for block in blocks:
        exec(block, names)
    assert names["signal"].grad.abs().sum() > 0
    assert names["limit"].item() > 0 and names["counts"].sum() == pytest.approx(20.0)
    assert len(names["session"].layout) == 4
