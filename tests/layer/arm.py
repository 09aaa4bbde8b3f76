"""An arm64 system on a machine of another kind: Debian's packages, in QEMU and PRoot.

Nothing is installed. The packages are downloaded with apt's own client into a folder of the
cache, by lists of its own, and unpacked there: shell and C library of arm64, and the two programs
that run them. PRoot also runs in the emulator what an emulated process starts.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.build_cache import built
from tests.layer.image import LAUNCHER

FOREIGN = ("libc6:arm64", "libgcc-s1:arm64", "dash:arm64")
TOOLS = ("qemu-user-static", "proot", "libtalloc2")
NATIVE = "amd64"


def arm_command(root: Path) -> list[str]:
    """Return the command that runs a launcher in `root`, which becomes a bare arm64 system.

    Skips where the packages cannot be had, or the emulator does not run.
    """
    if platform.machine() != "x86_64":
        pytest.skip("the emulator that is downloaded is one for x86_64")
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("an arm64 system is made of Debian's packages, by apt-get and dpkg-deb")
    try:
        system = built("arm64-system", _download)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.decode(errors="replace").strip().splitlines() or ["no word"])[-1]
        pytest.skip(f"no arm64 system can be had here: {last}")
    shutil.copytree(system / "root", root, symlinks=True)
    for name in ("dev", "proc", "tmp", "opt"):
        (root / name).mkdir(exist_ok=True)
    run = [
        *("env", f"LD_LIBRARY_PATH={system}/tools/usr/lib/x86_64-linux-gnu", "PROOT_NO_SECCOMP=1"),
        *(f"{system}/tools/usr/bin/proot", "-q", f"{system}/tools/usr/bin/qemu-aarch64-static"),
        *("-r", str(root), "-b", "/dev/null", "-b", "/dev/urandom", "-b", "/proc", "-w", "/"),
        "/bin/sh",
    ]
    if subprocess.run([*run, "-c", ":"], capture_output=True, check=False).returncode:
        pytest.skip("the emulator does not run here")
    # PRoot's own library is not the launcher's.
    inside = f"unset LD_LIBRARY_PATH PROOT_NO_SECCOMP; exec /{LAUNCHER}"
    return [*run, "-c", inside]


def _download(folder: Path) -> None:
    """Fill `folder` with `root` and `tools`."""
    apt = _apt(folder / "apt")
    _run(*apt, "update")
    for name, packages in (("root", FOREIGN), ("tools", TOOLS)):
        archives = folder / "archives" / name
        archives.mkdir(parents=True)
        _run(*apt, "download", *packages, folder=archives)
        for archive in sorted(archives.iterdir()):
            _run("dpkg-deb", "-x", archive, folder / name)
    shutil.rmtree(folder / "apt")
    shutil.rmtree(folder / "archives")


def _apt(state: Path) -> list[str]:
    """Return apt-get with lists and status of its own, which knows both architectures."""
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True)
    (state / "status").touch()
    options = {
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "APT::Architecture": NATIVE,
        "APT::Architectures::": "arm64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "0",
    }
    return ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]


def _run(*command: str | Path, folder: Path | None = None) -> None:
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
