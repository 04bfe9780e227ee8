from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, final

import numpy as np
import numpy.typing as npt
from typing_extensions import disjoint_base

__all__ = [
    "Differentiable",
    "Likelihood",
    "Model",
    "Patches",
    "Pending",
    "ProfiledFit",
    "Session",
    "TmdPlan",
    "UnbinnedModel",
    "__version__",
    "devices",
    "draw",
    "fit_tmd",
    "has_backend",
    "join_scans",
    "join_scans2d",
    "onnx_library",
    "read_arrow",
    "read_parquet",
    "reduce_lse",
]

__version__: str

_Floats: TypeAlias = npt.NDArray[np.float64]
_Progress: TypeAlias = Callable[[int, int], object] | None
_Held: TypeAlias = dict[str, float]
_Fields: TypeAlias = dict[str, Any]

class _Asked(TypedDict):
    kind: str
    mu: float
    poi: str | None
    statistic: str
    confidence_level: float
    values: list[float]
    fix: _Held
    edm: float | None
    seed: int
    range: tuple[int, int]
    chunk: int
    error: float | None
    observed_only: bool

def devices(test: bool) -> list[_Fields]: ...
def draw(document: str, png: bool) -> list[tuple[str, str, bytes | None]]: ...
def fit_tmd(
    plan: TmdPlan,
    values: _Floats,
    sigma: _Floats | None,
    cov: _Floats | None,
    roles: tuple[_Floats, _Floats, _Floats, list[bool], list[tuple[int, int, float]]],
    method: str,
    steps: int,
    rate: float,
    edm: float | None,
    replicas: int,
    seed: int,
    progress: _Progress,
) -> _Fields: ...
def has_backend(backend: str) -> bool: ...
def join_scans(parts: list[_Fields]) -> _Fields: ...
def join_scans2d(parts: list[_Fields], levels: list[float]) -> _Fields: ...
def onnx_library(path: str) -> None: ...
def read_arrow(stream: object, wanted: list[str], what: str) -> tuple[list[str], list[tuple[str, _Floats]]]: ...
def read_parquet(
    path: str,
    columns: list[str] | None,
    ranges: list[tuple[str, float, float]],
    channel: tuple[str, str] | None,
    weight: str | None,
) -> list[tuple[str, _Floats]]: ...
def reduce_lse(
    logp: _Floats,
    yields: _Floats,
    weights: _Floats | None,
    constraints: list[tuple[float, float, float]],
    constant: float,
    hessian: bool,
    of_logp: bool,
) -> _Fields: ...
@final
class Model:
    def __new__(
        cls,
        workspace: bytes,
        patches: list[bytes],
        patch_name: str | None,
        measurement: str | None,
        poi: str | None,
        interpolation: str,
        has_data: bool,
    ) -> Model: ...
    def source(self) -> tuple[bytes, list[bytes], str | None, str | None, str | None, str, bool]: ...
    def with_parameters(
        self, init: list[float], bounds: list[tuple[float, float]], fixed: list[bool]
    ) -> Model: ...
    def describe(self) -> _Fields: ...
    def index(self, name: str) -> int | None: ...
    def prefit(self, data: _Floats | None = None) -> tuple[_Floats, _Floats]: ...
    def expected(self, parameters: _Floats, auxiliary: bool) -> _Floats: ...
    def nll(self, parameters: _Floats, data: _Floats | None = None) -> float: ...
    def gradient(self, parameters: _Floats, data: _Floats | None = None) -> _Floats: ...
    def hessian(self, parameters: _Floats, data: _Floats | None = None) -> _Floats: ...

@final
class Patches:
    def __new__(
        cls,
        workspace: bytes,
        patches: list[bytes],
        patchset: bytes,
        measurement: str | None,
        poi: str | None,
        interpolation: str,
        patch_name: str | None,
        verify: bool,
    ) -> Patches: ...
    def describe(self) -> _Fields: ...
    def limits(
        self,
        range: tuple[int, int],
        device: tuple[str, str, bool],
        test_statistic: str,
        confidence_level: float,
        values: _Floats,
        edm: float | None,
        progress: _Progress,
    ) -> _Fields: ...

