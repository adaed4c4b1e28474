"""Profiles: default settings of a run, and names of its columns."""

from __future__ import annotations

from voxomics.engine.errors import SettingsError, nearest
from voxomics.profiles import ibsi, lifex, pyradiomics
from voxomics.profiles.profile import Output, Profile

PROFILES: dict[str, Profile] = {"ibsi": ibsi.PROFILE, "lifex": lifex.PROFILE, "pyradiomics": pyradiomics.PROFILE}

__all__ = ["PROFILES", "Output", "Profile", "profile_named"]


def profile_named(name: str) -> Profile:
    """The profile of that name.

    Raises
    ------
    SettingsError
        Unknown name; offers the nearest.

    Examples
    --------
    >>> profile_named("lifex").name
    'lifex'
    """
    if name not in PROFILES:
        raise SettingsError(f"profile {name!r} is unknown; {nearest(name, PROFILES)}")
    return PROFILES[name]
