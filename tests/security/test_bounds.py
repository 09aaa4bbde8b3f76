"""Bounds on time and counts that somebody outside could push."""

from __future__ import annotations

import json
import secrets
import tracemalloc
from hashlib import sha256

import pytest

from extension.process.log import Log
from extension.process.waits import Budget
from extension.redaction.redactor import Redactor
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.export.buffer import Buffer, PendingItem
from extension.telemetry.export.delivery import Delivery
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.health import Health
from extension.telemetry.reading.decode import MOST_EVENTS, parse
from extension.telemetry.reading.events import LogsDropped
from extension.telemetry.reading.records import Record
from tests import platform_events as given
from tests.doubles import LogLines, ManualClock, SequentialIds
from tests.security.test_patterns import within
from tests.work import calls_of

MANY = 5000
"""More than the redactor keeps of what the cache does not hold."""

LONGEST_LINE = 262_144


CALLS = 2000
"""What learning one secret may cost; about 400 for a short one."""


def test_a_secret_costs_the_same_however_many_are_known() -> None:
    """Learning one touches what is its own, also where another has to be forgotten for it."""
    redactor = Redactor()
    values = [secrets.token_hex(12) for _ in range(MANY)]
    calls = [
        calls_of(lambda name=f"/shop/{number}", value=value: redactor.learn(name, value))  # type: ignore[misc]
        for number, value in enumerate(values)
    ]
    assert max(calls) < CALLS
    assert redactor.redact(values[-1]).names == (f"/shop/{MANY - 1}",)


@pytest.mark.parametrize("shared", ["", "postgresql://user:", "abcdefgh" * 50])
def test_a_rotation_costs_the_same_however_many_there_were(shared: str) -> None:
    """Versions of one secret, read for the first time or in turn, are not compared one by one."""
    redactor = Redactor()
    versions = [f"{shared}{sha256(bytes([n % 256, n >> 8])).hexdigest()[:24]}" for n in range(500)]
    rounds = [
        [calls_of(lambda value=value: redactor.learn("db", value)) for value in versions]  # type: ignore[misc]
        for _ in range(2)
    ]
    assert max(rounds[0]) < CALLS * 10
    assert max(rounds[0][250:]) < 1.5 * max(rounds[0][:250])
    assert max(rounds[1]) < 20