@final
class Pending:
    def needed(self) -> list[_Fields]: ...
    def take(self, ensemble: int, range: tuple[int, int], part: _Fields) -> None: ...
    def conclude(self) -> _Fields: ...

@disjoint_base
class Likelihood:
    def hypotest(
        self,
        mu: float,
        data: _Floats | None,
        poi: str | None,
        test_statistic: str,
        fix: _Held,
        edm: float | None,
    ) -> _Fields: ...
    def discovery(
        self, data: _Floats | None, poi: str | None, fix: _Held, edm: float | None
    ) -> _Fields: ...
    def limit(
        self,
        data: _Floats | None,
        poi: str | None,
        test_statistic: str,
        confidence_level: float,
        values: _Floats,
        fix: _Held,
        edm: float | None,
    ) -> _Fields: ...
    def scan(
        self,
        values: _Floats,
        data: _Floats | None,
        parameter: str | None,
        levels: list[float],
        fix: _Held,
        edm: float | None,
    ) -> _Fields: ...
    def scan2d(
        self,
        parameters: tuple[str, str],
        x: _Floats,
        y: _Floats,
        data: _Floats | None,
        levels: list[float],
        fix: _Held,
        edm: float | None,
    ) -> _Fields: ...
    def minos(
        self, parameters: list[str], data: _Floats | None, fix: _Held, edm: float | None
    ) -> _Fields: ...
    def impacts(
        self,
        data: _Floats | None,
        poi: str | None,
        parameters: list[str],
        groups: list[tuple[str, list[str]]],
        global_impacts: bool,
        fix: _Held,
        edm: float | None,
    ) -> _Fields: ...
    def by_toys(self, asked: _Asked, data: _Floats | None, progress: _Progress) -> _Fields: ...
    def pending(self, asked: _Asked, data: _Floats | None) -> Pending: ...
    def throw(self, plan: _Fields) -> _Fields: ...
    def fit_toys(
        self,
        truth: _Floats,
        seed: int,
        range: tuple[int, int],
        hold: list[tuple[int, float]],
        keep_data: bool,
        chunk: int,
        edm: float | None,
        progress: _Progress,
    ) -> _Fields: ...

@final
class Session(Likelihood):
    def __new__(
        cls, model: Model, device: str, precision: str, host_fallback: bool, cache: str | None
    ) -> Session: ...
    def device(self) -> tuple[_Fields, _Fields]: ...
    def notes(self) -> list[str]: ...
    def fit(self, data: _Floats | None, fix: _Held, edm: float | None) -> _Fields: ...
    def gof(self, data: _Floats | None, fix: _Held, edm: float | None) -> _Fields: ...
    def yields(self, data: _Floats | None, fix: _Held, edm: float | None) -> _Fields: ...
    def evaluate(self, points: _Floats, data: _Floats | None) -> tuple[_Floats, _Floats]: ...
    def toys(self, truth: _Floats, seed: int, range: tuple[int, int]) -> _Floats: ...

_Source: TypeAlias = _Floats | tuple[float | None] | None

@final
class Differentiable:
    def __new__(
        cls, session: Session, templates: list[str | tuple[str, str, str]], poi: str | None
    ) -> Differentiable: ...
    def layout(self) -> list[tuple[str, str, int, tuple[str, str] | None]]: ...
    def nominal(self) -> _Floats: ...
    def nll(
        self, yields: _Floats, parameters: _Floats, source: _Source
    ) -> tuple[_Floats, _Floats, _Floats]: ...
    def nll_hessian_product(
        self,
        yields: _Floats,
        parameters: _Floats,
        along_yields: _Floats,
        along_parameters: _Floats,
        source: _Source,
    ) -> tuple[_Floats, _Floats]: ...
    def test_statistic(
        self, yields: _Floats, mu: float, test_statistic: str, source: _Source
    ) -> tuple[_Floats, _Floats]: ...
    def cls(
        self,
        yields: _Floats,
        mu: float,
        test_statistic: str,
        quantile: float | None,
        source: _Source,
    ) -> tuple[_Floats, _Floats]: ...
    def limit(
        self,
        yields: _Floats,
        confidence_level: float,
        test_statistic: str,
        quantile: float | None,
        source: _Source,
    ) -> tuple[_Floats, _Floats]: ...
    def fit(self, yields: _Floats, source: _Source) -> ProfiledFit: ...
    def nll_in_place(
        self,
        n: int,
        yields: int,
        slopes: int,
        nll: int,
        single: bool,
        stream: int,
        parameters: _Floats,
        source: _Source,
    ) -> None: ...

