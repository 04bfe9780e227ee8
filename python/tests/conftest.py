import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from workspaces import EXAMPLES, SHARED, random_workspace


def pytest_report_header():
    return f"{len(EXAMPLES)} example workspaces, {len(SHARED)} shared ones (NEYMAN_DATA)"


@pytest.fixture(params=[*range(6), *EXAMPLES, *SHARED], ids=lambda p: getattr(p, "stem", str(p)))
def some_workspace(request):
    """A random, an example or a shared workspace."""
    if isinstance(request.param, int):
        return random_workspace(request.param)
    return json.loads(request.param.read_text())


@pytest.fixture(autouse=True)
def _backend():
    pyhf = pytest.importorskip("pyhf")
    pyhf.set_backend("numpy")
    yield
    pyhf.set_backend("numpy")


@pytest.fixture(scope="module")
def pool():
    """Two processes."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool
