"""The names that users rely on."""

import inspect
import subprocess
import sys

import neyman

NAMES = """
ArgumentError ConvergenceError Device DeviceError DeviceInfo Error EventsError ExecutorError FileError Model Session
SpecificationError UnsupportedError __version__ cabinetry devices differentiable fit fit_toys from_pyhf has_cuda
has_metal has_vulkan hypotest jax load minuit plot profile_scan pyhf ranking read_parquet reduce_lse
results tmd torch unbinned upper_limit upper_limits
""".split()
METHODS = """
close contour device discovery evaluate fit fit_device fit_toys gof hypotest impacts interval limit minos model
scan scan2d toys yields
""".split()
MODEL = """
auxdata bins bounds channels constraints data digest expected_data fixed grad hess index init interpolation logpdf
measurement nll parameters poi samples warnings with_auxdata with_parameters
""".split()
UNBINNED = """
asimov bounds channels constraints contour digest discovery events expected expected_in_bins fit fit_toys from_dict from_spec grad
hess hypotest impacts index init interval limit minos nll observables on parameters pdf poi processes scan scan2d toy weights
""".split()
PLAN = """
at bounds device distributions even fixed flavours fnp from_tables from_yaml index init jacobian links measured n_points
nodes on parameters points pullback quadrature_error rule warnings with_luminosity xsec
""".split()
PYHF = "Optimizer calculators hypotest intervals mle optimizer upper_limit".split()


def public(of):
    return sorted(name for name in dir(of) if not name.startswith("_"))


def test_names():
    assert dir(neyman) == sorted(NAMES)
    assert public(neyman.Session) == METHODS
    assert public(neyman.Model) == MODEL
    assert public(neyman.unbinned.Model) == UNBINNED
    assert public(neyman.tmd.Plan) == PLAN
    assert sorted(neyman.pyhf.__all__) == PYHF
    assert all(hasattr(neyman, name) for name in NAMES)


def test_everything_has_a_docstring():
    owners = (neyman, neyman.results, neyman.pyhf, neyman.pyhf.calculators, neyman.cabinetry, neyman.minuit, neyman.plot)
    owners += (neyman.unbinned, neyman.unbinned.Model, neyman.results.UnbinnedFit)
    owners += (neyman.differentiable, neyman.torch, neyman.jax, neyman.differentiable.DifferentiableSession)
    for owner in (*owners, neyman.Session, neyman.Model, neyman.results.FitResult):
        for name in getattr(owner, "__all__", None) or public(owner):
            of = getattr(owner, name)
            if inspect.isclass(of) or inspect.isfunction(of) or isinstance(of, property):
                assert inspect.getdoc(of), f"{owner.__name__}.{name}"


def test_importing_reads_numpy_and_no_more():
    code = """
    import sys, numpy, time
    begin = time.process_time()
    import neyman
    seconds = time.process_time() - begin
    heavy = {"pyhf", "scipy", "matplotlib", "iminuit", "cabinetry", "pyarrow", "torch", "jax"} & set(sys.modules)
    assert not heavy, heavy
    print(seconds)
    """
    import textwrap

    code = textwrap.dedent(code)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # of the processor, as machines of tests are busy; far above what it takes
    assert float(out.stdout) < 1.0


def test_devices():
    assert neyman.devices()[0].device == "cpu"
    found = [neyman.has_cuda(), neyman.has_metal(), neyman.has_vulkan()]
    assert all(isinstance(f, bool) for f in found)
