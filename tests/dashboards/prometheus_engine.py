"""Prometheus itself, as a program of Go that is built once into .cache: OTLP in, answers out.

Its versions are pinned in go.mod and go.sum.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.build_cache import locked

SOURCE = Path(__file__).parent / "prometheus"
BUILD_S = 900
EVALUATE_S = 300


class NotHereError(Exception):
    """Go or its modules are not to be had on this machine."""


class Series(NamedTuple):
    """What one query tells of one set of labels: moments in milliseconds, and values."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


class Span(NamedTuple):
    """From when to when, in what steps: seconds of the epoch, and seconds."""

    start_s: float
    end_s: float
    step_s: float

    def encoded(self) -> dict[str, int]:
        """Return it as the program reads it."""
        names = ("StartMs", "EndMs", "StepMs")
        return {name: round(value * 1000) for name, value in zip(names, self, strict=True)}


class Answers(NamedTuple):
    """All that came of it."""

    refused: Sequence[str]
    """Why requests were."""
    metrics: Sequence[str]
    """The names that they have in Prometheus."""
    series: Mapping[str, Sequence[Series]]
    """By the name of the query."""
    problems: Sequence[str]
    rules: Sequence[str]
    firing: Sequence[Mapping[str, Any]]
    """Alerts: AtMs, Labels and Annotations, for each moment at which one fires."""


@cache
def program() -> Path:
    """Return the program; Go itself knows what has changed since the last time."""
    go = shutil.which("go")
    if not go:
        raise NotHereError("this machine has no go")
    with locked("prometheus") as folder:
        fetched = _run(go, "mod", "download")
        if fetched.returncode:
            raise NotHereError(f"go cannot fetch: {fetched.stdout[-300:]}")
        built = folder / "prometheus"
        done = _run(go, "build", "-buildvcs=false", "-o", str(built), ".")
        assert done.returncode == 0, done.stdout
        return built


def evaluate(
    requests: Iterable[bytes],
    *,
    config: Path,
    queries: Mapping[str, str],
    over: Span,
    is_delta: bool = True,
    rules: bool = False,
) -> Answers:
    """Take OTLP requests, answer queries by their names, and follow the rules of the config."""
    work = {
        "Config": str(config),
        "NativeDelta": is_delta,
        "Requests": [base64.b64encode(each).decode() for each in requests],
        "Queries": [
            {"Name": name, "Expr": query, **over.encoded()} for name, query in queries.items()
        ],
        "Rules": over.encoded() if rules else {},
    }
    done = subprocess.run(
        [program()], input=json.dumps(work), capture_output=True, text=True, timeout=EVALUATE_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    errors = {name: each["Error"] for name, each in told["Answers"].items() if each["Error"]}
    warned = {name: each["Warnings"] for name, each in told["Answers"].items() if each["Warnings"]}
    series = {
        name: [Series(each["Labels"], each["Points"]) for each in answer["Series"] or ()]
        for name, answer in told["Answers"].items()
    }
    return Answers(
        refused=told["Refused"] or [],
        metrics=told["Metrics"] or [],
        series=series,
        problems=[*map(str, [*errors.items(), *warned.items()]), *(told["Problems"] or [])],
        rules=told["Rules"] or [],
        firing=told["Firing"] or [],
    )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True, timeout=BUILD_S, check=False,
    )  # fmt: skip
