"""The names that users rely on."""

import inspect
import subprocess
import sys

import neyman

NAMES = """
ArgumentError ConvergenceError Device DeviceError DeviceInfo Error FileError Model Session SpecificationError
UnsupportedError __version__ cabinetry devices differentiable fit fit_toys from_pyhf has_cuda has_metal has_vulkan
hypotest jax load minuit plot profile_scan pyhf ranking results torch upper_limit
""".split()
METHODS = """
close contour device discovery evaluate fit fit_device fit_toys gof hypotest impacts interval limit minos model
scan scan2d toys yields
""".split()
MODEL = """
auxdata bins bounds channels constraints data digest expected_data fixed grad hess index init interpolation logpdf
measurement nll parameters poi samples warnings with_auxdata with_parameters
""".split()
PYHF = "Calculator Optimizer hypotest mle optimizer upper_limit".split()


def public(of):
    return sorted(name for name in dir(of) if not name.startswith("_"))


def test_names():
    assert dir(neyman) == sorted(NAMES)
    assert public(neyman.Session) == METHODS
    assert public(neyman.Model) == MODEL
    assert sorted(neyman.pyhf.__all__) == PYHF
    assert all(hasattr(neyman, name) for name in NAMES)


def test_everything_has_a_docstring():
    owners = (neyman, neyman.results, neyman.pyhf, neyman.cabinetry, neyman.minuit, neyman.plot)
    owners += (neyman.differentiable, neyman.torch, neyman.jax, neyman.differentiable.DifferentiableSession)
    for owner in (*owners, neyman.Session, neyman.Model, neyman.results.FitResult):
        for name in getattr(owner, "__all__", None) or public(owner):
            of = getattr(owner, name)
            if inspect.isclass(of) or inspect.isfunction(of) or isinstance(of, property):
                assert inspect.getdoc(of), f"{owner.__name__}.{name}"


def test_importing_reads_numpy_and_no_more():
    code = """
    import sys, numpy, time
    begin = time.perf_counter()
    import neyman
    seconds = time.perf_counter() - begin
    heavy = {"pyhf", "scipy", "matplotlib", "iminuit", "cabinetry", "pyarrow", "torch", "jax"} & set(sys.modules)
    assert not heavy, heavy
    print(seconds)
    """
    import textwrap

    code = textwrap.dedent(code)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # far above what it takes, as machines of tests are busy
    assert float(out.stdout) < 1.0


def test_devices():
    assert neyman.devices()[0].device == "cpu"
    found = [neyman.has_cuda(), neyman.has_metal(), neyman.has_vulkan()]
    assert all(isinstance(f, bool) for f in found)


def test_readmes(tmp_path, monkeypatch):
    import re
    import shutil

    import cabinetry
    import iminuit
    import pyhf
    from workspaces import REPOSITORY

    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").mkdir()
    example = REPOSITORY / "examples" / "search.json"
    shutil.copy(example, tmp_path / "workspace.json")
    shutil.copy(example, tmp_path / "examples" / "search.json")
    pdf, data = cabinetry.model_utils.model_and_data(cabinetry.workspace.load(example))
    names = {"pdf": pdf, "data": data, "pyhf": pyhf, "iminuit": iminuit, "neyman": neyman}
    names |= {"session": neyman.Session("workspace.json", "cpu")}
    blocks = [
        block
        for path in ("README.md", "python/README.md")
        for block in re.findall(r"^```python\n(.*?)^```", (REPOSITORY / path).read_text(), re.M | re.S)
    ]
    assert len(blocks) >= 3
    for block in blocks:
        session = names["session"]
        # what would take longest, and figures on a screen
        exec(block.replace("100_000", "1000").replace("neyman.plot", "#"), names)
        names["session"] = session
