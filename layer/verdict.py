"""What a check looks at, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from layer.contents import File, Image


@dataclass(frozen=True, slots=True)
class Verdict:
    """One fault: an error keeps the extension from its work, a warning makes it slower."""

    level: Literal["error", "warning"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer under check.

    Attributes:
        files: By their path below /opt.
        launcher: Path of the launcher, "" for none.
        image: The image that it is in.
    """

    files: Mapping[str, File]
    launcher: str
    image: Image | None

    @property
    def libraries(self) -> list[str]:
        """The folders of modules and packages: one a release."""
        pattern = re.compile(r"(lambda-dispatch/lib-[^/]+)/")
        return sorted({found[1] for name in self.files if (found := pattern.match(name))})

    @property
    def has_interpreter(self) -> bool:
        """Whether it is a standalone layer."""
        return "lambda-dispatch/python/bin/python3" in self.files

    @property
    def versions(self) -> list[str]:
        """The versions of Python that there is bytecode for, as "3.13"."""
        pattern = re.compile(r"lambda-dispatch/lib-[^/]*/code\.cpython-3(\d+)\.bin$")
        minors = {int(found[1]) for found in map(pattern.match, self.files) if found}
        return [f"3.{minor}" for minor in sorted(minors)]


def error(text: str) -> Verdict:
    """Return what keeps the extension from its work."""
    return Verdict("error", text)


def warning(text: str) -> Verdict:
    """Return what makes it slower, or may."""
    return Verdict("warning", text)
