"""The compile gate: every GPU kernel is compiled for GPUs that need not be here, and must fit them.

    python tools/cuda_gate.py                              # every kernel for sm_75, 80, 90 and 100
    python tools/cuda_gate.py glcm ngtdm.count.count_gpu --arch 90
    python tools/cuda_gate.py --write docs/gpu.md          # put the table into the page

Each kernel of voxomics.kernels is compiled for each of its signatures by numba-cuda, as a launch would, and assembled by NVIDIA's
`ptxas`. Refused are: a kernel that does not compile, spilled registers, more registers than its declaration allows, more static
shared memory than a block may take everywhere, `max_registers`, float atomics, warp intrinsics, and a sync of the whole grid.

Neither a GPU nor its driver is needed. Exit status: 0 all pass, 1 a kernel is refused, 2 the compiler is not installed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import multiprocessing
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

os.environ.pop("LLVMLITE_ENABLE_IR_LAYER_TYPED_POINTERS", None)  # the harness of tests/cuda sets it; NVVM reads typed pointers

from rich.console import Console
from rich.progress import track
from rich.table import Table

from voxomics import kernels
from voxomics.engine.resident import MAX_SHARED
from voxomics.kernels import jit

ARCHITECTURES = (75, 80, 90, 100)
INSTALL = 'Install it with `make cuda-gate`, or: pip install -e ".[cuda-compile]"'
USUAL_REGISTERS, MOST_REGISTERS = 64, 128
FORBIDDEN = {
    r"\b(?:atom|red)\.[\w.]*\.b?f\d": "a float atomic, whose sum depends on the order of the threads",
    r"\b(?:shfl|vote|match|redux)\.|\bactivemask\.|bar\.warp": "a warp intrinsic",
    r"cudaCG": "a sync of the whole grid",
}
BEGIN, END = "<!-- written by tools/cuda_gate.py -->", "<!-- end of what tools/cuda_gate.py writes -->"


class NotInstalled(Exception):
    """The compiler is not here."""


@dataclass(frozen=True)
class Built:
    """One kernel compiled for one signature and one architecture.

    Attributes
    ----------
    kernel, signature : str
    arch : int
        90 for sm_90.
    registers, stack : int
        Of a thread; the stack frame in bytes.
    shared : int
        Bytes of a block's static shared memory.
    dynamic : bool
        It takes shared memory that the launch asks for.
    faults : tuple of str
        Why it is refused.
    """

    kernel: str
    signature: str
    arch: int
    registers: int = 0
    stack: int = 0
    shared: int = 0
    dynamic: bool = False
    faults: tuple[str, ...] = ()


def import_kernels() -> None:
    """Import every module of voxomics.kernels, so that jit.GPU_KERNELS is complete."""
    for module in pkgutil.walk_packages(kernels.__path__, "voxomics.kernels."):
        importlib.import_module(module.name)


@cache
def ptxas() -> Path:
    """The assembler of the wheel nvidia-cuda-nvcc; one on the PATH may be too old for the PTX of the wheel's compiler."""
    try:
        metadata.version("numba-cuda")
        import nvidia
    except ImportError as error:
        raise NotInstalled(str(error)) from error
    found = [path for folder in nvidia.__path__ for path in sorted(Path(folder).glob("*/bin/ptxas*"))]
    if not found:
        raise NotInstalled("no ptxas in site-packages/nvidia")
    return found[-1]


@contextlib.contextmanager
def pretended(capability: tuple[int, int]) -> Iterator[None]:
    """numba-cuda asks the present device for its capability when a kernel calls a function; there is none to ask."""
    import numba.cuda.dispatcher as dispatcher

    real = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        dispatcher.get_current_device = real


def compiled(function: object, signature: str, arch: int) -> str:
    """PTX of a kernel, with the options of a launch: none."""
    capability = divmod(arch, 10)
    with pretended(capability):
        code, _ = jit.cuda.compile(function, signature, cc=capability, device=False, abi="numba", output="ptx")
    return str(code)


