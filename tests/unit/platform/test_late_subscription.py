"""The subscription that a start did not settle: only a refusal switches telemetry off."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from extension.platform import early_calls, late_subscription
from extension.platform.bootstrap import Start
from extension.platform.early_calls import SCHEMA_VERSIONS
from extension.platform.events import Shutdown
from extension.platform.late_subscription import LateSubscription
from extension.process.clock import Clock, SystemClock
from extension.process.log import Log
from extension.process.waits import TimeLimit
from tests.doubles import LogLines, no_thread
from tests.waiting import PATIENCE_S, until

TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSED = b'HTTP/1.1 403 -\r\nContent-Length: 25\r\n\r\n{"errorType":"No.Reason"}'
UNKNOWN_VERSION = b"HTTP/1.1 400 -\r\nContent-Length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 -\r\nContent-Length: 0\r\n\r\n"
NONE = b"HTTP/1.1 404 -\r\nContent-Length: 0\r\n\r\n"
PAUSE_S = late_subscription.PAUSE_S
ENDS = Shutdown(reason="spindown", deadline_ms=1)


@dataclass
class Stage:
    """A subscription, and the platform that answers with a script; None is no answer."""

    answers: list[bytes | None]
    versions: list[str] = field(default_factory=list)
    asked_at_s: list[float] = field(default_factory=list)
    lines: LogLines = field(default_factory=LogLines)
    refusals: int = 0
    is_confirmed: bool = False
    silence: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self.asked_at_s.append(asyncio.get_running_loop().time())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        self.versions.append(json.loads(await reader.readexactly(length))["schemaVersion"])
        answer = self.answers.pop(0)
        if answer is None:
            await self.silence.wait()
        else:
            writer.write(answer)
        writer.close()

    def refuse(self) -> None:
        """Count that telemetry is switched off."""
        self.refusals += 1


@asynccontextmanager
async def running(
    *answers: bytes | None, is_confirmed: bool = False
) -> AsyncIterator[tuple[Stage, Start, LateSubscription]]:
    """Yield the stage, its start and its subscription, which has not begun."""
    stage = Stage(list(answers), is_confirmed=is_confirmed)
    server = await asyncio.start_server(stage.serve, "127.0.0.1", 0)
    async with server:
        start = Start(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with socket.create_server(("127.0.0.1", 0)) as listening:
            start.telemetry_socket = listening
            yield (
                stage,
                start,
                LateSubscription(
                    start,
                    types=("platform",),
                    is_confirmed=lambda: start.is_subscribed or stage.is_confirmed,
                    on_refusal=stage.refuse,
                    clock=SystemClock(),
                    log=Log(clock=SystemClock(), sink=stage.lines),
                ),
            )
        stage.silence.set()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has failed is asked for again at once."""
    monkeypatch.setattr(late_subscription, "PAUSE_S", 0.0)


async def settled(late: LateSubscription) -> None:
    """Wait for the outcome."""
    await late.begin()
    await until(lambda: late._is_settled)


@pytest.mark.parametrize(
    ("answers", "versions"),
    [
        ([TAKEN], SCHEMA_VERSIONS[:1]),
        ([FAILED, TAKEN], SCHEMA_VERSIONS[:1] * 2),
        ([b"", TAKEN], SCHEMA_VERSIONS[:1] * 2),
        ([UNKNOWN_VERSION, TAKEN], SCHEMA_VERSIONS[:2]),
    ],
    ids=["at once", "after a failure", "after a connection was lost", "with an older version"],
)
async def test_it_is_asked_for_in_the_event_loop(
    answers: list[bytes], versions: tuple[str, ...]
) -> None:
    """What fails is asked for once more; an older platform in an older version."""
    async with running(*answers) as (stage, start, late):
        await settled(late)
        await late.shut_down(ENDS)
    assert (start.is_subscribed, stage.refusals) == (True, 0)
    assert tuple(stage.versions) == versions
    assert not stage.lines.lines


async def test_without_a_thread_it_is_asked_for_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The function may have taken all; the event loop waits for the second that it takes."""
    monkeypatch.setattr("threading.Thread.start", no_thread)
    monkeypatch.setattr(early_calls, "subscribe", lambda *_, **__: True)
    async with running() as (stage, start, late):
        await settled(late)
    assert (start.is_subscribed, stage.refusals, stage.lines.lines) == (True, 0, [])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (REFUSED, "subscription failed: status 403 No.Reason"),
        (NONE, "this platform has no Telemetry API"),
    ],
    ids=["refused", "no API"],
)
async def test_a_refusal_switches_telemetry_off(answer: bytes, problem: str) -> None:
    """With the reason; there is nothing more to ask or to say."""
    async with running(answer) as (stage, start, late):
        await settled(late)
        await late.shut_down(ENDS)
    assert (start.is_subscribed, stage.refusals) == (False, 1)
    assert start.problems == [("telemetry", problem)]
    assert (len(stage.versions), stage.lines.lines) == (1, [])


async def test_deliveries_count_more_than_a_refusal() -> None:
    """The platform has shown that the subscription is in force."""
    async with running(REFUSED, is_confirmed=True) as (stage, start, late):
        await settled(late)
    assert (stage.refusals, start.problems) == (0, [])


async def test_two_failures_leave_it_open() -> None:
    """Telemetry stays on, for it may have taken effect, and one line says so."""
    async with running(FAILED, FAILED) as (stage, start, late):
        await settled(late)
        await late.shut_down(ENDS)
    assert (len(stage.versions), stage.refusals, start.problems) == (2, 0, [])
    [line] = stage.lines.parsed
    assert line["message"] == "subscription not confirmed"
    assert line["cause"].startswith("status 500")


async def test_after_two_failures_deliveries_are_enough() -> None:
    """There is nothing to warn of."""
    async with running(FAILED, FAILED, is_confirmed=True) as (stage, _, late):
        await settled(late)
        await late.shut_down(ENDS)
    assert not stage.lines.lines


async def test_an_answer_that_was_waited_for_already_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not asked for twice, and nothing is held for it, but by an older version."""
    monkeypatch.setattr(early_calls, "SUBSCRIBE_S", 0.01)
    async with running(None, TAKEN) as (stage, start, late):
        await asyncio.to_thread(asked, start)
        assert start.pending_subscription is not None
        await late.begin()
        assert not late._is_settled
        await late.shut_down(ENDS)
        assert [line["cause"] for line in stage.lines.parsed] == ["no answer"]
        stage.silence.set()  # the connection ends, so it is asked for once more
        await until(lambda: start.is_subscribed and start.pending_subscription is None)
    assert stage.versions == [SCHEMA_VERSIONS[0]] * 2


