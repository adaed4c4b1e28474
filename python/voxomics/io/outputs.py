"""Files out: whole or not at all, and an InputError that says what to do, before the work where it can be known."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from voxomics.engine.errors import InputError

_ELSEWHERE = "choose a folder that you may write to"
_REMEDIES = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOSPC: "free some space, or choose another disk",
    errno.ELOOP: "a link leads back to itself; remove it",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _ELSEWHERE),
}


def check_writable(*paths: Path) -> None:
    """Try whether files can be written to these places; nothing there changes.

    Parameters
    ----------
    *paths : Path
        A link is followed; its target need not exist.

    Raises
    ------
    InputError
        A folder in its place, no folder to put it in, a name that is too long, no permission.
    """
    for path in paths:
        with _explained(path):
            place = _place(path)
            if not place.parent.is_dir():
                raise InputError(f"output {path.name!r}: its folder {place.parent.name!r} does not exist; create it first")
            kind = _kind(place)
            if stat.S_ISDIR(kind):
                raise InputError(f"output {path.name!r} is a folder; give the name of a file")
            if not kind or stat.S_ISREG(kind):
                draft = _draft(place)
                draft.touch()
                draft.unlink()


def write_whole(contents: Mapping[Path, bytes]) -> None:
    """Write files beside their places, then rename all: a reader never sees half a file, and a full disk replaces none.

    Parameters
    ----------
    contents : mapping Path -> bytes
        A link is written through; a device or a pipe is written to as it is.

    Raises
    ------
    InputError
        A place that cannot be written to.
    """
    drafts: list[tuple[Path, Path, Path]] = []
    try:
        for path, content in contents.items():
            with _explained(path):
                place = _place(path)
                if _kind(place) and not place.is_file():
                    place.write_bytes(content)
                    continue
                drafts.append((path, _draft(place), place))
                drafts[-1][1].write_bytes(content)
        for path, draft, place in drafts:
            with _explained(path):
                draft.replace(place)
    finally:
        for _, draft, _ in drafts:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _place(path: Path) -> Path:
    """Where a file's content goes: through links, except to a device such as /dev/stdout."""
    kind = _kind(path)
    return path if kind and not stat.S_ISREG(kind) else Path(os.path.realpath(path))


def _kind(path: Path) -> int:
    """Mode of what is there, 0 if nothing is."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _draft(place: Path) -> Path:
    return place.with_name(f".{uuid.uuid4().hex[:12]}.part")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "choose another name or folder")
        raise InputError(f"output {path.name!r} cannot be written: {error.strerror or type(error).__name__}; {remedy}") from error
