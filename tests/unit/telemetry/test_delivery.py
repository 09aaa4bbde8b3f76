"""Getting the buffer out: at least once, within the budget, every loss counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from extension.process.clock import SystemClock
from extension.process.frozen import replace
from extension.process.log import Log
from extension.process.waits import Budget
from extension.telemetry.export.buffer import Buffer, PendingItem, Signal
from extension.telemetry.export.delivery import BATCH_BYTES, Delivery, nothing_to_renew
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.health import Health
from tests.doubles import LogLines, ManualClock

ACCEPTED = Outcome(kind="accepted")
KEPT = Outcome(kind="kept", cause="status 503")
TOO_LARGE = Outcome(kind="too_large", cause="status 413")
UNAUTHENTICATED = Outcome(kind="unauthenticated", cause="status 401")


@dataclass
class ScriptedExporter:
    """Answers with a list of outcomes, then with success; each try takes some seconds."""

    clock: ManualClock
    outcomes: list[Outcome] = field(default_factory=list)
    takes_s: float = 0.0
    sent: list[tuple[str, list[str]]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    answered: Callable[[], Awaitable[object]] | None = None

    async def export(self, signal: Signal, bodies: Sequence[bytes], *, budget: Budget) -> Outcome:
        """Take a batch."""
        assert budget.left_s > 0
        self.sent.append((signal, [body.decode().strip() for body in bodies]))
        self.meanwhile()
        await budget.wait(self._answer())
        return self.outcomes.pop(0) if self.outcomes else ACCEPTED

    async def _answer(self) -> None:
        self.clock.advance(self.takes_s)
        if self.answered:
            await self.answered()


@dataclass
class Stage:
    """A delivery with its surroundings."""

    outcomes: list[Outcome] = field(default_factory=list)
    takes_s: float = 0.0
    renewable: int = 0
    renewal_takes_s: float = 0.0

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
            draw=lambda: 0.0,
        )

    async def flush(self, seconds: float = 2.0, *, whatever_the_circuit: bool = False) -> bool:
        """Flush within so many seconds."""
        return await self.delivery.flush(
            Budget(seconds, clock=self.clock), whatever_the_circuit=whatever_the_circuit
        )

    async def renew(self, budget: Budget) -> bool:
        """Renew credentials as often as there are new ones; less than none do not come at all."""
        if self.renewable < 0:
            raise TimeoutError
        self.renewable -= 1
        budget.left_s -= self.renewal_takes_s
        return self.renewable >= 0

    def add(self, *names: str, signal: Signal = "traces", size: int = 10, count: int = 1) -> None:
        """Put requests into the buffer."""
        for name in names:
            self.buffer.add(PendingItem(signal=signal, body=name.encode().ljust(size), count=count))


async def flush_that_hangs(stage: Stage) -> tuple[asyncio.Event, asyncio.Future[bool]]:
    """Begin a flush that is under way until the event is set; return both."""
    hangs = asyncio.Event()
    stage.exporter.answered = hangs.wait
    stage.add("a")
    beside = asyncio.ensure_future(stage.flush())
    await asyncio.sleep(0)
    return hangs, beside


async def test_all_that_waits_goes_out() -> None:
    """Each signal goes in its order, and leaves the buffer."""
    stage = Stage()
    stage.add("a", "b")
    stage.add("x", signal="logs")
    await stage.flush()
    assert stage.exporter.sent == [("traces", ["a", "b"]), ("logs", ["x"])]
    assert stage.buffer.count == 0
    assert stage.health.accepted == {"traces": 2, "logs": 1}


async def test_a_large_buffer_goes_in_batches() -> None:
    """No body is larger than an endpoint takes."""
    stage = Stage()
    stage.add("a", "b", "c", size=BATCH_BYTES // 2 - 1)
    await stage.flush()
    assert [items for _, items in stage.exporter.sent] == [["a", "b"], ["c"]]


async def test_what_was_not_acknowledged_comes_again() -> None:
    """A failed batch stays, is logged in one line, and goes out when the pause is over."""
    stage = Stage([KEPT])
    stage.add("a")
    await stage.flush()
    assert stage.buffer.count == 1
    assert stage.health.failed_exports == 1
    assert stage.lines.parsed[0]["cause"] == "status 503"
    stage.clock.advance(1)
    await stage.flush()
    assert [items for _, items in stage.exporter.sent] == [["a"], ["a"]]
    assert stage.buffer.count == 0


async def test_signals_leave_side_by_side() -> None:
    """An invocation that is held waits for the slowest of them, not for their sum."""
    stage = Stage()
    both = asyncio.Barrier(2)
    stage.exporter.answered = both.wait
    stage.add("a")
    stage.add("x", signal="logs")
    await stage.flush()
    assert stage.health.accepted == {"traces": 1, "logs": 1}


async def test_a_signal_that_fails_does_not_hold_up_the_others() -> None:
    """The endpoint may be short of logs alone: the pauses are theirs."""
    stage = Stage([KEPT])
    stage.add("x", signal="logs")
    await stage.flush()
    stage.add("a")
    assert stage.delivery.may_try is True
    await stage.flush()
    assert stage.health.accepted == {"traces": 1}
    assert stage.delivery.may_try is False


async def test_a_signal_that_fails_at_the_end_costs_no_other() -> None:
    """SHUTDOWN sends what waits of each signal, although the oldest is refused again."""
    stage = Stage([KEPT, KEPT])
    stage.add("x", signal="logs")
    await stage.flush()
    stage.add("a")
    await stage.flush(whatever_the_circuit=True)
    assert stage.health.accepted == {"traces": 1}


async def test_a_flush_under_way_is_waited_for_in_vain_once() -> None:
    """An export that hangs costs one invocation its budget, and those after it nothing."""
    stage = Stage()
    hangs, beside = await flush_that_hangs(stage)
    assert await stage.delivery.flush(Budget(0.05, clock=SystemClock())) is False
    unspent = Budget(0.5, clock=SystemClock())
    assert await stage.delivery.flush(unspent) is False
    assert unspent.left_s == 0.5
    hangs.set()
    await beside
    assert stage.delivery.may_try is True


async def test_a_flush_without_time_says_nothing_of_the_endpoint() -> None:
    """It has not waited for the one that is under way, so the endpoint is worth a try."""
    stage = Stage()
    hangs, beside = await flush_that_hangs(stage)
    assert await stage.flush(0.0) is False
    assert stage.delivery.may_try is True
    hangs.set()
    assert await beside is True


@pytest.mark.parametrize("ticks", range(12))
async def test_a_flush_that_is_cancelled_while_it_waits_blocks_no_other(ticks: int) -> None:
    """At whatever moment: the next one gets its turn."""
    stage, answered = Stage(), asyncio.Event()
    stage.exporter.answered = answered.wait
    stage.add("a")
    first = asyncio.ensure_future(stage.flush())
    for _ in range(10):
        await asyncio.sleep(0)
    second = asyncio.ensure_future(stage.flush())
    for _ in range(10):
        await asyncio.sleep(0)
    answered.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert stage.delivery.is_busy is False


async def test_during_a_pause_nothing_is_tried() -> None:
    """A dead endpoint costs an invocation nothing."""
    stage = Stage([KEPT])
    stage.add("a")
    for _ in range(3):
        await stage.flush()
    assert len(stage.exporter.sent) == 1


async def test_at_the_end_it_is_tried_whatever_was_before() -> None:
    """SHUTDOWN is the last chance: neither circuit nor Retry-After count."""
    stage = Stage([Outcome(kind="kept", cause="timeout", timed_out=True, retry_after_s=60)])
    stage.add("a")
    await stage.flush()
    await stage.flush(whatever_the_circuit=True)
    assert stage.buffer.count == 0


async def test_the_budget_is_one_for_all_batches() -> None:
    """When what is left is not enough for another batch as slow as the last, the rest waits."""
    stage = Stage(takes_s=0.9)
    stage.add("a", "b", "c", size=BATCH_BYTES)
    assert await stage.flush(3.0) is False
    assert [items for _, items in stage.exporter.sent] == [["a"], ["b"]]
    assert stage.buffer.count == 1


async def test_a_flush_exports_what_waited_when_it_began() -> None:
    """What comes in during its POST is the next one's: an invocation is held for one export."""
    stage = Stage()
    stage.exporter.meanwhile = lambda: stage.add("later")
    stage.add("a")
    assert await stage.flush() is True
    assert stage.exporter.sent == [("traces", ["a"])]
    assert stage.buffer.count == 1


