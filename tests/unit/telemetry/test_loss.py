"""Signs that something of the platform's was lost, and what explains them."""

from __future__ import annotations

import json

import pytest

from extension.process.clock import Instant
from extension.telemetry.health import Health
from tests import platform_events as given
from tests.doubles import ManualClock
from tests.fuzz.test_decoder import Accepting, build


async def test_a_record_in_two_deliveries_is_no_loss_once_both_are_here() -> None:
    """Until then it may be; where the sandbox ends before, it is one."""
    compact = json.dumps(given.line("x" * 40, 2), separators=(",", ":")).encode()
    envelope = compact.partition(b'"record":')[0] + b'"record":'
    first, second = b"[" + compact[:-20] + b"}]", b"[" + envelope + compact[-20:] + b"]"
    for is_whole in (True, False):
        health = Health()
        telemetry = build(Accepting(), health, as_json=False)
        telemetry.reader.take(first)
        while telemetry.reader._read_some():
            pass
        assert telemetry.pipeline.loss.at is not None
        if is_whole:
            telemetry.reader.take(second)
        telemetry.reader.read_all()
        assert health.dropped == ({} if is_whole else {"bad_event": 1})
        assert (telemetry.pipeline.loss.at is None) is is_whole


def parts_of_a_record() -> list[bytes]:
    """Return the deliveries of a line that is cut in three."""
    envelope = json.dumps(given.line("", 2), separators=(",", ":")).partition('""')[0]
    texts = [f'[{envelope}"x}}]', f"[{envelope}x}}]", f'[{envelope}x"}}]']
    return [text.encode() for text in texts]


def lost_at(*deliveries: bytes) -> int | None:
    """Return which delivery, from 0, had the last sign of loss that is not explained."""
    clock, times = ManualClock(), list[Instant]()
    telemetry = build(Accepting(), Health(), as_json=False, clock=clock)
    for body in deliveries:
        clock.advance(0.1)
        times.append(clock.now())
        telemetry.reader._begin_next(body)
        telemetry.pipeline.feed(telemetry.reader._take_events())
    lost = telemetry.pipeline.loss.at
    return None if lost is None else times.index(lost)


DROPPED = given.delivery(given.platform("logsDropped", 1, droppedRecords=3))


@pytest.mark.parametrize("sign", [DROPPED, b"[7]"])
def test_a_record_in_parts_explains_no_sign_of_loss_before_it(sign: bytes) -> None:
    """The end of an invocation may have been lost then."""
    assert lost_at(sign, *parts_of_a_record()) == 0
    assert lost_at(sign, given.delivery(given.done("a", 2)), *parts_of_a_record()) is None


@pytest.mark.parametrize("at", [0, 2])
def test_a_record_in_parts_explains_no_sign_of_loss_beside_it(at: int) -> None:
    """Such as a report of the platform's in one of its deliveries."""
    parts = parts_of_a_record()
    before, after = (DROPPED, parts[at]) if at == 0 else (parts[at], DROPPED)
    parts[at] = before[:-1] + b"," + after[1:]
    assert lost_at(*parts) == at


def test_a_record_in_parts_does_not_hide_an_event_that_cannot_be_read() -> None:
    """That one may have been an end."""
    first, *others = parts_of_a_record()
    assert lost_at(first.replace(b"[", b"[7,"), *others) == 0
