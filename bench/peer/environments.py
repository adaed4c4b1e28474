"""The peers' interpreters: a virtual environment each, below .bench/peers, made once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from peer.case import ROOT

KEPT = ROOT / ".bench" / "peers"


@dataclass(frozen=True)
class Peer:
    """How a peer is installed and for which features it is asked.

    Attributes
    ----------
    title : str
        Name and release as the report writes them.
    module : str
        What is imported once after installing: pictologics compiles then, for minutes.
    features : tuple of str
        Keys of FEATURES.
    pip : tuple of tuples of str
        Arguments of ``pip install``, one call each.
    """

    title: str
    module: str
    features: tuple[str, ...]
    pip: tuple[tuple[str, ...], ...]


FEATURES = {
    "170": "the 170 features of pictologics without Moran's I, Geary's C and local intensity",
    "174": "the 174 features of pictologics",
    "103": "the 103 of PyRadiomics' 107 features that voxomics has",
    "107": "all of PyRadiomics' features and diagnostics, as it comes; voxomics measures them under the profile pyradiomics",
    "default": "what each program measures by default; other definitions, so no value is compared",
}
PICTOLOGICS_NEEDS = "Pillow PyWavelets nibabel numba numpy pandas pydicom python-gdcm pyyaml scipy tqdm"
FASTRAD_NEEDS = "torch loguru nibabel numpy pandas pydicom scipy simpleitk requests"
FLASH_NEEDS = "numpy h5py SimpleITK pykwalify PyWavelets scipy scikit-image scikit-learn trimesh"
PEERS = {
    "pictologics": Peer(
        "pictologics 0.9.0",
        "pictologics",
        ("170", "174"),
        # its metadata asks for Python 3.12; it runs on 3.11
        (("--no-deps", "--ignore-requires-python", "pictologics==0.9.0"), tuple(PICTOLOGICS_NEEDS.split())),
    ),
    "pyradiomics": Peer("PyRadiomics 3.1.4", "radiomics", ("103", "107"), (("pyradiomics-bhklab==3.1.4", "scikit-image"),)),
    # not tried by those who wrote this: torch alone takes 2 GB
    "fastrad": Peer(
        "fastrad 1.2.0",
        "fastrad",
        ("103",),
        (
            ("--no-deps", "--ignore-requires-python", "fastrad==1.2.0"),
            tuple(FASTRAD_NEEDS.split()),
        ),
    ),
    "flash": Peer(
        "flash-radiomics 1.0.0",
        "flash_radiomics",
        ("default",),
        (
            tuple(FLASH_NEEDS.split()),
            ("--no-deps", "flash-radiomics==1.0.0"),
        ),
    ),
    "nyxus": Peer("nyxus 0.11.0", "nyxus", ("default",), (("nyxus==0.11.0", "nibabel"),)),
}
ALWAYS = ("pictologics", "pyradiomics")


def interpreter(name: str) -> Path:
    """Python of a peer's environment, which is made where it is not there yet."""
    peer, folder = PEERS[name], KEPT / name
    python, done = folder / "bin/python", folder / "done"
    wanted = repr(peer.pip)
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        print(f"Installing {peer.title} into .bench/peers/{name} (once; some minutes)", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        for arguments in peer.pip:
            command = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments]
            if subprocess.run(command, check=False).returncode:
                raise SystemExit(f"{peer.title} cannot be installed: see above")
        if subprocess.run([python, "-c", f"import {peer.module}"], cwd=folder, check=False).returncode:
            raise SystemExit(f"{peer.title} cannot be imported: see above")
        done.write_text(wanted, encoding="utf-8")
    return python