async def test_one_flush_runs_at_a_time() -> None:
    """Two at once post nothing twice: the second takes what the first has left."""
    stage = Stage()
    stage.add("a", "b")
    await asyncio.gather(stage.flush(), stage.flush())
    assert stage.exporter.sent == [("traces", ["a", "b"])]
    assert stage.health.accepted == {"traces": 2}


async def test_frozen_time_is_not_spent() -> None:
    """A POST that slept through a freeze gets its answer, and the rest of the budget is left."""
    stage = Stage(takes_s=600)
    stage.add("a", "b", size=BATCH_BYTES)
    assert await stage.flush() is True
    assert stage.buffer.count == 0


async def test_a_batch_too_large_for_the_endpoint_goes_in_halves() -> None:
    """413 drops nothing as long as there is less to send, and is remembered."""
    stage = Stage([TOO_LARGE, TOO_LARGE])
    stage.add(*"abcdefgh")
    assert await stage.flush() is True
    assert [items for _, items in stage.exporter.sent][:3] == [
        list("abcdefgh"),
        list("abc"),
        list("a"),
    ]
    assert stage.health.accepted == {"traces": 8}
    assert stage.health.dropped == {}


async def test_two_items_too_large_together_go_one_by_one() -> None:
    """As each may be small enough."""
    stage = Stage([TOO_LARGE])
    stage.add(*"ab")
    assert await stage.flush() is True
    assert [items for _, items in stage.exporter.sent] == [["a", "b"], ["a"], ["b"]]
    assert stage.health.dropped == {}


