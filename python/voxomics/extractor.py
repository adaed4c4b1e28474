"""From files or arrays to a table: what users call."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cache, cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from voxomics._version import __version__
from voxomics.engine import backends, pool, table, warm
from voxomics.engine.errors import InputError, SettingsError
from voxomics.engine.plan import Plan
from voxomics.engine.run import Case, Recipe, Rows, run
from voxomics.engine.select import Labels, checked
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack
from voxomics.io import read_image, read_mask
from voxomics.profiles import profile_named
from voxomics.profiles.profile import are_engines, values_of

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[float], None]
READ_BYTES = 4 << 30
"""Bytes of voxels of a file that are read whatever `memory` is; a file that takes more is refused if it exceeds `memory` too."""
_VERSIONED = ("numpy", "numba", "scipy", "pandas", "SimpleITK", "nibabel")


class Extractor:
    """Settings checked once, used on many cases, from any number of threads.

    Parameters
    ----------
    profile : {"ibsi", "lifex"}
        Which settings to start from and what the columns are called.
    settings : Settings, mapping, path of a YAML file, or None
        What differs from the profile.
    backend : {"auto", "cpu", "cuda"}
    threads : int, optional
        Threads of one call; all cores of this process by default.

    Raises
    ------
    SettingsError
        Unknown profile, key, feature or value; the message offers the nearest accepted one.
    BackendError
        The backend cannot run here.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(60.0).reshape(3, 4, 5)
    >>> mask = np.ones((3, 4, 5), np.uint8)
    >>> ours = Extractor(settings={"features": ["morphology.volume_voxel_counting"]})
    >>> row = ours.extract(image, mask, spacing_mm=(2.0, 1.0, 1.0)).iloc[0]
    >>> float(row["original.morphology.volume_voxel_counting"])
    120.0
    """

    def __init__(
        self,
        profile: str = "ibsi",
        settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        backend: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.profile = profile_named(profile)
        self.settings = self.profile.settings(settings)
        self._backend = backends.choose(backend)
        if threads is not None and threads < 1:
            raise SettingsError(f"threads must be at least 1, got {threads}; leave it out to use every core")
        self.threads = threads or pool.available_threads()
        self.outputs = self.profile.outputs(self.settings)
        if not self.outputs:
            raise SettingsError("no feature is left to measure; see `features` and `exclude`")
        self._plan = Plan.of(self.settings)
        self._place = {column.key: k for k, column in enumerate(self._plan.columns)}
        self._are_engines = are_engines(self.outputs, self._place)
        self._names = tuple(output.name for output in self.outputs)
        dumped = self.settings.model_dump(mode="json")
        self._meta = {"schema": table.SCHEMA, "profile": self.profile.name, "settings": dumped}

    def __reduce__(self) -> tuple[type[Extractor], tuple[str, Settings, str, int]]:
        """Pickle what the extractor was made from; the other process finds its own device."""
        return Extractor, (self.profile.name, self.settings, self._backend.asked, self.threads)

    @property
    def backend(self) -> str:
        """Where it computes: "cpu" or "cuda"."""
        return self._backend.name

    @property
    def meta(self) -> dict[str, Any]:
        """What every table of this extractor has in ``attrs["voxomics"]``, beside its inputs."""
        return {**self._meta, "backend": self.backend, "versions": _versions()}

    @property
    def columns(self) -> list[str]:
        """Names of the feature columns, in order; the same for every case."""
        return list(self._names)

    @cached_property
    def families(self) -> tuple[str, ...]:
        """Names of the families that are measured."""
        return tuple(dict.fromkeys(column.key.family for column in self._plan.columns))

    @property
    def described(self) -> dict[str, tuple[str, str]]:
        """IBSI id and unit of each feature column."""
        return {output.name: (output.ibsi_id, output.unit) for output in self.outputs}

    def extract(
        self,
        image: Any,
        mask: Any,
        labels: Labels = "all",
        spacing_mm: Sequence[float] | None = None,
        *,
        include_paths: bool = False,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """One row per VOI.

        Parameters
        ----------
        image : path, SimpleITK.Image or ndarray [z, y, x]
        mask : path, SimpleITK.Image or integer ndarray [z, y, x]
            Labels on the image's grid, 0 = background; or a 3D Slicer segmentation (.seg.nrrd).
        labels : "all", int, str or sequence or set of them
            Label numbers or segment names.
        spacing_mm : (float, float, float), optional
            Voxel size (z, y, x) in mm; needed for arrays and refused for anything else.
        include_paths : bool
            Write paths as given instead of file names in the columns image and mask (paths often carry patients' names).
        progress : callable, optional
            ``progress(fraction)``: how much of the work is done, 0 to 1.

        Returns
        -------
        pandas.DataFrame
            Columns image, mask, label, name, n_voxels, status (ok | partial | failed), reason, then the features (float64, NaN
            where `reason` says why). ``attrs["voxomics"]`` holds settings, schema, versions and input hashes.

        Raises
        ------
        InputError
            Unreadable or empty input, absent label, grids that differ.
        """
        checked(labels)
        case = Case(None, lambda: self.read(image, mask, spacing_mm), labels)
        (rows,) = self.run([case], progress)
        if rows.error:
            raise rows.error
        names = (shown(image, rows.image[0], include_paths), shown(mask, rows.mask[0], include_paths))
        inputs = {"image": fingerprint(image, *rows.image), "mask": fingerprint(mask, *rows.mask)}
        return table.frame(self.identity(rows, *names), self.values(rows), self._names, {**self.meta, "inputs": inputs})

    def read(self, image: Any, mask: Any, spacing_mm: Sequence[float] | None = None) -> tuple[Image, MaskStack]:
        """An image and its masks as these settings want them; parameters and errors as of `extract`.

        A file whose voxels take more than `memory`, and more than READ_BYTES, is refused before they are read.
        """
        most = max(self.settings.memory_bytes, READ_BYTES)
        volume = read_image(image, _triple(spacing_mm), max_bytes=most)
        return volume, read_mask(mask, volume, resample=self.settings.resample_mask, max_bytes=most)

    def run(self, cases: Iterable[Case], progress: Callable[[float], None] | None = None) -> Iterator[Rows]:
        """Measure many images as one run: read ahead, measured together, whichever fails.

        Parameters
        ----------
        cases : iterable of Case
            See voxomics.engine.run.
        progress : callable, optional
            ``progress(done)``: how many cases are done, parts of one included.

        Yields
        ------
        Rows
            In the order of the cases; one whose `error` is set has no values.
        """
        warm.ensure(self.families, self.threads)
        recipe = Recipe(
            self.settings, self._plan, self._backend, self.threads, self.profile.process, self.profile.remarks
        )
        return run(cases, recipe, progress)

    def values(self, rows: Rows) -> np.ndarray:
        """The profile's feature columns of a case, float64 [n, columns]; NaN in a failed row."""
        if self._are_engines:
            return rows.values  # a failed row has none
        values = values_of(self.outputs, self._place, rows.values, rows.n_voxels)
        values[[k for k, text in enumerate(rows.status) if text == "failed"]] = np.nan
        return values

    def identity(self, rows: Rows, image: str, mask: str) -> dict[str, Any]:
        """The table's columns before the features, of a case: arrays of objects and of int64."""
        text: list[Sequence[str]] = [
            [image] * len(rows.vois), [mask] * len(rows.vois), [voi.name for voi in rows.vois], rows.status, rows.reason
        ]  # fmt: skip
        images, masks, names, status, reason = np.array(text, dtype=object)
        label = np.array([voi.value for voi in rows.vois], dtype=np.int64)
        columns = (images, masks, label, names, rows.n_voxels, status, reason)
        return dict(zip(table.IDENTITY, columns, strict=True))


def extract(
    image: Any,
    mask: Any,
    *,
    labels: Labels = "all",
    profile: str = "ibsi",
    settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    spacing_mm: Sequence[float] | None = None,
    backend: str = "auto",
    threads: int | None = None,
) -> pd.DataFrame:
    """Features of every VOI of one image: `Extractor` for a single call; see there and `Extractor.extract` for parameters.

    Returns
    -------
    pandas.DataFrame
        One row per VOI.

    Raises
    ------
    InputError, SettingsError, BackendError
        With what was got, what is accepted and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> table = extract(rng.normal(size=(8, 8, 8)), np.ones((8, 8, 8), int), spacing_mm=(1, 1, 1))
    >>> table.loc[0, "status"]
    'ok'
    >>> float(table.loc[0, "original.morphology.volume_voxel_counting"])
    512.0
    """
    return Extractor(profile, settings, backend, threads).extract(image, mask, labels, spacing_mm)


@cache
def _versions() -> dict[str, str]:
    ours = {"voxomics": __version__, "python": platform.python_version()}
    return {**ours, **{name: version(name) for name in _VERSIONED}}


def _triple(spacing_mm: Sequence[float] | None) -> tuple[float, float, float] | None:
    if spacing_mm is None:
        return None
    wrong = InputError(f"spacing_mm needs three numbers in the order (z, y, x) in mm, got {spacing_mm!r}")
    if isinstance(spacing_mm, (str, bytes, bytearray, Mapping, Set)):  # letters, or values without an order
        raise wrong
    try:
        given = list(spacing_mm)
        z, y, x = (float(v) for v in given)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    if any(isinstance(v, (str, bytes, bool, np.bool_)) for v in given):
        raise wrong
    return (z, y, x)


def shown(source: Any, name: str, include_paths: bool) -> str:
    """How the table calls an input: its name, or where asked for its path as given."""
    return os.fspath(source) if include_paths and isinstance(source, (str, os.PathLike)) else name


def fingerprint(source: Any, name: str, digest: str) -> dict[str, str]:
    """What meta.json says of an input: a file's name and XXH3-128, or of what kind an object in memory is."""
    if isinstance(source, (str, os.PathLike)):
        return {"name": name, "xxh3_128": digest}
    return {"kind": type(source).__name__}
