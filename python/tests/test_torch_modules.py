"""Soft histograms and losses as modules."""

import copy

import derivatives
import numpy as np
import pytest
from derivatives import signals

import neyman
from neyman import differentiable
from neyman.differentiable import Asimov

torch = pytest.importorskip("torch")
from torch.autograd import gradcheck  # noqa: E402

SoftHistogram = neyman.torch.SoftHistogram
EDGES = [0.0, 0.25, 0.5, 1.0]


def events(n=500, seed=1):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.uniform(-0.2, 1.2, n)), torch.tensor(rng.uniform(0.5, 2.0, n))


@pytest.mark.parametrize("kind", ["kde", "sigmoid"])
@pytest.mark.parametrize("flow", [False, True])
def test_narrow_kernels_count(kind, flow):
    x, w = events()
    edges = np.array(EDGES)
    if flow:
        edges[[0, -1]] = -np.inf, np.inf
    expected = np.histogram(x, edges, weights=w)[0]
    found = SoftHistogram(EDGES, 1e-9, kind, flow=flow)(x, w)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(SoftHistogram(EDGES, 1e-9, kind, flow=flow)(x), np.histogram(x, edges)[0])


def test_shares():
    """Integrals of kernels over bins, by quadrature."""
    x = torch.tensor([0.3], dtype=torch.float64)
    fine = np.linspace(0.25, 0.5, 20001)
    u = (fine - 0.3) / 0.07
    kernels = {"kde": np.exp(-u * u / 2) / np.sqrt(2 * np.pi), "sigmoid": 1 / (4 * np.cosh(u / 2) ** 2)}
    for kind, kernel in kernels.items():
        found = SoftHistogram(EDGES, 0.07, kind)(x)
        assert found[1].item() == pytest.approx(np.trapezoid(kernel / 0.07, fine), rel=1e-8)


@pytest.mark.parametrize("kind", ["kde", "sigmoid"])
@pytest.mark.parametrize("flow", [False, True])
def test_gradients(kind, flow):
    x, w = (t[:12].requires_grad_() for t in events())
    soft = SoftHistogram(EDGES, 0.15, kind, learn_edges=True, flow=flow)

    def count(x, w, logits):
        return torch.func.functional_call(soft, {"logits": logits}, (x, w))

    logits = soft.logits.detach().clone().requires_grad_()
    assert gradcheck(count, (x, w, logits))
    if flow:
        torch.testing.assert_close(soft(x, w).sum(), w.sum())


def test_edges_stay_sorted():
    soft = SoftHistogram(EDGES, 0.05, learn_edges=True)
    np.testing.assert_allclose(soft.edges.detach(), EDGES)
    optimizer = torch.optim.SGD(soft.parameters(), lr=5.0)
    x, _ = events()
    for _ in range(50):
        optimizer.zero_grad()
        (-soft(x)[0]).backward()
        optimizer.step()
        edges = soft.edges.detach()
        assert (edges.diff() > 0).all() and edges[0] == 0 and edges[-1] == 1
    assert edges[1] > 0.6
    fixed = SoftHistogram(EDGES)
    assert not list(fixed.parameters()) and "edges" in "".join(fixed.state_dict())


def test_batches_types_and_copies():
    x, w = events(30)
    for dtype in (torch.float32, torch.float64):
        soft = SoftHistogram(EDGES, 0.1)
        rows = x.to(dtype).reshape(3, 10)
        weights = w.to(dtype).reshape(3, 10)
        found = soft(rows, weights)
        assert found.shape == (3, 3) and found.dtype == dtype
        for row, x_row, w_row in zip(found, rows, weights, strict=True):
            torch.testing.assert_close(row, soft(x_row, w_row))
        torch.testing.assert_close(soft(rows, weights[0]), soft(rows, weights[0].expand(3, 10)))
    soft = SoftHistogram(EDGES, 0.1, learn_edges=True)
    with torch.no_grad():
        soft.logits.add_(torch.tensor([0.1, 0.0, -0.2]))
    again = SoftHistogram(EDGES, 0.1, learn_edges=True)
    again.load_state_dict(soft.state_dict())
    torch.testing.assert_close(again(x), soft(x))
    torch.testing.assert_close(copy.deepcopy(soft)(x), soft(x))
    assert "3 bins" in repr(soft)
    assert soft(x[:0]).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SoftHistogram([0.0]), "edges"),
        (lambda: SoftHistogram([0.0, 2.0, 1.0]), "rising"),
        (lambda: SoftHistogram([0.0, np.nan]), "rising"),
        (lambda: SoftHistogram(EDGES, 0.0), "bandwidth"),
        (lambda: SoftHistogram(EDGES, np.nan), "bandwidth"),
        (lambda: SoftHistogram(EDGES, kind="box"), "kde or sigmoid"),
        (lambda: SoftHistogram(EDGES)(torch.ones(2, dtype=torch.int32)), "torch.int32"),
        (lambda: SoftHistogram(EDGES)(torch.ones(2, 2, 2)), "n_events"),
        (lambda: SoftHistogram(EDGES)(torch.ones(4), torch.ones(3)), "weights"),
        (lambda: SoftHistogram(EDGES)([0.5]), "a tensor is needed"),
        (lambda: neyman.torch.SignificanceLoss(derivatives.session(), "z"), "asimov_z0, z0, upper_limit"),
    ],
)
def test_bad_arguments(call, words):
    with pytest.raises(neyman.ArgumentError, match=words):
        call()