async def test_a_fault_with_one_signal_leaves_the_others_their_time() -> None:
    """It is raised when they are through."""
    stage = Stage()
    stage.add("a")
    stage.add("x", signal="logs")
    faults = [RuntimeError("a bug of ours")]

    def fail_once() -> None:
        if faults:
            raise faults.pop()

    async def answer_later() -> None:
        for _ in range(9):
            await asyncio.sleep(0)

    stage.exporter.meanwhile = fail_once
    stage.exporter.answered = answer_later
    with pytest.raises(RuntimeError):
        await stage.flush()
    assert stage.health.accepted == {"logs": 1}


async def test_the_slowest_of_several_signals_decides_what_a_flush_costs() -> None:
    """They are under way at the same time."""
    stage = Stage()
    stage.add("a")
    stage.add("x", signal="logs")
    pauses = iter([5, 0])

    async def answer_later() -> None:
        for _ in range(pause := next(pauses)):
            await asyncio.sleep(0)
        stage.clock.advance(1.0 if pause else 0.0)

    stage.exporter.answered = answer_later
    budget = Budget(2.0, clock=stage.clock)
    assert await stage.delivery.flush(budget)
    assert budget.left_s == pytest.approx(1.0)


async def test_credentials_that_are_the_same_are_not_tried_again() -> None:
    """They would be refused again, in the time of the invocation."""
    stage = Stage([UNAUTHENTICATED])
    stage.add("a")
    assert not await stage.flush()
    assert len(stage.exporter.sent) == 1


