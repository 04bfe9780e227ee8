"""Cross sections in PyTorch."""

import subprocess
import sys

import numpy as np
import pytest
from tmds import PLAN

import neyman

torch = pytest.importorskip("torch")

layer = neyman.tmd.torch.SidisLayer(PLAN)


def params(dtype=torch.float64, rows=3):
    found = PLAN.init * np.random.default_rng(1).uniform(0.9, 1.1, (rows, 5))
    return torch.tensor(found, dtype=dtype, requires_grad=True)


def test_gradcheck():
    assert torch.autograd.gradcheck(layer, params())
    assert torch.autograd.gradcheck(layer, params()[0].detach().requires_grad_())


def test_values_and_slopes():
    for dtype, precision in ((torch.float64, 1e-13), (torch.float32, 1e-5)):
        at = params(dtype)
        values = layer(at)
        assert values.dtype == dtype and values.shape == (3, 18)
        np.testing.assert_allclose(values.detach().numpy(), PLAN.xsec(at.detach()), rtol=precision)
        weights = torch.linspace(-1, 1, 18, dtype=dtype)
        (values * weights).sum().backward()
        expected = np.einsum("i,rik->rk", weights.double().numpy(), PLAN.jacobian(at.detach()))
        assert at.grad.dtype == dtype
        np.testing.assert_allclose(at.grad.numpy(), expected, rtol=100 * precision, atol=precision)


def test_a_second_derivative_is_refused():
    at = params()
    (slopes,) = torch.autograd.grad(layer(at).sum(), at, create_graph=True)
    with pytest.raises(neyman.UnsupportedError, match="second derivatives of TMD cross sections"):
        torch.autograd.grad(slopes.sum(), at)


def test_training():
    """A network that gives the parameters learns those of the cross sections."""
    torch.manual_seed(1)
    truth = torch.tensor(PLAN.xsec())
    raw = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    start = torch.tensor(PLAN.init)
    optimizer = torch.optim.LBFGS([raw], max_iter=200, line_search_fn="strong_wolfe", tolerance_change=0)
    with torch.no_grad():
        raw.copy_(torch.tensor([0.1, 0.1, -0.1, 0.05, 0.1]))

    def closure():
        optimizer.zero_grad()
        chi2 = (((layer(start * raw.exp()) - truth) / (0.02 * truth)) ** 2).sum()
        chi2.backward()
        return chi2

    before = closure().item()
    optimizer.step(closure)
    assert closure().item() < 1e-6 * before


def test_refused():
    for call, says in (
        (lambda: layer(PLAN.init), "a tensor is needed"),
        (lambda: layer(torch.ones(5, dtype=torch.float16)), "float64 or torch.float32"),
        (lambda: layer(torch.ones(4)), r"shape \[5\]"),
        (lambda: layer(torch.full((2, 5), torch.nan)), "row 0"),
        (lambda: neyman.tmd.torch.SidisLayer("plan"), "a neyman.tmd.Plan is needed"),
    ):
        with pytest.raises(neyman.ArgumentError, match=says):
            call()


def test_without_torch():
    code = "import sys; sys.modules['torch'] = None; import neyman\ntry: neyman.tmd.torch\nexcept ImportError as e: print(e)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'neyman[torch]'" in out
