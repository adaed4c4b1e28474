"""Feature stability: how much of the variance of a feature is due to patients, and how much to outline and noise."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from voxomics.cases import read_cases, why_failed
from voxomics.engine import images, table
from voxomics.engine.errors import InputError, SettingsError
from voxomics.engine.prepare import Voi, find_vois
from voxomics.engine.run import Case as RunCase
from voxomics.engine.run import Rows
from voxomics.engine.select import select
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, Index, MaskStack, Triple
from voxomics.extractor import Extractor
from voxomics.study.agreement import icc_table
from voxomics.study.checks import Bools, listed, unique_ids
from voxomics.study.cutout import Cutout, cut_out
from voxomics.study.perturbation import Amplitudes, Perturbation, draw, noise_sd, perturbed_mask, reach_voxels, with_noise

Progress = Callable[[float], None]
_CONTEXT_MM = 6.3  # the 1 cm³ sphere of the local intensity peak looks 6.2 mm beyond the mask
_WHOLE_IMAGE = 1 << 40  # voxels: what a filter gives may depend on all of them
_SPLINE_VOXELS = 4  # what lies so far away weighs less than 1 % in a cubic spline
_NOISE_MM = 30.0  # tissue around the VOI's box that tells its noise, which differs from place to place in a scan
_ATTEMPTS = 10  # draws per perturbation before a mask counts as too small


@dataclass(frozen=True)
class Scan:
    """An image and the mask of its one VOI: paths, or what else `read_image` and `read_mask` take."""

    id: str
    image: Any
    mask: Any
    spacing_mm: Triple | None = None  #: needed for arrays, refused for anything else
    label: int | str | None = None  #: which VOI of the mask; None: that of the call


@dataclass(frozen=True, eq=False)
class Stability:
    """What `stability` returns."""

    table: pd.DataFrame  #: row = feature: see `agreement.icc_table`; attrs["voxomics"] says how it was made
    cases: pd.DataFrame  #: row = case: status (ok | failed), reason, n_voxels, noise_sd, emptied
    measured: pd.DataFrame  #: row = case × perturbation: what was drawn, n_voxels, status, reason, the features


@dataclass(frozen=True)
class _Drawn:
    """A perturbation that left a mask, and the seed of its noise."""

    chosen: Perturbation
    mask: Bools
    noise: np.random.SeedSequence


def read_scans(path: str | os.PathLike[str]) -> list[Scan]:
    """Scans of a CSV with the columns id, image and mask; see `voxomics.cases.read_cases`.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of Scan

    Raises
    ------
    InputError
        As `read_cases`.
    """
    return [Scan(case.id, case.image, case.mask, label=case.label) for case in read_cases(path)]


def stability(
    cases: Iterable[Scan],
    extractor: Extractor | None = None,
    perturbations: int = 20,
    seed: int = 0,
    *,
    amplitudes: Amplitudes | None = None,
    label: int | str | None = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> Stability:
    """ICC(1,1) of every feature over perturbed masks and images.

    Each perturbation shifts, turns and grows or shrinks the mask and adds noise to the image, all at random. Each copy is the
    tumour cut out with the tissue around it, with noise of its own, and is an image of the run that measures them all together.
    At amplitudes 0 the values are `Extractor.extract`'s, bit for bit. Only where settings resample the image, its new grid is
    aligned with the cutout instead of the whole image: a shift below one new voxel, the same for all copies.
    Where an image type is derived by a filter, each copy is the whole image with noise, since filters read all of it.

    Parameters
    ----------
    cases : iterable of Scan
        At least 2.
    extractor : Extractor, optional
        What is measured; by default `Extractor()`.
    perturbations : int
        Of each case, ≥ 2. A mask that is empty once perturbed is left out and counted, and another is drawn.
    seed : int
        ≥ 0. What a case gets follows from the seed and its id, whichever other cases there are.
    amplitudes : Amplitudes, optional
        By default ±0.5 voxel, ±5°, ±1 voxel, noise once the image's own as `noise_sd` finds it within 30 mm of the VOI's box.
    label : int or str, optional
        Which VOI of each mask; not needed where a mask holds one.
    level : float
        Of the confidence intervals.
    progress : callable, optional
        ``progress(fraction)``: how much of the work is done, 0 to 1.

    Returns
    -------
    Stability
        A case that cannot be measured is a failed row of `cases`.

    Raises
    ------
    InputError
        Ids that occur twice, or fewer than 2 cases that could be measured.
    SettingsError
        Fewer than 2 perturbations, a negative seed.

    References
    ----------
    Zwanenburg A et al. Sci Rep 9:614 (2019). Shrout PE, Fleiss JL. Psychol Bull 86:420-428 (1979).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> distance = np.hypot(*np.indices((32, 32)) - 15.5)[None]
    >>> balls = [Scan(f"P{k}", rng.normal(size=(1, 32, 32)), distance < 6 + k, (5.0, 1.0, 1.0)) for k in range(5)]
    >>> found = stability(balls, Extractor(settings={"features": ["morphology.volume_voxel_counting"]}))
    >>> found.table[["n_targets", "n_ratings"]].values.tolist(), found.cases["status"].tolist()
    ([[5, 20]], ['ok', 'ok', 'ok', 'ok', 'ok'])
    """
    chosen = amplitudes or Amplitudes()
    given = list(cases)
    unique_ids([case.id for case in given])
    if label is not None and any(case.label is not None for case in given):
        raise InputError("labels are chosen twice: by the list's column label, and by the call; leave one of them out")
    if perturbations < 2 or seed < 0:
        raise SettingsError(f"perturbations must be at least 2 and seed at least 0, got {perturbations} and {seed}")
    ours = extractor or Extractor()
    rows: list[dict[str, Any]] = []
    internal: list[str] = []
    tables: list[pd.DataFrame] = []
    for k, case in enumerate(given):

        def inner(fraction: float, before: int = k) -> None:
            if progress:
                progress((before + fraction) / len(given))

        row: dict[str, Any] = {"id": case.id, "status": "ok", "reason": ""}
        wanted = label if case.label is None else case.label
        try:
            found, facts = measure_case(case, ours, perturbations, seed, chosen, wanted, inner)
            row |= facts
            tables.append(found)
        except Exception as error:  # noqa: BLE001 - the case is a failed row, and the other cases are measured
            reason, is_ours = why_failed(case.id, error)
            row |= {"status": "failed", "reason": reason}
            internal += [case.id] if is_ours else []
        rows.append(row)
        inner(1.0)
    if len(tables) < 2:
        failed = listed([f"{row['id']}: {row['reason']}" for row in rows if row["status"] == "failed"])
        raise InputError(f"{len(tables)} of {len(given)} cases could be measured; an ICC needs 2 or more. {failed}".rstrip(" ."))
    for found in tables:
        found.attrs = {}  # pandas compares the attributes of all frames when it joins them
    measured = pd.concat(tables, ignore_index=True)
    agreement = icc_table(measured[ours.columns], measured["id"], level=level)
    agreement.attrs["voxomics"] = {
        **ours.meta,
        "internal_errors": internal,
        "stability": {"perturbations": perturbations, "seed": seed, "level": level, "amplitudes": asdict(chosen)},
    }
    columns = ["id", "status", "reason", "n_voxels", "noise_sd", "emptied"]
    return Stability(agreement, pd.DataFrame(rows).reindex(columns=columns), measured)


def measure_case(
    case: Scan,
    extractor: Extractor,
    perturbations: int,
    seed: int,
    amplitudes: Amplitudes,
    label: int | str | None,
    progress: Progress,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Features of one case under perturbations.

    Returns
    -------
    table : DataFrame
        Row = perturbation; see `Stability.measured`.
    facts : dict
        For the case's row in `Stability.cases`.

    Raises
    ------
    InputError
        Unreadable, no VOI or more than one, a mask that perturbations leave empty, no perturbation measured.
    """
    image, masks = extractor.read(case.image, case.mask, case.spacing_mm)
    voi = _only_voi(masks, label)
    extent = [high - low + 1 for low, high in zip(voi.low, voi.high, strict=True)]
    reach = reach_voxels(extent, image.spacing_mm, amplitudes)
    cutout = cut_out(image, masks, voi, reach, _context(image.spacing_mm, extractor.settings))
    sd = noise_sd(_surroundings(image, masks, voi)) if amplitudes.noise else 0.0
    floor = 0.0 if np.fmin.reduce(image.array, axis=None) >= 0 else -np.inf
    drawn, emptied = _draw_all(cutout, perturbations, _seed_of(case.id, seed), amplitudes)

    def copy(one: _Drawn) -> tuple[Image, MaskStack]:
        noisy = with_noise(cutout.image, amplitudes.noise * sd, np.random.default_rng(one.noise), floor)
        return Image(noisy, cutout.spacing_mm), MaskStack((one.mask.astype(np.uint8),), cutout.corner)

    copies = [RunCase(k, partial(copy, one)) for k, one in enumerate(drawn)]
    found = list(extractor.run(copies, lambda done: progress(done / len(copies))))
    measured = _table(case.id, drawn, found, extractor)
    failed = measured.loc[measured["status"] == "failed", "reason"]
    if len(failed) == perturbations:
        raise InputError(f"every perturbation failed: {failed.iloc[0]}")
    facts: dict[str, Any] = {"n_voxels": voi.n_voxels, "noise_sd": sd, "emptied": emptied}
    if len(failed):
        facts |= {"status": "partial", "reason": f"{len(failed)} of {perturbations} perturbations failed: {failed.iloc[0]}"}
    return measured, facts


