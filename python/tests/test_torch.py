"""Objectives as PyTorch functions: gradients, types, devices, what else tensors can be."""

import os
import pickle
import threading

import derivatives
import numpy as np
import pytest
from derivatives import OBJECTIVES, options_of, signals

import neyman
from neyman import differentiable
from neyman.differentiable import Asimov

torch = pytest.importorskip("torch")
from torch.autograd import gradcheck, gradgradcheck  # noqa: E402

from neyman.torch import _nll  # noqa: E402

# data of a session are tensors there
CALLS = {
    name: (getattr(neyman.torch, function if function == "uncertainty" else f"{function}_loss"), function, options)
    for name, (function, options) in OBJECTIVES.items()
}


@pytest.fixture(scope="module")
def session():
    return derivatives.session()


def tensor(session, n=None, dtype=torch.float64):
    rows = signals(session, n or 1)
    return torch.tensor(rows if n else rows[0], dtype=dtype, requires_grad=True)


def call_of(name, session):
    call, function, options = CALLS[name]
    options = options_of(function, options)
    return lambda signal: call(signal, session, **options)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("n", [None, 2], ids=["one", "batch"])
def test_gradcheck(name, n, session):
    call, signal = call_of(name, session), tensor(session, n)
    assert call(signal).shape == signal.shape[:-1]
    assert gradcheck(call, signal, eps=1e-3, atol=1e-5, rtol=1e-4)
    (slopes,) = torch.autograd.grad(call(signal).sum(), signal, create_graph=True)
    with pytest.raises(neyman.UnsupportedError, match="second derivatives"):
        (slopes.sum() + signal.sum()).backward()


@pytest.mark.parametrize("n", [None, 2], ids=["one", "batch"])
@pytest.mark.parametrize("rows", [False, True], ids=["shared", "own"])
@pytest.mark.parametrize("data", [None, "given", Asimov(1.3)], ids=["observed", "given", "asimov"])
def test_nll_gradcheck(n, rows, data, session):
    if rows and not n:
        pytest.skip("one histogram has one row of parameters")
    data = derivatives.data() if data == "given" else data
    signal = tensor(session, n)
    start = session.parameter_init() + 0.1
    params = torch.tensor(np.tile(start, (n, 1)) if rows else start, requires_grad=True)

    def call(signal, params):
        return neyman.torch.nll_loss(signal, session, params, data)

    def fixed(signal):
        return neyman.torch.nll_loss(signal, session, data=data)

    assert gradcheck(call, (signal, params), eps=1e-5, atol=1e-5)
    assert gradcheck(fixed, signal, eps=1e-5, atol=1e-5)
    if isinstance(data, Asimov):
        with pytest.raises(neyman.UnsupportedError, match="second derivatives"):
            (slopes,) = torch.autograd.grad(fixed(signal).sum(), signal, create_graph=True)
            slopes.sum().backward()
        return
    assert gradgradcheck(call, (signal, params), eps=1e-5, atol=1e-5)
    assert gradgradcheck(fixed, signal, eps=1e-5, atol=1e-5)


