"""`python -m voxomics` is the command `voxomics`."""

from __future__ import annotations

from voxomics.cli import app

if __name__ == "__main__":
    app(prog_name="voxomics")
