"""Which folder is which package. Everything else about the package stands in pyproject.toml.

`engine/` and `kernels/` lie at the top of the repository, but users only see `voxomics.engine` and
`voxomics.kernels`. See docs/decisions/0001-packaging.md.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.editable_wheel import editable_wheel

FOLDERS = {"voxomics": "python/voxomics", "voxomics.engine": "engine", "voxomics.kernels": "kernels"}
LINKS = ("python/voxomics/engine", "python/voxomics/kernels")


def packages() -> list[str]:
    """Name every package once: find_packages follows the links and would name some twice."""
    names = set(FOLDERS)
    for package, folder in FOLDERS.items():
        names.update(f"{package}.{name}" for name in find_packages(folder))
    return sorted(names)


class Editable(editable_wheel):
    """An editable install is one line in a .pth file, which type checkers and editors can follow.

    It goes through the links. Where they are missing (an unpacked sdist) setuptools falls back to an import hook.
    """

    def finalize_options(self) -> None:
        """Describe the package as a plain folder before setuptools looks at it."""
        if all(Path(link).is_dir() for link in LINKS):
            self.distribution.package_dir = {"": "python"}
        super().finalize_options()


setup(
    packages=packages(),
    package_dir=FOLDERS,
    package_data={"": ["*.csv", "*.json", "*.npz", "*.yaml", "*.j2", "*.css", "py.typed"]},
    include_package_data=False,
    cmdclass={"editable_wheel": Editable},
)
