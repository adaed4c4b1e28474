"""voxomics: radiomics features of many volumes of interest at once.

Only names live here; NumPy, pandas, SimpleITK and numba are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from voxomics._version import __version__

if TYPE_CHECKING:
    from voxomics.engine.errors import (
        BackendError,
        InputError,
        MissingExtraError,
        ResourceError,
        SettingsError,
        VoxomicsError,
    )
    from voxomics.engine.settings import Settings
    from voxomics.extractor import Extractor, extract

_ERRORS = "voxomics.engine.errors"
_HOME = {
    "BackendError": _ERRORS,
    "Extractor": "voxomics.extractor",
    "InputError": _ERRORS,
    "MissingExtraError": _ERRORS,
    "ResourceError": _ERRORS,
    "Settings": "voxomics.engine.settings",
    "SettingsError": _ERRORS,
    "VoxomicsError": _ERRORS,
    "extract": "voxomics.extractor",
}

__all__ = [
    "BackendError",
    "Extractor",
    "InputError",
    "MissingExtraError",
    "ResourceError",
    "Settings",
    "SettingsError",
    "VoxomicsError",
    "__version__",
    "extract",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'voxomics' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
