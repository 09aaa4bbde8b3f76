"""An invocation runs long or says much: what it says leaves meanwhile, and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from simulator.intake import Intake
from simulator.intake.replies import Reply
from tests.e2e.failures.announced import PATIENT, Announced, deliver, lost, next_is_asked, sandbox
from tests.e2e.failures.expectations import invocations, messages
from tests.scripted.platform import Platform
from tests.waiting import until

SHORT_PERIOD = f"{PATIENT}; replace('extension.telemetry.exports:PERIOD_S', 0.2)"
UNHURRIED = f"{PATIENT}; be_patient_in_reading()"
"""How long reading waits for an endpoint that takes nothing is not tested here."""
LINES, LINES_A_DELIVERY = 100_000, 2_000
MOST_EVENTS = 128
"""Of a span."""
FLUSHES = pytest.mark.parametrize("flush", ["auto", "end", "periodic"])


@FLUSHES
async def test_data_leaves_when_the_period_is_over(intake: Intake, flush: str) -> None:
    """Long before the end of a long invocation its lines are at the endpoint."""
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_FLUSH": flush,
        "DISPATCH_SIGNALS": "traces,logs",
    }
    async with sandbox(SHORT_PERIOD, **environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        for text in ("first", "second"):
            deliver(platform, announced.start, announced.line(text))
            await until(lambda: text in [record.body for record in intake.logs])  # noqa: B023
        assert invocations(intake) == []
        deliver(platform, announced.done)
        await next_is_asked(platform, 2)
    assert [record.body for record in intake.logs] == ["first", "second"]
    assert len(invocations(intake)) == 1
    assert lost(platform) == {}


@FLUSHES
async def test_data_leaves_when_the_buffer_is_half_full(intake: Intake, flush: str) -> None:
    """No period needs to be over for it."""
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_FLUSH": flush,
        "DISPATCH_SIGNALS": "traces,logs",
        "DISPATCH_BUFFER_MAX_BYTES": "65536",
    }
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(
            platform, announced.start, *(announced.line(f"{n} {'x' * 400}") for n in range(100))
        )
        await until(lambda: intake.logs)
        assert invocations(intake) == []
        deliver(platform, announced.done)
        await next_is_asked(platform, 2)
    assert len(intake.logs) == 100
    assert lost(platform) == {}


async def write_lines(
    platform: Platform, texts: Sequence[str], *, at_once: int = LINES_A_DELIVERY
) -> None:
    """Play an invocation that writes these lines, `at_once` in a delivery, until it is over."""
    announced = Announced(1)
    platform.send(announced.invoke())
    deliver(platform, announced.start)
    for first in range(0, len(texts), at_once):
        deliver(platform, *map(announced.line, texts[first : first + at_once]))
    deliver(platform, announced.done)
    await platform.delivered()
    await until(lambda: platform.asked_next >= 2, deadline_s=240)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("short", [True, False], ids=["25 bytes", "95 bytes"])
async def test_a_hundred_thousand_lines(intake: Intake, *, short: bool) -> None:
    """With a healthy endpoint all of them arrive, however much more they are than the buffer."""
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_SIGNALS": "logs",
    }
    padding = "x" * (10 if short else 80)
    expected = [f"line {n} {padding}" for n in range(LINES)]
    async with sandbox(UNHURRIED, **environment) as platform:
        await write_lines(platform, expected)
    assert [record.body for record in intake.logs] == expected
    assert platform.farewell["logs_accepted"] == LINES
    assert lost(platform) == {}


@pytest.mark.timeout(300)
async def test_a_hundred_thousand_lines_in_spans(intake: Intake) -> None:
    """With the signals that are the default all arrive, in spans that are small and in order."""
    expected = [f"line {n}" for n in range(LINES)]
    async with sandbox(UNHURRIED, DISPATCH_POST_URI=intake.url) as platform:
        await write_lines(platform, expected)
    [span] = invocations(intake)
    more = [each for each in intake.spans if each.name == "more logs"]
    assert {each.parent_span_id for each in more} == {span.span_id}
    more.sort(key=lambda each: int(str(each.attributes["lambda_dispatch.part"])))
    seen = [line for each in (span, *more) for line in messages(each)]
    assert seen == expected
    assert max(len(each.events) for each in (span, *more)) == MOST_EVENTS
    assert lost(platform) == {}


@pytest.mark.timeout(300)
async def test_more_bytes_than_an_invocation_may_hold(intake: Intake) -> None:
    """What is beyond 64 MiB is counted, at the span and at SHUTDOWN; all before it arrives."""
    count, padding = 700, "x" * 100_000
    async with sandbox(UNHURRIED, DISPATCH_POST_URI=intake.url) as platform:
        await write_lines(platform, [f"{n} {padding}" for n in range(count)], at_once=10)
    arrived = [line for span in intake.spans for line in messages(span)]
    [span] = invocations(intake)
    assert 640 <= len(arrived) < count
    assert span.dropped_events_count == count - len(arrived)
    assert lost(platform) == {"dropped.held_lines": count - len(arrived)}


async def test_an_endpoint_that_takes_little_at_once(intake: Intake) -> None:
    """413 costs nothing: the batch comes again in parts."""
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_FLUSH": "end",
        "DISPATCH_SIGNALS": "logs",
    }
    intake.respond = [Reply(status=413), Reply(status=413)]
    async with sandbox(UNHURRIED, **environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        lines = [announced.line(f"line {n} {'x' * 1000}") for n in range(400)]
        deliver(platform, announced.start, *lines, announced.done)
        await next_is_asked(platform, 2)
    assert len({record.body for record in intake.logs}) == 400
    assert lost(platform) == {}


async def test_events_as_they_came_leave_through_a_small_buffer() -> None:
    """A delivery larger than the buffer is passed on step by step, as an export makes place."""
    async with Intake(respond=lambda _: Reply()) as intake:
        environment = {
            "DISPATCH_POST_URI": f"{intake.url}/events",
            "DISPATCH_FLUSH": "end",
            "DISPATCH_FORMAT": "json",
            "DISPATCH_BUFFER_MAX_BYTES": "65536",
        }
        async with sandbox(UNHURRIED, **environment) as platform:
            announced = Announced(1)
            platform.send(announced.invoke())
            deliver(
                platform, announced.start, *(announced.line(f"{n} {'x' * 60}") for n in range(3000))
            )
            deliver(platform, announced.done)
            await next_is_asked(platform, 2)
    assert platform.farewell["events_accepted"] == 3002
    assert lost(platform) == {}
