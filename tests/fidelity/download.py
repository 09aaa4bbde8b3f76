"""Where AWS's emulator comes from: the wheel of the SAM command line, checked by its hash."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.build_cache import CACHE, locked

VERSION = "1.170.0"
_WHEEL = f"aws_sam_cli-{VERSION}-py3-none-any.whl"
_SHA256 = "24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf"
_NAMES = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A file, such as the emulator's executable, or why there is none."""

    path: Path = Path()
    problem: str = ""


@cache
def rie_binary() -> Binary:
    """Return the emulator for this machine, fetched on first use into .cache."""
    name = _NAMES.get(platform.machine(), "")
    with locked(f"aws-lambda-rie-{VERSION}-{platform.machine()}") as target:
        if target.exists():
            return Binary(path=target)
        problem = _fetch_wheel()
        if problem:
            return Binary(problem=problem)
        with zipfile.ZipFile(CACHE / _WHEEL) as wheel:
            content = wheel.read(f"samcli/local/rapid/{name}")
        partial = target.with_suffix(".part")
        partial.write_bytes(content)
        partial.chmod(0o755)
        partial.rename(target)
        return Binary(path=target)


@cache
def sam_wheel() -> Binary:
    """Return the whole wheel, fetched on first use into .cache, or why there is none."""
    with locked(f"{_WHEEL}.fetched"):
        problem = _fetch_wheel()
    return Binary(problem=problem) if problem else Binary(path=CACHE / _WHEEL)


def _fetch_wheel() -> str:
    wheel = CACHE / _WHEEL
    if not wheel.exists():
        command = ["pip", "download", "--quiet", "--no-deps", f"aws-sam-cli=={VERSION}"]
        result = subprocess.run(
            [sys.executable, "-m", *command, "--dest", str(CACHE)],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            return f"aws-sam-cli {VERSION}, which holds the emulator, cannot be downloaded"
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != _SHA256:
        return f"{wheel} is not the file that was checked: its hash differs"
    return ""
