"""Secrets are taken out of records before anything is made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.redaction.redactor import Redacted, Redactor
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.health import Health
from extension.telemetry.otlp.spans import SpanBuilder
from extension.telemetry.reading.decode import parse
from extension.telemetry.reading.events import LogLine, RuntimeDone
from extension.telemetry.reading.line_reader import LineReader
from extension.telemetry.reading.records import Record, read_record
from extension.telemetry.reading.redact import (
    LONGEST_REMEMBERED,
    redact_event,
    redact_json,
    redact_record,
    redacting_once,
)
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.fuzz.test_decoder import Accepting, build

SECRET = "hunter2-hunter2"


def redactor() -> Redactor:
    """Return a redactor that knows one secret."""
    knowing = Redactor()
    knowing.learn("shop/key", SECRET)
    return knowing


def test_every_part_of_a_record_is_cleaned() -> None:
    """Body, nested attributes, their keys, and the exception's message and stack."""
    event = {
        "message": f"key is {SECRET}",
        "nested": {"list": [SECRET], SECRET: 1},
        "count": 3,
    }
    line = LogLine(time_ns=0, stream="function", record=event)
    record = redact_record(read_record(line), redactor().redact)
    assert record.body == "key is [REDACTED:shop/key]"
    assert record.attributes == {
        "nested": {"list": ["[REDACTED:shop/key]"], "[REDACTED:shop/key]": 1},
        "count": 3,
    }
    assert record.leaks == ("shop/key",)


NUMBERS = [*SECRET.encode()]
PLACED = {str(at): each for at, each in enumerate(NUMBERS)}
AS_LIST, AS_OBJECT = "[[REDACTED:shop/key]]", {"0": "{[REDACTED:shop/key]}"}


@pytest.mark.parametrize(
    ("told", "clean"),
    [
        ({"type": "Buffer", "data": NUMBERS}, {"type": "Buffer", "data": AS_LIST}),
        ([NUMBERS, 7], [AS_LIST, 7]),
        (PLACED, AS_OBJECT),
        ({"k": {**PLACED, "length": 15, "of": "x"}}, {"k": {**AS_OBJECT, "length": 15, "of": "x"}}),
        (NUMBERS[:7], NUMBERS[:7]),
        ([*range(20)], [*range(20)]),
        ([*NUMBERS[:7], "x"], [*NUMBERS[:7], "x"]),
        ({str(at): at for at in range(20)}, {str(at): at for at in range(20)}),
        ({"0": "a", **{str(at): "b" for at in range(1, 9)}},
         {"0": "a", **{str(at): "b" for at in range(1, 9)}}),
    ],
)  # fmt: skip
def test_bytes_in_json_are_texts(told: Any, clean: Any) -> None:
    """A logger of JavaScript writes a Buffer as a list, a typed array as an object of numbers."""
    knowing = redactor()
    for record in ({"message": "got", "told": told}, {"message": {"told": told}}):
        for line in (record, json.dumps(record) + "\n"):
            [read] = LineReader(knowing).read(
                [LogLine(time_ns=0, stream="function", record=line)], knows=lambda _: None
            )
            assert read.attributes == {"told": clean}
            assert bool(read.leaks) == (clean != told)
        assert redact_json(record, knowing.redact) == json.loads(
            json.dumps(record).replace(json.dumps(told), json.dumps(clean))
        )


def test_a_line_that_is_nothing_but_bytes() -> None:
    """Its members would be attributes."""
    line = LogLine(time_ns=0, stream="function", record=json.dumps({"level": "INFO", **PLACED}))
    [read] = LineReader(redactor()).read([line], knows=lambda _: None)
    assert (read.attributes, read.leaks) == (AS_OBJECT, ("shop/key",))
    assert read.body == '{"level": "INFO", [REDACTED:shop/key]}'