async def test_an_endpoint_that_refused_all_sizes_for_a_while_gets_whole_batches_again() -> None:
    """What was learned from less than a usual request is not remembered."""
    stage = Stage([TOO_LARGE] * 4)
    stage.add(*"abcdefgh")
    await stage.flush()
    stage.exporter.sent.clear()
    stage.add(*"abcdefgh")
    await stage.flush()
    assert stage.exporter.sent == [("traces", list("abcdefgh"))]


@pytest.mark.parametrize(
    ("outcome", "accepted", "dropped"),
    [
        (ACCEPTED, {"traces": 10}, {}),
        (Outcome(kind="rejected"), {}, {"buffer_full": 4, "rejected": 6}),
        (KEPT, {}, {"buffer_full": 4}),
    ],
)
async def test_what_is_dropped_under_way_is_counted_once(
    outcome: Outcome, accepted: dict[str, int], dropped: dict[str, int]
) -> None:
    """The buffer overflows during a POST: what the endpoint took after all was not lost."""
    stage = Stage([outcome])
    stage.exporter.meanwhile = lambda: stage.add("x", size=10 * BATCH_BYTES - 1100)
    stage.add("a", count=4, size=500)
    stage.add("b", count=6, size=500)
    await stage.flush()
    assert stage.health.accepted == accepted
    assert +stage.health.dropped == dropped


async def test_a_single_item_that_is_too_large_is_dropped_and_counted() -> None:
    """Nothing less can be sent, and it would stand before all others for ever."""
    stage = Stage([TOO_LARGE])
    stage.add("a", count=5)
    assert await stage.flush() is True
    assert stage.health.dropped == {"rejected": 5}


async def test_an_endpoint_that_refuses_every_size_ends_the_halves() -> None:
    """Each item is tried alone once, also one that is larger than all others together."""
    stage = Stage([TOO_LARGE] * 100)
    stage.add("a", size=50_000)
    stage.add(*"bcdefgh")
    assert await stage.flush() is True
    alone = [items[0] for _, items in stage.exporter.sent if len(items) == 1]
    assert alone == list("abcdefgh")
    assert stage.health.dropped == {"rejected": 8}


async def test_credentials_that_do_not_come_count_as_a_timeout() -> None:
    """A secret store that hangs opens the circuit as an endpoint that hangs does."""
    stage = Stage([UNAUTHENTICATED], renewable=-1)
    stage.add("a")
    await stage.flush()
    stage.clock.advance(4)
    assert stage.delivery.may_try is False


async def test_each_item_is_counted() -> None:
    """A request of several spans counts them all."""
    stage = Stage([Outcome(kind="accepted", rejected_items=2)])
    stage.add("a", "b", count=10)
    await stage.flush()
    assert stage.health.accepted == {"traces": 18}
    assert stage.health.dropped == {"partial_success": 2}


async def test_no_budget_is_no_try() -> None:
    """Right before the function's deadline nothing is sent."""
    stage = Stage()
    stage.add("a")
    await stage.flush(-0.1)
    assert stage.exporter.sent == []


async def test_a_rejected_batch_is_dropped_counted_and_told() -> None:
    """What must not be sent again would only block the rest, which goes on."""
    stage = Stage([Outcome(kind="rejected", cause="status 400")])
    stage.add("a", "b", size=BATCH_BYTES)
    await stage.flush()
    assert stage.health.dropped == {"rejected": 1}
    assert stage.health.accepted == {"traces": 1}
    assert stage.lines.parsed[0]["items"] == 1


async def test_partial_success_is_counted() -> None:
    """What the endpoint accepted but for some items is gone, and the some are counted."""
    stage = Stage([Outcome(kind="accepted", rejected_items=1)])
    stage.add("a", "b")
    await stage.flush()
    assert stage.health.dropped == {"partial_success": 1}
    assert stage.health.accepted == {"traces": 1}


