"""A call to the runtime before each load, store and atomic of a compiled kernel.

The runtime gets address, size and kind, and answers with the address to use: the same one, or that of a dummy when the kernel
must not go there. So a faulty kernel runs on, and every fault of a launch is seen.
"""

from __future__ import annotations

import re

READ, WRITE, UPDATE, EXCHANGE = range(4)  # runtime.h
MOST_LOCALS = 64  # runtime.h

_POINTER = r"ptr (?P<pointer>[%@][^ ,]+|(?:getelementptr|inttoptr).*?\))"
_TYPE = r"(?P<type><[^>]*>|\{[^}]*\}|\[[^\]]*\]|\w+)"
_LOAD = re.compile(rf"\s+%\S+ = load (?:atomic )?(?:volatile )?{_TYPE}, {_POINTER}[ ,]")
_STORE = re.compile(rf"\s+store (?:atomic )?(?:volatile )?{_TYPE} .*, {_POINTER}(?: \w+)*, align \d+")
_ATOMIC = re.compile(rf"\s+%\S+ = atomicrmw (?:volatile )?(?P<operation>\w+) {_POINTER}, {_TYPE} ")
_COMPARE = re.compile(rf"\s+%\S+ = cmpxchg (?:weak )?(?:volatile )?{_POINTER}, {_TYPE} ")
_LOCAL = re.compile(r"\s+(?P<name>%\S+) = alloca (?P<type>[^,]+)(?:, i\d+ (?P<count>\d+))?, align")
_UNSEEN = re.compile(r"\s+(?:%\S+ = )?(?:(?:load|store|atomicrmw|cmpxchg|alloca|va_arg) .*|.*call .*@(?:llvm\.mem\w+).*)")


def instrumented(ir: str) -> str:
    """The optimised module, with its accesses announced."""
    lines, number, locals_ = [], 0, 0
    for line in ir.splitlines():
        access = _access(line)
        if access:
            number += 1
            pointer, size, kind = access
            lines.append(f"  %checked.{number} = call ptr @gpu_access(ptr {pointer}, i64 {size}, i32 {kind})")
            before, _, after = line.rpartition(f"ptr {pointer}")  # the last: a store may store a pointer
            line = f"{before}ptr %checked.{number}{after}"
        lines.append(line)
        if local := _LOCAL.match(line):
            locals_ += 1
            lines.append(f"  call void @gpu_local(ptr {local['name']}, i64 {bytes_of(local['type'], local['count'] or '1')})")
        elif not access and _UNSEEN.match(line):
            raise NotImplementedError(f"the emulator cannot check this instruction of the kernel: {line.strip()}")
    if locals_ > MOST_LOCALS:
        raise NotImplementedError(f"the emulator follows {MOST_LOCALS} local arrays, the kernel has {locals_}")
    return "\n".join([*lines, "declare ptr @gpu_access(ptr, i64, i32)", "declare void @gpu_local(ptr, i64)"])


def _access(line: str) -> tuple[str, str, int] | None:
    """Pointer, size and kind of the access in a line of IR."""
    if found := _LOAD.match(line):
        return found["pointer"], bytes_of(found["type"]), READ
    if found := _STORE.match(line):
        return found["pointer"], bytes_of(found["type"]), WRITE
    if found := _ATOMIC.match(line):
        return found["pointer"], bytes_of(found["type"]), EXCHANGE if found["operation"] == "xchg" else UPDATE
    if found := _COMPARE.match(line):
        return found["pointer"], bytes_of(found["type"]), UPDATE
    return None


def bytes_of(kind: str, count: str = "1") -> str:
    """Size of a type in bytes, as a constant that LLVM works out."""
    return f"ptrtoint (ptr getelementptr ({kind}, ptr null, i64 {count}) to i64)"