def assembled(ptx: str, arch: int) -> tuple[str, list[str]]:
    """What ptxas says about PTX, and its errors."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kernel.ptx")
        source.write_text(ptx, encoding="utf-8")
        command = [str(ptxas()), "-v", f"-arch=sm_{arch}", str(source), "-o", str(source.with_suffix(".cubin"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = done.stdout + done.stderr
    errors = [line for line in report.splitlines() if "error" in line or "fatal" in line]
    return report, errors or ([f"exit status {done.returncode}: {report.strip()}"] if done.returncode else [])


def largest(pattern: str, text: str) -> int:
    """The largest number a pattern finds; 0 without one."""
    return max(map(int, re.findall(pattern, text)), default=0)


def build(name: str, signature: str, arch: int) -> Built:
    """Compile one kernel and judge it."""
    from numba.core.errors import NumbaError
    from numba.cuda.cudadrv.error import NvvmError

    kernel = jit.GPU_KERNELS[name]
    try:
        ptx = compiled(kernel.function, signature, arch)
    except (NumbaError, NvvmError) as error:
        return Built(name, signature, arch, faults=(f"does not compile: {error}",))
    report, errors = assembled(ptx, arch)
    registers = largest(r"Used (\d+) registers", report)
    spilled = sum(map(int, re.findall(r"(\d+) bytes spill", report)))
    shared = largest(r"(\d+) bytes smem", report)
    faults = [f"uses {what}" for pattern, what in FORBIDDEN.items() if re.search(pattern, ptx)]
    if registers > kernel.registers:
        faults.append(f"takes {registers} registers, its declaration allows {kernel.registers}")
    if kernel.registers > MOST_REGISTERS:
        faults.append(f"its declaration allows {kernel.registers} registers; {MOST_REGISTERS} is the most it may ask for")
    if spilled:
        faults.append(f"spills registers: {spilled} bytes of stores and loads")
    if shared > MAX_SHARED:
        faults.append(f"takes {shared:,} bytes of static shared memory; a block has {MAX_SHARED:,}")
    if not faults and (errors or not registers):
        faults = [f"is not assembled: {line}" for line in errors or ["ptxas names no registers"]]
    return Built(
        kernel=name,
        signature=signature,
        arch=arch,
        registers=registers,
        stack=largest(r"(\d+) bytes stack frame", report),
        shared=shared,
        dynamic=bool(re.search(r"\.extern \.shared", ptx)),
        faults=tuple(faults),
    )


def _build(task: tuple[str, str, int]) -> Built:
    return build(*task)


def build_all(names: list[str], architectures: list[int], processes: int) -> list[Built]:
    """Every kernel, signature and architecture, in that order; with one process in this one."""
    tasks = [
        (name, signature, arch)
        for name in names
        for signature, arch in itertools.product(jit.GPU_KERNELS[name].signatures, architectures)
    ]
    progress = {"total": len(tasks), "description": "compiling", "transient": True, "console": Console(stderr=True)}
    if processes == 1:
        return list(track(map(_build, tasks), **progress))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=import_kernels) as executor:
        return list(track(executor.map(_build, tasks, chunksize=4), **progress))


HEADER = ("kernel", "may take", "static shared", "dynamic", "stack", "more than 64 because")


def rows(found: list[Built], architectures: list[int]) -> Iterator[tuple[str, ...]]:
    """Cells of the table: a line per kernel; of several signatures and architectures the most that is taken."""
    for name, group in itertools.groupby(found, key=lambda built: built.kernel):
        several = list(group)
        registers = (max(built.registers for built in several if built.arch == arch) for arch in architectures)
        kernel = jit.GPU_KERNELS[name]
        yield (
            name,
            *(str(number) for number in registers),
            str(kernel.registers),
            f"{max(built.shared for built in several):,}",
            "at launch" if any(built.dynamic for built in several) else "–",
            f"{max(built.stack for built in several):,}",
            kernel.because,
        )


def header(architectures: list[int]) -> tuple[str, ...]:
    """Heads of the columns."""
    return (HEADER[0], *(f"sm_{arch}" for arch in architectures), *HEADER[1:])


def refusals(found: list[Built]) -> list[str]:
    """A line for each kernel and fault, with where it is found."""
    places: dict[tuple[str, str], list[str]] = {}
    for built in found:
        for fault in built.faults:
            places.setdefault((built.kernel, fault), []).append(f"sm_{built.arch}")
    return [f"REFUSED {kernel}: {fault} ({', '.join(dict.fromkeys(where))})" for (kernel, fault), where in places.items()]


def generous(found: list[Built]) -> list[str]:
    """A line for each kernel that passes with 64 registers though its declaration asks for more."""
    asking = [name for name, kernel in jit.GPU_KERNELS.items() if kernel.registers > USUAL_REGISTERS]
    taken = {name: max((built.registers for built in found if built.kernel == name), default=0) for name in asking}
    return [
        f"NOTE {name}: takes {number} registers; `registers` and `because` can go"
        for name, number in taken.items()
        if 0 < number <= USUAL_REGISTERS
    ]


def version() -> str:
    """Which tools the figures come from."""
    said = subprocess.run([str(ptxas()), "--version"], capture_output=True, text=True, check=True).stdout
    release = re.search(r"release [\d.]+, V([\d.]+)", said)
    return f"numba-cuda {metadata.version('numba-cuda')}, ptxas {release[1] if release else 'unknown'}"


def write(page: Path, found: list[Built], architectures: list[int]) -> None:
    """Put the table between the page's marks."""
    heads = header(architectures)
    lines = [f"Registers of a thread, bytes of a block's shared memory and of a thread's stack; {version()}. None spills.", ""]
    lines += [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 2)}---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows(found, architectures)]
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{page} must hold these lines once: {BEGIN} and {END}")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text("\n".join([f"{before}{BEGIN}", "", *lines, "", f"{END}{after}"]), encoding="utf-8")


