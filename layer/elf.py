"""Reads what the loader reads of an ELF file, and cuts off what it does not.

Program headers only, never sections: they are all that is left after `strip_file`.
Source: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"
"""64 bit, little endian: both architectures of Lambda."""

_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_ENTRY = struct.Struct("<qQ")
_NO_SECTIONS = (40, struct.pack("<Q", 0)), (58, struct.pack("<HHH", 64, 0, 0))
"""Where e_shoff and e_shentsize, e_shnum, e_shstrndx are, and their values without sections."""

_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRTAB, _STRSZ = 1, 5, 10
_GLIBC = re.compile(rb"\x00GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\x00)")

Segment = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """One program or shared library.

    Attributes:
        machine: e_machine.
        needed: File names of the libraries it is linked to.
        glibc: Highest version of a glibc symbol it uses, (0, 0) for none.
        loaded_bytes: Length of the part of the file that is ever loaded.
        loader: Path of the dynamic loader that a program names, "" for a library.
    """

    machine: int
    needed: tuple[str, ...]
    glibc: tuple[int, int]
    loaded_bytes: int
    loader: str = ""


def read_elf(path: Path) -> Elf | None:
    """Return what the loader sees of the file, or None when it is none of its files."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
    return parse_elf(path.read_bytes())


def parse_elf(content: bytes) -> Elf | None:
    """Return what the loader sees of a file's content, or None when it is none of its files."""
    if not content.startswith(_MAGIC):
        return None
    _, machine, _, _, offset, _, _, _, size, count, *_ = _HEADER.unpack_from(content)
    segments = [_SEGMENT.unpack_from(content, offset + size * i) for i in range(count)]
    needed, strings = _dynamic(content, segments)
    versions = [(int(major), int(minor)) for major, minor in _GLIBC.findall(strings)]
    return Elf(
        machine=machine,
        needed=needed,
        glibc=max(versions, default=(0, 0)),
        loaded_bytes=max(
            (start + length for _, _, start, _, _, length, _, _ in segments), default=len(content)
        ),
        loader=_loader(content, segments),
    )


def strip_file(path: Path) -> None:
    """Cut off debug sections and symbols that are never loaded; does nothing to other files."""
    elf = read_elf(path)
    if elf is None or elf.loaded_bytes >= path.stat().st_size:
        return
    content = bytearray(path.read_bytes()[: elf.loaded_bytes])
    for at, value in _NO_SECTIONS:
        content[at : at + len(value)] = value
    path.write_bytes(content)


def _dynamic(content: bytes, segments: list[Segment]) -> tuple[tuple[str, ...], bytes]:
    """Return the needed libraries and the string table of the dynamic section."""
    found = next((segment for segment in segments if segment[0] == _DYNAMIC), None)
    if found is None:
        return (), b""
    _, _, start, _, _, length, _, _ = found
    entries = list(_ENTRY.iter_unpack(content[start : start + length]))
    places = dict(entries)
    at = _offset(places[_STRTAB], segments)
    strings = content[at : at + places[_STRSZ]]
    names = [strings[v : strings.index(b"\0", v)] for tag, v in entries if tag == _NEEDED]
    # python-build-standalone names its libpython by a path from $ORIGIN.
    return tuple(name.decode().rpartition("/")[2] for name in names), strings


def _loader(content: bytes, segments: list[Segment]) -> str:
    found = next((segment for segment in segments if segment[0] == _INTERPRETER), None)
    if found is None:
        return ""
    _, _, start, _, _, length, _, _ = found
    return content[start : start + length].rstrip(b"\0").decode()


def _offset(address: int, segments: list[Segment]) -> int:
    """Return where in the file that is which is loaded at this address."""
    for kind, _, start, virtual, _, length, _, _ in segments:
        if kind == _LOAD and virtual <= address < virtual + length:
            return start + address - virtual
    raise ValueError(f"nothing is loaded at {address:#x}")
