"""Models against pyhf's."""

import json
import pickle

import numpy as np
import pyhf
import pytest
from workspaces import random_workspace

import neyman


def both(workspace):
    ws = pyhf.Workspace(workspace)
    pdf = ws.model()
    return neyman.from_pyhf(workspace), pdf, np.array(ws.data(pdf))


def test_everything_as_in_pyhf(some_workspace):
    model, pdf, data = both(some_workspace)
    assert list(model.parameters) == pdf.config.par_names
    assert list(model.channels) == pdf.config.channels
    assert list(model.samples) == pdf.config.samples
    assert model.bins == pdf.config.channel_nbins
    np.testing.assert_array_equal(model.init, pdf.config.suggested_init())
    np.testing.assert_array_equal(model.bounds, pdf.config.suggested_bounds())
    np.testing.assert_array_equal(model.fixed, pdf.config.suggested_fixed())
    np.testing.assert_array_equal(model.data, data)
    np.testing.assert_array_equal(model.auxdata, pdf.config.auxdata)
    assert model.poi == pdf.config.poi_name
    rng = np.random.default_rng(1)
    for _ in range(3):
        low, high = model.bounds.T
        near = np.clip(model.init + rng.normal(0, 0.1, len(model.init)), low, high)
        point = np.where(model.fixed, model.init, near)
        np.testing.assert_allclose(model.expected_data(point), pdf.expected_data(point), rtol=1e-12)
        main = pdf.expected_data(point, include_auxdata=False)
        np.testing.assert_allclose(model.expected_data(point, False), main, rtol=1e-12)
        np.testing.assert_allclose(model.logpdf(point, data), pdf.logpdf(point, data)[0], rtol=1e-10)


def test_derivatives_by_differences():
    model = neyman.from_pyhf(random_workspace(3))
    point, step = model.init + 0.03, 1e-5
    units = step * np.eye(len(point))
    slope = [(model.nll(point + u) - model.nll(point - u)) / (2 * step) for u in units]
    np.testing.assert_allclose(model.grad(point), slope, rtol=1e-5, atol=1e-5)
    curvature = [(model.grad(point + u) - model.grad(point - u)) / (2 * step) for u in units]
    np.testing.assert_allclose(model.hess(point), curvature, rtol=1e-5, atol=1e-4)


def test_ways_in(tmp_path):
    workspace = random_workspace(0)
    path = tmp_path / "w.json"
    path.write_text(json.dumps(workspace))
    ways = [path, str(path), workspace, pyhf.Workspace(workspace), path.read_bytes()]
    assert neyman.fit(path).provenance["workspace"] == str(path)
    digests = {neyman.from_pyhf(way).digest for way in ways}
    assert digests == {pyhf.utils.digest(workspace)}


def test_pyhf_model_is_taken_faithfully():
    workspace = random_workspace(2)
    ws = pyhf.Workspace(workspace)
    settings = {"normsys": {"interpcode": "code1"}, "histosys": {"interpcode": "code0"}}
    pdf = ws.model(modifier_settings=settings)
    for name, fixed in (("jes", True), ("mu", False)):
        paramset = pdf.config.param_set(name)
        paramset.suggested_bounds = [(-3.0, 3.0)]
        paramset.suggested_init = [0.25]
        paramset.suggested_fixed = fixed
    model = neyman.from_pyhf(pdf)
    assert model.interpolation == "code1,code0"
    np.testing.assert_array_equal(model.init, pdf.config.suggested_init())
    np.testing.assert_array_equal(model.bounds, pdf.config.suggested_bounds())
    np.testing.assert_array_equal(model.fixed, pdf.config.suggested_fixed())
    data = ws.data(pdf)
    point = np.array(pdf.config.suggested_init())
    np.testing.assert_allclose(model.logpdf(point, data), pdf.logpdf(point, data)[0], rtol=1e-12)
    with pytest.raises(neyman.ArgumentError, match="no observed data"):
        _ = model.data
    with pytest.raises(neyman.ArgumentError, match="no observed data"):
        neyman.fit(model)


def test_simplemodels_without_measurement():
    pdf = pyhf.simplemodels.correlated_background([5.0], [50.0], [52.0], [47.0])
    model = neyman.from_pyhf(pdf)
    assert model.poi == "mu" and list(model.parameters) == pdf.config.par_names


def test_patches(tmp_path):
    workspace = random_workspace(1)
    patch = [{"op": "replace", "path": "/channels/0/samples/0/data/0", "value": 77.0}]
    patched = pyhf.Workspace(workspace).model(patches=[patch])
    expected = patched.expected_data(patched.config.suggested_init())
    path = tmp_path / "p.json"
    path.write_text(json.dumps(patch))
    for way in (patch, [patch], path, [str(path)]):
        model = neyman.from_pyhf(workspace, patch=way)
        np.testing.assert_allclose(model.expected_data(model.init), expected)
    digests = {"sha256": pyhf.utils.digest(workspace)}
    document = {
        "metadata": {"description": "d", "references": {"hepdata": "ins1234567"}, "digests": digests, "labels": ["m"]},
        "patches": [{"metadata": {"name": "one", "values": [1]}, "patch": patch}],
        "version": "1.0.0",
    }
    for way in (document, pyhf.PatchSet(document)):
        model = neyman.from_pyhf(workspace, patch=way, patch_name="one")
        np.testing.assert_allclose(model.expected_data(model.init), expected)
    with pytest.raises(neyman.ArgumentError, match="there are one"):
        neyman.from_pyhf(workspace, patch=document)


def test_measurement_and_poi():
    workspace = random_workspace(1)
    assert neyman.from_pyhf(workspace, poi="jes").poi == "jes"
    assert neyman.from_pyhf(workspace, poi="").poi is None
    with pytest.raises(neyman.Error, match="nominal"):
        neyman.from_pyhf(workspace, measurement="nominal")


def test_pickle():
    model = neyman.from_pyhf(random_workspace(4), interpolation="code1,code0")
    model = model.with_parameters(bounds={"mu": (-5, 5)}, init={"jes": 0.2}, fixed={"tilt": True})
    again = pickle.loads(pickle.dumps(model))
    for name in ("parameters", "poi", "interpolation", "digest", "measurement"):
        assert getattr(again, name) == getattr(model, name)
    for name in ("init", "bounds", "fixed", "data"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    session = pickle.loads(pickle.dumps(neyman.Session(model, "cpu")))
    assert session.fit().twice_nll == neyman.fit(model, device="cpu").twice_nll


def test_arrays_cannot_be_changed():
    model = neyman.from_pyhf(random_workspace(0))
    with pytest.raises(ValueError, match="read-only"):
        model.init[0] = 1
