"""What real runtimes wrote, where recordings of it are at hand: verdict after verdict."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from extension.telemetry.assembly.finished import Finished, Invocation
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.assembly.verdict import judge
from extension.telemetry.reading.decode import parse
from extension.telemetry.reading.events import Event, LogLine
from extension.telemetry.reading.joined_lines import LineJoiner
from extension.telemetry.reading.records import read_record
from tests.doubles import SequentialIds

RECORDINGS = Path(
    os.environ.get("RUNTIME_RECORDINGS", Path(__file__).parents[3] / "shared/events/runtimes")
)
"""One file for each runtime, one event of the Telemetry API a line."""

WHOLE = 1000
EXIT = "Runtime.ExitError"
MEMORY = "Runtime.OutOfMemory"
JAVA_ERROR = "example.Handler$OrderException"

VERDICTS = {
    "emulator-managed-go": ["", "Runtime.Unknown", ""],  # the line names no request
    "emulator-managed-node": ["", "OrderError", ""],
    "go": ["", "OrderError", "wrapError", "plainError", EXIT, EXIT, "", "timeout", ""],
    "java": ["", JAVA_ERROR, "java.lang.StackOverflowError", MEMORY, EXIT, ""],
    "java-json": ["", JAVA_ERROR, "java.lang.StackOverflowError", EXIT],
    "node": ["", *["OrderError", "Error", "OrderError", "OrderError"], *[EXIT] * 3, "timeout", ""],
    "node-broken": ["Error"],
    "node-json": ["", "OrderError", "Error", "OrderError", EXIT, ""],
    "node-stream": ["", "OrderError", ""],
    "python": ["", "OrderError", EXIT, EXIT, EXIT, "timeout", ""],
    "python-broken": ["Runtime.ImportModuleError"],
    "python-json": ["", "OrderError", EXIT],
    "ruby": ["", "OrderError", "NoMethodError", "SystemExit", EXIT, "SystemExit", "", "timeout"],
    "rust": ["", "OrderError", "panic", EXIT, EXIT, "", "timeout"],
    "rust-json": ["", "OrderError", "panic"],
}


def finish(name: str, size: int) -> list[Finished]:
    """Assemble a recording in deliveries of so many events."""
    lines = (RECORDINGS / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()
    into = Assembler(ids=SequentialIds(), concurrent="managed" in name)
    joiner = LineJoiner(concurrent="managed" in name)
    events: list[Event] = []
    for begin in range(0, len(lines), size):
        batch = parse(f"[{','.join(lines[begin : begin + size])}]".encode())
        assert batch.bad == 0
        events += joiner.feed(batch.events)
    finished: list[Finished] = []
    for event in [*events, *joiner.flush()]:
        if isinstance(event, LogLine):
            finished += into.feed_record(read_record(event))
        else:
            finished += into.feed(event)
    return finished


def verdicts(name: str, size: int) -> list[str]:
    """Return the type of error of each invocation, empty for none."""
    seen = [judge(each) for each in finish(name, size) if isinstance(each, Invocation)]
    assert all(bool(each.error_type) is each.failed for each in seen)
    return [each.error_type for each in seen]


@pytest.mark.parametrize("name", VERDICTS)
@pytest.mark.parametrize("size", [1, 7, WHOLE])
def test_verdicts(name: str, size: int) -> None:
    """Handled, raised, exited, killed, timed out; the same however deliveries are cut."""
    if not (RECORDINGS / f"{name}.ndjson").is_file():
        pytest.skip("no recordings here")
    assert verdicts(name, size) == VERDICTS[name]


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings here")
@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.ndjson")), ids=lambda path: path.stem)
def test_no_line_loses_its_text(path: Path) -> None:
    """A body is empty only where the line was."""
    for line in path.read_text(encoding="utf-8").splitlines():
        [event] = parse(f"[{line}]".encode()).events
        if isinstance(event, LogLine):
            seen = event.record
            text = seen if isinstance(seen, str) else seen.get("message", json.dumps(seen))
            assert bool(read_record(event).body.strip()) is bool(str(text).strip())