def asked(start: Start) -> None:
    """Ask, and do not wait for the answer."""
    with pytest.raises(TimeoutError):
        early_calls.subscribe(start, ("platform",), versions=SCHEMA_VERSIONS)


async def test_there_is_a_pause_before_it_is_asked_for_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What has failed would fail again."""
    monkeypatch.setattr(late_subscription, "PAUSE_S", 0.05)
    async with running(FAILED, TAKEN) as (stage, _, late):
        await settled(late)
    first_s, second_s = stage.asked_at_s
    assert second_s - first_s >= 0.05


def test_the_pause_is_over_while_the_start_still_waits() -> None:
    """Else the second attempt would come too late for the first /next."""
    assert 0 < PAUSE_S <= early_calls.SUBSCRIBE_S / 4


async def test_without_a_connection_in_time_it_is_asked_for_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing was asked for that could still be answered."""
    failures = [TimeoutError()]
    ask = early_calls.subscribe

    def subscribe(*arguments: Any, **options: Any) -> bool:
        if failures:
            raise failures.pop()
        return ask(*arguments, **options)

    monkeypatch.setattr(early_calls, "subscribe", subscribe)
    async with running(TAKEN) as (stage, start, late):
        await settled(late)
    assert (start.is_subscribed, len(stage.versions), failures) == (True, 1, [])


async def test_a_version_that_is_refused_late_is_replaced() -> None:
    """By the next older one."""
    async with running(TAKEN) as (stage, start, late):
        ours, theirs = socket.socketpair()
        with theirs:
            start.pending_subscription = ours
            theirs.sendall(UNKNOWN_VERSION)
            await settled(late)
    assert (start.is_subscribed, stage.versions) == (True, [SCHEMA_VERSIONS[1]])


async def test_an_answer_that_never_comes_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Deliveries are taken all the same."""
    monkeypatch.setattr(late_subscription, "ANSWER_S", 0.05)
    async with running() as (stage, start, late):
        ours, theirs = socket.socketpair()
        with theirs:
            start.pending_subscription = ours
            await settled(late)
    assert (stage.refusals, start.problems) == (0, [])
    assert [line["cause"] for line in stage.lines.parsed] == ["no answer"]


@pytest.mark.parametrize("reason", ["is asked already", "is a repeated start"])
async def test_nothing_is_held_for_it_where_that_was_done_or_would_cost_an_invocation(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """The start goes on at once."""
    monkeypatch.setattr(early_calls, "SUBSCRIBE_S", 0.01)
    async with running(None, TAKEN) as (stage, start, late):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            if reason == "is asked already":
                await asyncio.to_thread(asked, start)
            else:
                start.has_requested_next = True
            monkeypatch.setattr(early_calls, "SUBSCRIBE_S", 600.0)
            await asyncio.wait_for(late.begin(), PATIENCE_S)
            assert not late._is_settled
            stage.silence.set()
            await until(lambda: late._is_settled)
    assert start.is_subscribed


async def test_the_start_waits_for_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it may take; `/next` is not asked for before it."""
    monkeypatch.setattr(early_calls, "SUBSCRIBE_S", PATIENCE_S)
    async with running(None, TAKEN) as (stage, start, late):
        begun = asyncio.create_task(late.begin())
        await until(lambda: len(stage.versions) == 1)
        assert not begun.done()
        stage.silence.set()
        await asyncio.wait_for(begun, PATIENCE_S)
        assert (late._is_settled, start.is_subscribed) == (True, True)


async def test_the_answer_is_waited_for_for_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as Lambda gives init."""
    limits: list[float] = []

    class Recorded(TimeLimit):
        def __init__(self, seconds: float, *, clock: Clock) -> None:
            limits.append(seconds)
            super().__init__(seconds, clock=clock)

    monkeypatch.setattr(late_subscription, "TimeLimit", Recorded)
    async with running(TAKEN) as (_, _, late):
        await settled(late)
    assert limits == [10.0]


async def test_an_answer_that_is_late_is_waited_for_on_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not asked for twice, unless that connection ends without one."""
    monkeypatch.setattr(early_calls, "SUBSCRIBE_S", 0.01)
    async with running(None, TAKEN) as (stage, start, late):
        await late.begin()
        await until(lambda: start.pending_subscription is not None)
        assert len(stage.versions) == 1
        monkeypatch.setattr(early_calls, "SUBSCRIBE_S", PATIENCE_S)
        stage.silence.set()
        await until(lambda: late._is_settled)
    assert (start.is_subscribed, start.problems) == (True, [])
    assert stage.versions == [SCHEMA_VERSIONS[0]] * 2
