"""Models of single events, and where they come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import _core
from .._convert import vector, whole
from ..errors import ArgumentError, naming
from ..model import _json
from ._events import Given, gathered
from ._onnx import name_library
from ._tests import Tests

__all__ = ["Model"]


class Model(Tests):
    """An extended likelihood of single events, made by `from_spec` or `from_dict`.

    Parameters are in the specification's order. Models do not change, can be pickled (with their events), and are safe
    to share between threads. Statements are those of `neyman.Session`, about the model's own events: `toy` and `asimov`
    have others. The interpreter is free while they compute, and Ctrl-C ends them.

    Examples
    --------
    >>> search
    <unbinned.Model: 4 parameters, 1 channels, 1000 events, poi n_sig>
    >>> search.parameters
    ('n_sig', 'n_bkg', 'mean', 'slope')
    """

    __slots__ = ()

    @classmethod
    def from_spec(cls, path: str | os.PathLike[str]) -> Model:
        """A model from a file.

        Parameters
        ----------
        path : str or path
            YAML or JSON. Files of events are found from where it lies.

        Raises
        ------
        SpecificationError
            Where the specification is not what it should be; its ``path`` says where.
        EventsError
            Where the events are not.

        Examples
        --------
        >>> neyman.unbinned.Model.from_spec(spec_file).channels
        ('2015', '2016')
        """
        path = Path(path)
        file = os.fspath(path)
        with naming(file):
            return cls(_native(path.read_bytes(), path.parent, {}, None), file)

    @classmethod
    def from_dict(
        cls,
        spec: Mapping[str, Any],
        base: str | os.PathLike[str] | None = None,
        *,
        data: Mapping[str, Any] | None = None,
        weights: Mapping[str, Any] | None = None,
    ) -> Model:
        """A model from a specification in memory.

        Parameters
        ----------
        spec : dict
            What a file would say.
        base : path, optional
            Folder that files of events are found from; the current one where not given.
        data : dict, optional
            Events by channel, instead of files: ``{"SR": {"mass": array}}``, or a table with named columns (of pandas,
            polars, pyarrow, a structured array). Such a channel needs no key ``data``; where it has one, its
            ``selection`` and ``weight`` are of these columns. Columns that the specification does not name are not
            looked at.
        weights : dict, optional
            Weights of these events by channel, 0 or more: ``{"SR": array}``.

        Raises
        ------
        SpecificationError, EventsError
            As `from_spec`.
        ArgumentError
            Where `data` or `weights` do not fit the specification.

        Examples
        --------
        >>> model = neyman.unbinned.Model.from_dict(spec, data={"SR": {"mass": masses}})
        >>> model.events("SR")["mass"].size
        1000
        """
        if not isinstance(spec, Mapping):
            told = f"spec: a dict is needed, not a {type(spec).__name__}; from_spec reads files"
            raise ArgumentError(told)
        text = _json(dict(spec))
        given = gathered(spec, text, data, weights)
        return cls(_native(text, Path("." if base is None else base), given, None))

    def asimov(self, theta: Any) -> Model:
        """The model with the data expected at `theta` instead of its own (arXiv:1007.1727 section 3.2).

        Events are weighted ones at the nodes of a quadrature, auxiliary measurements at `theta`; sums over these events
        are integrals over the densities.

        Parameters
        ----------
        theta : array
            ``[n_parameters]``.

        Raises
        ------
        UnsupportedError
            Densities that vary too much, or of too many observables.

        Examples
        --------
        >>> expected = search.asimov([300, 700, 91, -0.02])
        >>> expected.fit().values.round(3)
        array([ 3.0e+02,  7.0e+02,  9.1e+01, -2.0e-02])
        """
        return Model(self._core.asimov(vector(theta, "theta")), self._file)

    def toy(self, theta: Any, seed: int = 0, number: int = 0) -> Model:
        """The model with the data of a toy instead of its own: events and auxiliary measurements.

        Parameters
        ----------
        theta : array
            The truth, ``[n_parameters]``.
        seed, number : int
            Which: as in `fit_toys`, the same on every machine.

        Raises
        ------
        UnsupportedError
            Densities of several observables, or that cannot be integrated.

        Examples
        --------
        >>> truth = [300, 700, 91, -0.02]
        >>> fits = search.fit_toys(3, seed=1, truth=truth)
        >>> toy = search.toy(truth, seed=1, number=2)
        >>> toy.events("SR")["mass"].size == int(fits.events[2])
        True
        """
        number, seed = whole(number, "number"), whole(seed, "seed")
        return Model(self._core.toy(vector(theta, "theta"), seed, number), self._file)

    def on(self, device: str, precision: str = "auto") -> Model:
        """The same model with its events on a device, where its fits and statements are then worked out.

        Toys are thrown by the processor, the same to the bit whatever the device, and fitted on the device, many at a
        time. Asimov data and the part of the events that a fit begins with stay on the processor. A model that is
        pickled comes back on the processor.

        Parameters
        ----------
        device : str
            ``"cpu"``, ``"gpu"``, ``"cuda"``, ``"cuda:1"`` and so on, as `neyman.devices` lists them; ``"auto"`` is the
            processor, whose fit takes less time than opening a device.
        precision : str
            ``"f64"``, ``"df64"`` or ``"f32"`` of a graphics processor.

        Raises
        ------
        DeviceError
            There is no such device, not in this precision, or no memory on it.
        UnsupportedError
            Names a density with free parameters that devices have no formula for.

        Examples
        --------
        >>> search.on("auto").fit().provenance["device"]
        'cpu'
        """
        asked = (str(device), str(precision))
        return Model(self._core.on_device(*asked), self._file, asked)

    def __reduce__(self) -> tuple[Any, ...]:
        text, base, about = self._core.source()
        events = {name: self._core.events(k) for k, name in enumerate(self.channels)}
        return _rebuild, (text, base, events, about, self._file)


def _rebuild(text: bytes, base: Path, events: Given, about: Any, file: str | None) -> Model:
    return Model(_native(text, base, events, about), file)


def _native(text: bytes, base: Path, events: Given, about: Any) -> _core.UnbinnedModel:
    # flows alone have one, and those in ONNX need a library
    if b"manifest" in text:
        name_library()
    return _core.UnbinnedModel(text, base, events, about)