def test_losses_are_to_be_minimised():
    session = derivatives.session()
    rows = torch.tensor(signals(session, 3), requires_grad=True)
    make, numbers = neyman.torch.SignificanceLoss, rows.detach().numpy()
    expected = {
        "asimov_z0": -differentiable.asimov_z0(numbers, session)[0],
        "z0": -differentiable.z0(numbers, session)[0],
        "upper_limit": differentiable.upper_limit(numbers, session, quantile=0.0, data=Asimov(0.0))[0],
        "uncertainty": differentiable.uncertainty(numbers, session, data=Asimov())[0],
    }
    for objective, values in expected.items():
        loss = make(session, objective)
        assert loss(rows).item() == pytest.approx(values.mean(), rel=1e-6)
        assert loss(rows[0]).item() == pytest.approx(values[0], rel=1e-6)
        # more signal everywhere: better by every measure but the observed excess
        if objective != "z0":
            (slopes,) = torch.autograd.grad(loss(rows[0]), rows)
            assert slopes.sum() < 0
        assert objective in repr(loss)
    options = make(session, "upper_limit", quantile=2.0, confidence_level=0.9)
    found = differentiable.upper_limit(numbers[0], session, 2.0, 0.9, Asimov(0.0))[0]
    assert options(rows[0]).item() == pytest.approx(found, rel=1e-6)


# those of the compiler itself
@pytest.mark.filterwarnings("ignore")
def test_compiled_networks():
    session = derivatives.session()
    loss = neyman.torch.SignificanceLoss(session)
    nominal = torch.tensor(session.nominal)
    network = torch.nn.Linear(1, session.signal_n_bins(), dtype=torch.float64)
    kept_out = torch.compiler.disable(loss)
    calls = {
        "as it is": lambda x: loss(nominal + network(x).square()),
        "network": (lambda compiled: lambda x: loss(nominal + compiled(x).square()))(
            torch.compile(network, backend="eager")
        ),
        "all": torch.compile(lambda x: 1.0 * kept_out(nominal + network(x).square()), backend="eager"),
    }
    one, slopes = torch.ones(1, dtype=torch.float64), {}
    for name, call in calls.items():
        (slopes[name],) = torch.autograd.grad(call(one), network.bias)
    torch.testing.assert_close(slopes["network"], slopes["as it is"])
    torch.testing.assert_close(slopes["all"], slopes["as it is"])


def test_an_analysis_learns_its_edges():
    """Bins of an observable, moved until the significance is best: better than where they began."""
    session = neyman.torch.create_session(derivatives.random_workspace(1), ["signal", "background"])
    rng = np.random.default_rng(0)
    signal, background = torch.tensor(rng.beta(5, 2, 2000)), torch.tensor(rng.beta(2, 3, 2000))
    soft = SoftHistogram([0.0, 0.2, 1.0], 0.05, learn_edges=True, flow=True)
    loss = neyman.torch.SignificanceLoss(session)
    optimizer = torch.optim.Adam(soft.parameters(), lr=0.05)
    path = []
    for _ in range(40):
        optimizer.zero_grad()
        value = loss(torch.cat((0.02 * soft(signal), 0.1 * soft(background))))
        value.backward()
        optimizer.step()
        path.append(value.item())
    assert path[-1] < 1.05 * path[0] and 0.4 < soft.edges[1] < 0.95
