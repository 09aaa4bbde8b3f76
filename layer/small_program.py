"""Writes the program `python3` of an interpreter whose code is in its libpython.

python-build-standalone links that code into its program once more, by half larger than in
libpython. What is left of a program without it is a call of `Py_BytesMain`, by the C library's
`__libc_start_main`: a thousand bytes, which need no compiler.

Sources: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html; the psABI of x86-64 and of
AArch64 for what is in the registers when a process starts; start.S of glibc for what it expects.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from layer.target import Architecture

_BASE, _PAGE = 0x400000, 0x10000
"""Where it is loaded; pages of the largest size that either architecture has."""

_HEADER, _SEGMENT = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
_SYMBOL = _RELOCATION = 24
_LOAD, _DYNAMIC, _INTERPRETER, _HEADERS, _STACK = 1, 2, 3, 6, 0x6474E551
_READ, _WRITE, _RUN = 4, 2, 1
_SEGMENTS = 6


@dataclass(frozen=True, slots=True)
class _Machine:
    """One architecture.

    Attributes:
        loader: Path of glibc's dynamic loader.
        relocation: The type that fills a word with the address of a symbol.
        code: From the address of two such words, main and __libc_start_main, the start.
    """

    loader: bytes
    relocation: int
    code: bytes


_X86_64 = bytes.fromhex(
    "31ed"  # xor ebp, ebp: the outermost frame
    "4989d1"  # mov r9, rdx: what the loader wants called at the end
    "5e4889e2"  # pop rsi; mov rdx, rsp: argc, argv
    "4883e4f05054"  # and rsp, -16; push rax; push rsp: the end of the stack
    "4531c031c9"  # xor r8d, r8d; xor ecx, ecx: no constructors of its own
    "488b3c2500004100"  # mov rdi, [0x410000]: main
    "ff142508004100"  # call [0x410008]
    "f4"  # hlt
)
_AARCH64 = struct.pack(
    "<14IQ",
    *(0xD280001D, 0xD280001E),  # mov x29, 0; mov x30, 0: the outermost frame
    *(0xAA0003E5, 0xF94003E1, 0x910023E2),  # mov x5, x0; ldr x1, [sp]; add x2, sp, 8
    *(0x910003E6, 0xD2800003, 0xD2800004),  # mov x6, sp; mov x3, 0; mov x4, 0
    *(0x580000C9, 0xF9400120, 0xF9400529),  # ldr x9, =0x410000; ldr x0, [x9]; ldr x9, [x9, 8]
    *(0xD63F0120, 0xD4200000, 0xD503201F),  # blr x9; brk 0; nop
    _BASE + _PAGE,
)
_MACHINES = {
    "x86_64": _Machine(b"/lib64/ld-linux-x86-64.so.2", 6, _X86_64),
    "arm64": _Machine(b"/lib/ld-linux-aarch64.so.1", 1025, _AARCH64),
}
_FUNCTIONS = (b"Py_BytesMain", b"__libc_start_main")
_WORDS = 8 * len(_FUNCTIONS)


def small_program(architecture: Architecture, *, libpython: str) -> bytes:
    """Return a program that runs the Python in the library of this name, in `../lib` or found."""
    machine, names = _MACHINES[architecture.name], _Names()
    needed = [names.add(name) for name in (libpython.encode(), b"libc.so.6")]
    beside = names.add(b"$ORIGIN/../lib")
    symbols = [struct.pack("<IBBHQQ", names.add(name), 0x12, 0, 0, 0, 0) for name in _FUNCTIONS]
    # The first page holds what is read and run, the second what the loader writes to.
    first = _Part(_BASE, _HEADER.size + _SEGMENT.size * _SEGMENTS)
    loader = first.add(machine.loader + b"\0")
    places = _Places(
        strings=first.add(names.text),
        strings_size=len(names.text),
        symbols=first.add(bytes(_SYMBOL) + b"".join(symbols)),
        relocations=first.add(_relocations(machine)),
    )
    start = first.add(machine.code)
    second = bytes(_WORDS) + _dynamic(needed, beside, places)
    head = _HEADER.pack(
        *(b"\x7fELF\2\1\1", 2, architecture.elf, 1, start, _HEADER.size, 0, 0),
        *(_HEADER.size, _SEGMENT.size, _SEGMENTS, 0, 0, 0),
    )
    table = _segments(first.end, len(second), loader=(loader, len(machine.loader) + 1))
    return (head + table + first.content).ljust(_PAGE, b"\0") + second


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """The addresses in the dynamic section."""

    strings: int
    strings_size: int
    symbols: int
    relocations: int


def _relocations(machine: _Machine) -> bytes:
    """Have the loader write the addresses of the functions, one after the other."""
    return b"".join(
        struct.pack("<QQq", _BASE + _PAGE + 8 * i, (i + 1) << 32 | machine.relocation, 0)
        for i in range(len(_FUNCTIONS))
    )


def _dynamic(needed: list[int], beside: int, places: _Places) -> bytes:
    entries = (
        *((1, name) for name in needed),
        (29, beside),  # RUNPATH
        (5, places.strings),
        (10, places.strings_size),
        (6, places.symbols),
        (11, _SYMBOL),
        (7, places.relocations),
        (8, _RELOCATION * len(_FUNCTIONS)),
        (9, _RELOCATION),
        (30, 8),  # FLAGS: BIND_NOW
        (0, 0),
    )
    return b"".join(struct.pack("<QQ", *entry) for entry in entries)


def _segments(first: int, second: int, *, loader: tuple[int, int]) -> bytes:
    """Return the table of segments for pages with so many bytes."""
    headers, words = _SEGMENT.size * _SEGMENTS, _BASE + _PAGE
    table = (
        (_HEADERS, _READ, _HEADER.size, _BASE + _HEADER.size, headers, 8),
        (_INTERPRETER, _READ, loader[0] - _BASE, *loader, 1),
        (_LOAD, _READ | _RUN, 0, _BASE, first, _PAGE),
        (_LOAD, _READ | _WRITE, _PAGE, words, second, _PAGE),
        (_DYNAMIC, _READ | _WRITE, _PAGE + _WORDS, words + _WORDS, second - _WORDS, 8),
        (_STACK, _READ | _WRITE, 0, 0, 0, 16),  # not to be run
    )
    return b"".join(
        _SEGMENT.pack(kind, flags, offset, address, address, length, length, align)
        for kind, flags, offset, address, length, align in table
    )


class _Names:
    """The strings of the dynamic section."""

    def __init__(self) -> None:
        self.text = b"\0"

    def add(self, name: bytes) -> int:
        """Return where the name is."""
        self.text += name + b"\0"
        return len(self.text) - len(name) - 1


class _Part:
    """What follows the headers in the first page; every part begins at a multiple of 8."""

    def __init__(self, base: int, begin: int) -> None:
        self._base, self._begin, self.content = base, begin, b""

    def add(self, content: bytes) -> int:
        """Return the address of what is added."""
        at = self._base + self.end
        self.content += content + bytes(-len(content) % 8)
        return at

    @property
    def end(self) -> int:
        """Where it ends in the file."""
        return self._begin + len(self.content)
