"""What a layer is built for: architecture, Python versions, and the C library of Lambda's images.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
"""The Python runtimes of Lambda that the extension can run on."""

COMING = ("3.15",)
"""Those that Lambda does not have yet; built for where an interpreter of them is found."""

GLIBC_AL2 = (2, 26)
GLIBC_AL2023 = (2, 34)
_OLDEST_MANYLINUX = 5
"""The first glibc minor version that has a manylinux tag of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """One of Lambda's two, under the names that everyone else gives it.

    Attributes:
        name: Lambda's name.
        machine: The name in wheel tags and of `uname -m`.
        elf: e_machine in the header of its binaries.
    """

    name: str
    machine: str
    elf: int


ARCHITECTURES = {
    "x86_64": Architecture(name="x86_64", machine="x86_64", elf=62),
    "arm64": Architecture(name="arm64", machine="aarch64", elf=183),
}


def this_machine() -> Architecture | None:
    """Return the architecture of this machine, None for any other than Lambda's."""
    machine = platform.machine()
    return next((each for each in ARCHITECTURES.values() if each.machine == machine), None)


def glibc_of(version: str) -> tuple[int, int]:
    """Return the glibc of the Lambda runtime for this Python version."""
    return GLIBC_AL2 if version == "3.11" else GLIBC_AL2023


def wheel_platforms(architecture: Architecture, *, glibc: tuple[int, int]) -> list[str]:
    """Return the platform tags of the wheels that run there, best first."""
    minors = range(glibc[1], _OLDEST_MANYLINUX - 1, -1)
    tags = [f"manylinux_2_{minor}_{architecture.machine}" for minor in minors]
    return [*tags, f"manylinux2014_{architecture.machine}"]


def cache_tag(version: str) -> str:
    """Return the tag that this version's bytecode and compiled modules carry in their names."""
    return "cpython-" + version.replace(".", "")