async def test_an_endpoint_that_claims_to_refuse_more_than_it_got() -> None:
    """No more is counted than was sent."""
    stage = Stage([Outcome(kind="accepted", rejected_items=2**63 - 1)])
    stage.add("a", "b")
    await stage.flush()
    assert stage.health.dropped == {"partial_success": 2}


async def test_renewed_credentials_send_the_same_batch_at_once() -> None:
    """A rotated key loses nothing."""
    stage = Stage([UNAUTHENTICATED], renewable=1)
    stage.add("a")
    await stage.flush()
    assert [items for _, items in stage.exporter.sent] == [["a"], ["a"]]
    assert stage.buffer.count == 0


async def test_credentials_that_stay_refused_keep_the_batch() -> None:
    """They are renewed once for a batch, not for ever."""
    stage = Stage([UNAUTHENTICATED, UNAUTHENTICATED], renewable=1)
    stage.add("a")
    await stage.flush()
    assert len(stage.exporter.sent) == 2
    assert stage.buffer.count == 1


async def test_without_time_for_another_post_credentials_are_not_renewed() -> None:
    """The refusal took the whole budget: a renewal would hold the function for nothing."""
    stage = Stage([UNAUTHENTICATED], takes_s=1.0, renewable=1)
    stage.add("a")
    await stage.flush(1.0)
    assert stage.renewable == 1
    assert (len(stage.exporter.sent), stage.buffer.count) == (1, 1)


async def test_credentials_are_renewed_in_whatever_time_is_left() -> None:
    """Less than a second may do: they come from the cache or from close by."""
    stage = Stage([UNAUTHENTICATED], renewable=1)
    stage.add("a")
    assert await stage.flush(0.5) is True
    assert (len(stage.exporter.sent), stage.buffer.count) == (2, 0)


async def test_renewed_credentials_wait_where_the_renewal_took_the_budget() -> None:
    """The batch is kept, and goes out with the next flush."""
    stage = Stage([UNAUTHENTICATED], renewable=1, renewal_takes_s=2.0)
    stage.add("a")
    await stage.flush(2.0)
    assert (len(stage.exporter.sent), stage.buffer.count) == (1, 1)
    stage.clock.advance(2)
    await stage.flush()
    assert (len(stage.exporter.sent), stage.buffer.count) == (2, 0)


@dataclass
class Letters:
    """A bucket for what is lost, which may be worth a try or not, and stores for so long."""

    may_try: bool = True
    kept: list[PendingItem] = field(default_factory=list)
    stored: int = 0
    is_last: bool = False
    is_closed: bool = False
    arrived: list[PendingItem] = field(default_factory=list)

    def on_dropped(self, items: Sequence[PendingItem], reason: str) -> None:
        """Take what is lost."""
        del reason
        self.kept += items

    def on_arrived(self, items: Sequence[PendingItem]) -> None:
        """Learn what was not lost."""
        self.arrived += items

    def on_ended(self, items: Sequence[PendingItem]) -> None:
        """Take what is left at the end."""
        self.kept += items

    def close(self) -> None:
        """Learn that nothing is stored any more."""
        self.is_closed = True

    async def store(self, budget: Budget, *, whatever_the_circuit: bool = False) -> None:
        """Store all of it."""
        assert budget.left_s > 0
        self.is_last = whatever_the_circuit
        self.stored = len(self.kept)


def with_letters(stage: Stage, letters: Letters) -> Delivery:
    """Return the delivery of a stage, with a bucket."""
    bucket: Any = letters
    return Delivery(
        exporter=stage.exporter,
        buffer=stage.buffer,
        health=stage.health,
        clock=stage.clock,
        log=Log(clock=stage.clock, sink=stage.lines),
        draw=lambda: 0.0,
        letters=bucket,
    )


