"""The errors a user can meet. Each text says what was got, what is accepted and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 12


class VoxomicsError(Exception):
    """Base of every error raised on purpose by voxomics."""


class InputError(VoxomicsError, ValueError):
    """An image, a mask or a table that cannot be used as given."""


class SettingsError(VoxomicsError, ValueError):
    """A setting or a feature name that does not exist or contradicts another."""


class BackendError(VoxomicsError, RuntimeError):
    """A compute backend that was asked for by name cannot run here."""


class ResourceError(VoxomicsError, MemoryError):
    """A request that would need more memory than the settings allow."""


class MissingExtraError(VoxomicsError, ImportError):
    """A feature needs a package that is not installed; the message carries the pip line."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an optional package; install it with: pip install "voxomics[{extra}]"')


def nearest(name: str, known: Iterable[str]) -> str:
    """Phrase that offers the accepted names closest to `name`.

    Parameters
    ----------
    name : str
        What was got.
    known : iterable of str
        What is accepted.

    Returns
    -------
    str
        ``"did you mean 'contrast'?"``, or the list (its beginning, when it is long) when nothing is close.

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
    """A size for people.

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
