"""Addresses in a device's memory, with the stand-in driver of `tests/standin`; skipped where it is not built
(`scripts/standin.sh`)."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from workspaces import REPOSITORY

TARGET = Path(os.environ.get("NEYMAN_STANDIN_TARGET", REPOSITORY / "target" / "standin"))
DRIVER = TARGET / "release" / "libcuda.so.1"


@pytest.mark.skipif(not DRIVER.exists(), reason="scripts/standin.sh has not been run")
def test_addresses_on_a_device():
    code = f"""
    import ctypes, sys
    import numpy as np
    sys.path.insert(0, {str(REPOSITORY / "python" / "tests")!r})
    import derivatives
    from neyman import differentiable

    session = derivatives.session(device="cuda")
    driver, context = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p()

    def call(name, *arguments):
        # the stand-in has no stack of contexts
        driver.cuCtxSetCurrent(context)
        assert getattr(driver, name)(*arguments) == 0, name

    n = session.signal_n_bins()
    size, pointers = ctypes.c_size_t(8 * n), (ctypes.c_uint64(), ctypes.c_uint64())
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
    for pointer in pointers:
        call("cuMemAlloc_v2", ctypes.byref(pointer), size)
    for scale in (1.0, 1.2):
        signal, gradient = scale * session.nominal, np.empty(n)
        call("cuMemcpyHtoD_v2", pointers[0], ctypes.c_void_p(signal.ctypes.data), size)
        value = session.nll_grad_signal(session.parameter_init(), *(p.value for p in pointers))
        call("cuMemcpyDtoH_v2", ctypes.c_void_p(gradient.ctypes.data), pointers[1], size)
        expected = differentiable.nll(signal, session)
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-10)
    print("same")
    """
    folders = [str(DRIVER.parent), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    environment = {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "same\n"
