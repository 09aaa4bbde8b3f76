"""Runs the encoders of the languages on this machine, all secrets in one process each."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
TIMEOUT_S = 120


class Encoded(NamedTuple):
    """A form of a secret, and the encoder that wrote it."""

    secret: str
    encoder: str
    form: str


def encoded(language: str, secrets: Sequence[str], *, folder: Path) -> list[Encoded] | None:
    """Return what a language makes of some secrets, None if it is not on this machine."""
    command = _command(language, folder)
    if command is None:
        return None
    is_hex = language == "rust"
    given = [each.encode() for each in secrets]
    lines = [each.hex() if is_hex else base64.b64encode(each).decode() for each in given]
    output = subprocess.run(
        command,
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
        cwd=folder,
    ).stdout
    found = []
    for number, encoder, form in (line.split("\t") for line in output.splitlines()):
        raw = bytes.fromhex(form) if is_hex else base64.b64decode(form)
        found.append(Encoded(secrets[int(number)], encoder, raw.decode()))
    return found


def _command(language: str, folder: Path) -> list[str] | None:
    name = {"node": "node", "java": "java", "go": "go", "rust": "rustc"}[language]
    program = shutil.which(name)
    match language:
        case _ if program is None:
            return None
        case "node":
            return [program, str(HERE / "encode.mjs")]
        case "java":
            return [program, str(HERE / "Encode.java")]
        case "go":
            return [program, "run", str(HERE / "encode.go")]
    built = str(folder / "encode")
    subprocess.run([program, "-o", built, str(HERE / "encode.rs")], check=True, timeout=TIMEOUT_S)
    return [built]