def chosen_kernels(asked: list[str]) -> list[str]:
    """Names of kernels: of whole families (``glcm``), or one by one (``glcm.count.count_gpu``); all without a choice."""
    there = sorted(jit.GPU_KERNELS)
    unknown = [word for word in asked if word not in there and word not in {name.partition(".")[0] for name in there}]
    if unknown:
        raise SystemExit(f"no kernel {', '.join(unknown)}; there are {', '.join(there)}")
    return [name for name in there if not asked or name in asked or name.partition(".")[0] in asked]


def main(arguments: list[str] | None = None) -> int:
    """Compile, judge, print; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernels", nargs="*", help="families or kernels; all without")
    parser.add_argument("--arch", type=int, nargs="+", default=list(ARCHITECTURES), metavar="CC", help="90 stands for sm_90")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page, if every kernel passes")
    asked = parser.parse_args(arguments)
    if asked.write and asked.kernels:
        parser.error("--write needs every kernel: name none")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    try:
        ptxas()
    except NotInstalled as error:
        console.print(f"The gate needs NVIDIA's compiler, but no GPU and no driver: {error}.\n{INSTALL}", markup=False)
        return 2
    import_kernels()
    found = build_all(chosen_kernels(asked.kernels), asked.arch, asked.processes)
    table = Table(*header(asked.arch), box=None, header_style="bold", title=version(), title_justify="left")
    for row in rows(found, asked.arch):
        table.add_row(*row)
    console.print(table)
    refused = {built.kernel for built in found if built.faults}
    for line in (*generous(found), *refusals(found)):
        console.print(line, markup=False, soft_wrap=True)
    number = len({built.kernel for built in found})
    console.print(f"{len(found)} compilations of {number} kernels; kernels refused: {len(refused)}")
    if asked.write and not refused:
        write(asked.write, found, asked.arch)
    return 1 if refused or not found else 0


if __name__ == "__main__":
    sys.exit(main())
