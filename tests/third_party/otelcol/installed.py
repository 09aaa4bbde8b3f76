"""The collector's program, built once into .cache; its versions are pinned in go.mod and go.sum."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
CACHED = FOLDER.parents[2] / ".cache" / "otelcol"
BUILD_S = 900
"""It is a program of 50 MB; on a busy machine that takes minutes, once."""

PIPELINE = "{receivers: [otlp], exporters: [debug]}"


class NotBuiltError(Exception):
    """Why there is no collector here."""


@cache
def collector() -> str:
    """Return the program; raises NotBuiltError."""
    files = [FOLDER / name for name in ("main.go", "go.mod", "go.sum")]
    content = b"".join(path.read_bytes() for path in files)
    program = CACHED / f"otelcol-{hashlib.sha256(content).hexdigest()[:16]}"
    CACHED.mkdir(parents=True, exist_ok=True)
    with program.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(program)
    return str(program)


@cache
def problem() -> str:
    """Return why it cannot be run here, empty if it can; builds it on first use."""
    try:
        collector()
    except NotBuiltError as error:
        return str(error)
    return ""


def arguments(port: int, *, verbosity: str) -> list[str]:
    """Return its command line: OTLP over HTTP in, and printed as `verbosity` says."""
    config = f"""\
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters: {{debug: {{verbosity: {verbosity}}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {PIPELINE}, logs: {PIPELINE}, metrics: {PIPELINE}}}
"""
    return [f"--config=yaml:{config}"]


def _build(program: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise NotBuiltError("the collector needs go")
    partial = program.with_suffix(".part")
    try:
        done = subprocess.run(
            [go, "build", "-buildvcs=false", "-o", str(partial), "."],
            cwd=FOLDER, capture_output=True, text=True, timeout=BUILD_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotBuiltError(f"the collector was not built within {BUILD_S} s") from None
    if done.returncode:
        raise NotBuiltError(f"the collector cannot be built: {done.stderr.strip()[-200:]}")
    partial.rename(program)
