"""From files or arrays to a table: what users call."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voxomics._version import __version__
from voxomics.engine import backends, plan, pool, table
from voxomics.engine.errors import InputError, SettingsError, text_of_bytes
from voxomics.engine.measure import Measured, measure
from voxomics.engine.prepare import Prepared, Processed, Voi, build, find_vois, process
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack
from voxomics.io import input_files, read_image, read_mask
from voxomics.profiles import profile_named

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("voxomics")

Labels = str | int | Sequence[int | str]
Progress = Callable[[float], None]
_BYTES_PER_BOX_VOXEL = 8
_BYTES_PER_VOXEL = 64
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
        self._device = backends.choose(backend)
        self.backend = "cuda" if self._device else "cpu"
        if threads is not None and threads < 1:
            raise SettingsError(f"threads must be at least 1, got {threads}; leave it out to use every core")
        self.threads = threads or pool.available_threads()
        self.outputs = self.profile.outputs(self.settings)
        if not self.outputs:
            raise SettingsError("no feature is left to measure; see `features` and `exclude`")
        self._columns = plan.columns(self.settings)
        self._calls = plan.calls(self._columns, self.settings)
        self._meta = {
            "schema": table.SCHEMA,
            "profile": self.profile.name,
            "settings": self.settings.model_dump(mode="json"),
            "backend": self.backend,
            "versions": _versions(),
        }

    @property
    def meta(self) -> dict[str, Any]:
        """What every table of this extractor has in ``attrs["voxomics"]``, beside its inputs."""
        return dict(self._meta)

    @property
    def columns(self) -> list[str]:
        """Names of the feature columns, in order; the same for every case."""
        return [output.name for output in self.outputs]

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the families that are measured."""
        return tuple(dict.fromkeys(column.family.name for column in self._columns))

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
        labels : "all", int, str or sequence of them
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
        volume = read_image(image, _triple(spacing_mm))
        masks = read_mask(mask, volume, resample=self.settings.resample_mask)
        chosen = select(find_vois(masks), labels, masks)
        count = len(chosen)
        values = np.full((count, len(self._columns)), np.nan)
        n_voxels = np.zeros(count, np.int64)
        status, reason = [""] * count, [""] * count
        done = 0
        need = self._packed_bytes(chosen, volume)
        logger.info("measuring %d VOIs, %d columns, %d threads", count, len(self.columns), self.threads)
        processed = process(volume, self.settings)
        for rows in self._batches(need):

            def inner(fraction: float, before: int = done, size: int = len(rows)) -> None:
                if progress:
                    progress((before + fraction * size) / count)

            found, sizes, remarks = self._one_batch(processed, masks, [chosen[k] for k in rows], need[rows], inner)
            texts = table.explain(found, self._columns)
            for place, k in enumerate(rows):
                values[k] = found.values[place]
                n_voxels[k] = sizes[place]
                status[k] = texts[0][place]
                reason[k] = "; ".join(filter(None, (texts[1][place], remarks[place])))
            done += len(rows)
        identity: dict[str, Any] = {
            "image": [_shown(image, volume.name, include_paths)] * count,
            "mask": [_shown(mask, masks.name, include_paths)] * count,
            "label": np.array([voi.value for voi in chosen], dtype=np.int64),
            "name": [voi.name for voi in chosen],
            "n_voxels": n_voxels,
            "status": status,
            "reason": reason,
        }
        meta = {**self._meta, "inputs": {"image": _fingerprint(image), "mask": _fingerprint(mask)}}
        features = self._derived(values, n_voxels)
        features[[k for k, text in enumerate(status) if text == "failed"]] = np.nan
        return table.frame(identity, features, self.columns, meta)

    def _packed_bytes(self, vois: list[Voi], volume: Image) -> np.ndarray:
        """Memory that each VOI takes in a batch, whatever is measured on it, int64 [n]."""
        new = self.settings.resampling.spacing_mm or (None,) * 3
        finer = np.prod([old / size if size else 1.0 for old, size in zip(volume.spacing_mm, new, strict=True)])
        extent = np.array([voi.high for voi in vois]) - np.array([voi.low for voi in vois]) + 1 + 2 * self.settings.pad
        number = np.array([voi.n_voxels for voi in vois])
        voxels = finer * (extent.prod(1) * _BYTES_PER_BOX_VOXEL + number * _BYTES_PER_VOXEL)
        need: np.ndarray = voxels.astype(np.int64) + 2 * 8 * len(self._columns)  # values, and those of a part of a batch
        return need

    def _batches(self, need: np.ndarray) -> Iterator[list[int]]:
        """Rows in batches that stay below half of what the table leaves of the memory limit, or an eighth of the limit.

        A VOI that cannot has a batch of its own.
        """
        memory = self.settings.memory_bytes
        limit = max(memory - 8 * len(self._columns) * len(need), memory // 4) // 2
        rows: list[int] = []
        taken = 0
        for k, size in enumerate(need.tolist()):
            if rows and taken + size > limit:
                yield rows
                rows, taken = [], 0
            rows.append(k)
            taken += size
        if rows:
            yield rows

    def _one_batch(
        self, image: Processed, masks: MaskStack, vois: list[Voi], need: np.ndarray, progress: Progress
    ) -> tuple[Measured, np.ndarray, list[str]]:
        """Values, voxel counts and remarks of some VOIs; what cannot be packed is a failed row."""
        result = Measured(np.empty((0, 0)))
        sizes = np.array([voi.n_voxels for voi in vois], dtype=np.int64)
        remarks = [""] * len(vois)
        for k, voi in enumerate(vois):
            if not voi.n_voxels:
                result.failed[k] = "no voxel carries this label: an empty segment, or too small for the grid it was resampled to"
            elif need[k] > self.settings.memory_bytes:
                size = text_of_bytes(float(need[k]))
                result.failed[k] = f"needs {size} to be packed, the limit is {self.settings.memory}; raise `memory`"
        filled = [k for k in range(len(vois)) if k not in result.failed]
        if len(filled) < len(vois):
            result.values = np.full((len(vois), len(self._columns)), np.nan)
        if filled:
            prepared = build(image, masks, [vois[k] for k in filled], self.settings, self.threads)
            found = measure(prepared, self._calls, self.settings, self.threads, progress, self._device)
            if len(filled) == len(vois):
                result.values = found.values
            else:
                result.values[filled] = found.values
            sizes[filled] = prepared.batch.geometry.n_morphological
            result.causes = {(filled[i], *rest): text for (i, *rest), text in found.causes.items()}  # type: ignore[misc]
            result.failed |= {filled[i]: text for i, text in found.failed.items()}
            for place, texts in enumerate(self._remarks(prepared)):
                k = filled[place]
                remarks[k] = "; ".join(filter(None, texts))
                if remarks[k]:
                    logger.info("label %d %s: %s", vois[k].value, vois[k].name, remarks[k])
        return result, sizes, remarks

    def _remarks(self, prepared: Prepared) -> list[list[str]]:
        """For each VOI what a reader of its values should know."""
        noted: list[list[str]] = [[] for _ in range(len(prepared.batch))]
        if self.settings.nonfinite == "exclude":
            for i in np.flatnonzero(prepared.nonfinite):
                noted[i].append(f"{prepared.nonfinite[i]} NaN or infinite voxels left out")
        for name, below in prepared.below.items():
            for i in np.flatnonzero(below):
                noted[i].append(f"{below[i]} voxels below the origin of {name} are counted in level 1")
        for chosen in prepared.batch.channels:
            for i in np.flatnonzero(self._crowded(prepared, chosen)):
                noted[i].append(
                    f"all intensities fall into two levels of {chosen} or fewer; check its bounds (PET needs bounds in SUV)"
                )
        if self.profile.remarks:
            for texts, remark in zip(noted, self.profile.remarks(prepared.batch), strict=True):
                texts.append(remark)
        return noted

    def _crowded(self, prepared: Prepared, name: str) -> np.ndarray:
        """VOIs whose many intensities a discretisation between fixed bounds crowds into one or two of many levels, bool [n]."""
        batch, channel = prepared.batch, prepared.batch.channels[name]
        if not name.startswith("bounds"):
            return np.zeros(len(batch), bool)
        few: np.ndarray = (channel.n_present <= 2) & (channel.n_nominal > 8) & (batch.geometry.n_intensity >= 64)
        return few

    def _derived(self, values: np.ndarray, n_voxels: np.ndarray) -> np.ndarray:
        """The profile's columns from the engine's; these themselves where the profile takes them as they are."""
        if [output.sources for output in self.outputs if not output.derive] == [(column.name,) for column in self._columns]:
            return values
        place = {column.name: k for k, column in enumerate(self._columns)}

        def source(name: str) -> np.ndarray:
            return n_voxels.astype(float) if name == "n_voxels" else values[:, place[name]]

        result = np.empty((len(values), len(self.outputs)))
        for k, output in enumerate(self.outputs):
            given = [source(name) for name in output.sources]
            result[:, k] = output.derive(*given) if output.derive else given[0]
        return result


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


def select(found: list[Voi], labels: Labels, masks: MaskStack) -> list[Voi]:
    """VOIs of the wanted labels (numbers or segment names).

    Parameters
    ----------
    found : list of Voi
        From `find_vois`.
    labels : "all", int, str or sequence of them
    masks : MaskStack

    Returns
    -------
    list of Voi
        In the order asked for; "all" keeps the mask's order.

    Raises
    ------
    InputError
        The mask is empty, or a label is absent; lists those there are.
    """
    if not any(voi.n_voxels for voi in found):
        raise InputError(
            f"mask {masks.name or 'array'} is empty: every voxel is 0; a mask has a label > 0 in each voxel of a VOI"
        )
    if isinstance(labels, str) and labels == "all":
        return found
    wanted = [labels] if isinstance(labels, (int, str, np.integer)) else list(labels)
    there = ", ".join(f"{voi.value} ({voi.name})" if voi.name else str(voi.value) for voi in found)
    if not wanted:
        raise InputError(f'labels is empty; accepted: "all", or some of {there}')
    by_value: dict[int | str, list[Voi]] = {}
    for voi in found:
        by_value.setdefault(voi.value, []).append(voi)
        if voi.name:
            by_value.setdefault(voi.name, []).append(voi)
    chosen: dict[tuple[int, int], Voi] = {}
    for label in wanted:
        matches = by_value.get(label if isinstance(label, str) else int(label), [])
        if not matches:
            raise InputError(f"label {label!r} is not in mask {masks.name or 'array'}; there are: {there}")
        chosen |= {(voi.layer, voi.value): voi for voi in matches}
    return list(chosen.values())


@cache
def _versions() -> dict[str, str]:
    ours = {"voxomics": __version__, "python": platform.python_version()}
    return {**ours, **{name: version(name) for name in _VERSIONED}}


def _triple(spacing_mm: Sequence[float] | None) -> tuple[float, float, float] | None:
    if spacing_mm is None:
        return None
    try:
        z, y, x = (float(v) for v in spacing_mm)
    except (TypeError, ValueError):
        raise InputError(f"spacing_mm needs three numbers (z, y, x) in mm, got {spacing_mm!r}") from None
    return (z, y, x)


def _shown(source: Any, name: str, include_paths: bool) -> str:
    return os.fspath(source) if include_paths and isinstance(source, (str, os.PathLike)) else name


def _fingerprint(source: Any) -> dict[str, str]:
    """Name and SHA-256 of a file with the data it points to, or of a folder's files; arrays and images in memory have none."""
    if not isinstance(source, (str, os.PathLike)):
        return {"kind": type(source).__name__}
    path = Path(source)
    digest = hashlib.sha256()
    for part in input_files(path):
        with part.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return {"name": path.name, "sha256": digest.hexdigest()}
