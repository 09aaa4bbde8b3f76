"""What the user wants built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layer.target import GLIBC_AL2023, VERSIONS, Architecture, cache_tag, glibc_of

ROOT = Path(__file__).resolve().parent.parent
"""The project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One call of build_layer.sh.

    Attributes:
        architecture: What the layer is for.
        versions: Python versions; with an interpreter of its own, that one's alone.
        ships_source: Keep a version that no interpreter here can compile for.
        standalone: Carry an interpreter.
        interpreter: Root of its tree; without it `uv` downloads one.
        glibc: What the target's image has; without it that of the Lambda runtime.
        local: For this machine: whatever it can load is good enough.
        requirements: The pinned wheels.
        output: Folder of the zip.
        defers: Put off the imports of `layer/deferred.py`.
        compares: Measure what pip and zip alone would make of the same packages.
    """

    architecture: Architecture
    versions: tuple[str, ...] = VERSIONS
    ships_source: bool = False
    standalone: bool = False
    interpreter: Path | None = None
    glibc: tuple[int, int] | None = None
    local: bool = False
    requirements: Path = ROOT / "layer/requirements.txt"
    output: Path = Path("dist")
    defers: bool = True
    compares: bool = True

    @property
    def destination(self) -> Path:
        """The zip."""
        kind = "-standalone" if self.standalone else ""
        return self.output / f"lambda-dispatch{kind}-{self.architecture.name}.zip"

    def glibc_for(self, file: str, *, versions: tuple[str, ...]) -> tuple[int, int]:
        """Return the glibc that loads a file of a layer for `versions`; the oldest of several."""
        if self.glibc:
            return self.glibc
        if self.standalone:
            return GLIBC_AL2023
        tagged = [version for version in versions if f".{cache_tag(version)}-" in file]
        return min(glibc_of(version) for version in tagged or versions)