def test_a_level_is_cleaned_and_short() -> None:
    """What calls itself a level may be anything, a secret longer than any level included."""
    for level, expected in ((SECRET, "[REDACTED:shop/key]"), ("l" * 99, "l" * 32)):
        line = Record(time_ns=0, observed_ns=0, stream="function", body="x", severity_text=level)
        assert redact_record(line, redactor().redact).severity_text == expected


def test_what_is_nested_too_deeply_does_not_leave() -> None:
    """It cannot be looked through, and costs only itself."""
    deep: object = SECRET
    for _ in range(5000):
        deep = [deep]
    record = read_record(LogLine(time_ns=0, stream="function", record={"a": 1, "b": deep}))
    clean = redact_record(record, redactor().redact)
    assert clean.attributes == {"a": 1, "b": "[nested too deeply]"}


def test_an_exceptions_message_is_cleaned() -> None:
    """A secret in an exception is the usual way in which one leaks."""
    text = f"[ERROR] ValueError: bad {SECRET}\nTraceback (most recent call last):\n  {SECRET}\n"
    line = LogLine(time_ns=0, stream="function", record=text)
    record = redact_record(read_record(line), redactor().redact)
    assert record.error is not None
    assert SECRET not in f"{record}"
    assert record.error.message == "bad [REDACTED:shop/key]"


def test_a_leak_is_told_on_the_span() -> None:
    """By the secret's name, never by its value."""
    ids = SequentialIds()
    into, builder = Assembler(ids=ids), SpanBuilder(ids=ids, identity=ResourceIdentity())
    assemble(into, [[given.start("r", 1)]])
    line = LogLine(time_ns=given.ns(1.5), stream="function", record=SECRET)
    into.feed_record(redact_record(read_record(line), redactor().redact))
    [invocation] = assemble(into, [[given.done("r", 2)]])
    [span] = builder.build(invocation)
    assert (span.attributes or {})["secret.leaked"] == "shop/key"


def test_events_as_they_are_lose_their_secrets_too() -> None:
    """In the JSON format every text of an event is cleaned."""
    event = given.line({"a": [SECRET, 1, None]}, 1)
    assert redact_json(event, redactor().redact)["record"] == {
        "a": ["[REDACTED:shop/key]", 1, None]
    }


def test_numbers_that_are_not_finite_become_texts() -> None:
    """JSON cannot write them, and one would make a whole POST unreadable."""
    event = {"record": {"x": float("inf"), "y": [float("-inf"), float("nan"), 1.5]}}
    clean = redact_json(event, redactor().redact)
    assert clean == {"record": {"x": "inf", "y": ["-inf", "nan", 1.5]}}
    assert json.dumps(clean, allow_nan=False)


def test_words_of_the_platform_stay() -> None:
    """What decides over a span is no secret, though somebody's secret be such a word."""
    strict = Redactor(strict=True)
    for word in ("success", "timeout", "on-demand", "odd-status"):
        strict.learn(word, word)
    [event] = parse(given.delivery(given.done("a", 1, errorType="odd-status"))).events
    assert isinstance(event, RuntimeDone)
    clean = redact_event(event, strict.redact)
    assert (clean.status, clean.error_type) == ("success", "[REDACTED:odd-status]")


def test_the_end_of_an_init_is_announced() -> None:
    """What must be forgotten before a snapshot is reported."""
    telemetry = build(Accepting(), Health(), as_json=False)
    ends: list[int] = []
    telemetry.pipeline.on_init_end = lambda: ends.append(1)
    telemetry.pipeline.feed(parse(given.delivery(given.init(0, 1)[1])).events)
    assert ends == [1]


def test_a_short_text_is_cleaned_once() -> None:
    """Many lines have the same level and ids; long texts are not kept, for each is another one."""
    asked = []

    def redact(text: str) -> Redacted:
        asked.append(text)
        return Redacted(text[::-1])

    short, long = "a" * (LONGEST_REMEMBERED - 1) + "b", "a" * LONGEST_REMEMBERED + "b"
    clean = redacting_once(redact)
    assert {clean(text).text for text in (short, long, short, long)} == {short[::-1], long[::-1]}
    assert asked == [short, long, long]
