"""Getting the buffer out: at least once, within the budget, every loss counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from extension.log import Log
from extension.telemetry.export.buffer import Buffer
from extension.telemetry.export.delivery import BATCH_BYTES, Delivery
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.outgoing import Outgoing, Signal
from extension.telemetry.health import Health
from tests.doubles import LogLines, ManualClock

ACCEPTED = Outcome(kind="accepted")
KEPT = Outcome(kind="kept", cause="status 503")
UNAUTHENTICATED = Outcome(kind="unauthenticated", cause="status 401")


@dataclass
class ScriptedExporter:
    """Answers with a list of outcomes, then with success; each try takes some seconds."""

    clock: ManualClock
    outcomes: list[Outcome] = field(default_factory=list)
    takes_s: float = 0.0
    sent: list[tuple[str, list[Any]]] = field(default_factory=list)

    async def export(self, signal: Signal, items: Sequence[Any], *, budget_s: float) -> Outcome:
        """Take a batch."""
        assert budget_s > 0
        if "poison" in items:
            raise UnicodeEncodeError("utf-8", "", 0, 1, "surrogates not allowed")
        self.clock.advance(self.takes_s)
        self.sent.append((signal, list(items)))
        return self.outcomes.pop(0) if self.outcomes else ACCEPTED


@dataclass
class Stage:
    """A delivery with its surroundings."""

    outcomes: list[Outcome] = field(default_factory=list)
    takes_s: float = 0.0
    renewable: int = 0

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.health = Health()
        self.lines = LogLines()
        self.exporter = ScriptedExporter(self.clock, self.outcomes, self.takes_s)
        self.buffer = Buffer(max_bytes=10 * BATCH_BYTES, dropped=self.health.dropped)
        self.delivery = Delivery(
            exporter=self.exporter,
            buffer=self.buffer,
            health=self.health,
            clock=self.clock,
            log=Log(clock=self.clock, sink=self.lines),
            renew_credentials=self.renew,
        )

    async def renew(self) -> bool:
        """Renew credentials as often as there are new ones."""
        self.renewable -= 1
        return self.renewable >= 0

    def add(self, *names: str, signal: Signal = "traces", size: int = 10) -> None:
        """Put items into the buffer."""
        for name in names:
            self.buffer.add(Outgoing(signal=signal, item=name, size=size))


async def test_all_that_waits_goes_out() -> None:
    """Signals go one after the other, each in its order, and leave the buffer."""
    stage = Stage()
    stage.add("a", "b")
    stage.add("x", signal="logs")
    await stage.delivery.flush(budget_s=2)
    assert stage.exporter.sent == [("traces", ["a", "b"]), ("logs", ["x"])]
    assert len(stage.buffer) == 0
    assert stage.health.accepted == {"traces": 2, "logs": 1}


async def test_a_large_buffer_goes_in_batches() -> None:
    """No body is larger than an endpoint takes."""
    stage = Stage()
    stage.add("a", "b", "c", size=BATCH_BYTES // 2)
    await stage.delivery.flush(budget_s=2)
    assert [items for _, items in stage.exporter.sent] == [["a", "b"], ["c"]]


async def test_what_was_not_acknowledged_comes_again() -> None:
    """A failed batch stays, is told in one line, and goes out when the pause is over."""
    stage = Stage([KEPT])
    stage.add("a")
    await stage.delivery.flush(budget_s=2)
    assert len(stage.buffer) == 1
    assert stage.health.failed_exports == 1
    assert stage.lines.parsed[0]["cause"] == "status 503"
    stage.clock.advance(1)
    await stage.delivery.flush(budget_s=2)
    assert [items for _, items in stage.exporter.sent] == [["a"], ["a"]]
    assert len(stage.buffer) == 0


async def test_after_a_failure_the_other_signals_are_not_tried() -> None:
    """They go to the same endpoint."""
    stage = Stage([KEPT])
    stage.add("a")
    stage.add("x", signal="logs")
    await stage.delivery.flush(budget_s=2)
    assert [signal for signal, _ in stage.exporter.sent] == ["traces"]


async def test_during_a_pause_nothing_is_tried() -> None:
    """A dead endpoint costs an invocation nothing."""
    stage = Stage([KEPT])
    stage.add("a")
    for _ in range(3):
        await stage.delivery.flush(budget_s=2)
    assert len(stage.exporter.sent) == 1


async def test_at_the_end_it_is_tried_whatever_was_before() -> None:
    """SHUTDOWN is the last chance: neither circuit nor Retry-After count."""
    stage = Stage([Outcome(kind="kept", cause="timeout", retry_after_s=60)])
    stage.add("a")
    await stage.delivery.flush(budget_s=2)
    await stage.delivery.flush(budget_s=1.5, whatever_the_circuit=True)
    assert len(stage.buffer) == 0


async def test_the_budget_is_one_for_all_batches() -> None:
    """When it is spent the rest waits."""
    stage = Stage(takes_s=1.5)
    stage.add("a", "b", "c", size=BATCH_BYTES)
    await stage.delivery.flush(budget_s=2)
    assert [items for _, items in stage.exporter.sent] == [["a"], ["b"]]
    assert len(stage.buffer) == 1


async def test_no_budget_is_no_try() -> None:
    """Right before the function's deadline nothing is sent."""
    stage = Stage()
    stage.add("a")
    await stage.delivery.flush(budget_s=-0.1)
    assert stage.exporter.sent == []


