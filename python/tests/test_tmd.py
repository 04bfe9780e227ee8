"""TMDs against recorded values, NumPy and themselves."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from tmds import DATA, PLAN, TMD
from workspaces import REPOSITORY

import neyman
from neyman.tmd import Plan, fit

TRUTH = PLAN.xsec()
SIGMA = 0.02 * TRUTH


def recorded(name):
    if DATA is None:
        pytest.skip("NEYMAN_DATA is not set")
    return json.loads((DATA / name).read_text())


def numbers(values):
    return np.array([float(v) for v in values])


def test_recorded_cross_sections():
    worst = 0.0
    for case in recorded("goldens.json")["xsec"]:
        kin = {key: float(value) for key, value in case["kin"].items()}
        split = len(case["params"]) if case["shared"] else 12
        params = numbers(case["params"])
        fnp = {
            "zeta": case["zeta"] if case["zeta"] == "Q2" else float(case["zeta"]),
            "evolution": {"init_g2": params[0]},
            "flavors": {"u": {"shape": case["pdf"], "init_params": params[1:split]}},
        }
        if not case["shared"]:
            fnp["fragmentation"] = {"shape": case["ff"], "init_params": params[split:]}
        kinematics = {"header": {"Vs": kin["Vs"]}, "data": {k: [kin[k]] for k in ("PhT", "x", "z", "Q2")}}
        config = {"luminosity": case["lumi"], "quadrature": {"rule": "sinh-gl", "nodes": 96}}
        plan = Plan.from_yaml(config, kinematics, fnp)
        np.testing.assert_allclose(plan.xsec(), float(case["xsec"]), rtol=1e-11)
        slopes = numbers(case["xsec_grad"])
        worst = max(worst, np.abs(plan.jacobian()[0] - slopes).max() / np.abs(slopes).max())
    assert worst < 1e-10


def test_files_and_dicts():
    if DATA is None:
        pytest.skip("NEYMAN_DATA is not set")
    files = [DATA / "fixtures" / name for name in ("config.yaml", "kinematics.yaml", "fNPconfig.yaml")]
    plan = Plan.from_yaml(*files)
    assert plan.n_points == 1 and plan.fixed[0] and not plan.fixed[1:].any()
    assert any("zeta=1: g2 not identifiable" in warning for warning in plan.warnings)
    assert Plan.from_yaml(*map(str, files)).xsec() == plan.xsec()
    assert pickle.loads(pickle.dumps(plan)).xsec() == plan.xsec()
    assert Plan.from_yaml({"qToQcut": 9}, *files[1:], points=3).n_points == 3
    with pytest.raises(neyman.ArgumentError, match="kin_length_mismatch.yaml: /data/x"):
        Plan.from_yaml(files[0], DATA / "fixtures" / "bad" / "kin_length_mismatch.yaml", files[2])
    with pytest.raises(OSError, match="nothing.yaml"):
        Plan.from_yaml(files[0], "nothing.yaml", files[2])


def test_what_a_plan_says():
    assert PLAN.parameters == ("g2", "pdf.lambda_f", "pdf.alpha", "ff.g1", "ff.lambda")
    assert PLAN.distributions == ("pdf", "ff") and PLAN.even == ("g2", "pdf.lambda_f")
    assert PLAN.links == {} and PLAN.rule == "sinh-gl, 64 nodes"
    np.testing.assert_array_equal(PLAN.init, [0.25, 1.0, 0.3, 0.2, 0.3])
    np.testing.assert_array_equal(PLAN.bounds[3], [0, 5])
    np.testing.assert_allclose(PLAN.points["qT"], PLAN.points["PhT"] / PLAN.points["z"])
    assert not PLAN.init.flags.writeable and not PLAN.bounds.flags.writeable
    assert np.abs(PLAN.quadrature_error()).max() < 1e-9
    ff = {"shape": "gauss", "init_params": [0.2, 0.1], "free_mask": [True, "0.5*[0]"]}
    linked = {**TMD["fnp"], "fragmentation": ff}
    plan = Plan.from_yaml(TMD["config"], TMD["kinematics"], linked)
    assert plan.links == {"ff.lambda": ("ff.g1", 0.5)}
    found = fit(plan, TRUTH, sigma=SIGMA)
    assert found["ff.lambda"] == 0.5 * found["ff.g1"] and found.fixed.tolist() == [False] * 4 + [True]


def test_rows_are_single_calls():
    rows = PLAN.init * np.random.default_rng(1).uniform(0.8, 1.2, (40, 5))
    values, slopes = PLAN.xsec(rows), PLAN.jacobian(rows)
    assert values.shape == (40, 18) and slopes.shape == (40, 18, 5)
    weights = np.random.default_rng(2).normal(size=(40, 18))
    pulled = PLAN.pullback(weights, rows)
    np.testing.assert_allclose(pulled, np.einsum("ri,rik->rk", weights, slopes), rtol=1e-12, atol=1e-12)
    for k in (0, 17, 39):
        np.testing.assert_array_equal(values[k], PLAN.xsec(rows[k]))
        np.testing.assert_array_equal(slopes[k], PLAN.jacobian(rows[k]))
        np.testing.assert_array_equal(pulled[k], PLAN.pullback(weights[k], rows[k]))
    np.testing.assert_array_equal(PLAN.xsec({"ff.g1": 0.25}), PLAN.xsec([0.25, 1.0, 0.3, 0.25, 0.3]))
    assert PLAN.xsec(np.empty((0, 5))).shape == (0, 18)
    # of a size that has a thread of its own
    many = np.repeat(rows, 10, axis=0)
    np.testing.assert_array_equal(PLAN.xsec(many)[395], values[39])


def test_shapes_and_luminosities():
    b = np.linspace(0, 6, 13)
    width = 1.0**2 * 0.2**0.3 * 0.8**2 / 4
    # Q0 = 1 GeV
    expected = np.exp(-width * b**2 - 0.25**2 * b**2 * np.log(4.0) / 4)
    np.testing.assert_allclose(PLAN.fnp(b, 0.2, zeta=4.0), expected, rtol=1e-13)
    ff = np.exp(-(0.3 + 0.2 * np.log(1 / 0.5)) * b**2)
    np.testing.assert_allclose(PLAN.fnp(b, 0.5, [PLAN.init] * 2, distribution="ff")[1], ff, rtol=1e-13)
    nodes = PLAN.nodes()
    # a luminosity of a Gaussian has a cross section in closed form: 4 pi qT / (2 Q z) exp(-qT^2 / 4 a) / (2 a)
    plan = PLAN.with_luminosity(np.exp(-0.2 * nodes.b**2))
    at = plan.points
    q2, z, qt = at["Q2"], at["z"], at["qT"]
    a = 0.2 + at["x"] ** 0.3 * (1 - at["x"]) ** 2 / 4 + 0.3 + 0.2 * np.log(1 / z) + 0.25**2 * np.log(q2) / 2
    expected = 2 * np.pi * qt / (np.sqrt(q2) * z) * np.exp(-(qt**2) / (4 * a)) / (2 * a)
    np.testing.assert_allclose(plan.xsec(), expected, rtol=1e-10)
    assert plan.quadrature_error() is None
    again = pickle.loads(pickle.dumps(plan))
    np.testing.assert_array_equal(again.xsec(), plan.xsec())


def test_flavours():
    """Sums over flavours are those of plans of one, times the squares of charges."""
    u, d = {"shape": "simple", "init_params": [1.0, 0.3]}, {"shape": "gauss", "init_params": [0.2, 0.3]}
    fnp = {**TMD["fnp"], "flavors": {"u": u, "d": d, "ubar": "u"}}
    config = {"luminosity": {"name": "ll1", "flavors": ["d", "ubar", "u"]}}
    plan = Plan.from_yaml(config, TMD["kinematics"], fnp)
    assert plan.flavours == ("u", "d", "ubar") and plan.distributions == ("pdf_u", "pdf_d", "ff")
    assert PLAN.flavours == ("u",)
    other = Plan.from_yaml(TMD["config"], TMD["kinematics"], {**TMD["fnp"], "flavors": {"u": d}})
    np.testing.assert_allclose(plan.xsec(), (8 * TRUTH + other.xsec()) / 9, rtol=1e-13)
    # luminosities of another program hold the charges
    b = PLAN.nodes().b
    bell = np.exp(-0.1 * b**2)
    of = plan.with_luminosity({"u": bell, "d": 0.5 * bell, "ubar": 0 * bell})
    expected = PLAN.with_luminosity(bell).xsec() + 0.5 * other.with_luminosity(bell).xsec()
    np.testing.assert_allclose(of.xsec(), expected, rtol=1e-13)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(of)).xsec(), of.xsec())
    with pytest.raises(neyman.ArgumentError, match="a dict with an array of each flavour"):
        plan.with_luminosity(bell)
    with pytest.raises(neyman.ArgumentError, match='no luminosity of the flavour "ubar"'):
        plan.with_luminosity({"u": bell, "d": bell})
    with pytest.raises(neyman.ArgumentError, match="config: /luminosity/flavors/1: .u. stands here twice"):
        Plan.from_yaml({"luminosity": {"name": "ll1", "flavors": ["u", "u"]}}, TMD["kinematics"], fnp)
    found = fit(plan, plan.xsec(), sigma=SIGMA, start={"pdf_d.g1": 0.3}, fix={"g2": 0.25, "pdf_u.alpha": 0.3})
    assert found.converged and found["pdf_d.g1"] == pytest.approx(0.2, abs=1e-3)


def test_a_quadrature_is_chosen():
    far = {"header": {"Vs": 8000}, "data": {"PhT": [10], "x": [0.1], "z": [0.5], "Q2": [8281]}}
    config = {"luminosity": "ll1", "quadrature": {"rule": "sinh-gl", "tolerance": 1e-5}}
    plan = Plan.from_yaml(config, far, TMD["fnp"])
    assert plan.rule.startswith("ogata") and any("ogata, 128 nodes: " in of for of in plan.warnings)
    assert Plan.from_yaml(config, TMD["kinematics"], TMD["fnp"]).rule == PLAN.rule


def test_other_points_and_bins():
    at = PLAN.points
    again = PLAN.at({name: at[name] for name in ("x", "z", "Q2", "PhT")})
    np.testing.assert_array_equal(again.xsec(), TRUTH)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(again)).xsec(), TRUTH)
    where = {"x": 0.1, "z": 0.4, "Q2": 3.0}
    low, high = np.array([0.0, 0.2]), np.array([0.2, 0.5])
    data = {"PhT": [0.1, 0.3], "PhT_low": low, "PhT_high": high, **{name: [value] * 2 for name, value in where.items()}}
    binned = Plan.from_yaml(TMD["config"], {"header": {"Vs": 7.26}, "data": data}, TMD["fnp"])
    t, w = np.polynomial.legendre.leggauss(30)
    for k in range(2):
        pht = 0.5 * (low[k] + high[k]) + 0.5 * (high[k] - low[k]) * t
        points = PLAN.at({**where, "PhT": pht})
        np.testing.assert_allclose(binned.xsec()[k], 0.5 * w @ points.xsec(), rtol=1e-11)
        np.testing.assert_allclose(binned.jacobian()[k], 0.5 * w @ points.jacobian(), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(binned.points["PhT_high"], high)
    for points, says in (
        ({**where, "PhT": [0.1], "y": 1}, "no column 'y'"),
        (where, "no values of PhT"),
        ({**where, "PhT": [0.1, 0.2], "x": [0.1] * 3}, "3 values are needed or one"),
        ({**where, "PhT": -0.1}, "PhT = -0.1"),
        ({**where, "x": 1.5, "PhT": 0.1}, "x = 1.5 is outside"),
    ):
        with pytest.raises(neyman.ArgumentError, match=says):
            PLAN.at(points)
    with pytest.raises(neyman.ArgumentError, match="known at its own points"):
        PLAN.with_luminosity(np.ones((18, 64))).at({**where, "PhT": 0.1})


def test_a_fit_finds_the_truth():
    start = {"pdf.lambda_f": 1.2, "ff.lambda": 0.4}
    found = fit(PLAN, TRUTH, sigma=SIGMA, start=start, tolerance=1e-16)
    assert found.status == "converged" and found.chi2 < 1e-10 and found.replicas is None
    np.testing.assert_allclose(found.values, PLAN.init, rtol=1e-4)
    np.testing.assert_array_equal(found.start, [0.25, 1.2, 0.3, 0.2, 0.4])
    whitened = PLAN.jacobian(found.values) / SIGMA[:, None]
    np.testing.assert_allclose(found.covariance, np.linalg.inv(whitened.T @ whitened), rtol=1e-5)
    np.testing.assert_allclose(found.uncertainties, np.sqrt(np.diag(found.covariance)))
    assert found.correlation.shape == (5, 5)
    by_cov = fit(PLAN, TRUTH, cov=np.diag(SIGMA**2), start=start, tolerance=1e-16)
    np.testing.assert_allclose(by_cov.values, found.values, rtol=1e-5)
    np.testing.assert_allclose(by_cov.errors, SIGMA)


def test_correlated_data():
    rng = np.random.default_rng(3)
    cov = np.diag(SIGMA**2) + np.outer(0.01 * TRUTH, 0.01 * TRUTH)
    data = rng.multivariate_normal(TRUTH, cov)
    found = fit(PLAN, data, cov=cov)
    apart = data - PLAN.xsec(found.values)
    np.testing.assert_allclose(found.chi2, apart @ np.linalg.solve(cov, apart), rtol=1e-9)
    np.testing.assert_allclose(found.pulls, apart / np.sqrt(np.diag(cov)))
    assert found.status == "converged" and 3 < found.chi2 < 35


def test_replicas():
    data = TRUTH + SIGMA * np.random.default_rng(5).normal(size=18)
    held = {"g2": 0.25, "pdf.alpha": 0.3}
    told = []
    found = fit(PLAN, data, sigma=SIGMA, fix=held, replicas=100, seed=4, progress=lambda *of: told.append(of))
    again = fit(PLAN, data, sigma=SIGMA, fix=held, replicas=40, seed=4)
    np.testing.assert_array_equal(found.replicas.values[:40], again.replicas.values)
    assert told[-1] == (100, 100) and found.replicas.converged == 100
    other = fit(PLAN, data, sigma=SIGMA, fix=held, replicas=3, seed=5)
    assert not (other.replicas.values == again.replicas.values[:3]).all()
    np.testing.assert_array_equal(found.uncertainties[[0, 2]], 0)
    free = [3, 4]
    np.testing.assert_allclose(found.replica_spread[free], found.uncertainties[free], rtol=0.35)
    np.testing.assert_allclose(found.replica_mean, found.replicas.values.mean(axis=0))


def test_descents_and_bounds():
    start = {"ff.lambda": 0.35}
    held = {"g2": 0.25, "pdf.alpha": 0.3}
    short = fit(PLAN, TRUTH, sigma=SIGMA, start=start, fix=held, method="adam", steps=20)
    assert short.status == "evaluation_limit" and len(short.history) == 21 and not short.converged
    assert short.history[-1] < short.history[0]
    full = fit(PLAN, TRUTH, sigma=SIGMA, start=start, fix=held, method="lbfgs")
    assert full.status == "converged" and full.chi2 < 1e-6
    bounded = fit(PLAN, TRUTH, sigma=SIGMA, fix=held, start={"ff.lambda": 0.35}, bounds={"ff.lambda": (0.32, 1.0)})
    assert bounded["ff.lambda"] == 0.32 and bounded.at_bound.tolist() == [0, 0, 0, 0, -1]
    free = fit(PLAN, TRUTH, sigma=1e6 * SIGMA, start={"g2": 0.0})
    assert free.weak_directions[0].parts == {"g2": 1.0} and np.isnan(free.uncertainties).all()
    with pytest.raises(neyman.ArgumentError, match="leave a direction free"):
        neyman.plot.correlation(free)


def test_documents(tmp_path):
    found = fit(PLAN, TRUTH, sigma=SIGMA, fix={"g2": 0.0}, replicas=5)
    for name in ("fit.json", "fit.npz"):
        found.save(tmp_path / name)
        again = neyman.load(tmp_path / name)
        assert again.to_dict() == found.to_dict()
        np.testing.assert_array_equal(again.replicas.values, found.replicas.values)
        np.testing.assert_array_equal(again.pulls, found.pulls)
        assert again.places["PhT"] == PLAN.points["PhT"].tolist()
    found.save(tmp_path / "fit.svg")
    # six bins of PLAN
    assert (tmp_path / "fit.svg").read_text().count("GeV², z =") == 6
    html = found._repr_html_()
    assert "ff.lambda" in html and "converged" in html
    assert not found.values.flags.writeable
    # as older commands wrote it: neither points nor the replicas' values
    document = found.to_dict()
    del document["points"]
    document["replicas"] = {"n": 5, "converged": 5}
    document |= {"synthetic": True, "gradients": [], "distance": None}
    (tmp_path / "command.json").write_text(json.dumps(document))
    again = neyman.load(tmp_path / "command.json")
    assert again.measured is None and again.synthetic and again.replicas.n == 5
    with pytest.raises(neyman.ArgumentError, match="knows no measured values"):
        neyman.plot.cross_sections(PLAN, again)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: PLAN.xsec([1.0, 2.0]), "shape .5. or .n_rows, 5. is needed"),
        (lambda: PLAN.xsec([0.25, np.nan, 0.3, 0.2, 0.3]), "pdf.lambda_f.* is NaN"),
        (lambda: PLAN.xsec([PLAN.init, [0.25, np.inf, 0.3, 0.2, 0.3]]), "row 1: .*lambda_f"),
        (lambda: PLAN.xsec({"pdf.lamda_f": 1.0}), "did you mean 'pdf.lambda_f'"),
        (lambda: PLAN.xsec("a"), "params"),
        (lambda: PLAN.pullback([1.0]), r"weights: shape \[18\] is needed"),
        (lambda: PLAN.fnp([1.0], 0.1, distribution="fff"), "did you mean 'ff'"),
        (lambda: PLAN.fnp([-1.0], 0.1), "b = -1"),
        (lambda: PLAN.with_luminosity(np.ones((18, 3))), "point 0: the luminosity has 3 values for 64 nodes"),
        (lambda: PLAN.with_luminosity(np.full((18, 64), np.nan)), "the factor at b = .* is NaN"),
        (lambda: PLAN.measured(), "has no measured values"),
        (lambda: fit(PLAN, TRUTH), "sigma or cov"),
        (lambda: fit(PLAN, TRUTH, sigma=SIGMA, cov=np.eye(18)), "sigma or cov"),
        (lambda: fit(PLAN, TRUTH[1:], sigma=SIGMA), "18 errors for 17 values"),
        (lambda: fit(PLAN, TRUTH[1:], sigma=SIGMA[1:]), "17 values for 18 points"),
        (lambda: fit(PLAN, TRUTH, sigma=-SIGMA), "error of point 0"),
        (lambda: fit(PLAN, TRUTH * np.nan, sigma=SIGMA), "point 0 is NaN"),
        (lambda: fit(PLAN, TRUTH, cov=-np.eye(18)), "not positive definite"),
        (lambda: fit(PLAN, TRUTH, cov=np.eye(18) + 0.1 * np.eye(18, k=1)), "not symmetric: 0 in row 1, column 0, 0.1"),
        (lambda: fit(PLAN, TRUTH, cov=np.eye(17)), r"shape \[18, 18\] is needed"),
        (lambda: fit(PLAN, TRUTH, sigma=SIGMA, method="lmm"), "there are lm, adam, lbfgs"),
        (lambda: fit(PLAN, TRUTH, sigma=SIGMA, fix={"ff.lamda": 1}), "did you mean 'ff.lambda'"),
        (lambda: fit(PLAN, TRUTH, sigma=SIGMA, start={"ff.g1": 9.0}), "not between its bounds"),
        (lambda: fit(PLAN, TRUTH, sigma=SIGMA, bounds={"ff.g1": (1.0,)}), "two numbers are needed"),
        (lambda: fit(PLAN, TRUTH, sigma=SIGMA, bounds={"ff.g1": (1.0, 0.0)}), "do not rise"),
        (lambda: fit(PLAN, TRUTH, sigma=SIGMA, replicas=-1), "replicas"),
        (lambda: fit("plan", TRUTH, sigma=SIGMA), "a neyman.tmd.Plan is needed"),
        (lambda: Plan.from_yaml(3, {}, {}), "config: a path or a dict"),
        (lambda: Plan.from_yaml({"luminosty": 1}, TMD["kinematics"], TMD["fnp"]), "config: .*luminosty"),
        (lambda: Plan.from_yaml({"qToQcut": 1e-3}, TMD["kinematics"], TMD["fnp"]), "no points left"),
    ],
)
def test_refused(call, says):
    with pytest.raises(neyman.ArgumentError, match=says):
        call()


@pytest.fixture(scope="module")
def tables():
    if DATA is None:
        pytest.skip("NEYMAN_DATA is not set")
    folder = DATA / "dy_n3ll"
    return [(p, Path(str(p).replace(".table.yaml.gz", ".data.yaml"))) for p in sorted(folder.glob("*.table.yaml.gz"))]


def test_tables(tables):
    """E288 and E605: recorded predictions and chi2, and a fit below the published one."""
    goldens = recorded("dy_goldens.json")
    at = numbers(goldens["meta"]["t0_params"])
    # the second parameter of the evolution stands last there
    init = np.insert(at[:-1], 1, at[-1])
    names = ("g2", "g2B")
    plan = Plan.from_tables(tables, init)
    np.testing.assert_array_equal(Plan.from_tables(tables[0][0].parent, init).xsec(), plan.xsec())
    assert plan.n_points == 180 and plan.parameters[:2] == names and plan.points["table"][0].startswith("E288")
    want = goldens["results"]["pv19x_t0"]
    values, cov = plan.measured()
    predictions = np.concatenate([numbers(of["pred"]) for _, of in sorted(want["datasets"].items())])
    np.testing.assert_allclose(plan.xsec(), predictions, rtol=1e-12)
    apart = values - plan.xsec()
    np.testing.assert_allclose(apart @ np.linalg.solve(cov, apart), float(want["chi2"]), rtol=1e-9)
    bounds = {name: (1e-3, 10.0) for name in plan.parameters}
    bounded = Plan.from_tables(tables, dict(zip(plan.parameters, init)), bounds=bounds)
    found = fit(bounded, values, cov=cov)
    assert found.status == "converged" and 0.7 < found.chi2 / 180 < 0.943
    assert np.isnan(found.quadrature_error) and plan.quadrature_error() is None
    again = pickle.loads(pickle.dumps(bounded))
    np.testing.assert_array_equal(again.xsec(), plan.xsec())
    np.testing.assert_array_equal(again.bounds, bounded.bounds)
    with pytest.raises(neyman.ArgumentError, match="nodes of these"):
        plan.nodes()
    pytest.importorskip("matplotlib").use("agg")
    upper = neyman.plot.cross_sections(bounded, found)[0]
    assert len(upper.get_lines()) >= 23
    with pytest.raises(neyman.ArgumentError, match="there are no values of"):
        Plan.from_tables(tables[:1], {"g2": 0.1})
    with pytest.raises(neyman.ArgumentError, match="no shape"):
        Plan.from_tables(tables[:1], init, shape="pv19")
    with pytest.raises(neyman.ArgumentError, match="are not those of"):
        Plan.from_tables([(tables[0][0], next(d for _, d in tables if "E288_300_Q_6_7" in d.name))], init)


def test_figures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    data = TRUTH + SIGMA * np.random.default_rng(5).normal(size=18)
    found = fit(PLAN, data, sigma=SIGMA, fix={"g2": 0.25}, replicas=30)
    upper, lower = neyman.plot.cross_sections(PLAN, found)
    labels = upper.get_legend_handles_labels()[1]
    assert len(labels) == 6 and labels[0] == "x = 0.05, Q² = 1.5 GeV², z = 0.3"
    drawn = np.concatenate([line.get_ydata() for line in lower.get_lines()[1:]])
    np.testing.assert_allclose(drawn, found.pulls)
    # between the points, too
    curve = upper.get_lines()[0].get_xydata()
    np.testing.assert_allclose(curve[[0, -1], 1], found.predictions[[0, 2]])
    assert len(curve) == 36
    some = neyman.plot.cross_sections(PLAN, found, groups=[str(k % 2) for k in range(18)], show=["1"])[0]
    assert some.get_legend_handles_labels()[1] == ["1"]
    ax = neyman.plot.fnp(PLAN, found, [0.05, 0.2], zeta=4.0)
    curve = ax.get_lines()[1].get_xydata()
    np.testing.assert_allclose(curve[:, 1], PLAN.fnp(curve[:, 0], 0.2, found.values, zeta=4.0))
    assert len(ax.collections) == 2
    with pytest.raises(neyman.ArgumentError, match="18 labels are needed"):
        neyman.plot.cross_sections(PLAN, found, groups=["a"])
    with pytest.raises(neyman.ArgumentError, match="no group"):
        neyman.plot.cross_sections(PLAN, found, show=["q"])
    other = Plan.from_yaml(**TMD, points=3)
    with pytest.raises(neyman.ArgumentError, match="other parameters or points"):
        neyman.plot.fnp(other, found, 0.1)
    pyplot.close("all")


def test_the_example(tmp_path):
    pytest.importorskip("matplotlib")
    folder = REPOSITORY / "examples" / "tmd"
    command = [sys.executable, folder / "fit.py", tmp_path]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("converged: chi2 = ") and "200 replicas" in said and "ff.beta1" in said
    for name in ("tmd_cross_sections.png", "tmd_fnp.png"):
        assert (tmp_path / name).stat().st_size > 10_000
    # what its data were made by
    for name in ("data.py", "config.yaml", "fnp.yaml"):
        shutil.copy(folder / name, tmp_path)
    subprocess.run([sys.executable, tmp_path / "data.py"], capture_output=True, check=True)
    assert (tmp_path / "kinematics.yaml").read_text() == (folder / "kinematics.yaml").read_text()
    made, kept = (json.loads((of / "measured.json").read_text()) for of in (tmp_path, folder))
    np.testing.assert_allclose(made["values"], kept["values"], rtol=2e-5)


def test_interrupted():
    code = """
    from tmds import PLAN
    from neyman.tmd import fit

    truth = PLAN.xsec()
    print("ready", flush=True)
    try:
        fit(PLAN, truth, sigma=0.02 * truth, replicas=10**7)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        print(fit(PLAN, truth, sigma=0.02 * truth).status, flush=True)
    """
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + textwrap.dedent(code)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ, cwd=Path(__file__).parent
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert process.stdout.readline() == "converged\n"
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_devices():
    assert PLAN.device["name"] == "cpu" and PLAN.on("cpu").device["reason"] == "asked for"
    with pytest.raises(neyman.DeviceError, match="cuda:77|CUDA"):
        PLAN.on("cuda:77")
    with pytest.raises(neyman.Error, match="nonsense"):
        PLAN.on("nonsense")
    if not neyman.has_vulkan():
        pytest.skip("no Vulkan driver")
    plan = PLAN.on("gpu", "f32")
    assert plan.device["precision"] == "f32"
    rows = [PLAN.init, 1.1 * PLAN.init]
    np.testing.assert_allclose(plan.xsec(rows), PLAN.xsec(rows), rtol=1e-5)
    np.testing.assert_allclose(plan.jacobian(), PLAN.jacobian(), atol=1e-4 * np.abs(PLAN.jacobian()).max())
    held = {"g2": 0.25, "pdf.alpha": 0.3}
    ours = fit(PLAN, TRUTH, sigma=SIGMA, fix=held, replicas=3, seed=4)
    theirs = fit(plan, TRUTH, sigma=SIGMA, fix=held, replicas=3, seed=4)
    assert theirs.provenance["precision"] == "f32" and ours.provenance["device"] == "cpu"
    np.testing.assert_allclose(theirs.values, ours.values, atol=1e-2 * ours.uncertainties.max())
    width = np.maximum(ours.uncertainties, 1e-12)
    assert (np.abs(theirs.replicas.values - ours.replicas.values) / width).max() < 0.05
    assert pickle.loads(pickle.dumps(plan)).device["name"] == "cpu"
