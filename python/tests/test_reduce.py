"""`reduce_lse` against scipy, and in PyTorch against its own differentiation."""

import numpy as np
import pytest

import neyman

special = pytest.importorskip("scipy.special")


def mixture(processes, events, seed, scale=3.0):
    rng = np.random.default_rng(seed)
    logp = rng.normal(-3, scale, (processes, events))
    logp[rng.random(logp.shape) < 0.1] = -np.inf
    if events:
        logp[0] = np.where(np.isneginf(logp).all(axis=0), -2.0, logp[0])
    return logp, rng.uniform(1, 50, processes), rng.uniform(0, 2, events)


def reference(logp, nu, weights, constraints):
    with np.errstate(divide="ignore"):
        log_f = special.logsumexp(logp, axis=0, b=np.asarray(nu)[:, None])
    value, center, sigma = np.reshape(constraints, (-1, 3)).T
    nll = np.sum(nu) - np.sum(weights * log_f) + np.sum(((value - center) / sigma) ** 2) / 2
    u = np.exp(logp - log_f)
    hessian = np.einsum("i,pi,qi->pq", weights, u, u)
    return nll, 1 - (weights * u).sum(axis=1), -weights * np.asarray(nu)[:, None] * u, (value - center) / sigma**2, hessian


@pytest.mark.parametrize("processes, events", [(1, 1), (2, 1000), (5, 5000), (3, 0), (2, 40_000)])
def test_against_scipy(processes, events):
    logp, nu, weights = mixture(processes, events, processes)
    constraints = [[0.3, 0.0, 1.0], [2.0, 1.5, 0.25]]
    for w in (None, weights):
        found = neyman.reduce_lse(logp, nu, w, constraints, hessian=True)
        nll, of_nu, of_logp, of_held, hessian = reference(logp, nu, np.ones(events) if w is None else w, constraints)
        np.testing.assert_allclose(found.nll, nll, rtol=1e-12)
        np.testing.assert_allclose(found.nu_gradient, of_nu, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found.logp_gradient, of_logp, rtol=1e-11, atol=1e-300)
        np.testing.assert_allclose(found.constraint_gradient, of_held, rtol=1e-14)
        np.testing.assert_allclose(found.nu_hessian, hessian, rtol=1e-10)
    assert neyman.reduce_lse(logp, nu, logp_gradient=False).logp_gradient is None
    constant = neyman.reduce_lse(logp, nu, constant=2.5)
    np.testing.assert_allclose(constant.nll - neyman.reduce_lse(logp, nu).nll, 2.5, rtol=1e-8)


def test_edges():
    # far below what exp can hold, and a yield of 0
    logp = np.array([[-2000.0, -1e5], [-2001.0, -1e5 + 1]])
    found = neyman.reduce_lse(logp, [10.0, 0.0])
    np.testing.assert_allclose(found.nll, 10 - (2 * np.log(10) - 2000 - 1e5), rtol=1e-14)
    np.testing.assert_allclose(found.nu_gradient, [1 - 2 / 10, 1 - (np.exp(-1) + np.e) / 10])
    dead = neyman.reduce_lse([[-np.inf, -1.0]], [3.0])
    assert dead.nll == np.inf and dead.zero_density == 1
    assert neyman.reduce_lse([[-np.inf, -1.0]], [3.0], [0.0, 1.0]).zero_density == 0
    single = np.random.default_rng(0).normal(-5, 1, (2, 20_000)).astype(np.float32)
    assert neyman.reduce_lse(single, [1.0, 2.0]).nll == neyman.reduce_lse(single.astype(np.float64), [1.0, 2.0]).nll
    strided = np.random.default_rng(0).normal(size=(40, 6)).T[::2]
    assert neyman.reduce_lse(strided, [1, 2, 3]).nll == neyman.reduce_lse(strided.copy(), [1, 2, 3]).nll


def test_refused():
    logp = np.zeros((2, 3))
    bad = logp.copy()
    bad[1, 2] = np.nan
    for arguments, says in (
        ((bad, [1, 1]), "process 1, event 2"),
        ((np.full((2, 3), np.inf), [1, 1]), "event 0"),
        ((logp, [1, -1]), "process 1"),
        ((logp, [1, np.nan]), "process 1"),
        ((logp, [1]), "1 yields for logp of 2"),
        ((logp, [[1, 1]]), "nu: a list"),
        ((logp[0], [1]), "shape"),
        ((logp, [1, 1], [1, 1]), "2 of them for 3 events"),
        ((logp, [1, 1], [1, 1, -1]), "event 2"),
        ((logp, [1, 1], None, [[0, 0]]), "K, 3"),
        ((logp, [1, 1], None, [[0, 0, 0]]), "constraint 0"),
        ((np.zeros((0, 3)), []), "at least one process"),
        ((np.array([["a"]]), [1]), "real numbers"),
    ):
        with pytest.raises(neyman.ArgumentError, match=says):
            neyman.reduce_lse(*arguments)


