"""Models of single events: what a specification says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _core
from .._asking import Asking
from .._convert import Floats, array, known, vector
from .._parameters import WithParameters
from ..devices import DeviceInfo
from ..errors import ArgumentError


class Described(Asking, WithParameters):
    """What a model has, and its likelihood at a point."""

    _asked: tuple[str, ...]

    __slots__ = ("_asked", "_channels", "_core", "_device", "_file", "_here")

    def __init__(self, core: Any = None, file: str | None = None, asked: tuple[str, ...] = ()) -> None:
        super().__init__(core, _core.UnbinnedModel, "neyman.unbinned.Model.from_spec or from_dict")
        self._core: _core.UnbinnedModel = core
        self._here: _core.Likelihood = core.statements()
        self._device = DeviceInfo(**core.device())
        # the device and its precision, in the words of `on`
        self._asked = asked
        # name of the specification's file, for the provenance of results
        self._file = file
        self._channels: dict[str, dict[str, Any]] = {c["name"]: c for c in self._fields["channels"]}

    @property
    def _model(self) -> Described:
        return self

    def _open(self) -> _core.Likelihood:
        return self._here

    def _likelihood(self, *asked: str) -> _core.Likelihood:
        """What statements are asked of, on a device: a model that was pickled is back on the processor."""
        if asked == self._asked:
            return self._here
        there: _core.UnbinnedModel = self._core.on_device(*asked)
        return there.statements()

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, in the specification's order."""
        return tuple(self._channels)

    @property
    def processes(self) -> dict[str, tuple[str, ...]]:
        """Names of each channel's processes."""
        return {name: tuple(p[0] for p in of["processes"]) for name, of in self._channels.items()}

    @property
    def observables(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Each channel's observables, by the names of their columns, and their windows.

        Examples
        --------
        >>> search.observables
        {'SR': {'mass': (60.0, 120.0)}}
        """
        return {name: {o: (lo, hi) for o, lo, hi in of["observables"]} for name, of in self._channels.items()}

    @property
    def digest(self) -> str:
        """sha256 of the specification's content, the same for YAML and JSON."""
        return self._fields["digest"]  # type: ignore[no-any-return]

    def index(self, name: str) -> int:
        """Index of the parameter of that name."""
        known(name, self.parameters, "parameter")
        return self.parameters.index(name)

    def events(self, channel: str) -> dict[str, Floats]:
        """A channel's events after its selection: a copy of each observable's column."""
        return dict(self._core.events(self._channel(channel))[0])

    def weights(self, channel: str) -> Floats | None:
        """Weights of a channel's events, where they have any."""
        return self._core.events(self._channel(channel))[1]

    def nll(self, theta: Any) -> float:
        """Negative log likelihood, without the constants of constraints.

        sum_c (sum_p nu_p - sum_i w_i ln(sum_p nu_p f_p(x_i))) + sum_k ((theta_k - mean_k) / sigma_k)^2 / 2 (Barlow,
        Nucl. Instrum. Meth. A 297 (1990) 496).

        Parameters
        ----------
        theta : array
            ``[n_parameters]``. Bounds are not asked.

        Returns
        -------
        float
            Infinite where an event of weight above 0 is of no process.

        Raises
        ------
        ArgumentError
            A wrong length, a number that is not finite, a yield below 0, a density's parameter outside its domain.

        Examples
        --------
        >>> round(search.nll([300, 700, 91, -0.02]), 4)
        -2033.4289
        """
        return self._core.nll(vector(theta, "theta"))

    def grad(self, theta: Any) -> Floats:
        """Exact gradient of `nll`, ``[n_parameters]``; events that no process can make are left out."""
        return self._core.gradient(vector(theta, "theta"))

    def hess(self, theta: Any) -> Floats:
        """Exact Hessian of `nll`, ``[n_parameters, n_parameters]``; left out as in `grad`."""
        return self._core.hessian(vector(theta, "theta"))

    def expected(self, theta: Any) -> dict[str, dict[str, float]]:
        """Expected numbers of events by channel and process.

        Examples
        --------
        >>> search.expected([300, 700, 91, -0.02])
        {'SR': {'signal': 300.0, 'background': 700.0}}
        """
        found = self._core.expected(vector(theta, "theta"))
        of = self.processes.items()
        return {name: dict(zip(names, row, strict=True)) for (name, names), row in zip(of, found, strict=True)}

    def pdf(self, process: str, x: Any, theta: Any, *, channel: str | None = None) -> Floats:
        """Density of a process, normalised on the window, 0 outside.

        Parameters
        ----------
        process : str
        x : array, or dict of arrays
            Where; by observable where the density has several.
        theta : array
            All parameters, ``[n_parameters]``.
        channel : str, optional
            Needed where several channels have a process of this name.

        Returns
        -------
        ndarray
            One over the observable's unit, of the shape of `x`.

        Examples
        --------
        >>> search.pdf("background", [60, 90, 120], [300, 700, 91, -0.02]).round(5)
        array([0.02862, 0.01571, 0.00862])
        """
        at, number_of, names = self._process(process, channel)
        columns = dict(x) if isinstance(x, Mapping) else {name: x for name in names[:1]}
        if set(columns) != set(names):
            raise ArgumentError(f"x: arrays of {', '.join(names)} are needed, not of {', '.join(map(str, columns))}")
        arrays = [array(columns[name], f"x of {name}") for name in names]
        if any(a.shape != arrays[0].shape for a in arrays):
            raise ArgumentError("x: the arrays of all observables need one shape")
        logs = self._core.log_prob(at, number_of, vector(theta, "theta"), [a.ravel() for a in arrays])
        return np.exp(logs).reshape(arrays[0].shape)

    def expected_in_bins(self, edges: Any, theta: Any, *, channel: str | None = None) -> dict[str, Floats]:
        """Expected events of each process in bins: densities integrated over them.

        Parameters
        ----------
        edges : array
            Rising, ``[n_bins + 1]``, in the observable's unit.
        theta : array
            All parameters, ``[n_parameters]``.
        channel : str, optional
            Needed where there are several, whose densities are of one observable.

        Returns
        -------
        dict of ndarray
            ``[n_bins]``, to 1e-8 of the process's yield.

        Examples
        --------
        >>> search.expected_in_bins([60, 90, 120], [300, 700, 91, -0.02])["signal"].round(3)
        array([103.373, 196.627])
        """
        name = self._only(channel)
        found = self._core.expected_in_bins(self._channel(name), vector(edges, "edges"), vector(theta, "theta"))
        return dict(zip(self.processes[name], found, strict=True))

    def _channel(self, name: str) -> int:
        known(name, self.channels, "channel")
        return self.channels.index(name)

    def _only(self, channel: str | None) -> str:
        """A channel's name, which need not be given where there is one."""
        if channel is None:
            if len(self.channels) > 1:
                raise ArgumentError(f"channel: say which, there are {', '.join(self.channels)}")
            return self.channels[0]
        return self.channels[self._channel(channel)]

    def _process(self, process: str, channel: str | None) -> tuple[int, int, list[str]]:
        """Indices of a channel and a process, and the observables of its density."""
        if channel is None:
            having = [name for name, names in self.processes.items() if process in names]
            if len(having) > 1:
                raise ArgumentError(f"channel: say which, {', '.join(having)} have a process {process!r}")
            if not having:
                known(process, dict.fromkeys(n for names in self.processes.values() for n in names), "process")
            channel = having[0]
        at = self._channel(channel)
        known(process, self.processes[channel], f"process in channel {channel!r}")
        which = self.processes[channel].index(process)
        return at, which, self._channels[channel]["processes"][which][2]

    def __repr__(self) -> str:
        events = sum(of["events"] for of in self._channels.values())
        parts = [f"{len(self.parameters)} parameters", f"{len(self.channels)} channels", f"{events} events"]
        return f"<unbinned.Model: {', '.join(parts)}, poi {self.poi}>"
