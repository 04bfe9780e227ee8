"""Tensors in the memory of a CUDA device; skipped where there is none."""

import derivatives
import numpy as np
import pytest
from derivatives import signals

import neyman
from neyman import differentiable
from neyman.differentiable import Asimov

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    not (torch.cuda.is_available() and neyman.has_cuda()), reason="no CUDA device: zero copy is not tested here"
)


@pytest.fixture(scope="module")
def session():
    return derivatives.session()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_nll_is_the_processors(dtype, session):
    assert session.on_cuda(0) is not None
    rows = signals(session, 64)
    there = torch.tensor(rows, dtype=dtype, device="cuda", requires_grad=True)
    for data in (None, derivatives.data(), Asimov(1.0)):
        loss = neyman.torch.nll_loss(there, session, data=data)
        (slopes,) = torch.autograd.grad(loss.sum(), there)
        assert loss.device == slopes.device == there.device and loss.dtype == slopes.dtype == dtype
        values, gradient = differentiable.nll(there.detach().cpu().numpy(), session, data=data)
        np.testing.assert_allclose(loss.detach().cpu(), values, rtol=1e-6)
        np.testing.assert_allclose(slopes.cpu(), gradient, rtol=1e-4, atol=1e-6)


def test_nothing_is_copied(session):
    rows = 100_000
    signal = torch.rand(rows, session.signal_n_bins(), dtype=torch.float64, device="cuda", requires_grad=True)
    neyman.torch.nll_loss(signal, session).sum().backward()
    torch.cuda.synchronize()
    kinds = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[kinds.CPU, kinds.CUDA]) as profile:
        neyman.torch.nll_loss(signal, session)
        torch.cuda.synchronize()
    copied = [event for event in profile.events() if "memcpy" in event.name.lower()]
    # data and parameters are uploaded; nothing comes back, and nothing has the size of the yields
    assert all("HtoD" in event.name for event in copied), [event.name for event in copied]
    assert all(getattr(event, "bytes", 0) < signal.nbytes // 100 for event in copied)


def test_streams_and_the_rest(session):
    signal = torch.tensor(signals(session, 16), device="cuda", requires_grad=True)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        loss = neyman.torch.nll_loss(2 * signal - signal, session)
    stream.synchronize()
    np.testing.assert_allclose(loss.detach().cpu(), differentiable.nll(signal.detach().cpu(), session)[0], rtol=1e-9)
    assert torch.autograd.gradgradcheck(lambda s: neyman.torch.nll_loss(s, session), signal[:2], eps=1e-4, atol=1e-4)
    z = neyman.torch.asimov_z0_loss(signal, session)
    z.sum().backward()
    values, slopes = differentiable.asimov_z0(signal.detach().cpu(), session)
    np.testing.assert_allclose(z.detach().cpu(), values, rtol=1e-6)
    np.testing.assert_allclose(signal.grad.cpu(), slopes, rtol=1e-5, atol=1e-8)


def test_addresses():
    session = derivatives.session(device="cuda")
    signal = torch.tensor(session.nominal, device="cuda")
    gradient = torch.empty_like(signal)
    torch.cuda.synchronize()
    value = session.nll_grad_signal(session.parameter_init(), signal.data_ptr(), gradient.data_ptr())
    expected = differentiable.nll(session.nominal, session)
    assert value == pytest.approx(expected[0], rel=1e-9)
    np.testing.assert_allclose(gradient.cpu(), expected[1], rtol=1e-8)
