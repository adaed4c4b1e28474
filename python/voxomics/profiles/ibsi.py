"""Profile ibsi: every column of the engine, with its IBSI name."""

from __future__ import annotations

from typing import Literal

from voxomics.engine import plan
from voxomics.engine.settings import Settings
from voxomics.profiles.profile import Output, Profile


class IbsiSettings(Settings):
    """Settings of the ibsi profile: the engine's own."""

    profile: Literal["ibsi"] = "ibsi"


def outputs(settings: Settings) -> list[Output]:
    """One column per IBSI feature, aggregation and discretisation."""
    return [Output(c.name, c.feature.ibsi, c.feature.unit, c.feature.definition, (c.key,)) for c in plan.columns(settings)]


PROFILE = Profile("ibsi", "all IBSI-1 features under the standard's names", IbsiSettings, {}, outputs)
