"""Telemetry until it is open: events are kept, an invocation lends time, nothing is held up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from extension.platform import start_mark
from extension.platform.events import Invoke, Shutdown
from extension.process.clock import NS_PER_MS, SystemClock
from extension.process.log import Log
from extension.telemetry import early as module
from extension.telemetry.early import EarlyTelemetry, listen
from tests.doubles import LogLines, ManualClock
from tests.simulated_time import SimulatedLoop
from tests.waiting import PATIENCE_S, until


@dataclass
class Opened:
    """What telemetry becomes: writes down its calls, in order."""

    entries: list[str] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    breaks_on: bytes = b""
    lost: list[tuple[int, int]] = field(default_factory=list)
    """How many deliveries, and after how many calls."""

    def take(self, body: bytes) -> None:
        """Take a delivery."""
        if body == self.breaks_on:
            raise ValueError(body)
        self.entries.append(body.decode())

    def count_fault(self, error: Exception) -> None:
        """Count a bug."""
        self.faults.append(error)

    def count_lost(self, count: int) -> None:
        """Count deliveries that were not taken."""
        self.lost.append((count, len(self.entries)))

    async def invoked(self, invoke: Invoke) -> None:
        """Take part in an invocation."""
        self.entries.append(f"invoked {invoke.request_id}")

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn of an earlier one."""
        self.times_ns.append(at_ns)
        self.entries.append(f"before {invoke.request_id}")

    def let_go_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn when it was let go."""
        self.times_ns.append(at_ns)
        self.entries.append(f"let go {invoke.request_id}")

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Export everything."""
        self.entries.append(shutdown.reason)


@pytest.fixture
def lines() -> LogLines:
    """What was logged."""
    return LogLines()


@pytest.fixture
def early(lines: LogLines) -> EarlyTelemetry:
    """Telemetry, not open yet."""
    clock = SystemClock()
    return EarlyTelemetry(mark=None, clock=clock, log=Log(clock=clock, sink=lines))


def in_ms(milliseconds: int) -> int:
    """Return a deadline so many milliseconds from now."""
    return SystemClock().now().wall_ns // NS_PER_MS + milliseconds


def invoke(name: str, *, left_ms: int) -> Invoke:
    """Return an invocation."""
    return Invoke(request_id=name, deadline_ms=in_ms(left_ms))


async def test_what_came_before_is_handed_over_in_order(early: EarlyTelemetry) -> None:
    """First the invocations that were let go, then every delivery, then what comes."""
    opened = Opened()
    early.take(b"1")
    before = invoke("a", left_ms=0)
    await early.invoked(before)
    early.next_called(before)
    early.take(b"2")
    await early.opened(opened, opened)
    early.next_called(before)  # it is of the telemetry that is open now
    early.take(b"3")
    await early.invoked(invoke("b", left_ms=0))
    await early.shut_down(Shutdown(reason="spindown", deadline_ms=in_ms(2000)))
    assert opened.entries == ["before a", "let go a", "1", "2", "3", "invoked b", "spindown"]


async def test_an_invocation_lends_time_until_telemetry_is_open(early: EarlyTelemetry) -> None:
    """Then it is held and exported as ever."""
    opened = Opened()
    held = asyncio.create_task(early.invoked(invoke("a", left_ms=600_000)))
    await asyncio.sleep(0)
    assert not held.done()
    await early.opened(opened, opened)
    await held
    assert opened.entries == ["invoked a"]


