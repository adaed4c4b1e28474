"""The house itself: who imports whom, what a wheel and an sdist carry, what an install gives."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import ROOT

FOLDERS = {"voxomics": "python/voxomics", "voxomics.engine": "engine", "voxomics.kernels": "kernels"}
LINKS = ("python/voxomics/engine", "python/voxomics/kernels")
LEFT_OUT = (".git", ".venv*", ".bench", "build", "dist", "*.egg-info", "__pycache__", "demo-out", ".*_cache", ".hypothesis")


def sources(root: Path) -> dict[str, Path]:
    """Every file that users must receive: its place in the wheel, and where it lies in the repository."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in (root / folder).rglob("*"):
            inside = path.relative_to(root / folder)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in inside.parts)
            linked = package == "voxomics" and inside.parts[0] in ("engine", "kernels")
            if path.is_file() and not hidden and not linked:
                found["/".join((*package.split("."), *inside.parts))] = path
    return found


def imports(path: Path, module: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, at its top or inside a function."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def below(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def complaint(file: str, name: str) -> str | None:
    """Why a shipped file may not import this, or None. Imports go down: python/ to engine/ to kernels/."""
    top = name.partition(".")[0]
    if top in ("tests", "naive", "shared", "conftest", "bench"):
        return "shipped code never imports test or benchmark code"
    if top in ("engine", "kernels", "python"):
        return "loads a second copy; write voxomics.…"
    if below(name, "numba.cuda", "numba_cuda") and file != "voxomics/kernels/jit.py":
        return "only kernels/jit.py imports numba.cuda"
    if file.startswith("voxomics/kernels/"):
        known = top in sys.stdlib_module_names or top in ("numpy", "numba", "scipy") or below(name, "voxomics.kernels")
        own = {"cupy": "voxomics/kernels/device.py", "llvmlite": "voxomics/kernels/cache.py"}  # the seams
        return None if known or own.get(top) == file else "kernels know arrays: numpy, numba, scipy and each other"
    if file.startswith("voxomics/engine/"):
        if top == "SimpleITK" and file == "voxomics/engine/filters/itk.py":
            return None  # its filters, on arrays
        if top in ("SimpleITK", "nibabel", "pydicom", "typer", "rich"):
            return "files and the terminal are the business of python/"
        if top == "voxomics" and not below(name, "voxomics.engine", "voxomics.kernels", "voxomics._version"):
            return "imports go down: python/ to engine/ to kernels/"
    return None


@pytest.mark.parametrize(
    ("file", "name", "allowed"),
    [
        ("voxomics/kernels/glcm.py", "numpy.typing", True),
        ("voxomics/kernels/glcm.py", "voxomics.kernels.jit", True),
        ("voxomics/kernels/glcm.py", "pandas", False),
        ("voxomics/kernels/glcm.py", "voxomics.engine.batch", False),
        ("voxomics/kernels/glcm.py", "numba.cuda", False),
        ("voxomics/kernels/jit.py", "numba.cuda", True),
        ("voxomics/kernels/glcm.py", "cupy", False),
        ("voxomics/kernels/device.py", "cupy", True),
        ("voxomics/engine/table.py", "pandas", True),
        ("voxomics/engine/table.py", "voxomics._version.__version__", True),
        ("voxomics/engine/table.py", "voxomics.io", False),
        ("voxomics/engine/table.py", "SimpleITK", False),
        ("voxomics/engine/filters/itk.py", "SimpleITK", True),
        ("voxomics/engine/filters/itk.py", "voxomics.io", False),
        ("voxomics/engine/table.py", "voxomics.__version__", False),
        ("voxomics/cli.py", "voxomics.engine.table", True),
        ("voxomics/cli.py", "engine.table", False),
        ("voxomics/cli.py", "naive.glcm", False),
    ],
)
def test_the_import_rule_itself(file: str, name: str, allowed: bool) -> None:
    assert (complaint(file, name) is None) == allowed


def test_relative_imports_are_resolved(tmp_path: Path) -> None:
    path = tmp_path / "glcm.py"
    path.write_text("from . import jit\nfrom ..engine import batch\ndef f():\n    import numba.cuda\n")
    found = [name for _, name in imports(path, "voxomics.kernels.glcm")]
    assert found == ["voxomics.kernels.jit", "voxomics.engine.batch", "numba.cuda"]


def test_imports_go_down() -> None:
    wrong = []
    for file, path in sources(ROOT).items():
        if path.suffix == ".py":
            module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
            for line, name in imports(path, module):
                if why := complaint(file, name):
                    wrong.append(f"{path.relative_to(ROOT)}:{line}: imports {name}: {why}")
    assert not wrong, "\n".join(wrong)


def test_only_the_device_launches_kernels() -> None:
    """The engine asks it to, and knows the order."""
    found = set()
    for path in (ROOT / "kernels").rglob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        if any(isinstance(call, ast.Attribute) and call.attr == "launch" for call in calls):
            found.add(path.relative_to(ROOT / "kernels").as_posix())
    assert found == {"device.py"}


def test_tests_lie_in_folders_and_their_helpers_beside_them() -> None:
    beside = {path.name for path in (ROOT / "tests").iterdir() if path.is_file()} - {"conftest.py"}
    assert not [name for name in beside if name.startswith("test_") or not name.endswith(".py")]
    files = (ROOT / "tests").rglob("*.py")
    used = {name.partition(".")[0] for path in files for _, name in imports(path, "tests")}
    assert not {name.removesuffix(".py") for name in beside} - used, "a helper that no test imports"


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in sources(ROOT).values() if path.suffix == ".py"}
    assert folders >= {ROOT / folder for folder in FOLDERS.values()}
    assert not [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()]