async def test_a_rejected_batch_is_dropped_counted_and_told() -> None:
    """What must not be sent again would only block the rest, which goes on."""
    stage = Stage([Outcome(kind="rejected", cause="status 400")])
    stage.add("a", "b", size=BATCH_BYTES)
    await stage.delivery.flush(budget_s=2)
    assert stage.health.dropped == {"rejected": 1}
    assert stage.health.accepted == {"traces": 1}
    assert stage.lines.parsed[0]["items"] == 1


async def test_partial_success_is_counted() -> None:
    """What the endpoint accepted but for some items is gone, and the some are counted."""
    stage = Stage([Outcome(kind="accepted", rejected_items=1)])
    stage.add("a", "b")
    await stage.delivery.flush(budget_s=2)
    assert stage.health.dropped == {"partial_success": 1}
    assert stage.health.accepted == {"traces": 1}


async def test_an_endpoint_that_claims_to_refuse_more_than_it_got() -> None:
    """No more is counted than was sent."""
    stage = Stage([Outcome(kind="accepted", rejected_items=2**63 - 1)])
    stage.add("a", "b")
    await stage.delivery.flush(budget_s=2)
    assert stage.health.dropped == {"partial_success": 2}


async def test_renewed_credentials_send_the_same_batch_at_once() -> None:
    """A rotated key loses nothing."""
    stage = Stage([UNAUTHENTICATED], renewable=1)
    stage.add("a")
    await stage.delivery.flush(budget_s=2)
    assert [items for _, items in stage.exporter.sent] == [["a"], ["a"]]
    assert len(stage.buffer) == 0


async def test_credentials_that_stay_refused_keep_the_batch() -> None:
    """They are renewed once for a batch, not for ever."""
    stage = Stage([UNAUTHENTICATED, UNAUTHENTICATED], renewable=1)
    stage.add("a")
    await stage.delivery.flush(budget_s=2)
    assert len(stage.exporter.sent) == 2
    assert len(stage.buffer) == 1


async def test_an_item_that_cannot_be_encoded_costs_itself_alone() -> None:
    """Whatever stands before and behind it goes out; the culprit is counted."""
    stage = Stage()
    stage.add("a", "b", "poison", "c", "d")
    await stage.delivery.flush(budget_s=2)
    assert sorted(item for _, items in stage.exporter.sent for item in items) == list("abcd")
    assert len(stage.buffer) == 0
    assert stage.health.dropped == {"unencodable": 1}
    assert stage.health.faults["UnicodeEncodeError"] > 0
