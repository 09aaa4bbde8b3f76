"""A system of nothing but a shell and the C library, as the root of a layer's process.

It runs in a mount namespace of its own; /dev, /proc and the network are this machine's. The C
library is the files that Lambda's smallest image has of it, whether or not anything needs them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from layer.portability import SYSTEM_LIBRARIES
from layer.standalone import copy_interpreter
from tests.layer.image import LAUNCHER, Image

PATH = "/usr/bin:/bin"
_FOLDERS = ("dev", "proc", "tmp", "etc", "opt", "var")


def bare_system(folder: Path, *, opt: Path) -> Image:
    """Return one with `opt` as its /opt; skips where no process can have a root of its own."""
    image = Image(folder)
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)
    image.copy("dash", to="bin/sh")
    shell = shutil.which("dash") or "dash"
    libc = next(line for line in _linked(shell) if line.endswith("/libc.so.6"))
    for name in SYSTEM_LIBRARIES:
        if (library := Path(libc).with_name(name)).exists():
            shutil.copy(library, _made(folder / str(library).lstrip("/")))
    shutil.copytree(opt, folder / "opt", dirs_exist_ok=True)
    probe = subprocess.run([*command(image)[:-1], "-c", ":"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no process can have a root of its own here")
    return image


def add_python(image: Image, tree: Path, *, version: str) -> None:
    """Put an interpreter of this machine where Lambda has it, with what it is linked to."""
    home = image.root / "var/lang"
    copy_interpreter(tree, folder=home)
    program = (home / "bin/python3").rename(home / f"bin/python{version}")
    program.chmod(0o755)
    for binary in (program, *home.rglob("*.so*")):
        image.copy_libraries(binary)


def command(image: Image) -> list[str]:
    """Return the command that runs the launcher there."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    chroot = shutil.which("chroot", path=f"{os.defpath}:/usr/sbin:/sbin")
    mounts = "".join(f"mount --rbind /{name} {image.root}/{name} && " for name in ("dev", "proc"))
    inside = f'{mounts}exec {chroot} {image.root} /bin/sh "$@"'
    return ["unshare", "--mount", *rights, "/bin/sh", "-c", inside, "sh", f"/{LAUNCHER}"]


def _linked(program: str) -> list[str]:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [word for word in listed.split() if word.startswith("/")]


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