def _only_voi(masks: MaskStack, label: int | str | None) -> Voi:
    chosen = select(find_vois(masks), "all" if label is None else label, masks)
    if len(chosen) > 1:
        there = listed([f"{voi.value} ({voi.name})" if voi.name else str(voi.value) for voi in chosen])
        raise InputError(f"mask {masks.name or 'array'} holds {len(chosen)} VOIs, one a case is needed: choose a label: {there}")
    if not chosen[0].n_voxels:
        raise InputError(f"mask {masks.name or 'array'}: no voxel carries label {chosen[0].value}")
    return chosen[0]


def _context(spacing_mm: Triple, settings: Settings) -> Index:
    """Voxels around a mask whose intensities its features may read, or the filters of its image types."""
    if any(kind.type != images.BASE for kind in settings.image_types):
        return (_WHOLE_IMAGE,) * 3
    spline = _SPLINE_VOXELS if settings.resampling.spacing_mm else 0
    z, y, x = (int(np.ceil(_CONTEXT_MM / size)) + 1 + spline for size in spacing_mm)
    return (z, y, x)


def _surroundings(image: Image, masks: MaskStack, voi: Voi) -> NDArray[np.generic]:
    """The VOI's box and what is near it, whatever the settings."""
    margin = np.ceil(_NOISE_MM / np.array(image.spacing_mm)).astype(int)
    low = np.maximum(np.array(voi.low) + masks.corner - margin, 0)
    high = np.array(voi.high) + masks.corner + margin + 1
    return image.array[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]