@pytest.mark.parametrize("may_try", [True, False])
async def test_a_bucket_is_tried_while_the_endpoint_is_not(*, may_try: bool) -> None:
    """Each has a circuit of its own: an export is worth its time if either is."""
    stage = Stage(outcomes=[KEPT])
    delivery = with_letters(stage, Letters(may_try=may_try))
    stage.add("a")
    await delivery.flush(Budget(2.0, clock=stage.clock))
    assert delivery.may_try == may_try


async def test_what_is_left_at_the_end_is_stored_once() -> None:
    """Everything of every signal, and it waits for no export any more."""
    stage, letters = Stage(), Letters()
    delivery = with_letters(stage, letters)
    stage.add("a", "b")
    stage.add("x", signal="logs")
    await delivery.store_the_rest(Budget(1.0, clock=stage.clock))
    assert [item.body.decode().strip() for item in letters.kept] == ["a", "b", "x"]
    assert letters.stored == 3
    assert letters.is_last
    assert letters.is_closed
    assert stage.buffer.count == 0


async def test_a_budget_that_is_spent_tries_nothing() -> None:
    """Neither at once nor after a batch; what is a moment more tries."""
    for seconds, tries in ((0.0, 0), (0.001, 1)):
        stage = Stage()
        stage.add("a")
        assert await stage.flush(seconds) is bool(tries)
        assert len(stage.exporter.sent) == tries


@pytest.mark.parametrize(("seconds", "batches"), [(2.5, 1), (2.51, 2)])
async def test_a_batch_needs_half_as_much_again_as_the_one_before_it(
    seconds: float, batches: int
) -> None:
    """A POST that is cut off may have arrived, and would arrive twice."""
    stage = Stage(takes_s=1.0)
    stage.add("a", "b", size=BATCH_BYTES)
    await stage.flush(seconds)
    assert len(stage.exporter.sent) == batches


async def test_several_signals_cost_as_much_as_the_slowest() -> None:
    """Each has the whole budget."""
    stage = Stage()
    stage.add("a")
    stage.add("x", signal="logs")
    stage.exporter.takes_s = 0.5
    budget = Budget(2.0, clock=stage.clock)
    assert await stage.delivery.flush(budget)
    assert 0.9 <= budget.left_s <= 1.5


async def test_nothing_to_send_is_sent_at_once() -> None:
    """And costs nothing."""
    stage = Stage()
    budget = Budget(2.0, clock=stage.clock)
    assert await stage.delivery.flush(budget)
    assert budget.left_s == 2.0
    assert stage.exporter.sent == []


async def test_a_flush_says_whether_all_was_settled() -> None:
    """Of every signal."""
    for outcomes in ([KEPT], [KEPT, KEPT], [ACCEPTED, KEPT]):
        stage = Stage(list(outcomes))
        stage.add("a")
        stage.add("x", signal="logs")
        assert await stage.flush() is False


async def test_a_fault_of_the_exporter_is_raised_when_all_have_ended() -> None:
    """The other signals are settled, and the next flush gets its turn."""
    stage = Stage()

    async def fail() -> None:
        if stage.exporter.sent[-1][0] == "logs":
            raise ZeroDivisionError

    stage.exporter.answered = fail
    stage.add("x", signal="logs")
    stage.add("a")
    with pytest.raises(ZeroDivisionError):
        await stage.flush()
    assert not stage.delivery.is_busy
    assert stage.buffer.signals == ("logs",)


async def test_each_batch_that_is_settled_is_told() -> None:
    """And the end of a flush."""
    stage = Stage([ACCEPTED, KEPT])
    settled: list[int] = []
    stage.delivery._on_settled = lambda: settled.append(stage.buffer.count)
    stage.add("a", "b", size=BATCH_BYTES)
    await stage.flush()
    assert settled == [1, 1, 1]


