"""Models: what a workspace and a measurement say."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import _core
from ._convert import Floats, array, by_channel, counts as counted, maybe, number, parameter, vector
from ._parameters import WithParameters
from .devices import cache_folder
from .errors import ArgumentError, SpecificationError, UnsupportedError, naming
from .results import Bools

__all__ = ["Model", "from_pyhf"]


class Model(WithParameters):
    """A compiled HistFactory likelihood, made by `from_pyhf`.

    Everything is in pyhf's order. Models do not change, can be pickled, and are safe to share between threads.

    Examples
    --------
    >>> model.parameters
    ('mu', 'gamma[0]', 'gamma[1]')
    >>> round(model.logpdf(model.init), 4)
    -11.7921
    """

    __slots__ = ("_core", "_file")

    def __init__(self, core: Any = None, file: str | None = None) -> None:
        super().__init__(core, _core.Model, "neyman.from_pyhf")
        self._core: _core.Model = core
        # name of the workspace's file, for the provenance of results
        self._file = file

    @property
    def fixed(self) -> Bools:
        """Which parameters are held constant in fits."""
        return self._fields["fixed"]  # type: ignore[no-any-return]

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, sorted."""
        return tuple(name for name, _ in self._fields["channels"])

    @property
    def bins(self) -> dict[str, int]:
        """Number of bins of each channel."""
        return dict(self._fields["channels"])

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of the samples, sorted."""
        return tuple(sorted({name for _, name in self._fields["samples"]}))

    @property
    def data(self) -> Floats:
        """Observed counts and auxiliary data.

        Raises
        ------
        ArgumentError
            Where the model was made from a ``pyhf.Model``, which has none.
        """
        if not self._fields["has_data"]:
            raise ArgumentError("this model has no observed data, as it was made from a pyhf.Model")
        return np.concatenate((self._fields["main"], self._fields["auxiliary"]))

    @property
    def auxdata(self) -> Floats:
        """Nominal auxiliary data."""
        return self._fields["auxiliary"]  # type: ignore[no-any-return]

    @property
    def interpolation(self) -> str:
        """pyhf's codes for normsys and histosys."""
        return self._fields["interpolation"]  # type: ignore[no-any-return]

    @property
    def measurement(self) -> str:
        """Name of the measurement."""
        return self._fields["measurement"]  # type: ignore[no-any-return]

    @property
    def digest(self) -> str:
        """sha256 of the workspace, as pyhf computes it."""
        return self._fields["digest"]  # type: ignore[no-any-return]

    @property
    def warnings(self) -> tuple[dict[str, str], ...]:
        """Legal but suspicious things: ``path``, a JSON pointer, and ``message``."""
        return tuple({"path": path, "message": text} for path, text in self._fields["warnings"])

    def index(self, name: str) -> int:
        """Index of the parameter of that name.

        Examples
        --------
        >>> model.index("mu")
        0
        >>> model.index("nu")
        Traceback (most recent call last):
            ...
        neyman.errors.ArgumentError: the model has no parameter 'nu'; did you mean 'mu'?
        """
        return parameter(self._core, self.parameters, name)

    def with_auxdata(self, counts: Any) -> Floats:
        """Data of these counts and the nominal auxiliary data.

        Parameters
        ----------
        counts : array, dict of arrays or histograms, histogram, list of histograms
            One list of all bins; or by channel: a dict with the channels' names, or histograms (UHI) in their order.

        Examples
        --------
        >>> model.with_auxdata([50, 60])
        array([ 50., 60., 100., 25.])
        >>> model.with_auxdata({"region": [50, 60]})
        array([ 50., 60., 100., 25.])
        """
        if by_channel(counts):
            return np.concatenate((counted(counts, self.bins, "counts"), self.auxdata))
        main = vector(counts, "counts")
        n = sum(self.bins.values())
        if len(main) != n:
            raise ArgumentError(f"counts: the model has {n} bins, got {len(main)} values")
        return np.concatenate((main, self.auxdata))

    def with_parameters(
        self, *, init: Any = None, bounds: Any = None, fixed: Any = None
    ) -> Model:
        """The same model with other initial values, bounds or fixed parameters.

        Parameters
        ----------
        init, bounds, fixed : array or dict, optional
            One entry for each parameter, or those of some by name.

        Examples
        --------
        >>> model.with_parameters(bounds={"mu": (-5, 5)}, fixed={"gamma[0]": True}).bounds[0]
        array([-5., 5.])
        """
        n = len(self.parameters)
        new_init = self._changed(self.init, init, "init")
        new_bounds = array(self._changed(self.bounds, bounds, "bounds"), "bounds")
        if new_bounds.shape != (n, 2):
            raise ArgumentError(f"bounds: shape {(n, 2)} is needed, not {new_bounds.shape}")
        new_fixed = [bool(f) for f in self._changed(self.fixed, fixed, "fixed")]
        pairs = [(float(low), float(high)) for low, high in new_bounds]
        core = self._core.with_parameters(list(map(float, new_init)), pairs, new_fixed)
        return Model(core, self._file)

    def _changed(self, old: Any, new: Any, what: str) -> Any:
        if new is None:
            return old
        if not isinstance(new, Mapping):
            if len(new) != len(old):
                raise ArgumentError(f"{what}: the model needs {len(old)} values, got {len(new)}")
            return new
        changed = old.copy()
        for name, value in new.items():
            try:
                changed[self.index(name)] = value
            except (TypeError, ValueError) as error:
                if isinstance(error, ArgumentError):
                    raise
                raise ArgumentError(f"{what} of {name}: {value!r} does not fit: {error}") from None
        return changed

    def expected_data(self, pars: Any, include_auxdata: bool = True) -> Floats:
        """Expected counts, and expected auxiliary data.

        Examples
        --------
        >>> model.expected_data([1.0, 1.0, 1.0])
        array([ 55., 70., 100., 25.])
        """
        return self._core.expected(vector(pars, "pars"), bool(include_auxdata))

    def nll(self, pars: Any, data: Any = None) -> float:
        """Negative log likelihood with all constants; of the observed data, unless others are given."""
        return self._core.nll(vector(pars, "pars"), maybe(data, self))

    def logpdf(self, pars: Any, data: Any = None) -> float:
        """Log likelihood with all constants."""
        return -self.nll(pars, data)

    def grad(self, pars: Any, data: Any = None) -> Floats:
        """Gradient of `nll`, ``[n_parameters]``."""
        return self._core.gradient(vector(pars, "pars"), maybe(data, self))

    def hess(self, pars: Any, data: Any = None) -> Floats:
        """Hessian of `nll`, ``[n_parameters, n_parameters]``."""
        return self._core.hessian(vector(pars, "pars"), maybe(data, self))

    def _likelihood(self, device: str, precision: str, host_fallback: bool) -> _core.Session:
        """What statements are asked of."""
        return _core.Session(self._core, device, precision, host_fallback, cache_folder())

    def __repr__(self) -> str:
        n, bins = len(self.parameters), sum(self.bins.values())
        parts = [f"{n} parameters", f"{len(self.channels)} channels", f"{bins} bins"]
        return f"<Model: {', '.join(parts)}, poi {self.poi}>"

    def __reduce__(self) -> tuple[Any, ...]:
        pairs = [(float(low), float(high)) for low, high in self.bounds]
        changed = (self.init.tolist(), pairs, self.fixed.tolist())
        return _rebuild, (self._core.source(), *changed, self._file)