@final
class ProfiledFit:
    def numbers(self) -> tuple[_Floats, _Floats, float]: ...
    def covariance(self) -> _Floats: ...
    def pullback(
        self, values: _Floats | None, uncertainties: _Floats | None, twice_nll: float
    ) -> _Floats: ...

@final
class TmdPlan:
    @staticmethod
    def from_sources(
        config: bytes | Path, kinematics: bytes | Path, fnp: bytes | Path, points: int
    ) -> TmdPlan: ...
    @staticmethod
    def table_pairs(paths: list[Path]) -> list[tuple[Path, Path]]: ...
    @staticmethod
    def from_tables(
        files: list[tuple[Path, Path]], cut: float, shape: str, evolution: str
    ) -> TmdPlan: ...
    def at(self, columns: list[_Floats]) -> TmdPlan: ...
    def with_luminosity(self, values: list[tuple[str, _Floats]]) -> TmdPlan: ...
    def on_device(self, device: str, precision: str) -> TmdPlan: ...
    def device(self) -> dict[str, str]: ...
    def describe(self) -> _Fields: ...
    def xsec(self, parameters: _Floats) -> _Floats: ...
    def jacobian(self, parameters: _Floats) -> _Floats: ...
    def pullback(self, parameters: _Floats, weights: _Floats) -> _Floats: ...
    def shape(
        self, distribution: str, x: float, zeta: float, b: _Floats, parameters: _Floats
    ) -> _Floats: ...
    def nodes(self) -> tuple[_Floats, _Floats]: ...
    def quadrature_error(self, parameters: _Floats) -> _Floats | None: ...
    def measured(self, parameters: _Floats) -> tuple[_Floats, _Floats]: ...

_Columns: TypeAlias = list[tuple[str, _Floats]]

# digest, files of events, auxiliary measurements, numbers of dropped events, counts and auxiliary data of bins
_About: TypeAlias = tuple[str, list[Path | None], list[float], list[int], tuple[list[float], list[float]]]

@final
class UnbinnedModel:
    def __new__(
        cls,
        text: bytes,
        base: Path,
        events: dict[str, tuple[_Columns, _Floats | None]],
        about: _About | None,
    ) -> UnbinnedModel: ...
    @staticmethod
    def columns(text: bytes, given: list[str]) -> list[tuple[str, list[str]]]: ...
    def source(self) -> tuple[bytes, Path, _About]: ...
    def describe(self) -> _Fields: ...
    def events(self, channel: int) -> tuple[_Columns, _Floats | None]: ...
    def nll(self, theta: _Floats) -> float: ...
    def gradient(self, theta: _Floats) -> _Floats: ...
    def hessian(self, theta: _Floats) -> _Floats: ...
    def expected(self, theta: _Floats) -> list[list[float]]: ...
    def expected_in_bins(self, channel: int, edges: _Floats, theta: _Floats) -> list[_Floats]: ...
    def asimov(self, theta: _Floats) -> UnbinnedModel: ...
    def on_device(self, device: str, precision: str) -> UnbinnedModel: ...
    def device(self) -> _Fields: ...
    def toy(self, theta: _Floats, seed: int, number: int) -> UnbinnedModel: ...
    def statements(self) -> Likelihood: ...
    def log_prob(self, channel: int, process: int, theta: _Floats, x: list[_Floats]) -> _Floats: ...
    def fit(self, fix: _Held, edm: float | None, bins: int | None) -> _Fields: ...
