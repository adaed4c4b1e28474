"""Files out: whole or not at all, never in the place of an input, and never over a file of somebody else unless asked.

What was written is listed in a record beside it, with digests: NAME.meta.json for a table, voxomics.json for a folder. A file is
ours, and is replaced without asking, if such a record lists it and it has not changed since.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import xxhash

from voxomics._version import __version__
from voxomics.engine.errors import InputError

RECORD = "voxomics.json"
"""Name of the record of a folder."""
_ELSEWHERE = "choose a folder that you may write to"
_REMEDIES = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EDQUOT: "free some space, or choose another disk",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), or choose another disk",
    errno.ELOOP: "a link leads back to itself; remove it",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _ELSEWHERE),
}
_DRAFT = re.compile(r"\.voxomics-[0-9a-f]{12}\.part")
_ABANDONED_S = 86_400  # no write takes a day; what is older was left by a process that was killed


def check_writable(
    *paths: Path, inputs: Iterable[Path] = (), record: Path | None = None, overwrite: bool = False
) -> None:
    """Try whether files can be written to these places; nothing there changes.

    Parameters
    ----------
    *paths : Path
        A link is followed; its target need not exist.
    inputs : iterable of Path
        Files and folders that are read. None of them is ever written to, nor a file that belongs to one.
    record : Path, optional
        The record that will list these files; it is checked like them.
    overwrite : bool
        Replace files that no record lists, or that have changed since.

    Raises
    ------
    InputError
        An input or a file of somebody else in its place, a folder in its place, no folder to put it in, a name that is too
        long, no permission.
    """
    paths = paths if record is None else (*paths, record)
    for path in paths:
        _check_name(path)
        with _explained(path):
            place = _place(path)
            if not place.parent.is_dir():
                raise InputError(f"output {path.name!r}: its folder {place.parent.name!r} does not exist; create it first")
            if stat.S_ISDIR(_kind(place)):
                raise InputError(f"output {path.name!r} is a folder; give the name of a file")
    _refuse_losses(paths, list(inputs), record, overwrite)
    for path in paths:
        with _explained(path):
            place = _place(path)
            if not _is_device(place):
                draft = _draft(place)
                draft.touch()
                draft.unlink()


def write_whole(
    contents: Mapping[Path, bytes],
    *,
    record: Path | None = None,
    about: Mapping[str, Any] | None = None,
    listed: Iterable[Path] = (),
    inputs: Iterable[Path] = (),
    overwrite: bool = False,
) -> None:
    """Write files beside their places, then rename all: a reader never sees half a file, and a full disk replaces none.

    Parameters
    ----------
    contents : mapping Path -> bytes
        A link is written through; a device or a pipe is written to as it is.
    record : Path, optional
        Record of these files. Without one there is no check of what is replaced.
    about : mapping, optional
        What else the record says.
    listed : iterable of Path
        Files in the record's folder that were written already and belong into the record too.
    inputs, overwrite
        As of `check_writable`.

    Raises
    ------
    InputError
        A place that cannot be written to, or holds what must not be lost.
    """
    if record is not None:
        _refuse_losses((*contents, record), list(inputs), record, overwrite)
        contents = {**contents, record: _record(record, contents, listed, about or {})}
    drafts: list[tuple[Path, Path, Path]] = []
    try:
        for path, content in contents.items():
            with _explained(path):
                place = _place(path)
                if _is_device(place):
                    place.write_bytes(content)
                    continue
                if place.parent not in {other.parent for _, _, other in drafts}:
                    _sweep(place.parent)
                drafts.append((path, _draft(place), place))
                drafts[-1][1].write_bytes(content)
        for path, draft, place in drafts:
            with _explained(path):
                draft.replace(place)
    finally:
        for _, draft, _ in drafts:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _check_name(path: Path) -> None:
    """InputError for a name that no record could list."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    if name != path.name:
        raise InputError(f"output {name!r}: its name is not UTF-8 text; choose another name")


