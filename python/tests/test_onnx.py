"""Flows in ONNX. They need a build with the feature onnx, and the packages onnx and onnxruntime."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from unbinned import masses, search_spec

import neyman
from neyman.unbinned import Model


WIDTH = 2.5


def narrow():
    """The search with a peak of known width."""
    found = search_spec()
    found["model"]["parameters"] = [p for p in found["model"]["parameters"] if p["name"] != "width"]
    found["channels"][0]["processes"][0]["pdf"]["params"] = ["mean", WIDTH]
    return found


def spec(folder, models):
    """The same whose signal is a normal density from a file: of the mass, about `mean`."""
    manifest = {
        "schema_version": "neyman_flow_v1",
        "observable_names": ["mass"],
        "context_names": ["mean"],
        "support": [[60, 120]],
        "models": models,
    }
    (folder / "flow.json").write_text(json.dumps(manifest))
    found = narrow()
    pdf = {"type": "conditional_flow", "manifest": "flow.json", "context_params": ["mean"]}
    found["channels"][0]["processes"][0]["pdf"] = pdf
    return found


def gaussian(onnx, sigma):
    """ln p and its slope in the mean."""
    helper, numpy_helper, double = onnx.helper, onnx.numpy_helper, onnx.TensorProto.DOUBLE
    constants = {"i0": 0, "i1": 1, "one": np.array([1]), "s": sigma, "h": -0.5}
    constants["c"] = np.log(sigma) + 0.9189385332046727
    nodes = [
        ("Gather", ["input", "i0"], "x", {"axis": 1}),
        ("Gather", ["input", "i1"], "m", {"axis": 1}),
        ("Sub", ["x", "m"], "d", {}),
        ("Div", ["d", "s"], "z", {}),
        ("Mul", ["z", "z"], "zz", {}),
        ("Mul", ["zz", "h"], "e", {}),
        ("Sub", ["e", "c"], "log_prob", {}),
        ("Div", ["z", "s"], "g", {}),
        ("Unsqueeze", ["g", "one"], "d_log_prob_d_context", {}),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **more) for kind, inputs, output, more in nodes],
        "gaussian",
        [helper.make_tensor_value_info("input", double, ["rows", 2])],
        [
            helper.make_tensor_value_info("log_prob", double, ["rows"]),
            helper.make_tensor_value_info("d_log_prob_d_context", double, ["rows", 1]),
        ],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def test_fits_of_flows_in_onnx_are_those_of_the_formula(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    events = masses(100, 400)
    (tmp_path / "flow.onnx").write_bytes(gaussian(onnx, WIDTH).SerializeToString())
    try:
        model = Model.from_dict(spec(tmp_path, {"log_prob": "flow.onnx"}), tmp_path, data={"SR": {"mass": events}})
    except neyman.SpecificationError as error:
        assert 'build it with the feature "onnx"' in str(error)
        pytest.skip("this build does not read ONNX")
    reference = Model.from_dict(narrow(), data={"SR": {"mass": events}}).fit()
    fit = model.fit()
    # the window holds all of it but 1e-30
    np.testing.assert_allclose(fit.values, reference.values, rtol=1e-5)
    np.testing.assert_allclose(fit.uncertainties, reference.uncertainties, rtol=1e-5)
    assert any("is calculated by onnxruntime on" in note for note in fit.notes)
    with pytest.raises(neyman.UnsupportedError, match="sample"):
        model.toy(fit.values)


def test_without_the_library_the_remedy_is_told(tmp_path):
    (tmp_path / "flow.onnx").write_bytes(b"not looked at")
    (tmp_path / "spec.json").write_text(json.dumps(spec(tmp_path, {"log_prob": "flow.onnx"})))
    code = """
import json, neyman
spec = json.load(open("spec.json"))
try:
    neyman.unbinned.Model.from_dict(spec, data={"SR": {"mass": [90.0]}})
except neyman.DeviceError as error:
    assert "/nowhere/libonnxruntime.so is not there" in str(error) and "pip install onnxruntime" in str(error)
except neyman.SpecificationError as error:
    assert 'build it with the feature "onnx"' in str(error)
else:
    raise SystemExit("no error")
"""
    environment = {**os.environ, "ORT_DYLIB_PATH": "/nowhere/libonnxruntime.so"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
