"""Telemetry in the life cycle, in simulated time: holds, what is added, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from extension.platform.events import Invoke
from extension.telemetry.assembly.hold import UNKNOWN_QUIET_S
from extension.telemetry.export.flush import PERIOD_S, REMEMBERED_GAPS
from extension.telemetry.telemetry import TIMER_S
from tests.received import received
from tests.scripted.deliveries import Identity, delivery, done_event, start_event
from tests.simulated_sandbox import MS, SimulatedSandbox

FAR_MS = 900_000
WHO = Identity.numbered(1, seed=7)


@pytest.fixture
def sandbox() -> Iterator[SimulatedSandbox]:
    """A sandbox in which each invocation is held."""
    made = SimulatedSandbox("end")
    yield made
    made.close()


def invoke(sandbox: SimulatedSandbox) -> Invoke:
    """Return the announcement of an invocation that begins now."""
    return Invoke(request_id=WHO.request_id, deadline_ms=sandbox.clock.wall_ns // MS + FAR_MS)


def hold_without_an_end(sandbox: SimulatedSandbox) -> float:
    """Let an invocation begin whose end does not come; return how long it was held."""
    announced, began_ns = invoke(sandbox), sandbox.clock.monotonic_ns

    async def hold() -> None:
        holding = asyncio.create_task(sandbox.telemetry.invoked(announced))
        await sandbox.deliver(delivery([start_event(WHO, sandbox.clock.wall_ns)]))
        await holding

    sandbox.run(hold())
    sandbox.telemetry.next_called(announced)
    return (sandbox.clock.monotonic_ns - began_ns) / 1e9


def whole_invocation(sandbox: SimulatedSandbox) -> None:
    """Let an invocation begin, and end."""
    announced = invoke(sandbox)

    async def whole() -> None:
        holding = asyncio.create_task(sandbox.telemetry.invoked(announced))
        now_ns = sandbox.clock.wall_ns
        await sandbox.deliver(
            delivery([start_event(WHO, now_ns), done_event(WHO, now_ns, duration_ms=0)])
        )
        await holding

    sandbox.run(whole())
    sandbox.telemetry.next_called(announced)


def test_an_end_that_does_not_come_is_given_up(sandbox: SimulatedSandbox) -> None:
    """After the silence that is borne, and no sooner."""
    assert UNKNOWN_QUIET_S <= hold_without_an_end(sandbox) < UNKNOWN_QUIET_S + 1


@pytest.mark.parametrize("reason", ["spindown", "failure"])
def test_a_hold_whose_end_never_came_is_counted(sandbox: SimulatedSandbox, reason: str) -> None:
    """From the last event that was heard: the function may have been done by then."""
    hold_without_an_end(sandbox)
    sandbox.shut_down(reason=reason)
    assert UNKNOWN_QUIET_S - 1 < sandbox.health.added_total_s < UNKNOWN_QUIET_S + 1


def test_what_was_held_before_telemetry_was_open_is_counted(sandbox: SimulatedSandbox) -> None:
    """From its end, which was delivered before, to the call of /next."""
    announced, now_ns = invoke(sandbox), sandbox.clock.wall_ns
    sandbox.telemetry.invoked_before(announced, at_ns=now_ns)
    sandbox.telemetry.let_go_before(announced, at_ns=now_ns + 3_000 * MS)
    events = [start_event(WHO, now_ns), done_event(WHO, now_ns + 1_000 * MS, duration_ms=1_000)]
    sandbox.run(sandbox.deliver(delivery(events)))
    sandbox.shut_down(reason="spindown")
    assert sandbox.health.added_total_s == pytest.approx(2)


def test_what_timed_out_was_not_held(sandbox: SimulatedSandbox) -> None:
    """It ran to its end, and nothing was added to it."""
    hold_without_an_end(sandbox)
    sandbox.shut_down(reason="timeout")
    assert sandbox.health.added_total_s == 0


def test_no_timer_runs_between_invocations(sandbox: SimulatedSandbox) -> None:
    """After an end was heard nothing is exported until the next invocation: it would be cut."""
    whole_invocation(sandbox)
    taken = len(sandbox.endpoint.taken)
    line = {"time": "2026-01-01T12:00:00.000Z", "type": "function", "record": "late"}
    sandbox.run(sandbox.deliver(delivery([line])))
    sandbox.run(asyncio.sleep(3 * PERIOD_S))
    assert taken == 1
    assert len(sandbox.endpoint.taken) == 1


def test_an_invocation_given_up_is_exported_when_its_end_comes(sandbox: SimulatedSandbox) -> None:
    """It went on without being held: nothing else would export it before SHUTDOWN."""
    hold_without_an_end(sandbox)
    sandbox.run(sandbox.deliver(delivery([done_event(WHO, sandbox.clock.wall_ns, duration_ms=1)])))
    sandbox.run(asyncio.sleep(1))
    assert [signal for signal, _ in sandbox.endpoint.taken] == ["traces"]


def test_what_waits_to_be_read_at_the_end_is_read(sandbox: SimulatedSandbox) -> None:
    """SHUTDOWN may come with the last delivery."""

    async def receive() -> None:
        now_ns = sandbox.clock.wall_ns
        events = [start_event(WHO, now_ns), done_event(WHO, now_ns, duration_ms=0)]
        await received(sandbox.telemetry.reader, delivery(events))

    sandbox.run(receive())
    sandbox.shut_down()
    assert sandbox.health.finished == 1
    assert len(sandbox.endpoint.taken) == 1


def test_what_the_sandbox_used_is_measured_from_beginning_to_end(
    sandbox: SimulatedSandbox,
) -> None:
    """Of each invocation, where that is asked for."""
    calls: list[tuple[str, str]] = []

    class Usage:
        def begin(self, request_id: str) -> None:
            calls.append(("begin", request_id))

        def end(self, request_id: str) -> None:
            calls.append(("end", request_id))

    usage: Any = Usage()
    sandbox.telemetry._usage = usage
    whole_invocation(sandbox)
    assert calls == [("begin", WHO.request_id), ("end", WHO.request_id)]


@pytest.mark.parametrize(("least", "exported"), [(2, 0), (1, 1)])
def test_a_batch_that_is_too_small_waits(
    sandbox: SimulatedSandbox, least: int, exported: int
) -> None:
    """Until there are more items, or the sandbox ends."""
    sandbox.telemetry._exports._min_batch_size = least
    whole_invocation(sandbox)
    assert len(sandbox.endpoint.taken) == exported
    sandbox.shut_down()
    assert len(sandbox.endpoint.taken) == 1


def test_half_a_buffer_is_no_small_batch(
    sandbox: SimulatedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit any more would be lost."""
    monkeypatch.setattr("extension.telemetry.exports.HALF_FULL", 0.0)
    sandbox.telemetry._exports._min_batch_size = 2
    whole_invocation(sandbox)
    assert len(sandbox.endpoint.taken) == 1