async def test_a_line_says_what_became_of_a_batch() -> None:
    """With the variable that names the endpoint, and its words, where there are any."""
    said = {"variable": "DISPATCH_POST_URI", "said": "slow down"}
    warned = Outcome(kind="accepted", variable="DISPATCH_POST_URI", said="slow down")
    for outcome, line in (
        (Outcome(kind="accepted", rejected_items=1), {"message": "endpoint warns", "rejected": 1}),
        (warned, {"message": "endpoint warns", "rejected": 0, **said}),
        (Outcome(kind="kept", cause="x"), {"message": "export failed", "cause": "x", "waiting": 2}),
        (replace(warned, kind="rejected", cause="x"),
         {"message": "export rejected", "cause": "x", "items": 2, **said}),
    ):  # fmt: skip
        stage = Stage([outcome])
        stage.add("a", count=2)
        await stage.flush()
        [told] = stage.lines.parsed
        told = {name: told[name] for name in told if name not in ("extension", "level")}
        assert told == line
    quiet = Stage()
    quiet.add("a")
    await quiet.flush()
    assert quiet.lines.lines == []
    assert quiet.health.dropped == {}


async def test_a_refused_size_is_halved_for_its_signal_alone() -> None:
    """By the bytes of what was refused."""
    stage = Stage([TOO_LARGE])
    stage.add("a", "b", "c", "d", size=100_000)
    await stage.flush()
    assert [items for _, items in stage.exporter.sent] == [
        ["a", "b", "c", "d"],
        ["a"],
        ["b"],
        ["c"],
        ["d"],
    ]
    stage.exporter.sent.clear()
    stage.add("x", "y", "z", signal="logs", size=100_000)
    await stage.flush()
    assert stage.exporter.sent == [("logs", ["x", "y", "z"])]


async def test_what_is_lost_is_stored_with_what_is_left_of_the_budget() -> None:
    """What was dropped while it was under way, and arrived after all, is not."""
    stage, letters = Stage([Outcome(kind="rejected", cause="status 400")]), Letters()
    delivery = with_letters(stage, letters)
    assert (delivery.has_letters, stage.delivery.has_letters) == (True, False)
    stage.add("a")
    await delivery.flush(Budget(2.0, clock=stage.clock))
    assert [item.body.strip() for item in letters.kept] == [b"a"]
    assert letters.stored == 1
    assert not letters.is_last
    assert stage.health.dropped == {}


async def test_without_a_bucket_nothing_is_stored_at_the_end() -> None:
    """What waits is not forgotten."""
    stage = Stage()
    stage.add("a")
    await stage.delivery.store_the_rest(Budget(1.0, clock=stage.clock))
    assert stage.buffer.count == 1


async def test_without_references_there_are_no_other_credentials() -> None:
    """So a batch that was refused is not sent again."""
    assert not await nothing_to_renew(Budget(1.0, clock=ManualClock()))


async def test_what_arrived_after_all_is_told_to_the_bucket() -> None:
    """Which has it as lost."""
    stage, letters = Stage(), Letters()
    delivery = with_letters(stage, letters)
    stage.buffer._on_dropped = letters.on_dropped
    stage.exporter.meanwhile = lambda: stage.add("x", size=10 * BATCH_BYTES - 300)
    stage.add("a", count=4)
    await delivery.flush(Budget(2.0, clock=stage.clock))
    assert [item.body.strip() for item in letters.arrived] == [b"a"]
    assert stage.health.dropped == {}
    assert stage.health.accepted == {"traces": 4}


@pytest.mark.parametrize("outcome", [ACCEPTED, KEPT, Outcome(kind="rejected"), TOO_LARGE])
async def test_credentials_are_renewed_only_where_they_were_refused(outcome: Outcome) -> None:
    """Any other answer means what it says."""
    stage = Stage([outcome], renewable=1)
    stage.add("a")
    await stage.flush()
    assert len(stage.exporter.sent) == 1
    assert stage.renewable == 1