def _refuse_losses(paths: Iterable[Path], inputs: list[Path], record: Path | None, overwrite: bool) -> None:
    """InputError if a file would be replaced that must not be, or two outputs are one file."""
    known = {} if record is None else _listed(record)
    places: dict[Path, Path] = {}
    for path in paths:
        with _explained(path):
            place = _place(path)
            if _is_device(place):
                continue
            if other := places.get(place):
                raise InputError(f"outputs {other.name!r} and {path.name!r} are the same file; choose another name")
            places[place] = path
            if not place.exists():
                continue
            ours = place.stat().st_size == 0 or (record is not None and _is_ours(path, record, known))
            if _is_input(place, inputs, ours):
                raise InputError(f"output {path.name!r} is also an input, which would be lost; choose another name")
            if record is not None and not ours and not overwrite:
                raise InputError(
                    f"output {path.name!r} exists, and voxomics did not write it or it has changed since; choose another name, "
                    "or have it replaced with --overwrite (in Python overwrite=True)"
                )


def _is_input(place: Path, inputs: list[Path], ours: bool) -> bool:
    """Whether an existing file is an input, or, if it is not ours, one that is read together with an input."""
    for given in inputs:
        if given.is_dir():
            if not ours and Path(os.path.realpath(given)) in place.parents:
                return True
        elif given.exists():
            files = [given] if ours else _read_with(given)
            if any(file.exists() and os.path.samefile(place, file) for file in files):
                return True
    return False


def _read_with(given: Path) -> list[Path]:
    """An input and its data files, or the input alone where it is no image."""
    from voxomics.io.readers import input_files

    try:
        return [given, *input_files(given)]
    except InputError:
        return [given]


def _is_ours(path: Path, record: Path, known: Mapping[str, str]) -> bool:
    if path == record:
        return bool(known)
    return known.get(_key(path, record)) == _digest(path.read_bytes())


def _record(record: Path, contents: Mapping[Path, bytes], listed: Iterable[Path], about: Mapping[str, Any]) -> bytes:
    """Content of a record: what it says of other files stays."""
    files = _listed(record)
    files |= {_key(path, record): _digest(path.read_bytes()) for path in listed}
    files |= {_key(path, record): _digest(content) for path, content in contents.items()}
    return json.dumps(
        {"voxomics": __version__, **about, "files": files}, ensure_ascii=False, allow_nan=False, indent=1
    ).encode()


def _listed(record: Path) -> dict[str, str]:
    """Files of a record by their names relative to it; none if there is no record that can be read."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    files = found.get("files") if isinstance(found, dict) and "voxomics" in found else None
    return {str(name): str(digest) for name, digest in files.items()} if isinstance(files, dict) else {}


def _key(path: Path, record: Path) -> str:
    return path.relative_to(record.parent).as_posix()


def _digest(content: bytes) -> str:
    return str(xxhash.xxh3_128_hexdigest(content))


def _place(path: Path) -> Path:
    """Where a file's content goes: through links, except to a device such as /dev/stdout."""
    return path if _is_device(path) else Path(os.path.realpath(path))


def _is_device(path: Path) -> bool:
    """Something is there that is neither a file nor a folder."""
    kind = _kind(path)
    return bool(kind) and not stat.S_ISREG(kind) and not stat.S_ISDIR(kind)


def _kind(path: Path) -> int:
    """Mode of what is there, 0 if nothing is."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _draft(place: Path) -> Path:
    return place.with_name(f".voxomics-{uuid.uuid4().hex[:12]}.part")


def _sweep(folder: Path) -> None:
    """Remove drafts that a process left which was killed."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _DRAFT.fullmatch(path.name) and time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "choose another name or folder")
        raise InputError(f"output {path.name!r} cannot be written: {error.strerror or type(error).__name__}; {remedy}") from error