def test_where_nothing_is_announced_exports_go_on_regularly(sandbox: SimulatedSandbox) -> None:
    """On Managed Instances, for as long as the sandbox lives."""

    async def two_ends() -> None:
        exporting = asyncio.create_task(sandbox.telemetry.export_regularly())
        for number in (1, 2):
            who, now_ns = Identity.numbered(number, seed=7), sandbox.clock.wall_ns
            events = [start_event(who, now_ns), done_event(who, now_ns, duration_ms=0)]
            await sandbox.deliver(delivery(events))
            assert len(sandbox.endpoint.taken) == number - 1
            await asyncio.sleep(TIMER_S)
            assert len(sandbox.endpoint.taken) == number
        exporting.cancel()

    sandbox.run(two_ends())


def test_reading_goes_on_when_an_export_is_over(sandbox: SimulatedSandbox) -> None:
    """It may have waited for the buffer to become emptier."""
    room = sandbox.telemetry.reader._room
    sandbox.run(sandbox.deliver(delivery([start_event(WHO, sandbox.clock.wall_ns)])))
    room.clear()

    async def export() -> None:
        sandbox.telemetry._exports.begin_beside()
        await asyncio.sleep(1)

    sandbox.run(export())
    assert room.is_set()


def test_frequent_invocations_are_not_held() -> None:
    """The gaps between them are remembered: the next one is near, and takes the data with it."""
    sandbox = SimulatedSandbox("auto")
    held = []
    for _ in range(REMEMBERED_GAPS + 1):
        held.append(sandbox.telemetry._policy.holds)
        whole_invocation(sandbox)
        sandbox.clock.advance(1)
    assert held[0]
    assert not sandbox.telemetry._policy.holds
    sandbox.close()
