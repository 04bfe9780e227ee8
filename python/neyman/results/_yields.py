"""Expected counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from .._convert import known
from ._base import Floats, Result, floats, number, plain


@dataclasses.dataclass(frozen=True, eq=False)
class SampleYields:
    """Expected counts of a sample; `uncertainty` is None where the fit has none."""

    name: str
    yields: Floats
    uncertainty: Floats | None
    total_uncertainty: float


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """Expected counts of a channel, by sample and in all."""

    samples: tuple[SampleYields, ...]
    total: SampleYields


@dataclasses.dataclass(frozen=True, eq=False)
class ChannelYields:
    """Counts of a channel: observed, and expected before and after the fit."""

    name: str
    observed: Floats
    prefit: Prediction
    postfit: Prediction


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class YieldsResult(Result):
    """Expected counts by channel and sample, before and after the fit."""

    kind: ClassVar[str] = "yields"

    channels: tuple[ChannelYields, ...]

    def __post_init__(self) -> None:
        super().__post_init__()

        def prediction(of: Any) -> Prediction:
            return Prediction(tuple(SampleYields(*s) for s in of[0]), SampleYields(*of[1]))

        channels = tuple(
            c
            if isinstance(c, ChannelYields)
            else ChannelYields(c[0], c[1], prediction(c[2]), prediction(c[3]))
            for c in self.channels
        )
        object.__setattr__(self, "channels", channels)

    def __getitem__(self, channel: str) -> ChannelYields:
        """The channel of that name."""
        known(channel, [c.name for c in self.channels], "channel")
        return next(c for c in self.channels if c.name == channel)

    def to_dict(self) -> dict[str, Any]:
        """The document that the command writes."""

        def prediction(of: Prediction) -> dict[str, Any]:
            total = of.total
            return {
                "samples": plain(of.samples),
                "total": plain(total.yields),
                "uncertainty": plain(total.uncertainty),
                "total_uncertainty": plain(total.total_uncertainty),
            }

        channels = [
            {
                "name": c.name,
                "bins": len(c.observed),
                "observed": plain(c.observed),
                "prefit": prediction(c.prefit),
                "postfit": prediction(c.postfit),
            }
            for c in self.channels
        ]
        return {**super().to_dict(), "channels": channels}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> YieldsResult:
        """The inverse of `to_dict`."""

        def sample(of: Mapping[str, Any], name: str, yields: str) -> SampleYields:
            uncertainty = None if of["uncertainty"] is None else floats(of["uncertainty"])
            return SampleYields(name, floats(of[yields]), uncertainty, number(of["total_uncertainty"]))

        def prediction(of: Mapping[str, Any]) -> Prediction:
            samples = tuple(sample(s, s["name"], "yields") for s in of["samples"])
            return Prediction(samples, sample(of, "total", "total"))

        channels = [
            ChannelYields(c["name"], floats(c["observed"]), prediction(c["prefit"]), prediction(c["postfit"]))
            for c in document["channels"]
        ]
        return super().from_dict({**document, "channels": channels})