def _seed_of(case: str, seed: int) -> np.random.SeedSequence:
    """A seed that no other case changes."""
    words = np.frombuffer(hashlib.sha256(case.encode()).digest(), np.uint32)
    return np.random.SeedSequence([seed, *words.tolist()])


def _draw_all(cutout: Cutout, number: int, seed: np.random.SeedSequence, amplitudes: Amplitudes) -> tuple[list[_Drawn], int]:
    """Perturbations that leave a mask, and how many did not."""
    drawn: list[_Drawn] = []
    emptied = 0
    while len(drawn) < number:
        own, noise = seed.spawn(1)[0].spawn(2)
        chosen = draw(amplitudes, np.random.default_rng(own))
        mask = perturbed_mask(cutout.mask, cutout.spacing_mm, chosen)
        if mask.any():
            drawn.append(_Drawn(chosen, mask, noise))
            continue
        emptied += 1
        if emptied == _ATTEMPTS * number:
            raise InputError(
                f"{emptied} of {emptied + len(drawn)} perturbations leave nothing of the mask's "
                f"{int(cutout.mask.sum())} voxels; "
                "it is too small for them: choose smaller amplitudes"
            )
    return drawn, emptied


def _table(case: str, drawn: list[_Drawn], found: list[Rows], extractor: Extractor) -> pd.DataFrame:
    """One row for each perturbation.

    Raises
    ------
    Exception
        What a copy as a whole failed by.
    """
    for rows in found:
        if rows.error:
            raise rows.error
    left = {
        "id": [case] * len(drawn),
        "perturbation": np.arange(1, len(drawn) + 1),
        **{f"shift_{axis}": [one.chosen.shift_voxels[k] for one in drawn] for k, axis in enumerate("zyx")},
        "angle_deg": [one.chosen.angle_deg for one in drawn],
        "rim_voxels": [one.chosen.rim_voxels for one in drawn],
        "n_voxels": np.concatenate([rows.n_voxels for rows in found]),
        "status": [rows.status[0] for rows in found],
        "reason": [rows.reason[0] for rows in found],
    }
    values = np.concatenate([extractor.values(rows) for rows in found])
    return table.frame(left, values, extractor.columns, extractor.meta)