def tensors(dtype=None, seed=4):
    torch = pytest.importorskip("torch")
    logp, nu, weights = mixture(3, 7, seed, 1.0)
    dtype = dtype or torch.float64
    return (
        torch.tensor(logp, dtype=dtype, requires_grad=True),
        torch.tensor(nu, dtype=dtype, requires_grad=True),
        torch.tensor(weights, dtype=dtype),
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_torch_gradcheck(weighted):
    torch = pytest.importorskip("torch")
    logp, nu, weights = tensors()
    # differences of -inf are none
    logp = torch.where(torch.isneginf(logp), -9.0, logp).detach().requires_grad_()
    value = torch.tensor([0.3, 1.0], dtype=torch.float64, requires_grad=True)

    def call(logp, nu, value):
        rows = [[value[0], 0.0, 1.0], [value[1], 1.5, 0.25]]
        return neyman.torch.reduce_lse(logp, nu, weights if weighted else None, rows)

    assert torch.autograd.gradcheck(call, (logp, nu, value))
    assert torch.autograd.gradgradcheck(call, (logp, nu, value))


def test_torch_is_numpy():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float64, torch.float32):
        logp, nu, weights = tensors(dtype)
        nll = neyman.torch.reduce_lse(logp, nu, weights)
        assert nll.dtype == torch.float64 and nll.shape == ()
        (3 * nll).backward()
        found = neyman.reduce_lse(logp.detach(), nu.detach(), weights)
        assert nll.item() == found.nll
        assert logp.grad.dtype == dtype and nu.grad.dtype == dtype
        np.testing.assert_allclose(logp.grad.numpy(), 3 * found.logp_gradient, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(nu.grad.numpy(), 3 * found.nu_gradient, rtol=1e-5, atol=1e-6)
        # the gradient with a graph is the same
        again = torch.autograd.grad(neyman.torch.reduce_lse(logp, nu, weights), (logp, nu), create_graph=True)
        np.testing.assert_allclose(again[0].detach().numpy(), found.logp_gradient, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(again[1].detach().numpy(), found.nu_gradient, rtol=1e-5, atol=1e-6)
    # an event of no process, a yield of 0
    logp = torch.tensor([[-1.0, -np.inf], [-2.0, -np.inf]], dtype=torch.float64, requires_grad=True)
    nu = torch.tensor([3.0, 0.0], dtype=torch.float64, requires_grad=True)
    nll = neyman.torch.reduce_lse(logp, nu)
    assert nll.item() == np.inf
    kernel = torch.autograd.grad(nll, (logp, nu))
    nll = neyman.torch.reduce_lse(logp, nu)
    formula = torch.autograd.grad(nll, (logp, nu), create_graph=True)
    for one, other in zip(kernel, formula):
        np.testing.assert_allclose(one.numpy(), other.detach().numpy(), rtol=1e-12)


def test_torch_refuses():
    torch = pytest.importorskip("torch")
    logp, nu, weights = tensors()
    for call, says in (
        (lambda: neyman.torch.reduce_lse(logp.detach().numpy(), nu), "a tensor is needed"),
        (lambda: neyman.torch.reduce_lse(logp.half(), nu), "float64 or torch.float32"),
        (lambda: neyman.torch.reduce_lse(logp, nu[1:]), "2 yields for logp of 3"),
        (lambda: neyman.torch.reduce_lse(logp, nu, weights[1:]), "6 of them for 7"),
        (lambda: neyman.torch.reduce_lse(logp, nu, weights.clone().requires_grad_()), "constants"),
        (lambda: neyman.torch.reduce_lse(logp, nu, None, [[0.0, 0.0]]), "rows of three"),
        (lambda: neyman.torch.reduce_lse(logp, nu, None, [[0.0, 0.0, -1.0]]), "row 0"),
        (lambda: neyman.reduce_lse(logp, [1, 2, 3]), "neyman.torch.reduce_lse"),
    ):
        with pytest.raises(neyman.ArgumentError, match=says):
            call()


def test_a_density_trains_end_to_end():
    """A normal density whose mean and width are weights of a network finds those of the events."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    x = torch.tensor(np.concatenate([rng.normal(1.5, 0.5, 600), rng.uniform(-5, 5, 400)]))
    mean = torch.zeros((), dtype=torch.float64, requires_grad=True)
    width = torch.zeros((), dtype=torch.float64, requires_grad=True)
    scales = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    flat = torch.full_like(x, -np.log(10.0))
    optimizer = torch.optim.LBFGS([mean, width, scales], max_iter=200, line_search_fn="strong_wolfe", tolerance_change=0)

    def closure():
        optimizer.zero_grad()
        peak = torch.distributions.Normal(mean, width.exp()).log_prob(x)
        nll = neyman.torch.reduce_lse(torch.stack([peak, flat]), 500 * scales.exp())
        nll.backward()
        return nll

    optimizer.step(closure)
    assert abs(mean.item() - 1.5) < 0.1 and abs(width.exp().item() - 0.5) < 0.1
    # at the minimum yields sum to the events
    assert abs(500 * scales.exp().sum().item() - 1000) < 1e-2