def test_links() -> None:
    if not (ROOT / LINKS[0]).exists():
        pytest.skip("an unpacked sdist has no links and needs none")
    for link in LINKS:
        assert (ROOT / link).is_symlink(), f"{link} must be a link: git config core.symlinks true, then check out again"
        assert os.readlink(ROOT / link) == f"../../{Path(link).name}"


def test_the_installed_package_is_this_checkout() -> None:
    import voxomics

    assert Path(voxomics.__file__).resolve().is_relative_to(ROOT), "run `make dev` here: another copy is installed"
    assert importlib.metadata.version("voxomics") == voxomics.__version__, "run `make dev`: the version has changed"


def test_import_is_light(tmp_path: Path) -> None:
    heavy = ("pandas", "scipy", "numba", "numba_cuda", "cupy", "SimpleITK", "nibabel", "pyarrow", "pydicom", "rich")
    code = f"import sys, voxomics; print(*[name for name in {heavy!r} if name in sys.modules])"
    assert python("-c", code, cwd=tmp_path).split() == []


# ---------------------------------------------------------------------- what is built


def python(*arguments: str, cwd: Path, path: Path | None = None, exe: Path | None = None) -> str:
    """Output of an interpreter that sees only `path` besides its own packages."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if path:
        environment["PYTHONPATH"] = str(path)
    command = [str(exe or sys.executable), *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def build(kind: str, tree: Path, out: Path) -> Path:
    """Call the build backend in this environment: no network, no second environment."""
    pytest.importorskip("setuptools", minversion="77", reason="setuptools 77 builds the package: pip install -e .[dev]")
    out.mkdir()
    code = f"import sys, setuptools.build_meta as backend; backend.build_{kind}(sys.argv[1])"
    python("-W", "ignore", "-c", code, str(out), cwd=tree)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the checkout, links as links, without what was built in it."""
    copy = tmp_path_factory.mktemp("house") / "checkout"
    return shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))