def _rebuild(
    source: tuple[Any, ...],
    init: list[float],
    bounds: list[tuple[float, float]],
    fixed: list[bool],
    file: str | None,
) -> Model:
    return Model(_core.Model(*source).with_parameters(init, bounds, fixed), file)


def _json(value: Any) -> bytes:
    """A document's text."""

    def other(of: Any) -> Any:
        if hasattr(of, "tolist"):
            return of.tolist()
        raise ArgumentError(f"a workspace holds numbers, strings, lists and dicts, not {type(of).__name__}")

    try:
        return json.dumps(value, default=other).encode()
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"this cannot be written as JSON: {error}") from None


def _document(of: Any, what: str) -> bytes:
    if isinstance(of, (bytes, bytearray)):
        return bytes(of)
    if isinstance(of, (str, os.PathLike)):
        return Path(of).read_bytes()
    if isinstance(of, (Mapping, list, tuple)):
        return _json(dict(of) if isinstance(of, Mapping) else list(of))
    raise ArgumentError(f"{what}: a path, a dict or an object of pyhf is needed, not {type(of).__name__}")


def _patches(patch: Any, name: str | None) -> tuple[list[bytes], str | None]:
    """Each patch's text."""
    if patch is None:
        return [], name
    pyhf = sys.modules.get("pyhf")
    if pyhf is not None and isinstance(patch, pyhf.PatchSet):
        if name is None:
            raise ArgumentError("patch_name: choose one of the patchset's patches")
        return [_json(list(patch[name].patch))], None
    if hasattr(patch, "patch") and not isinstance(patch, Mapping):
        return [_json(list(patch.patch))], name
    # several patches, or the operations of one
    several = isinstance(patch, (list, tuple)) and not all(isinstance(p, Mapping) and "op" in p for p in patch)
    if several:
        return [text for one in patch for text in _patches(one, name)[0]], name
    return [_document(patch, "patch")], name