def test_best_fit(session):
    data = derivatives.data()
    for n in (None, 2):
        signal = tensor(session, n)
        values = neyman.torch.best_fit(signal, session, data)
        assert values.shape == (*signal.shape[:-1], session.n_params())
        found = differentiable.best_fit(signal.detach(), session, data).values
        np.testing.assert_allclose(values.detach(), found, rtol=1e-9)
        assert gradcheck(lambda s: neyman.torch.best_fit(s, session, data), signal, eps=1e-3, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", [*CALLS, "nll"])
def test_values_and_types(name, session):
    if name == "nll":
        call, expected = neyman.torch.nll_loss, differentiable.nll
        options = {}
    else:
        call, function, options = CALLS[name]
        expected, options = getattr(differentiable, function), options_of(function, options)
    for dtype, rtol in ((torch.float64, 1e-6), (torch.float32, 1e-4)):
        signal = tensor(session, 2, dtype)
        loss = call(signal, session, **options)
        loss.sum().backward()
        values, slopes = expected(signal.detach().numpy(), session, **options)
        assert loss.dtype == signal.grad.dtype == dtype
        np.testing.assert_allclose(loss.detach(), values, rtol=rtol)
        np.testing.assert_allclose(signal.grad, slopes, rtol=rtol, atol=1e-7)


def test_odd_strides(session):
    wide = torch.tensor(signals(session, 6), requires_grad=True)
    for view in (wide[::2], wide.t().contiguous().t(), wide.flip(0), wide[:1].expand(3, -1), wide[0]):
        for call in (neyman.torch.nll_loss, neyman.torch.asimov_z0_loss):
            (mine,) = torch.autograd.grad(call(view, session).sum(), view)
            copy = view.detach().clone().requires_grad_()
            (plain,) = torch.autograd.grad(call(copy, session).sum(), copy)
            torch.testing.assert_close(mine, plain, rtol=1e-9, atol=1e-12)
    negative = torch.complex(torch.zeros(5, dtype=torch.float64), -wide[0].detach()).conj().imag
    assert negative.is_neg()
    expected = neyman.torch.nll_loss(wide[0], session).detach()
    torch.testing.assert_close(neyman.torch.nll_loss(negative, session), expected)


def test_a_larger_graph(session):
    """The chain rule through what is before and after, and gradients that add up."""
    scale = torch.tensor(1.1, dtype=torch.float64, requires_grad=True)
    nominal = torch.tensor(session.nominal)

    def call(scale):
        z = neyman.torch.asimov_z0_loss(scale * nominal, session)
        return z**2 + neyman.torch.nll_loss(scale * nominal, session) / 3

    assert gradcheck(call, scale, eps=1e-4, atol=1e-5)
    call(scale).backward()
    first = scale.grad.clone()
    call(scale).backward()
    torch.testing.assert_close(scale.grad, 2 * first)


def test_no_gradient_wanted(session):
    signal = tensor(session).detach()
    assert not neyman.torch.z0_loss(signal, session).requires_grad
    with torch.no_grad():
        assert not neyman.torch.nll_loss(tensor(session), session).requires_grad
    # in the parameters alone
    params = torch.tensor(session.parameter_init(), requires_grad=True)
    neyman.torch.nll_loss(signal, session, params).backward()
    expected = differentiable.nll(signal, session, with_params=True)[2]
    np.testing.assert_allclose(params.grad, expected)
    assert gradgradcheck(lambda p: neyman.torch.nll_loss(signal, session, p), params, eps=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["nll_loss", "q0_loss", "asimov_z0_loss", "cls_loss", "upper_limit_loss", "best_fit"])
def test_bad_tensors(name, session):
    call, n = getattr(neyman.torch, name), session.signal_n_bins()
    for shape in ((n + 1,), (2, n - 1), (1, 1, n), ()):
        with pytest.raises(neyman.ArgumentError, match=rf"n_bins = {n}, not \[{', '.join(map(str, shape))}\]"):
            call(torch.ones(shape), session)
    for dtype in (torch.int64, torch.float16, torch.complex128, torch.bool):
        with pytest.raises(neyman.ArgumentError, match=rf"float32 is needed, not {dtype}"):
            call(torch.ones(n, dtype=dtype), session)
    for bad in (torch.ones(n).to_sparse(), torch.ones(n, device="meta")):
        with pytest.raises(neyman.ArgumentError, match="dense"):
            call(bad, session)
    with pytest.raises(neyman.ArgumentError, match="a tensor is needed, not a ndarray"):
        call(session.nominal, session)
    signal = torch.tensor(session.nominal)
    signal[2] = torch.nan
    with pytest.raises(neyman.ArgumentError, match="value 2 is not finite"):
        call(signal, session)
    with pytest.raises(neyman.ArgumentError, match="create_session"):
        call(torch.ones(n), session.model)


def test_bad_arguments(session):
    signal = tensor(session)
    loss = neyman.torch.nll_loss
    for bad in (torch.ones(3), [1.0], torch.ones(2, session.n_params())):
        with pytest.raises(neyman.ArgumentError, match="params"):
            loss(signal, session, bad)
    with pytest.raises(neyman.ArgumentError, match=r"params: torch.float64 or .* not torch.int64"):
        loss(signal, session, torch.ones(session.n_params(), dtype=torch.int64))
    data = torch.tensor(derivatives.data())
    torch.testing.assert_close(loss(signal, session, data=data), loss(signal, session, data=data.numpy()))
    with pytest.raises(neyman.ArgumentError, match="detach"):
        loss(signal, session, data=data.requires_grad_())
    with pytest.raises(neyman.ArgumentError, match="detach"):
        neyman.torch.qmu_loss(signal, session, torch.tensor(1.0, requires_grad=True))
    with pytest.raises(neyman.ArgumentError, match="did you mean"):
        neyman.torch.create_session(derivatives.WORKSPACE, "singal")


def test_no_signal(session):
    nothing = torch.zeros(session.signal_n_bins(), dtype=torch.float64, requires_grad=True)
    loss = neyman.torch.asimov_z0_loss(nothing, session) + neyman.torch.nll_loss(nothing, session)
    loss.backward()
    np.testing.assert_allclose(nothing.grad, differentiable.nll(nothing.detach(), session)[1])
    with pytest.raises(neyman.ConvergenceError, match="no upper limit"):
        neyman.torch.upper_limit_loss(nothing, session)


class Losses(torch.utils.data.Dataset):
    """Gradients made in the workers of a DataLoader."""

    def __init__(self, session):
        self.session = session
        self.rows = torch.tensor(signals(session, 8))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        signal = self.rows[i].clone().requires_grad_()
        z = neyman.torch.asimov_z0_loss(signal, self.session)
        limits = neyman.torch.upper_limit_loss(self.rows[:2], self.session, data=Asimov(0.0))
        z.backward()
        return torch.cat((z.detach()[None], signal.grad, limits))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning", "ignore::UserWarning")
def test_data_loader(session):
    losses = Losses(session)
    here = torch.stack([losses[i] for i in range(8)])
    loader = torch.utils.data.DataLoader(losses, batch_size=2, num_workers=2, multiprocessing_context="fork")
    there = torch.cat(list(loader))
    torch.testing.assert_close(here, there, rtol=1e-6, atol=1e-9)


def test_threads(session):
    rows = torch.tensor(signals(session, 12))
    alone = [Losses(session)[i] for i in range(2)]
    found = {}

    def work(i):
        signal = rows[i].clone().requires_grad_()
        neyman.torch.asimov_z0_loss(signal, session).backward()
        found[i] = signal.grad

    threads = [threading.Thread(target=work, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(12):
        expected = differentiable.asimov_z0(rows[i], session)[1]
        np.testing.assert_array_equal(found[i], expected)
    assert len(alone) == 2


def test_pickled_loss(session):
    loss = neyman.torch.SignificanceLoss(session, "upper_limit")
    again, signal = pickle.loads(pickle.dumps(loss)), tensor(session)
    torch.testing.assert_close(again(signal), loss(signal), rtol=1e-9, atol=0)


class Core:
    """What stands in for the native object of a CUDA device: notes the call and answers in host memory."""

    def __init__(self, real):
        self.real, self.calls = real, []

    def nll_in_place(self, n, yields, slopes, nll, single, stream, parameters, source):
        import ctypes

        self.calls.append((n, yields, slopes, nll, single, stream, parameters, source))
        kind = ctypes.c_float if single else ctypes.c_double
        width = len(self.real.nominal())

        def array(address, length):
            return np.ctypeslib.as_array((kind * length).from_address(address))

        rows = array(yields, n * width).reshape(n, width).astype(float)
        values, gradients, _ = self.real.nll(rows, parameters, source)
        array(nll, n)[:] = values
        array(slopes, n * width)[:] = gradients.ravel()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("n", [None, 3])
def test_what_a_device_is_told(dtype, n, session, monkeypatch):
    """Addresses, stream and type, without a device."""

    class Stream:
        cuda_stream = 4711

    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream)
    core = Core(session._core)
    signal = tensor(session, n, dtype)
    params, data = session.parameter_init(), derivatives.data()
    nll, slopes = _nll.in_place(core, signal, params, data)
    ((rows, yields, at_slopes, at_nll, single, stream, parameters, source),) = core.calls
    assert (rows, yields, at_slopes, at_nll) == (n or 1, signal.data_ptr(), slopes.data_ptr(), nll.data_ptr())
    assert (single, stream) == (dtype == torch.float32, 4711) and source is data
    np.testing.assert_array_equal(parameters, params)
    values, gradient = differentiable.nll(signal.detach().numpy(), session, params, data)
    assert nll.dtype == slopes.dtype == dtype and nll.shape == signal.shape[:-1]
    np.testing.assert_allclose(nll, values, rtol=1e-6)
    np.testing.assert_allclose(slopes, gradient, rtol=1e-5)
    # what is not contiguous is copied on the device, and what that gives is contiguous
    if n:
        _nll.in_place(core, signal.detach().t().contiguous().t(), params, None)
        assert core.calls[1][1] != yields


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no Metal device")
def test_metal(session):
    signal = tensor(session, 2, torch.float32).detach().to("mps").requires_grad_()
    loss = neyman.torch.asimov_z0_loss(signal, session)
    loss.sum().backward()
    assert loss.device == signal.grad.device == signal.device
    values, slopes = differentiable.asimov_z0(signal.detach().cpu().numpy(), session)
    np.testing.assert_allclose(loss.detach().cpu(), values, rtol=1e-4)
    np.testing.assert_allclose(signal.grad.cpu(), slopes, rtol=1e-3)
