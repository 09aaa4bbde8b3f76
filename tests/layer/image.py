"""A container image of a few files, to run the launcher in: nothing else of this machine is there.

It is a folder that becomes the root of the launcher's process. The network stays this machine's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from layer.order import ROOT

LAUNCHER = "opt/extensions/lambda-dispatch"


@dataclass(frozen=True)
class Image:
    """One image; paths are relative to its root."""

    root: Path

    def write(self, path: str, text: str) -> None:
        """Write a program."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def copy(self, program: str, *, to: str = "") -> None:
        """Copy a program of this machine and the libraries that it needs; skips without it."""
        found = shutil.which(program)
        if found is None:
            pytest.skip(f"{program} is not installed")
        target = self.root / (to or f"usr/bin/{program}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, target)
        self.copy_libraries(Path(found))

    def copy_libraries(self, binary: Path) -> None:
        """Copy what a binary of this machine is linked to."""
        listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+\.so\S*)", listed):
            copy = self.root / library.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not copy.exists():
                shutil.copy(library, copy)

    def command(self, launcher: str = LAUNCHER) -> list[str]:
        """Return the command that runs the launcher in the image."""
        chroot = shutil.which("chroot", path=f"{os.defpath}:/usr/sbin:/sbin")
        unshare = shutil.which("unshare")
        if chroot is None or unshare is None:
            pytest.skip("no process can have a root of its own here")
        rights = [] if os.geteuid() == 0 else [unshare, "--user", "--map-root-user"]
        return [*rights, chroot, str(self.root), f"/{launcher}"]


def make_image(folder: Path, *, programs: tuple[str, ...], shell: str = "dash") -> Image:
    """Return an image with the launcher, a shell, these programs, and a sleep that takes no time.

    Skips where a program is not installed, and where no process can have a root of its own.
    """
    image = Image(folder)
    (folder / "dev").mkdir(parents=True)
    (folder / "dev/null").touch()
    image.copy(shell, to="bin/sh")
    for program in programs:
        image.copy(program)
    image.write("usr/bin/sleep", "#!/bin/sh\n")
    (folder / "opt/extensions").mkdir(parents=True)
    shutil.copy(ROOT / "layer/extensions/lambda-dispatch", folder / LAUNCHER)
    if subprocess.run(
        [*image.command()[:-1], "/bin/sh", "-c", ":"], capture_output=True, check=False
    ).returncode:
        pytest.skip("no process can have a root of its own here")
    return image
