"""What a function waits for at its end: `force_flush` of real SDKs, ours beside a collector.

Each SDK exports 50 spans at once, as the instrumentations for Lambda do before the function
answers, and then rests as between two invocations. The collector is OpenTelemetry's own, with its
receiver and an exporter that counts: it answers when its pipeline has taken the spans.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from benchmarks import traffic
from benchmarks.api import Api
from benchmarks.contenders import ROOT, TELEMETRY, free_port, modes
from benchmarks.process import Process
from benchmarks.rows import Row, bounded, skip, take_turns
from tests.sdks.installed import installed, why_not
from tests.third_party.otelcol.installed import arguments, collector, problem

TURNS = 7
WHAT = "receiver: force_flush of 50 spans by the SDK of"
COLLECTOR = "an OpenTelemetry collector"
AT_MOST_MS = 3
WITHIN_S = 60

LANGUAGES: Mapping[str, str] = {"python": "Python", "node": "Node.js"}


def rows() -> Iterator[Row]:
    """Measure each SDK that is installed."""
    for language, name in LANGUAGES.items():
        reason = why_not(language) or problem()
        yield skip(f"{WHAT} {name}", reason) if reason else _row(language, name)


def _row(language: str, name: str) -> Row:
    with _ours() as ours, _theirs() as theirs:
        turns = take_turns(
            {
                "ours": partial(_flush_ms, language, ours),
                "theirs": partial(_flush_ms, language, theirs),
            },
            turns=TURNS,
        )
    return bounded(
        f"{WHAT} {name}", turns["ours"], turns["theirs"], unit="ms", reference=COLLECTOR,
        at_most=AT_MOST_MS,
    )  # fmt: skip


def _flush_ms(language: str, port: int) -> float:
    """Return the median of many exports by one process."""
    function = installed(language)
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        _command(language, function.command, function.code),
        cwd=function.code, env=environ, capture_output=True, timeout=WITHIN_S, check=True,
    )  # fmt: skip
    taken: list[float] = json.loads(done.stdout)
    return median(taken)


def _command(language: str, command: Sequence[str], code: Path) -> Sequence[str]:
    if language == "python":
        return [command[1], str(ROOT / "benchmarks" / "flushing_sdk.py")]
    program = (ROOT / "benchmarks" / "flushing_sdk.js").read_text()
    return [command[0], "-e", program, str(code)]


@contextmanager
def _ours() -> Iterator[int]:
    """Run the extension within an invocation that does not end; yield the receiver's port."""
    port = free_port()
    with Api() as api:
        off = modes(api)[TELEMETRY]
        environ = {**off.environ, "DISPATCH_OTLP_PORT": str(port)}
        with Process(replace(off, environ=environ), api):
            api.invoke(traffic.request_id(1))
            yield port


@contextmanager
def _theirs() -> Iterator[int]:
    """Run a collector; yield its port."""
    port = free_port()
    child = subprocess.Popen(
        [collector(), *arguments(port, verbosity="basic")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(port)
        yield port
    finally:
        child.kill()
        child.wait()


def _wait_for(port: int) -> None:
    end_s = time.monotonic() + WITHIN_S
    while True:
        connection = HTTPConnection("127.0.0.1", port)
        try:
            return connection.connect()
        except OSError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.05)
        finally:
            connection.close()
