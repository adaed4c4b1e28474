"""Commands whose standard streams are closed, and users without a home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from voxomics import phantom

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")

COMMAND = f'"{sys.executable}" -m voxomics.cli'


def shell(line: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_extract_with_closed_streams(tmp_path, closed):
    phantom.write(tmp_path)
    done = shell(f"{COMMAND} extract image.nii.gz mask.nii.gz -o o.csv -f intensity_statistics.mean {closed}", tmp_path)
    assert done.returncode == 0
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize("command", ["features", "features --columns", "features --yaml", "features -f absent", "study"])
@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-"])
def test_commands_that_print_with_closed_streams(tmp_path, command, closed):
    done = shell(f"{COMMAND} {command} {closed}", tmp_path)
    assert done.returncode == (2 if "absent" in command or command == "study" else 0)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["features", "features --help", "--version", "phantom p"])
def test_output_to_a_full_device_is_one_message(tmp_path, command):
    done = shell(f"{COMMAND} {command} > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: the output cannot be written: No space left on device\n"
    assert shell(f"{COMMAND} {command} > /dev/full 2> /dev/full", tmp_path).returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_table_on_a_full_device_is_an_error(tmp_path):
    phantom.write(tmp_path)
    (tmp_path / "o.csv").symlink_to("/dev/full")
    command = f"{COMMAND} extract image.nii.gz mask.nii.gz -f intensity_statistics.mean"
    done = shell(f"{command} -o o.csv", tmp_path)
    assert done.returncode == 2 and "No space left on device; free some space" in done.stderr
    assert "Traceback" not in done.stderr
    told = shell(f"{command} -o other.csv 2> /dev/full", tmp_path)  # the table is written, its summary is not
    assert told.returncode == 2 and (tmp_path / "other.csv").exists()


def test_without_a_home_no_folder_is_made(tmp_path):
    code = (
        "import os\n"
        "os.path.expanduser = lambda path: path\n"  # as for a uid that the system does not know
        "from numba.core import caching\n"
        "caching.InTreeCacheLocator.from_function = classmethod(lambda *_: None)\n"  # a package that is read-only
        "from voxomics.kernels import jit\n"
        "from voxomics.kernels.pack import levels\n"
        "print(repr(jit.cache_folder(levels.compact)))\n"
    )
    env = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "''"
    assert "no folder for compiled kernels" in done.stderr
    assert list(tmp_path.iterdir()) == []
