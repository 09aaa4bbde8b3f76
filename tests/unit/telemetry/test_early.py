"""Telemetry until it is open: events are kept, an invocation lends time, nothing is held up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from extension.platform.events import Invoke, Shutdown
from extension.process.clock import NS_PER_MS, SystemClock
from extension.process.log import Log
from extension.telemetry import early as module
from extension.telemetry.early import EarlyTelemetry
from tests.doubles import LogLines


@dataclass
class Opened:
    """What telemetry becomes: writes down its calls, in order."""

    entries: list[str] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    breaks_on: bytes = b""

    def take(self, body: bytes) -> None:
        """Take a delivery."""
        if body == self.breaks_on:
            raise ValueError(body)
        self.entries.append(body.decode())

    def count_fault(self, error: Exception) -> None:
        """Count a bug."""
        self.faults.append(error)

    async def invoked(self, invoke: Invoke) -> None:
        """Take part in an invocation."""
        self.entries.append(f"invoked {invoke.request_id}")

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn of an earlier one."""
        assert at_ns > 0
        self.entries.append(f"before {invoke.request_id}")

    def let_go_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn when it was let go."""
        assert at_ns > 0
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
    return EarlyTelemetry(clock=clock, log=Log(clock=clock, sink=lines))


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
    monkeypatch.setattr(module, "MOST_LENT_S", 600.0)
    deadline = invoke("a", left_ms=100)
    await early.invoked(deadline)
    opened = Opened()
    await early.opened(opened, opened)
    assert opened.entries == ["before a"]


async def test_a_long_invocation_is_let_go_sooner(
    early: EarlyTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is lent has a limit of its own."""
    monkeypatch.setattr(module, "MOST_LENT_S", 0.01)
    await early.invoked(invoke("a", left_ms=600_000))


async def test_what_is_kept_is_bounded(
    early: EarlyTelemetry, lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit is lost, and reported."""
    monkeypatch.setattr(module, "MAX_KEPT_BYTES", 5)
    for body in (b"1234", b"56", b"7"):
        early.take(body)
    opened = Opened()
    await early.opened(opened, opened)
    assert opened.entries == ["1234", "7"]
    [line] = lines.parsed
    assert (line["message"], line["count"]) == ("deliveries lost before telemetry was open", 1)


async def test_a_bug_costs_one_delivery(early: EarlyTelemetry) -> None:
    """It is counted where all of them are."""
    opened = Opened(breaks_on=b"1")
    for body in (b"1", b"2"):
        early.take(body)
    await early.opened(opened, opened)
    early.count_fault(KeyError())
    assert opened.entries == ["2"]
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