def _codes(interpolation: Any) -> str:
    """pyhf's ``modifier_settings``, or the codes themselves."""
    if interpolation is None:
        return "code4,code4p"
    if isinstance(interpolation, str):
        return interpolation
    if not isinstance(interpolation, Mapping):
        raise ArgumentError(f"interpolation: pyhf's codes are needed, not {interpolation!r}")
    codes = []
    for kind, setting in interpolation.items():
        if kind not in ("normsys", "histosys"):
            raise ArgumentError(f"interpolation: normsys and histosys have one, not {kind}")
        codes.append(setting["interpcode"] if isinstance(setting, Mapping) else str(setting))
    return ",".join(codes) or "code4,code4p"


def from_pyhf(
    workspace: Any,
    measurement: str | None = None,
    patch: Any = None,
    poi: str | None = None,
    interpolation: Any = None,
    *,
    patch_name: str | None = None,
) -> Model:
    """Compile a pyhf workspace.

    Parameters
    ----------
    workspace : path, dict, bytes, pyhf.Workspace or pyhf.Model
        Of a ``pyhf.Model`` the specification and its configuration are taken: parameter of interest, initial
        values, bounds, fixed parameters and interpolation. It has no observed data.
    measurement : str, optional
        Name of the measurement; the first one where it is not given.
    patch : path, list, dict, pyhf.PatchSet or a list of those, optional
        JSON patch or patchset to be applied first.
    poi : str, optional
        Parameter of interest instead of the measurement's; the empty string for none.
    interpolation : str or dict, optional
        pyhf's codes, such as ``"code1,code0"``, or ``modifier_settings``. Default: ``"code4,code4p"``.
    patch_name : str, optional
        Which patch of a patchset.

    Returns
    -------
    Model

    Raises
    ------
    SpecificationError
        Where the workspace is not what it should be; its ``path`` says where.

    Examples
    --------
    >>> neyman.from_pyhf(workspace)
    <Model: 3 parameters, 1 channels, 2 bins, poi mu>
    """
    pyhf = sys.modules.get("pyhf")
    if pyhf is not None and isinstance(workspace, pyhf.Model):
        if measurement is not None or patch is not None:
            raise ArgumentError("a pyhf.Model is of one measurement, and patched already")
        return _from_model(workspace, poi, interpolation)
    patches, name = _patches(patch, patch_name)
    text = _document(workspace, "workspace")
    file = os.fspath(workspace) if isinstance(workspace, (str, os.PathLike)) else None
    with naming(file):
        if b"unbinned_spec" in text[:1000]:
            raise SpecificationError("this is a specification of single events, which neyman.unbinned.Model reads")
        core = _core.Model(text, patches, name, measurement, poi, _codes(interpolation), True)
    return Model(core, file)


def _from_model(model: Any, poi: str | None, interpolation: Any) -> Model:
    """The specification and the configuration of a pyhf.Model."""
    config, spec = model.config, model.spec
    counts = {c["name"]: len(c["samples"][0]["data"]) for c in spec["channels"]}
    document = {
        "version": "1.0.0",
        "channels": spec["channels"],
        # none: whoever asks for them is told so
        "observations": [{"name": name, "data": [0.0] * n} for name, n in counts.items()],
        "measurements": [
            {
                "name": "pyhf",
                "config": {"poi": config.poi_name or "", "parameters": spec.get("parameters", [])},
            }
        ],
    }
    codes = _codes(config.modifier_settings if interpolation is None else interpolation)
    core = _core.Model(_json(document), [], None, None, poi, codes, False)
    found = Model(core)
    names = getattr(config, "par_names", None)
    names = names() if callable(names) else names
    if names is not None and tuple(names) != found.parameters:
        raise UnsupportedError("this pyhf.Model has its own parameters, beyond those of its specification")
    init = np.asarray(config.suggested_init(), dtype=np.float64)
    bounds = np.asarray(config.suggested_bounds(), dtype=np.float64)
    fixed = np.asarray(config.suggested_fixed(), dtype=np.bool_)
    same = (
        np.array_equal(init, found.init)
        and np.array_equal(bounds, found.bounds)
        and np.array_equal(fixed, found.fixed)
    )
    return found if same else found.with_parameters(init=init, bounds=bounds, fixed=fixed)


def as_model(of: Any) -> Model:
    """A model, or what makes one."""
    # read here: it stands on this module
    from .unbinned import Model as OfEvents

    if isinstance(of, OfEvents):
        raise ArgumentError("a model of single events has the statements itself: model.fit(), model.on(device)")
    return of if isinstance(of, Model) else from_pyhf(of)
