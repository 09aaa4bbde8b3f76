"""Installs the pinned wheels of one Python version into a folder, for whatever machine."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
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

_INDEX_SETTINGS = (
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host"),
    *("cert", "client-cert", "proxy", "keyring-provider", "use-feature"),
    *("timeout", "default-timeout", "cache-dir", "no-cache-dir"),
)
"""Of the user's settings of pip: where wheels come from. How they are installed is our business:
`user`, `prefix`, `root`, `dry-run` or `require-virtualenv` would break the build."""
_SETTING = re.compile(r"^(?:global|install)\.(?P<name>[a-z-]+)=(?P<value>['\"].*['\"])$", re.M)


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
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_pip_environment()
    )
    if done.returncode != 0:
        reason = explain(done.stderr)
        raise LayerError(f"wheels for Python {version} on {architecture.name}: {reason}")


@cache
def _pip_environment() -> Mapping[str, str]:
    """Return an environment in which pip knows of the user's settings only the index.

    A configuration file cannot be read in part, so pip lists what all files and variables say.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    others = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
    names = map(_variable, _INDEX_SETTINGS)
    chosen = {name: os.environ[name] for name in names if os.environ.get(name)}
    return {**others, **index_settings(listed), **chosen, "PIP_CONFIG_FILE": os.devnull}


def index_settings(listed: str) -> dict[str, str]:
    """Return as variables what `pip config list` says of the index; that for install wins."""
    return {
        _variable(found["name"]): str(ast.literal_eval(found["value"]))
        for found in _SETTING.finditer(listed)  # sorted: those for all commands come first
        if found["name"] in _INDEX_SETTINGS
    }


def _variable(name: str) -> str:
    return f"PIP_{name.upper().replace('-', '_')}"


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
