"""The endpoint takes its time: who waits for it, what is sent twice, what a freeze does to it."""

from __future__ import annotations

import asyncio

import pytest

from simulator.intake import Intake
from simulator.intake.replies import Hang, Reply
from tests.e2e.failures.announced import (
    PATIENT,
    Announced,
    deliver,
    lost,
    next_is_asked,
    sandbox,
    shut_down,
)
from tests.e2e.failures.expectations import invocations
from tests.scripted.platform import Platform
from tests.waiting import until


async def test_periodic_never_waits_for_an_export(intake: Intake) -> None:
    """/next is asked while the POST is unanswered, and the POST is not given up for it."""
    answer = Hang()
    intake.respond = [answer]
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
    async with sandbox(**environment) as platform:
        for number in range(1, 6):
            announced = Announced(number)
            platform.send(announced.invoke())
            await next_is_asked(platform, number + 1)
            deliver(platform, announced.start, announced.done)
            await platform.delivered()
        await until(lambda: intake.requests)
        assert len(intake.requests) == 1
        answer.released.set()
    assert {span.span_id for span in invocations(intake)} == {
        span.span_id for span in intake.spans if span.kind == "SERVER"
    }
    assert len(invocations(intake)) == 5
    assert platform.farewell.get("failed_exports", 0) == 0
    assert lost(platform) == {}


async def test_a_freeze_cuts_an_export(intake: Intake) -> None:
    """Time in which the process stood still is no time that the endpoint took: one POST, once."""
    answer = Hang()
    intake.respond = [answer]
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_FLUSH": "periodic",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
    }
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(platform, announced.start, announced.done)
        await platform.delivered()
        again = Announced(2)
        platform.send(again.invoke())
        await until(lambda: intake.requests)
        platform.freeze()
        frozen_at = asyncio.get_running_loop().time()
        answer.released.set()
        await until(lambda: asyncio.get_running_loop().time() > frozen_at + 4)
        platform.thaw()
        deliver(platform, again.start, again.done)
        await platform.delivered()
    assert len(invocations(intake)) == 2
    assert platform.farewell.get("failed_exports", 0) == 0
    assert lost(platform) == {}


async def test_a_held_export_takes_what_waited_when_it_began(intake: Intake) -> None:
    """What comes in during its POST waits for the next one: one export a hold, not a chain."""
    answer = Hang()
    intake.respond = [answer]
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(platform, announced.start, announced.done)
        await until(lambda: intake.requests)
        deliver(platform, announced.report)
        await platform.delivered()
        answer.released.set()
        await next_is_asked(platform, 2)
        assert len(intake.requests) == 1
    assert len(intake.requests) == 2
    assert lost(platform) == {}


@pytest.mark.parametrize("flush", ["auto", "end"])
async def test_what_a_slow_export_adds_is_told(intake: Intake, flush: str) -> None:
    """`added_ms` is what an outside clock saw between the end and /next."""
    answer = Hang()
    intake.respond = [answer]
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": flush}
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        ended_at = asyncio.get_running_loop().time()
        deliver(platform, announced.start, announced.done)
        await until(lambda: intake.requests)
        held_from = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > held_from + 0.5)
        answer.released.set()
        await next_is_asked(platform, 2)
        most_ms = (platform.asked_next_s - ended_at) * 1000
    assert 500 <= platform.farewell["added_ms"] <= most_ms + 5


async def test_shutdown_comes_during_an_export(intake: Intake) -> None:
    """What is under way may end, and nothing of it is sent a second time."""
    answer = Hang(then=Reply())
    intake.respond = [answer]
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
    setup = f"{PATIENT}; replace('extension.telemetry.exports:LAST_PATIENCE_S', 60.0)"
    async with sandbox(setup, **environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(platform, announced.start, announced.done)
        await platform.delivered()
        platform.send(Announced(2).invoke())
        await until(lambda: intake.requests)
        asyncio.get_running_loop().call_later(0.2, answer.released.set)
    ended = [span for span in invocations(intake) if "lambda_dispatch.status" in span.attributes]
    assert len(ended) == 1
    assert lost(platform) == {}


@pytest.mark.parametrize("ahead_ms", [0, 3_600_000])
async def test_the_endpoint_hangs_at_the_end(ahead_ms: int) -> None:
    """What was open is counted as unsent with the rest, whatever the deadline says."""
    hang = Hang()
    async with Intake(respond=lambda _: hang) as intake:
        environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
        async with sandbox("be_patient_at_start()", **environment) as platform:
            done, open_still = Announced(1), Announced(2)
            platform.send(done.invoke())
            deliver(platform, done.start, done.done)
            await platform.delivered()
            platform.send(open_still.invoke())
            deliver(platform, open_still.start)
            await until(lambda: intake.requests)
            shut_down(platform, within_ms=2000, ahead_ms=ahead_ms)
            await platform.exited(within_s=60)
        hang.released.set()
    assert platform.farewell["unsent"] == 2


async def test_an_endpoint_in_the_sandbox_ends_with_it(intake: Intake) -> None:
    """What waits at SHUTDOWN leaves before what comes late, which follows it."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
    setup = "replace('extension.telemetry.telemetry:LAST_WAIT_S', dict.fromkeys(LAST, 1.0))"
    names = "LAST = ('nothing', 'report', 'end')"
    async with Platform(environment, setup=f"{PATIENT}; {names}; {setup}") as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        await next_is_asked(platform, 2)
        deliver(platform, announced.start, announced.done)
        await platform.delivered()
        seen = len(intake.requests)
        shut_down(platform)
        await until(lambda: len(intake.requests) > seen)
        deliver(platform, announced.report)
        await platform.exited(within_s=60)
    names_of_spans = [span.name for span in intake.spans]
    assert names_of_spans.count("extension overhead") == 1
    assert len(invocations(intake)) == 1
