"""Documents, files, tables."""

import json
import re

import numpy as np
import pytest
from workspaces import REPOSITORY, random_workspace

import neyman

SESSION = neyman.Session(neyman.from_pyhf(random_workspace(1)), "cpu")
STATEMENTS = {
    "fit": lambda: SESSION.fit(),
    "cls": lambda: SESSION.hypotest(1.0),
    "cls observed toys": lambda: SESSION.hypotest(1.0, toys=200, observed_only=True),
    "cls toys": lambda: SESSION.hypotest(1.0, toys=200),
    "discovery": lambda: SESSION.discovery(),
    "discovery toys": lambda: SESSION.discovery(toys=200),
    "limit": lambda: SESSION.limit(),
    "limit toys": lambda: SESSION.limit(toys=200),
    "interval": lambda: SESSION.interval(toys=100, values=[0, 1, 2]),
    "scan": lambda: SESSION.scan([0, 1, 2]),
    "scan2d": lambda: SESSION.scan2d(("mu", "jes"), np.linspace(0, 2, 5), np.linspace(-1, 1, 4)),
    "minos": lambda: SESSION.minos(),
    "impacts": lambda: SESSION.impacts(global_impacts=True, groups={"mine": ["je*"]}),
    "gof": lambda: SESSION.gof(),
    "gof toys": lambda: SESSION.gof(toys=100),
    "yields": lambda: SESSION.yields(),
}


def promised(kind):
    """Fields of a kind of document by docs/results.md, those without toys."""
    if kind == "yields":
        return {"channels"}
    text = (REPOSITORY / "docs" / "results.md").read_text()
    row = re.search(rf"^\| `{kind}` \|(.*)\|$", text, re.MULTILINE).group(1)
    # what an element of a list has is named after "of"
    row = re.sub(r"; where asked for .*|; with toys .*|;? ?with `--covariance`.*", "", row)
    row = re.sub(r" of (`name`|`mu`|`level`).*?(?=$|; `|, `groups`|`groups`|`intervals`)", "", row)
    found = set(re.findall(r"`([a-z_0-9]+)`", row)) - {"saturated"}
    assert len(found) >= {"minos": 1}.get(kind, 4), (kind, found)
    return found


@pytest.mark.parametrize("name", STATEMENTS)
def test_documents(name, tmp_path):
    result = STATEMENTS[name]()
    document = result.to_dict()
    text = json.dumps(document, allow_nan=False)
    assert document["kind"] == name.split()[0]
    common = {"kind", "poi", "status", "warnings", "notes", "provenance"}
    assert common | promised(document["kind"]) <= set(document)
    about = {"version", "workspace", "digest", "measurement", "interpolation", "device", "precision", "seed"}
    assert about <= set(document["provenance"])
    for ending in ("json", "npz"):
        path = tmp_path / f"result.{ending}"
        result.save(path)
        again = neyman.load(path)
        assert type(again) is type(result)
        assert again.to_dict() == json.loads(text)
    if document["kind"] != "cls" or "toys" in name:
        if (document["kind"] != "discovery" or "toys" in name) and "observed" not in name:
            result.save(tmp_path / "result.svg")
            assert len(list(tmp_path.glob("result*.svg"))) > 0
    assert "<table>" in result._repr_html_() and result.kind in result._repr_html_()
    assert type(result).__name__ in repr(result)


def test_fields_of_rows():
    row = SESSION.fit().to_dict()["parameters"][0]
    assert set(row) >= {"name", "value", "uncertainty", "pull", "constraint", "fixed", "at_bound"}
    row = SESSION.impacts().to_dict()["parameters"][0]
    assert set(row) >= {"impact_up", "impact_prefit_down", "pull", "constraint", "status"}
    channel = SESSION.yields().to_dict()["channels"][0]
    assert set(channel) == {"name", "bins", "observed", "prefit", "postfit"}


def test_toys(tmp_path):
    toys = SESSION.fit_toys(50, seed=2, mu=1.0, test_mu=1.0, with_data=True)
    for ending in ("json", "npz"):
        path = tmp_path / f"toys.{ending}"
        toys.save(path)
        again = neyman.load(path)
        for name in ("parameters", "nll", "t_mu", "codes", "main", "truth", "toy"):
            np.testing.assert_array_equal(getattr(again, name), getattr(toys, name))
        assert again.held == toys.held == {"mu": 1.0} and again.names == toys.names
    data = np.concatenate([toys.main, toys.auxiliary], axis=1)
    np.testing.assert_array_equal(data, SESSION.toys(50, seed=2, mu=1.0))
    # the same data, fitted alone
    alone = SESSION.fit(data[7])
    np.testing.assert_allclose(alone.nll, toys.nll[7], atol=1e-6)
    with pytest.raises(neyman.FileError, match="pyarrow"):
        _parquet_or_told(toys, tmp_path)


def _parquet_or_told(toys, folder):
    toys.save(folder / "toys.parquet")
    raise neyman.FileError("pyarrow is here")


def test_frozen():
    fit = SESSION.fit()
    with pytest.raises(AttributeError):
        fit.status = "x"
    with pytest.raises(ValueError, match="read-only"):
        fit.values[0] = 1
    with pytest.raises(neyman.ArgumentError, match="did you mean 'jes'"):
        fit["jess"]


def test_files_of_others(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"kind": "tea"}')
    with pytest.raises(neyman.FileError, match="tea"):
        neyman.load(path)
    path.write_text("not json")
    with pytest.raises(neyman.FileError):
        neyman.load(path)
    path.write_text('{"kind": "scan", "status": "converged"}')
    with pytest.raises(neyman.FileError, match="no complete"):
        neyman.load(path)


def test_a_fit_that_is_printed():
    fit = SESSION.fit()
    assert fit.uncertainty("mu") == fit.uncertainties[fit.names.index("mu")] > 0
    assert f"mu={fit['mu']:.6g} +- {fit.uncertainty('mu'):.3g}, edm=" in repr(fit)
    assert fit.poi in fit._repr_html_()
    without = neyman.Session(neyman.from_pyhf(random_workspace(1), poi=""), "cpu").fit()
    assert repr(without).startswith("FitResult(status=converged, edm=")


def test_numbers_that_toys_cannot_give(tmp_path):
    """Where no CLs crosses the level, or no toy of background is above the data."""
    results = [SESSION.limit(values=[0.01, 0.02], toys=20), SESSION.hypotest(50.0, toys=20, observed_only=True)]
    assert np.isnan(results[0].observed) and np.isnan(results[0].observed_error)
    for result in results:
        for ending in ("json", "npz"):
            result.save(tmp_path / f"result.{ending}")
            again = neyman.load(tmp_path / f"result.{ending}")
            assert json.dumps(again.to_dict()) == json.dumps(result.to_dict())
            assert all((getattr(again, name) is None) == (of is None) for name, of in vars(result).items())
