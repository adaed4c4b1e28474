"""Check a GPU against the CPU, then time both on the same batches; `--out FILE` keeps the figures as JSON.

Times end to end are medians of wall time over warm calls on arrays in memory, CPU and GPU in the same run. Times of
kernels are taken with CUDA events, on one stream; where the stream is idle they include the host's part of a
launch. Without a GPU nothing is timed: `--toy` only runs the same code, small, on whatever device is registered,
and says that its times are no GPU's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import adapter
import cases
import numpy as np
from gpu_tables import Figures, print_agreement, print_estimates, print_times
from metered import Metered
from rich.console import Console
from timing import timed

from voxomics import Extractor
from voxomics.diagnosis import diagnose
from voxomics.kernels.device import Cuda, Device, find

NOT_A_GPU = "on CPU threads, not a GPU time"


# ---------------------------------------------------------------------- cases


def many(vois: int, voxels: int) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed noise and ellipsoids of about as many voxels each, on a grid, shaped like `big` of bench/cases.py."""
    from scipy import ndimage

    axes = np.array([12.5, 22.0, 26.0]) * (voxels / 29_973) ** (1 / 3)
    cell = np.ceil(2 * axes).astype(int) + 2
    side = int(np.ceil(vois ** (1 / 3) - 1e-9))
    grid = np.array([side, side, -(-vois // side**2)])
    noise = np.random.default_rng(0).standard_normal(cell * grid, np.float32)
    volume = ndimage.gaussian_filter(noise, 2.0)
    volume = (volume - volume.min()) / (volume.max() - volume.min()) * 500.0 - 200.0
    one = cases.ellipsoid(tuple(cell), tuple((cell - 1) / 2), tuple(axes))
    labels = np.arange(1, grid.prod() + 1)
    labels[vois:] = 0
    mask = np.kron(labels.reshape(grid), one.astype(np.int32)).astype(np.uint16 if vois < 1 << 16 else np.int32)
    return volume, mask


def uneven(largest: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """VOIs of one voxel to `largest`, every third of them with holes, in unsmoothed noise: many levels."""
    rng = np.random.default_rng(1)
    side = int(np.ceil(largest ** (1 / 3))) + 1
    volume = rng.normal(0.0, 100.0, (side, side, side * number)).astype(np.float32)
    mask = np.zeros(volume.shape, np.uint16)
    for k in range(number):
        edge = max(1, round(side * k / number))
        box = (slice(0, edge), slice(0, edge), slice(side * k, side * k + edge))
        mask[box] = np.where(rng.random((edge,) * 3) < 0.6, k + 1, 0) if k % 3 == 2 else k + 1
        mask[0, 0, side * k] = k + 1
    return volume, mask


def prepared_of(volume: np.ndarray, mask: np.ndarray, settings: Any, threads: int) -> Any:
    """The case as a batch."""
    return adapter.preparing(volume, mask, cases.SPACING_MM, settings, threads)()


def choices() -> dict[str, dict[str, list[str]]]:
    """Features that the device computes, family by family, and all of them together; as keys of the settings."""
    families = [family for family in adapter.families() if family.device]
    hosted = {f.name: [f"{f.name}.{name}" for name in f.device.host] for f in families if f.device}
    found: dict[str, dict[str, list[str]]] = {}
    for family in families:
        wanted = [
            f"{family.name}.{one.name}"
            for one in family.features
            if f"{family.name}.{one.name}" not in hosted[family.name]
        ]
        found.setdefault(family.name, {"features": []})["features"] += wanted
    found["all that the GPU computes"] = {
        "features": [name for choice in found.values() for name in choice["features"]]
    }
    return found


# ---------------------------------------------------------------------- checks


def difference(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest |Δ| in units of what is allowed; inf where NaN meets a number.

    Allowed are 1e-12 of the column's largest value, or of 1 (a variance that is 0 comes out as rounding), and 1e-10 of
    the value.
    """
    if not got.size:
        return 0.0
    nan = np.isnan(expected)
    if (np.isnan(got) != nan).any():
        return float("inf")
    size = np.where(nan, 0.0, np.abs(expected))
    allowed = 1e-12 * size.max(axis=0, initial=1.0, keepdims=True) + 1e-10 * size
    apart = np.where(nan, 0.0, np.abs(got - expected))
    return float((apart / allowed).max())


def agreement(device: Device, threads: int, largest: int, number: int) -> list[Figures]:
    """Each family on the CPU and on the device, in all aggregations; on the device again, and some VOIs alone."""
    metered = Metered(device)
    volume, mask = uneven(largest, number)
    every = sorted({name for family in adapter.families() for name in family.aggregations})
    rows = []
    for levels in (8, 32, 300):
        base = {"discretisation": [{"method": "fbn", "bins": levels}], "aggregations": every}
        for name, choice in list(choices().items())[:-1]:
            settings = adapter.settings({**base, **choice})

            def values(prepared: Any, on: Any, settings: Any = settings) -> np.ndarray:
                return adapter.measuring(prepared, settings, threads, on)()

            prepared = prepared_of(volume, mask, settings, threads)
            expected, got = values(prepared, None), values(prepared, metered)
            launches = sum(one["number"] for what, one in metered.taken().items() if "." in what)
            alone = [
                values(prepared_of(volume, np.where(mask == k + 1, mask, 0), settings, threads), device)
                for k in (0, number - 1)
            ]
            rows.append(
                {
                    "family": name,
                    "levels": levels,
                    "vois": len(got),
                    "columns": got.shape[1],
                    "launches": launches,
                    "of what is allowed": difference(got, expected),
                    "same again": np.array_equal(got, values(prepared, device), equal_nan=True),
                    "same alone": np.array_equal(np.concatenate(alone), got[[0, number - 1]], equal_nan=True),
                }
            )
    return rows


def agrees(row: Figures) -> bool:
    """Whether the device's values of a family are the CPU's, and bit-equal to themselves."""
    return row["of what is allowed"] <= 1.0 and row["same again"] and row["same alone"] and row["launches"] > 0


# ---------------------------------------------------------------------- times


@contextlib.contextmanager
def one_stream() -> Iterator[None]:
    """One piece of a batch on the device at a time, so that a kernel has it to itself."""
    offload = adapter.offload()
    before, offload.STREAMS = offload.STREAMS, 1
    try:
        yield
    finally:
        offload.STREAMS = before


def times(device: Device, vois: int, voxels: int, levels: int, threads: int, repeats: int) -> Figures:
    """Wall time of each family, of preparation and of `extract`, on the CPU and with the device; and time by kernel."""
    volume, mask = many(vois, voxels)
    base = {"discretisation": [{"method": "fbn", "bins": levels}]}
    rows: dict[str, dict[str, Any]] = {}
    settings = adapter.settings(base)
    prepared = prepared_of(volume, mask, settings, threads)
    rows["find and prepare VOIs"] = {"cpu": timed(lambda: prepared_of(volume, mask, settings, threads), repeats)}
    for name, choice in choices().items():
        chosen = adapter.settings({**base, **choice})
        cpu, there = (adapter.measuring(prepared, chosen, threads, on) for on in (None, device))
        rows[name] = {"cpu": timed(cpu, repeats), "device": timed(there, repeats)}
    metered = Metered(device)
    work = adapter.measuring(prepared, chosen, threads, metered)  # the last choice: all that the GPU computes
    kernels = []
    with one_stream():
        for _ in range(repeats):
            work()
            kernels.append(metered.taken())
    for name, features in {"`extract`, the same": choice, "`extract`, every feature": {}}.items():
        rows[name] = {}
        for where, backend in (("cpu", "cpu"), ("device", "cuda")):
            ours = Extractor(settings={**base, **features}, backend=backend, threads=threads)
            rows[name][where] = timed(lambda o=ours: o.extract(volume, mask, spacing_mm=cases.SPACING_MM), repeats)
    median = {
        name: {"number": one["number"], "ms": float(np.median([run[name]["ms"] for run in kernels]))}
        for name, one in kernels[0].items()
    }
    sizes = prepared.geometry.n_morphological
    return {"vois": len(sizes), "voxels": float(np.median(sizes)), "levels": levels, "wall": rows, "kernels": median}


# ---------------------------------------------------------------------- all of it


def said(*command: str) -> str:
    """What a command prints, or "unknown"."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def machine(device: Device, threads: int) -> Figures:
    """What the figures were taken on."""
    found: Figures = {**dict(diagnose()), "device": device.name, "threads": f"{threads} of the CPU"}
    found["commit"] = said("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    found["numba-cuda"] = metadata.version("numba-cuda")
    if isinstance(device, Cuda):
        import cupy

        found["cupy"] = cupy.__version__
        found["driver"] = said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        found["CUDA of the driver"] = cupy.cuda.runtime.driverGetVersion()
        found["capability"] = cupy.cuda.Device().compute_capability
    return found


def bench(
    console: Console,
    device: Device,
    sizes: Sequence[tuple[int, int]],
    levels: int,
    threads: int,
    repeats: int,
    check: tuple[int, int] = (60_000, 12),
) -> Figures:
    """Check and time a device; `sizes` are numbers of VOIs and of voxels each, `check` the same for `uneven`."""
    is_gpu = isinstance(device, Cuda)
    found: Figures = {"machine": machine(device, threads), "timing": "CUDA events" if is_gpu else NOT_A_GPU}
    for topic in ("device", "cpu", "threads", "voxomics", "numba-cuda", "cupy", "driver", "commit"):
        console.print(f"{topic:<12} {found['machine'].get(topic, '–')}")
    console.print()
    found["agreement"] = agreement(device, threads, *check)
    found["agrees"] = all(map(agrees, found["agreement"]))
    print_agreement(console, found["agreement"])
    label = f"{threads} CPU threads, median of {repeats}, warm" + ("" if is_gpu else f"; {NOT_A_GPU}")
    found["times"] = []
    for vois, voxels in sizes:
        found["times"].append(times(device, vois, voxels, levels, threads, repeats))
        print_times(console, found["times"][-1], label)
    print_estimates(console, found["times"], is_gpu)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vois", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument(
        "--voxels", type=int, nargs="+", default=[30_000, 2000], help="of each VOI; as many numbers as --vois"
    )
    parser.add_argument("--levels", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=adapter.available_threads(), help="of the CPU")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON of all figures")
    parser.add_argument("--toy", action="store_true", help="small, on any device: shows that it runs, not how fast")
    asked = parser.parse_args(arguments)
    if len(asked.vois) != len(asked.voxels):
        parser.error(f"--vois has {len(asked.vois)} numbers, --voxels {len(asked.voxels)}")
    console = Console(width=160, highlight=False)
    try:
        device = find()
    except RuntimeError as error:
        console.print(f"Nothing to time: {error}", markup=False)
        return 2
    if not (asked.toy or isinstance(device, Cuda)):
        console.print(f"{device.name} is no GPU, so nothing is timed; --toy runs the same code, small.")
        return 2
    if asked.toy:
        found = bench(console, device, [(4, 100)], levels=8, threads=2, repeats=1, check=(30, 4))
    else:
        sizes = list(zip(asked.vois, asked.voxels, strict=True))
        found = bench(console, device, sizes, asked.levels, asked.threads, asked.repeats)
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not found["agrees"]:
        console.print("The device and the CPU do not agree: see the first table.")
    return 0 if found["agrees"] else 1


if __name__ == "__main__":
    sys.exit(main())
