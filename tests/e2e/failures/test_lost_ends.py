"""The end of an invocation is lost, cut or unreadable: /next is asked long before the timeout."""

from __future__ import annotations

import pytest

from extension.telemetry.assembly.hold import START_PATIENCE_S
from simulator.intake import Intake
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
from tests.scripted.deliveries import dropped_event, split_delivery
from tests.waiting import until

LOGS = {"DISPATCH_SIGNALS": "traces,logs"}
AS_SHIPPED = f"replace('extension.telemetry.assembly.hold:START_PATIENCE_S', {START_PATIENCE_S})"
MODES = pytest.mark.parametrize("flush", ["auto", "end"])


@MODES
@pytest.mark.parametrize("at", [0.001, 0.5, 0.999])
async def test_a_record_is_cut_over_two_deliveries(intake: Intake, flush: str, at: float) -> None:
    """The line arrives whole, and the end behind it is heard."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": flush, **LOGS}
    text = 'a "long" line of {braces}, [brackets] and \\ ' * 8_000
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        for part in split_delivery(
            [announced.start], announced.line(text), [announced.done], at=at
        ):
            platform.deliver(part, after_s=0)
        await next_is_asked(platform, 2)
        [span] = invocations(intake)
        assert span.attributes["lambda_dispatch.status"] == "success"
        assert [record.body for record in intake.logs] == [text]
    assert lost(platform) == {}


@MODES
async def test_a_record_is_cut_over_three_deliveries(intake: Intake, flush: str) -> None:
    """However often it is cut, it is joined."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": flush, **LOGS}
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        line = announced.line("x" * 3000)
        platform.send(announced.invoke())
        first, rest = split_delivery([announced.start], line, [announced.done], at=0.3)
        envelope = rest[: rest.index(b'"record":') + len(b'"record":')]
        place = len(envelope) + 1000
        second, third = rest[:place] + b"}]", envelope + rest[place:]
        for part in (first, second, third):
            platform.deliver(part, after_s=0)
        await next_is_asked(platform, 2)
        assert [record.body for record in intake.logs] == ["x" * 3000]
    assert lost(platform) == {}


@MODES
async def test_the_second_part_never_comes(intake: Intake, flush: str) -> None:
    """The record is lost and counted; what came before it in its delivery is not."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": flush, **LOGS}
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        before = [announced.start, announced.line("whole")]
        first, _ = split_delivery(before, announced.line("x" * 3000), [], at=0.5)
        platform.deliver(first, after_s=0)
        await next_is_asked(platform, 2)
        again = Announced(2)
        platform.send(again.invoke())
        deliver(platform, again.start, again.done)
        await next_is_asked(platform, 3)
    assert [record.body for record in intake.logs] == ["whole"]
    assert len(invocations(intake)) == 2
    assert lost(platform) == {"dropped.bad_event": 1}


@MODES
async def test_the_platform_dropped_the_end(intake: Intake, flush: str) -> None:
    """`platform.logsDropped` in its place: the end may have been among what was dropped."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": flush}
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(platform, announced.start, dropped_event(announced.began_ns))
        await next_is_asked(platform, 2)
    assert platform.farewell["platform_dropped"] == 1


@MODES
async def test_the_end_cannot_be_read(intake: Intake, flush: str) -> None:
    """Bytes that are no event may have been the end."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": flush}
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(platform, announced.start)
        platform.deliver(b'[{"time":', after_s=0)
        await next_is_asked(platform, 2)
    assert lost(platform) == {"dropped.bad_event": 1}


@MODES
@pytest.mark.parametrize("time", ["soon", "", None, "9999-99-99T00:00:00Z", 17])
async def test_the_time_of_the_end_cannot_be_read(intake: Intake, flush: str, time: object) -> None:
    """An end without a time is an end: it was when it was received."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": flush}
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(platform, announced.start, {**announced.done, "time": time})
        await next_is_asked(platform, 2)
        [span] = invocations(intake)
        assert span.attributes["lambda_dispatch.status"] == "success"
        assert span.end_ns >= announced.began_ns
    assert lost(platform) == {}


@MODES
async def test_the_end_is_lost_without_a_sign(intake: Intake, flush: str) -> None:
    """Silence is borne for some seconds, not for the quarter of an hour that the function has."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": flush}
    async with sandbox(f"{PATIENT}; {AS_SHIPPED}", **environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(platform, announced.start)
        await next_is_asked(platform, 2)
    assert platform.farewell["added_ms"] > 1000


@MODES
async def test_an_invocation_times_out(intake: Intake, flush: str) -> None:
    """SHUTDOWN says so, though no end has come: /next came before it, so nothing was added."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": flush}
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke(timeout_s=1.5))
        deliver(platform, announced.start)
        await next_is_asked(platform, 2)
        shut_down(platform, reason="timeout")
        await platform.exited(within_s=60)
    assert platform.farewell["added_ms"] == 0
    assert invocations(intake)[0].attributes["error.type"] == "timeout"


async def test_metrics_measure_a_hold_whose_end_is_lost(intake: Intake) -> None:
    """What the closing line counts in the end is among the last metrics, too."""
    environment = {
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_FLUSH": "end",
        "DISPATCH_SIGNALS": "metrics",
    }
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(platform, announced.start, dropped_event(announced.began_ns))
        await next_is_asked(platform, 2)
    assert platform.farewell["added_ms"] > 0
    names = {metric.name for metric in intake.metrics}
    assert "lambda_dispatch.added_after_response" in names


async def test_an_invocation_given_up_ends_later(intake: Intake) -> None:
    """It went on without being held; its end is exported when it comes, not at SHUTDOWN."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with sandbox(**environment) as platform:
        announced = Announced(1)
        platform.send(announced.invoke())
        deliver(platform, announced.start, dropped_event(announced.began_ns))
        await next_is_asked(platform, 2)
        deliver(platform, announced.done)
        await platform.delivered()
        await until(lambda: invocations(intake))
        assert invocations(intake)[0].attributes["lambda_dispatch.status"] == "success"
    assert platform.farewell["added_ms"] == 0
