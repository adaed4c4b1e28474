"""The findings of `voxomics doctor`."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from voxomics._version import __version__
from voxomics.engine import backends, pool

_CORE = ("numpy", "numba", "scipy", "pandas", "SimpleITK", "nibabel", "pydantic", "PyYAML", "typer", "rich")
_EXTRAS = {"parquet": ("pyarrow",), "study": ("scikit-learn", "lifelines", "matplotlib", "jinja2"), "cluster": ("distributed",)}


def diagnose() -> list[tuple[str, str]]:
    """Collect the versions and the capabilities of this machine.

    Returns
    -------
    list of (str, str)
        Topic and finding, one pair per line.

    Examples
    --------
    >>> [topic for topic, _ in diagnose()][:2]
    ['voxomics', 'python']
    """
    lines = [
        ("voxomics", __version__),
        ("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("cpu", _cpu()),
        ("threads", f"{pool.available_threads()} of {os.cpu_count()} cores are available to this process"),
        ("memory", _memory()),
        ("backend", f"auto selects {backends.choose('auto').name}"),
        ("gpu", backends.cuda_status()),
        ("jit cache", _cache()),
    ]
    lines += [(name, _version_of(name)) for name in _CORE]
    for extra, names in _EXTRAS.items():
        missing = [name for name in names if _version_of(name) == "missing"]
        found = ", ".join(f"{name} {_version_of(name)}" for name in names if name not in missing)
        how = f'{", ".join(missing)} missing, install with: pip install "voxomics[{extra}]"' if missing else ""
        lines.append((f"[{extra}]", "; ".join(filter(None, (found, how)))))
    return lines


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            names = [line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")]
        return names[0] if names else platform.processor()
    except OSError:
        return platform.processor() or "unknown"


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    except (ValueError, OSError, AttributeError):
        return "unknown"


def _cache() -> str:
    """Folder in which compiled kernels are kept between processes."""
    from voxomics.kernels import jit, pack

    found = jit.cache_folder(pack.survey)
    return found or "none, because no folder is writable; set NUMBA_CACHE_DIR to a writable folder"