@pytest.fixture(scope="module")
def sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", tree, tmp_path_factory.mktemp("sdist") / "out")


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    shutil.unpack_archive(sdist, folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (top,) = folder.iterdir()
    return top


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the unpacked sdist, as `pip install` of a published sdist does."""
    return build("wheel", unpacked, tmp_path_factory.mktemp("wheel") / "out")


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        assert not [item.filename for item in archive.infolist() if (item.external_attr >> 28) == 0o12]  # links
        return {name: archive.read(name) for name in names}


def test_sdist_carries_real_files_once(sdist: Path, tree: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert not [item.name for item in members if not (item.isfile() or item.isdir())]
    names = [item.name.partition("/")[2] for item in members if item.isfile()]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith(tuple(f"{link}/" for link in LINKS))]
    expected = {path.relative_to(tree).as_posix() for path in sources(tree).values()}
    expected |= {"LICENSE", "NOTICE", "README.md", "Makefile", "pyproject.toml", "setup.py", "tests/house/test_house.py"}
    assert expected <= set(names), f"missing: {sorted(expected - set(names))}"


def test_wheel_from_the_sdist_is_whole_and_pure(wheel: Path, tree: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    carried = contents(wheel)
    info = {name.partition("/")[2]: text for name, text in carried.items() if ".dist-info/" in name}
    files = {name: text for name, text in carried.items() if ".dist-info/" not in name}
    expected = {name: path.read_bytes() for name, path in sources(tree).items()}
    assert "voxomics/py.typed" in files
    assert not sorted(expected.keys() - files.keys()), "a kind of file that setup.py's package_data does not name?"
    assert not sorted(files.keys() - expected.keys())
    assert files == expected
    assert info["top_level.txt"].split() == [b"voxomics"]
    assert {"licenses/LICENSE", "licenses/NOTICE"} <= info.keys()
    assert b"voxomics = voxomics.cli:app" in info["entry_points.txt"]


def test_wheel_from_the_checkout_is_the_same(wheel: Path, tree: Path, tmp_path: Path) -> None:
    direct = contents(build("wheel", tree, tmp_path / "out"))
    through_sdist = contents(wheel)
    record = next(name for name in direct if name.endswith("/RECORD"))
    assert {**direct, record: b""} == {**through_sdist, record: b""}


def test_wheel_installs_and_imports_elsewhere(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    python(*pip, "--target", str(target), str(wheel), cwd=tmp_path)
    code = "import voxomics, voxomics.engine.errors as errors; print(voxomics.__file__); print(errors.__file__)"
    found = [Path(line) for line in python("-c", code, cwd=tmp_path, path=target).split("\n") if line]
    assert found == [target / "voxomics/__init__.py", target / "voxomics/engine/errors.py"]


@pytest.mark.parametrize("origin", ["tree", "unpacked"])
def test_editable_install(origin: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """With the links one line of a .pth file, which mypy and editors follow; in an unpacked sdist an import hook."""
    root: Path = request.getfixturevalue(origin)
    editable = build("editable", root, tmp_path / "out")
    lines = [text.decode().strip() for name, text in contents(editable).items() if name.endswith(".pth")]
    if (root / LINKS[0]).is_dir():
        assert lines == [str(root / "python")]
    venv.create(tmp_path / "env", with_pip=False, symlinks=os.name != "nt")
    (exe,) = (tmp_path / "env").glob("bin/python") if os.name != "nt" else (tmp_path / "env").glob("Scripts/python.exe")
    site = python("-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path, exe=exe).strip()
    with zipfile.ZipFile(editable) as archive:
        archive.extractall(site)
    code = "import voxomics.engine.errors as errors; print(errors.__file__)"
    found = Path(python("-c", code, cwd=tmp_path, exe=exe).strip())
    assert found.resolve() == root / "engine/errors.py"


# ---------------------------------------------------------------------- the Makefile


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("interpreter", ["false", "no-such-python"])
def test_make_says_which_python_it_needs(interpreter: str, tmp_path: Path) -> None:
    command = ["make", "demo", f"PYTHON={interpreter}", f"VENV={tmp_path / 'env'}"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "voxomics needs Python 3.10 or later" in done.stderr
    assert "make PYTHON=python3.12" in done.stderr
    assert not (tmp_path / "env").exists()