async def test_an_invocation_is_let_go_with_half_of_its_time(
    early: EarlyTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never held to its deadline, and telemetry learns of it later."""
    monkeypatch.setattr(start_mark, "MOST_LENT_S", 600.0)
    deadline = invoke("a", left_ms=100)
    await early.invoked(deadline)
    opened = Opened()
    await early.opened(opened, opened)
    assert opened.entries == ["before a"]


async def test_a_long_invocation_is_let_go_sooner(
    early: EarlyTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is lent has a limit of its own."""
    monkeypatch.setattr(start_mark, "MOST_LENT_S", 0.01)
    await early.invoked(invoke("a", left_ms=600_000))


async def test_what_is_kept_is_bounded(
    early: EarlyTelemetry, lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit is lost, reported, and counted with all that is lost later."""
    monkeypatch.setattr(module, "MAX_KEPT_BYTES", 5)
    for body in (b"1234", b"56", b"7"):
        early.take(body)
    opened = Opened()
    await early.opened(opened, opened)
    assert opened.entries == ["1234", "7"]
    assert opened.lost == [(1, 2)]
    [line] = lines.parsed
    assert (line["message"], line["count"]) == ("deliveries lost before telemetry was open", 1)


async def test_deliveries_that_were_never_kept_are_counted(early: EarlyTelemetry) -> None:
    """Those before telemetry is open together, and each that comes later."""
    opened = Opened()
    for _ in range(2):
        early.count_lost()
    await early.opened(opened, opened)
    early.count_lost()
    assert [count for count, _ in opened.lost] == [2, 1]


async def test_an_invocation_that_is_let_go_while_deliveries_are_handed_over_is_known(
    early: EarlyTelemetry,
) -> None:
    """That may take a while, where so much was kept that there is no room for all of it."""
    let_go = invoke("a", left_ms=0)

    class Full(Opened):
        def take(self, body: bytes) -> Awaitable[None] | None:  # type: ignore[override]
            super().take(body)
            return self._wait_for_room() if body == b"1" else None

        async def _wait_for_room(self) -> None:
            await early.invoked(let_go)
            early.next_called(let_go)

    opened = Full()
    early.take(b"1")
    early.take(b"2")
    await early.opened(opened, opened)
    assert opened.entries == ["1", "2", "before a", "let go a"]


async def test_a_bug_costs_one_delivery(early: EarlyTelemetry) -> None:
    """It is counted where all of them are."""
    opened = Opened(breaks_on=b"1")
    for body in (b"1", b"2"):
        early.take(body)
    await early.opened(opened, opened)
    early.count_fault(KeyError())
    assert (opened.entries, opened.lost) == (["2"], [])
    assert [type(each) for each in opened.faults] == [ValueError, KeyError]


async def test_an_end_before_telemetry_is_open_is_reported(
    early: EarlyTelemetry, lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SHUTDOWN is obeyed; what was taken is lost, and a line says how much."""
    monkeypatch.setattr(module, "LAST_SHARE", 0.0)
    early.take(b"1")
    await early.shut_down(Shutdown(reason="failure", deadline_ms=in_ms(2000)))
    [line] = lines.parsed
    assert line["message"] == "the sandbox ended before telemetry was open"
    assert line["deliveries_lost"] == 1


async def test_given_up_it_takes_deliveries_and_holds_nothing(
    early: EarlyTelemetry, lines: LogLines
) -> None:
    """Telemetry is switched off, which has a line of its own."""
    early.take(b"1")
    early.given_up()
    early.take(b"2")
    await early.invoked(invoke("a", left_ms=600_000))
    await early.shut_down(Shutdown(reason="spindown", deadline_ms=in_ms(2000)))
    assert lines.lines == []


async def test_what_was_kept_is_forgotten_when_it_is_given_up(early: EarlyTelemetry) -> None:
    """Nothing will ever take it; nor is anything kept from then on."""
    before = invoke("a", left_ms=0)
    early.take(b"1")
    await early.invoked(before)
    early.next_called(before)
    early.given_up()
    early.take(b"2")
    await early.invoked(before)
    opened = Opened()
    await early.opened(opened, opened)
    assert opened.entries == []


async def test_a_bug_before_telemetry_is_open_is_a_lost_delivery(
    early: EarlyTelemetry, lines: LogLines
) -> None:
    """Whatever became of it: what counts bugs is not there yet."""
    early.count_fault(KeyError())
    opened = Opened()
    await early.opened(opened, opened)
    assert (lines.parsed[0]["count"], opened.faults) == (1, [])


async def test_anything_that_is_delivered_shows_that_the_platform_delivers(
    early: EarlyTelemetry,
) -> None:
    """Whatever it answered to the subscription."""
    assert not early.has_heard
    early.take(b"")
    assert early.has_heard


async def test_eight_mebibytes_are_kept(early: EarlyTelemetry, lines: LogLines) -> None:
    """And not one byte more."""
    kept = [b"%d" % number + bytes(1_048_575) for number in range(8)]
    for body in (*kept, b"x"):
        early.take(body)
    opened = Opened()
    await early.opened(opened, opened)
    assert [entry.encode() for entry in opened.entries] == kept
    assert lines.parsed[0]["count"] == 1


async def test_a_hundred_invocations_are_kept(early: EarlyTelemetry) -> None:
    """The latest of them."""
    for number in range(101):
        await early.invoked(invoke(f"{number}", left_ms=0))
    opened = Opened()
    await early.opened(opened, opened)
    assert opened.entries == [f"before {number}" for number in range(1, 101)]


async def test_what_is_posted_before_telemetry_is_open_is_kept(lines: LogLines) -> None:
    """The listener hands it over, and what fails there is lost and counted."""
    clock = SystemClock()
    listening = socket.create_server(("127.0.0.1", 0))
    early = await listen(listening, mark=None, clock=clock, log=Log(clock=clock, sink=lines))
    _, writer = await asyncio.open_connection(*listening.getsockname())
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]")
    await until(lambda: early.has_heard)
    opened = Opened()
    await asyncio.wait_for(early.opened(opened, opened), PATIENCE_S)
    assert opened.entries == ["[]"]
    writer.close()
    await writer.wait_closed()
    asyncio.get_running_loop().remove_reader(listening)
    listening.close()


class Simulated:
    """Telemetry that is not open yet, in a sandbox whose time passes at once."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.loop = SimulatedLoop(self.clock)
        self.lines = LogLines()
        self.early: EarlyTelemetry
        self.run(self._make())

    async def _make(self) -> None:
        log = Log(clock=self.clock, sink=self.lines)
        self.early = EarlyTelemetry(mark=None, clock=self.clock, log=log)

    def run(self, step: Coroutine[Any, Any, Any]) -> float:
        """Do something, and return how long that took."""
        began = self.clock.now()
        self.loop.run_until_complete(step)
        return self.clock.now().since(began)

    def deadline_ms(self, left_s: float) -> int:
        """Return the deadline of what has so many seconds."""
        return self.clock.wall_ns // NS_PER_MS + round(left_s * 1000)


@pytest.fixture
def simulated() -> Iterator[Simulated]:
    """A sandbox."""
    made = Simulated()
    yield made
    made.loop.close()


@pytest.mark.parametrize(
    ("left_s", "lent_s"), [(600.0, 2.0), (4.0, 2.0), (3.0, 1.5), (0.0, 0.0), (-9.0, 0.0)]
)
def test_an_invocation_lends_half_of_its_time_and_two_seconds_at_most(
    simulated: Simulated, left_s: float, lent_s: float
) -> None:
    """What telemetry learns of it later is when it began, and when it was let go."""
    early, began_ns = simulated.early, simulated.clock.wall_ns
    lent = Invoke(request_id="a", deadline_ms=simulated.deadline_ms(left_s))
    assert simulated.run(early.invoked(lent)) == pytest.approx(lent_s)
    early.next_called(lent)
    opened = Opened()
    simulated.run(early.opened(opened, opened))
    assert opened.times_ns == [began_ns, pytest.approx(began_ns + lent_s * 1e9, abs=1)]


@pytest.mark.parametrize(("already_s", "lent_s"), [(0.5, 1.0), (1.5, 0.0), (9.0, 0.0)])
def test_what_was_lent_before_the_event_loop_ran_counts(
    simulated: Simulated, already_s: float, lent_s: float
) -> None:
    """A repeated start has received the event before; its invocation began then."""
    early, began_ns = simulated.early, simulated.clock.wall_ns
    deadline_ms = simulated.deadline_ms(3.0)
    simulated.clock.advance(already_s)
    held = Invoke(request_id="a", deadline_ms=deadline_ms, received_ns=began_ns)
    assert simulated.run(early.invoked(held)) == pytest.approx(lent_s)
    opened = Opened()
    simulated.run(early.opened(opened, opened))
    assert opened.times_ns == [began_ns]


def test_once_telemetry_is_open_nothing_is_lent(simulated: Simulated) -> None:
    """It holds invocations itself."""
    opened = Opened()
    simulated.run(simulated.early.opened(opened, opened))
    later = Invoke(request_id="a", deadline_ms=simulated.deadline_ms(600))
    assert simulated.run(simulated.early.invoked(later)) == 0
    assert opened.entries == ["invoked a"]


def test_the_end_waits_half_of_its_time_for_telemetry_to_open(simulated: Simulated) -> None:
    """The rest is for exporting what was kept."""
    simulated.early.take(b"1")
    end = Shutdown(reason="spindown", deadline_ms=simulated.deadline_ms(2))
    assert simulated.run(simulated.early.shut_down(end)) == pytest.approx(1.0)
    assert simulated.lines.parsed[0]["deliveries_lost"] == 1
