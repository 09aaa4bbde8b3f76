"""Installs the pinned wheels of one Python version into a folder, for whatever machine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from layer.errors import LayerError
from layer.target import Architecture, glibc_of, wheel_platforms

_NO_NETWORK = re.compile(
    r"Failed to establish a new connection|NewConnectionError|Name or service not known"
    r"|Temporary failure in name resolution|Connection refused|ConnectTimeout|Max retries exceeded"
)
_WRONG_HASH = re.compile(r"DO NOT MATCH THE HASHES.*?\n\s*(?P<what>\S+)", re.DOTALL)
_NO_WHEEL = re.compile(r"No matching distribution found for (?P<what>\S+)")
_NO_HASH = re.compile(r"Hashes are required in --require-hashes mode")


def install_wheels(
    requirements: Path, *, version: str, architecture: Architecture, folder: Path
) -> None:
    """Unpack the wheels into `folder`; pip checks every hash.

    Raises:
        LayerError: pip refused, with the reason in one line.
    """
    platforms = wheel_platforms(architecture, glibc=glibc_of(version))
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input"),
        *("--disable-pip-version-check", "--retries", "1", "--no-compile", "--no-deps"),
        *("--require-hashes", "--only-binary", ":all:", "--requirement", str(requirements)),
        *("--target", str(folder), "--implementation", "cp", "--python-version", version),
        *(argument for tag in platforms for argument in ("--platform", tag)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = explain(done.stderr)
        raise LayerError(f"wheels for Python {version} on {architecture.name}: {reason}")


def explain(complaint: str) -> str:
    """Return pip's complaint as one line that says what to do."""
    if found := _WRONG_HASH.search(complaint):
        return f"{found['what']} does not have the hash that is pinned for it"
    if _NO_HASH.search(complaint):
        return "every requirement needs a hash (make lock)"
    if _NO_NETWORK.search(complaint):
        return "the package index cannot be reached; is there a network?"
    if found := _NO_WHEEL.search(complaint):
        return f"there is no wheel of {found['what']} for it"
    if "No module named pip" in complaint:
        return f"{sys.executable} has no pip"
    lines = complaint.strip().splitlines()
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["pip failed without a word"])[0].removeprefix("ERROR: ")