@pytest.mark.parametrize("shared", ["postgresql://user:", "password=", "abcdefgh" * 25])
def test_secrets_that_begin_alike_slow_no_line(shared: str) -> None:
    """A line full of what many secrets have in common is read as fast as any other."""
    redactor = Redactor()
    values = [f"{shared}{secrets.token_hex(8)}@host/db" for _ in range(200)]
    for number, value in enumerate(values):
        redactor.learn(f"/shop/{number}", value)
    line = shared * (LONGEST_LINE // len(shared))
    with within(2):
        assert redactor.redact(line).text == line
    assert redactor.redact(f"{line}{values[7]}").names == ("/shop/7",)


SHAPES = [
    "\\",
    '\\"',
    "\\u0041",
    "\\x41",
    "\\101",
    "%41",
    "%41 ",
    "%2525",
    "&amp;",
    "&#65;",
    "\n",
    "%C3%A4 ",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_line_full_of_escapes_is_undone_in_linear_time(shape: str) -> None:
    """The longest line there is takes a fraction of a second, in all its layers."""
    redactor = Redactor()
    redactor.learn("key", "hunter2-hunter2")
    line = shape * (LONGEST_LINE // len(shape))
    with within(2):
        assert redactor.redact(line).names == ()
    assert redactor.redact(f"{line} hunter2-hunter2").names == ("key",)


def bytes_of(values: list[str]) -> float:
    """Return the memory that a redactor takes for each of some values, besides the values."""
    redactor = Redactor(most_loose=len(values))
    tracemalloc.start()
    try:
        for number, value in enumerate(values):
            redactor.learn(f"/shop/{number}", value)
        return tracemalloc.get_traced_memory()[0] / len(values)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [50, 350, 700, 1400, 2800, MANY])
def test_a_short_secret_takes_two_kibibytes(count: int) -> None:
    """Names included, also where the table of words has just doubled."""
    assert bytes_of([secrets.token_urlsafe(24) for _ in range(count)]) <= 2048


@pytest.mark.parametrize("size", [4096, 65_536])
def test_a_long_secret_takes_little_more_than_itself(size: int) -> None:
    """Its forms are made again when a line looks like one, not kept."""
    assert bytes_of([secrets.token_urlsafe(size)[:size] for _ in range(20)]) <= 3 * size


class Believer:
    """An endpoint that has accepted less than nothing."""

    async def export(self, *_: object, **__: object) -> Outcome:
        """Claim to have refused more than there is."""
        return Outcome(kind="accepted", rejected_items=2**63 - 1)


async def test_endpoint_refuses_no_more_than_it_got() -> None:
    """Counts stay counts of ours: what is beyond 64 bits could not even be sent."""
    health, clock = Health(), ManualClock()
    buffer = Buffer(max_bytes=65_536, dropped=health.dropped)
    buffer.add(PendingItem(signal="traces", body=b"span"))
    log = Log(clock=clock, sink=LogLines())
    delivery = Delivery(exporter=Believer(), buffer=buffer, health=health, clock=clock, log=log)
    await delivery.flush(Budget(1.0, clock=clock))
    assert health.dropped == {"partial_success": 1}


@pytest.mark.parametrize("count", ["9" * 4000, 10**30, "9" * 5000, -1, True, 1e300])
def test_platform_drops_a_number_that_can_be_sent(count: object) -> None:
    """A forged event pushes no counter beyond what a metric can hold."""
    dropped = given.platform("logsDropped", 1, droppedRecords=count)
    for event in parse(json.dumps([dropped]).encode()).events:
        assert isinstance(event, LogsDropped)
        assert abs(event.dropped_records) <= 2**53


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\r\n{}",
        "\x1b[2J",
        "a\u2028b",
        "a\u0085b",
        "a\u009b31m",
        '"}\n{"',
        "\ud800",
        "\x00",
    ],
)
def test_a_name_never_leaves_its_line(name: str) -> None:
    """Whatever reads our lines sees one: no control character, no separator, no half character."""
    lines = LogLines()
    Log(clock=ManualClock(), sink=lines).error("upstream call failed", name=name, code=name)
    [line] = lines.lines
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["name"] == name


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"," * 2_000_000 + b"]",
        b'["",' + b'"",' * 700_000 + b"]",
        b"[" + b"0," * 1_000_000 + b"0]",
        b"[{}" + b",{" * 1_000_000,
    ],
)
def test_a_delivery_of_a_million_elements_is_read_in_part(body: bytes) -> None:
    """It never holds the event loop for a second; what is not read is counted."""
    with within(2):
        batch = parse(body)
    assert batch.bad > 0
    assert len(batch.items) <= MOST_EVENTS


def test_a_real_delivery_with_broken_elements_loses_only_those() -> None:
    """Bounds on what a stranger posts cost the platform's events nothing."""
    lines = [json.dumps(given.line(str(number), 1)) for number in range(1000)]
    body = "[" + ",".join([*lines[:500], "{broken", *["[,]"] * 50, *lines[500:]]) + "]"
    batch = parse(body.replace("{broken", '{"broken"}').encode())
    assert (len(batch.events), batch.bad) == (1000, 51)


def test_lines_of_many_requests_are_bounded_together() -> None:
    """A thousand requests that never end hold no more than a few; other lines leave at once."""
    assembler, sent = Assembler(ids=SequentialIds(), concurrent=True), 0
    for number in range(100):
        [start] = parse(given.delivery(given.start(f"r{number}", number))).events
        assembler.feed(start)
        for _ in range(4):
            record = Record(
                time_ns=given.ns(number),
                observed_ns=given.ns(number),
                stream="function",
                body="x" * 250_000,
                request_id=f"r{number}",
            )
            sent += sum(len(each.records) for each in assembler.feed_record(record))
    held_bytes = assembler.requests.budget.held_bytes
    finished = assembler.end(reason="spindown", now_ns=given.ns(1000))
    kept = sum(len(each.records) for each in finished)
    assert 0 < held_bytes <= 16 * 1_048_576
    assert kept == held_bytes // 250_000
    assert sent + kept == 400
    assert assembler.requests.budget.held_bytes == 0
