"""Errors of voxomics. A message says what was given, what is accepted, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 12


class VoxomicsError(Exception):
    """Base class of all errors that voxomics raises deliberately."""


class InputError(VoxomicsError, ValueError):
    """An image, a mask or a table cannot be used."""


class SettingsError(VoxomicsError, ValueError):
    """A setting or a feature name does not exist, or contradicts another setting."""


class BackendError(VoxomicsError, RuntimeError):
    """A backend that was requested by name cannot run on this machine."""


class ResourceError(VoxomicsError, MemoryError):
    """The work needs more memory than the settings allow."""


class MissingExtraError(VoxomicsError, ImportError):
    """An optional package is not installed; the message names the pip command."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an optional package; install it with: pip install "voxomics[{extra}]"')
        self._given = (what, extra)

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return MissingExtraError, self._given


def nearest(name: str, known: Iterable[str]) -> str:
    """Phrase that suggests the accepted names closest to `name`.

    Parameters
    ----------
    name : str
        The name that was given.
    known : iterable of str
        The accepted names.

    Returns
    -------
    str
        ``"did you mean 'contrast'?"``, or the list of names (its beginning, if it is long) if none is close.

    Examples
    --------
    >>> nearest("contrst", ["contrast", "energy"])
    "did you mean 'contrast'?"
    """
    names = list(known)
    close = [known for known in names if known.lower() == name.lower()] or difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "accepted: " + ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def text_of_bytes(number: float) -> str:
    """Size in bytes as text with a unit.

    Examples
    --------
    >>> text_of_bytes(4.2e9)
    '4.2 GB'
    """
    for unit in ("bytes", "KB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"
