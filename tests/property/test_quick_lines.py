"""Lines that are read together, and quickly, are read as each by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given as drawn
from hypothesis import strategies as st

from extension.redaction.redactor import Redactor
from extension.telemetry.assembly.finished import Finished, gather
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.reading.events import LogLine
from extension.telemetry.reading.line_reader import LineReader
from extension.telemetry.reading.quick_lines import read_quickly
from extension.telemetry.reading.records import Record, read_record
from extension.telemetry.reading.redact import redact_record
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.encoders.table import PYTHON

UUID = "8286a188-ba32-4475-8077-530cd35c09a9"
NOW_NS = given.ns(1)
SECRETS = {"short": "pa55word", "long": 'S3cr3t "value" of-24-char', "token": "a1b2c3d4e5f6a7b8c9"}

BODIES = st.one_of(
    st.sampled_from([
        "paid", "", " ", "{", '{"message": "x"}', '{"message": "x"', "{}", "x\ty", "\t", "\ud800",
        "Invoke Error \t{}", "[ERROR] E: x\nTraceback (most recent call last):\n  a", "MemoryError",
        "thread 'main' panicked at src/main.rs:1:1", "at x\n   at y", "ä" * 300, "\r", "\n\n",
    ]),
    st.text(max_size=30),
    st.sampled_from(sorted(SECRETS.values())),
    st.builds(lambda encode, secret: encode(secret),
              st.sampled_from(list(PYTHON.values())), st.sampled_from(list(SECRETS.values()))),
)  # fmt: skip
TIMES = st.sampled_from([
    given.iso(1), given.iso(1.25), given.iso(400), "2026-01-01T12:00:01Z", "2026-01-01T12:00:01.5Z",
    "2026-01-01T12:00:01.000+00:00", "2026-01-01 12:00:01.000Z", "2026-01-01T12:00:61.000Z",
    "٢026-01-01T12:00:01.000Z", "", "x",
])  # fmt: skip
IDS = st.sampled_from([UUID, "", "undefined", UUID.upper(), "x"])
LEVELS = st.sampled_from(
    ["INFO", "WARN", "ERROR", "CRITICAL", "info", "fail", "trce", "Info", "LOUD", "", "TRACE"]
)
ENDS = st.sampled_from(["", "\n", "\r\n", "\n\n"])
TEXTS = st.one_of(
    st.builds("[{}]\t{}\t{}\t{}{}".format, LEVELS, TIMES, IDS, BODIES, ENDS),
    st.builds("{}\t{}\t{}\t{}{}".format, TIMES, IDS, LEVELS, BODIES, ENDS),
    st.builds("[{}]\t{}\t{}{}".format, LEVELS, TIMES, BODIES, ENDS),
    st.builds("{}{}".format, BODIES, ENDS),
)
OBJECTS = st.dictionaries(
    st.sampled_from(["message", "level", "timestamp", "requestId", "order", "", *SECRETS.values()]),
    BODIES | st.integers() | st.none() | st.lists(BODIES, max_size=2) | TIMES | LEVELS | IDS,
    max_size=5,
)
RECORDS = TEXTS | OBJECTS | OBJECTS.map(lambda told: json.dumps(told) + "\n")
LINES = st.builds(
    LogLine,
    time_ns=st.sampled_from([NOW_NS, given.ns(1.5)]),
    stream=st.sampled_from(["function", "function", "function", "extension"]),
    record=RECORDS,
)


def redactor(*, knows_secrets: bool, extra: str = "") -> Redactor:
    """Return one that knows these secrets, or none."""
    known = Redactor(extra=extra)
    for name, value in SECRETS.items() if knows_secrets else ():
        known.learn(name, value)
    return known


def one_by_one(lines: list[LogLine], secrets: Redactor) -> list[Record]:
    """Read lines as if each were the only one, and the closest look were needed."""
    return [redact_record(read_record(line, knows=UUID.__eq__), secrets.redact) for line in lines]


@drawn(st.lists(LINES, max_size=6), st.booleans(), st.sampled_from(["", "[0-9]{3}"]))
@example([LogLine(NOW_NS, "function", f"[INFO]\t{given.iso(1)}\t{UUID}\tpa55word\n")], True, "")
@example([LogLine(NOW_NS, "function", "pa55%77ord"), LogLine(NOW_NS, "function", "x")], True, "")
@example([LogLine(NOW_NS, "function", {"message": 12345678})], True, "")
def test_lines_together_are_what_each_is_alone(
    lines: list[LogLine], knows_secrets: bool, extra: str
) -> None:
    """Records, hidden secrets and the names of those are the same; none is missed."""
    secrets = redactor(knows_secrets=knows_secrets, extra=extra)
    assert LineReader(secrets).read(lines, knows=UUID.__eq__) == one_by_one(lines, secrets)


JSON_LINE = json.dumps(
    {"timestamp": given.iso(1), "level": "INFO", "message": "paid", "requestId": UUID}
)

LOGGED = st.fixed_dictionaries(
    {"message": st.sampled_from(["paid", "", "{", "MemoryError", 'said "a"', "\\u00e4", 7])},
    optional={
        "timestamp": TIMES | st.sampled_from([NOW_NS // 10**6, 1e300, None, True]),
        "level": LEVELS | st.sampled_from([10, 30, 50, True, None, "INFO"]),
        "requestId": IDS | st.sampled_from([None, 7, []]),
        "order": st.integers() | st.floats() | st.none() | st.lists(BODIES, max_size=2),
        "error": BODIES,
    },
)
"""As one logger writes them, whose lines have the same keys, or nearly."""
ENDED = st.builds("{}{}".format, LOGGED.map(json.dumps), ENDS | st.sampled_from([" ", "x", "}"]))


@drawn(
    st.lists(
        TEXTS | ENDED | LOGGED | st.sampled_from(["{", "{\n", '["a"]', "[]"]),
        min_size=1,
        max_size=6,
    )
)
@example([JSON_LINE, "{", JSON_LINE])
@example([JSON_LINE, JSON_LINE.replace(UUID, "of another service")])
@example([JSON_LINE, JSON_LINE.replace("paid", "\\ud800")])
@example([JSON_LINE.replace("paid", ""), JSON_LINE.replace(given.iso(1), given.iso(400))])
@example([{"message": "[INFO]\tpaid"}, {"message": "paid"}] * 2)
@example([{"message": "MemoryError", "order": 7}, {"message": ["paid"], "order": 7}] * 2)
@example([f"[INFO]\t{given.iso(1)}\t{UUID}\tpaid\n", "paid\n"])
@example([f"{given.iso(1)}\t{UUID}\tINFO\tpaid\n", f"{given.iso(400)}\t{UUID}\tINFO\tpaid\n"])
def test_a_quick_look_is_enough_or_says_so(lines: list[str | dict[str, Any]]) -> None:
    """It gives what the closer look gives, or says that this is needed."""
    records, unusual = read_quickly(lines, [NOW_NS] * len(lines), knows=UUID.__eq__)
    for at, each in enumerate(lines):
        if at not in unusual:
            line = LogLine(NOW_NS, "function", each)
            assert records[at] == read_record(line, knows=UUID.__eq__)


@pytest.mark.parametrize("line", ["paid\n", f"{JSON_LINE}\n",
                                  f"[INFO]\t{given.iso(1)}\t{UUID}\tpaid\n",
                                  f"{given.iso(1)}\t{UUID}\tINFO\tpaid\n"])  # fmt: skip
def test_the_forms_of_nearly_all_lines_are_read_quickly(line: str) -> None:
    """Python's, Node.js's, JSON, and plain text: else their cost would be ten times as much."""
    assert not read_quickly([line], [NOW_NS], knows=UUID.__eq__)[1]


OUTPUTS = st.lists(
    st.sampled_from([
        "paid", "", "MemoryError", "thread 'main' panicked at src/main.rs:1:1", "no stock",
        "[ERROR] E: x\nTraceback (most recent call last):\n  a", "[ERROR] KeyError: 'a'",
        {"message": "x", "requestId": "a"}, {"message": "x", "requestId": "b"}, "x" * 9000,
    ]).flatmap(lambda told: st.integers(0, 8).map(lambda tenths: given.line(told, tenths / 2))),
    max_size=12,
)  # fmt: skip


def life(outputs: list[Any], *, cut: int) -> list[Any]:
    """Return the events of two invocations; the lines of the second may come first."""
    first, second = outputs[:cut], outputs[cut:]
    before, after = [given.start("a", 1), *first, given.done("a", 2)], [*second, given.done("b", 4)]
    return [*before, given.start("b", 3), *after]


@drawn(OUTPUTS, st.integers(0, 12), st.booleans(), st.booleans())
def test_lines_that_are_fed_together_belong_where_each_belongs(
    outputs: list[Any], cut: int, streams: bool, concurrent: bool
) -> None:
    """To the same invocation, in the order of its own; what they say of it is learned."""
    events = life(outputs, cut=cut)

    def run(*, together: bool) -> list[Finished]:
        into = Assembler(ids=SequentialIds(), stream_records=streams, concurrent=concurrent)
        finished = assemble(into, [events], concurrent=concurrent, together=together)
        gathered = gather([*finished, *into.end(reason="spindown", now_ns=given.ns(9))])
        return sorted(gathered, key=lambda each: getattr(each, "request_id", ""))

    assert run(together=True) == run(together=False)
