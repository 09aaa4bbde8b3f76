"""What is lost is stored once, within a bound, and counted either as stored or by its reason."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from extension.process.log import Log
from extension.process.waits import Budget
from extension.telemetry.export.buffer import PendingItem, Signal
from extension.telemetry.export.dead_letters import (
    AT_ONCE,
    FILE_BYTES,
    ITEM_BYTES,
    LAST_ATTEMPTS,
    DeadLetters,
)
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.health import Health
from tests.doubles import LogLines, ManualClock, SequentialIds

KEPT = Outcome(kind="kept", cause="status 503 SlowDown")
REFUSED = Outcome(kind="rejected", cause="status 403 AccessDenied")


@dataclass
class Stage:
    """A store, and a bucket that answers with a list of outcomes, then with success."""

    max_bytes: int = 10_000_000
    outcomes: list[Outcome] = field(default_factory=list)
    puts: list[tuple[str, bytes]] = field(default_factory=list)
    hangs: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.clock, self.health, self.lines = ManualClock(), Health(), LogLines()
        self.letters = DeadLetters(
            put=self.put,
            prefix="lost",
            max_bytes=self.max_bytes,
            ids=SequentialIds(),
            health=self.health,
            clock=self.clock,
            log=Log(clock=self.clock, sink=self.lines),
        )

    async def put(self, key: str, body: bytes, budget: Budget) -> Outcome:
        """Take one file."""
        assert budget.left_s > 0
        self.puts.append((key, body))
        self.begun.set()
        if self.hangs:
            await asyncio.Future()
        return self.outcomes.pop(0) if self.outcomes else Outcome(kind="accepted")

    async def store(self) -> None:
        """Store what waits, with time enough."""
        await self.letters.store(Budget(1.0, clock=self.clock))


def item(body: bytes = b"a", *, signal: Signal = "traces", count: int = 1) -> PendingItem:
    """Return an item of its own identity."""
    return PendingItem(signal=signal, body=body, count=count)


async def test_one_file_a_signal() -> None:
    """Items of one signal are one request in one file; each signal has a file of its own."""
    stage = Stage()
    stage.letters.on_dropped([item(b"a"), item(b"b", signal="logs", count=3)], "rejected")
    stage.letters.on_dropped([item(b"c")], "buffer_full")
    await stage.store()
    assert [body for _, body in stage.puts] == [b"ac", b"b"]
    assert [key.rpartition("/")[2].partition("_")[0] for key, _ in stage.puts] == ["traces", "logs"]
    assert (stage.health.dead_letters, dict(stage.health.dropped)) == (5, {})


async def test_large_files_are_divided() -> None:
    """No file exceeds the bound, unless it is a single item."""
    stage = Stage()
    stage.letters.on_dropped([item(b"a" * (FILE_BYTES // 2))] * 3, "rejected")
    await stage.store()
    assert [len(body) for _, body in stage.puts] == [FILE_BYTES, FILE_BYTES // 2]


async def test_repeated_under_the_same_key() -> None:
    """A file whose PUT failed keeps its key and its content, whatever is lost meanwhile."""
    stage = Stage(outcomes=[KEPT])
    stage.letters.on_dropped([item(b"a")], "rejected")
    await stage.store()
    stage.letters.on_dropped([item(b"b")], "rejected")
    await stage.store()  # the pause after a failure
    assert len(stage.puts) == 1
    stage.clock.advance(10)
    await stage.store()
    assert stage.puts[0] == stage.puts[1]
    assert [body for _, body in stage.puts] == [b"a", b"a", b"b"]
    assert (stage.health.dead_letters, stage.health.dropped.total()) == (2, 0)
    assert stage.lines.messages == ["dead letters wait"]


async def test_refused() -> None:
    """What S3 refuses is dropped under the reason for which it came."""
    stage = Stage(outcomes=[REFUSED])
    stage.letters.on_dropped([item(count=2)], "rejected")
    stage.letters.on_dropped([item(count=3)], "buffer_full")
    await stage.store()
    assert stage.health.dropped == {"rejected": 2, "buffer_full": 3}
    assert not stage.letters.may_try
    assert stage.lines.messages == ["dead letters refused"]


@pytest.mark.parametrize("seal_first", [False, True])
async def test_bounded(*, seal_first: bool) -> None:
    """Beyond the bound the oldest is dropped, whether it is in a file already or not."""
    stage = Stage(max_bytes=2 * (1 + ITEM_BYTES), outcomes=[KEPT])
    stage.letters.on_dropped([item(b"a")], "first")
    if seal_first:
        await stage.store()
    stage.letters.on_dropped([item(b"b"), item(b"c")], "second")
    assert stage.health.dropped == {"first": 1}
    stage.clock.advance(10)
    await stage.store()
    assert stage.puts[-1][1] == b"bc"


async def test_larger_than_the_bound() -> None:
    """An item that exceeds the bound alone is dropped at once, and nothing else with it."""
    stage = Stage(max_bytes=1_000)
    stage.letters.on_dropped([item(b"a"), item(b"b" * 1_000), item(b"c")], "too_large")
    await stage.store()
    assert (stage.puts[0][1], stage.health.dropped) == (b"ac", {"too_large": 1})


async def test_arrived_after_all() -> None:
    """What was pushed out of the buffer under way, and then acknowledged, is not stored."""
    stage = Stage()
    arrived, lost = item(b"a"), item(b"b")
    stage.letters.on_dropped([arrived, lost], "buffer_full")
    stage.letters.on_arrived([arrived])
    await stage.store()
    assert [body for _, body in stage.puts] == [b"b"]
    assert (stage.health.dead_letters, stage.health.dropped.total()) == (1, 0)


async def test_cancelled() -> None:
    """A PUT that is cut off keeps its file for the next time."""
    stage = Stage(hangs=True)
    stage.letters.on_dropped([item(b"a")], "rejected")
    storing = asyncio.create_task(stage.store())
    await stage.begun.wait()
    storing.cancel()
    await asyncio.wait([storing])
    stage.hangs = False
    await stage.store()
    [cut_off, stored] = stage.puts
    assert cut_off == stored
    assert (stage.health.dead_letters, stage.health.dropped.total()) == (1, 0)


async def test_rest_beside_what_waits() -> None:
    """What is left in the buffer at the end pushes nothing out: both have their memory already."""
    stage = Stage(max_bytes=2 * (1 + ITEM_BYTES), outcomes=[KEPT])
    stage.letters.on_dropped([item(b"a"), item(b"b")], "buffer_full")
    await stage.store()
    stage.letters.on_ended([item(b"c"), item(b"d", signal="logs")])
    await stage.letters.store(Budget(1.0, clock=stage.clock), whatever_the_circuit=True)
    assert [body for _, body in stage.puts] == [b"ab", b"ab", b"c", b"d"]
    assert (stage.health.dead_letters, stage.health.dropped.total()) == (4, 0)


async def test_busy_at_the_end() -> None:
    """A bucket that is busy when the sandbox ends is asked again, for there is no later."""
    stage = Stage(outcomes=[KEPT, KEPT])
    stage.letters.on_ended([item(b"a"), item(b"b", signal="logs")])
    await stage.letters.store(Budget(1.0, clock=stage.clock), whatever_the_circuit=True)
    assert [body for _, body in stage.puts] == [b"a", b"b", b"a", b"b"]
    assert (stage.health.dead_letters, stage.health.dropped.total()) == (2, 0)


async def test_gone_at_the_end() -> None:
    """A bucket that takes nothing when the sandbox ends is asked a few times only."""
    stage = Stage(outcomes=[KEPT] * 100)
    stage.letters.on_ended([item(b"a")])
    await stage.letters.store(Budget(1.0, clock=stage.clock), whatever_the_circuit=True)
    assert len(stage.puts) == 1 + LAST_ATTEMPTS


async def test_end() -> None:
    """What was not stored at the end is counted by its reason."""
    stage = Stage(outcomes=[KEPT])
    stage.letters.on_dropped([item(b"a", count=2)], "rejected")
    await stage.store()
    stage.letters.on_ended([item(b"b")])
    stage.letters.close()
    stage.letters.close()
    assert stage.health.dropped == {"rejected": 2, "unsent": 1}
    assert not stage.letters.may_try


async def test_all_files_are_stored_where_there_is_time() -> None:
    """A few at once, and then the next ones."""
    stage = Stage()
    for number in range(2 * AT_ONCE + 1):
        body = bytes([number]) * (FILE_BYTES - ITEM_BYTES - 1)
        stage.letters.on_dropped([PendingItem(signal="traces", body=body)], "buffer_full")
    await stage.store()
    assert len(stage.puts) == 2 * AT_ONCE + 1
    assert stage.health.dead_letters == 2 * AT_ONCE + 1


def size(*items: PendingItem) -> int:
    """Return what items take."""
    return sum(len(each.body) + ITEM_BYTES for each in items)


async def test_what_waits_is_bounded_to_the_byte() -> None:
    """The oldest goes first, by its reason; what arrived or was stored counts no more."""
    items = [item(bytes([97 + number]), count=number + 1) for number in range(4)]
    stage = Stage(max_bytes=size(*items[:2]))
    stage.letters.on_dropped(items[:2], "buffer_full")
    assert stage.health.dropped == {}
    stage.letters.on_dropped(items[2:3], "rejected")
    assert stage.health.dropped == {"buffer_full": 1}
    stage.letters.on_arrived(items[1:2])
    stage.letters.on_dropped(items[3:], "rejected")
    assert stage.health.dropped == {"buffer_full": 1}
    await stage.store()
    assert [body for _, body in stage.puts] == [b"cd"]
    stage.letters.on_dropped(items[:2], "buffer_full")
    assert stage.health.dropped == {"buffer_full": 1}


async def test_what_arrived_after_it_was_stored_or_dropped_is_not_counted_as_lost() -> None:
    """It had been, where it was dropped here."""
    stage = Stage()
    first, second = item(b"a", count=3), item(b"b", count=5)
    stage.letters.on_dropped([first], "buffer_full")
    stage.health.dropped["buffer_full"] = 7
    stage.letters.on_arrived([first, second])
    assert stage.health.dropped == {"buffer_full": 2}
    await stage.store()
    assert stage.puts == []


async def test_what_is_left_at_the_end_is_kept_whatever_the_bound() -> None:
    """And counted once if nothing takes it."""
    stage = Stage(max_bytes=10)
    stage.letters.on_ended([item(b"x" * 100, count=3), item(b"y", signal="logs")])
    worth = [stage.letters.may_try]
    stage.letters.close()
    stage.letters.close()
    worth.append(stage.letters.may_try)
    assert (worth, stage.health.dropped) == ([True, False], {"unsent": 4})
    stage.letters.on_dropped([item(b"x")], "rejected")
    assert stage.health.dropped == {"unsent": 4, "rejected": 1}


async def test_files_that_wait_are_dropped_before_what_was_lost_later() -> None:
    """Each as a whole."""
    old, new = [item(b"a"), item(b"b")], [item(b"c"), item(b"d")]
    stage = Stage(max_bytes=size(*old, *new[:1]), outcomes=[KEPT])
    stage.letters.on_dropped(old, "rejected")
    await stage.store()
    stage.letters.on_dropped(new, "buffer_full")
    assert stage.health.dropped == {"rejected": 2}
    stage.clock.advance(2)
    stage.puts.clear()
    await stage.store()
    assert [body for _, body in stage.puts] == [b"cd"]


async def test_a_file_that_was_refused_counts_no_more() -> None:
    """Its place is for others; nor does one that was stored."""
    for outcomes in ([REFUSED], []):
        items = [item(b"a"), item(b"b")]
        stage = Stage(max_bytes=size(items[0]), outcomes=list(outcomes))
        for each in items:
            stage.letters.on_dropped([each], "rejected")
            await stage.store()
        assert stage.health.dead_letters == (1 if outcomes else 2)
        assert stage.health.dropped["rejected"] == (1 if outcomes else 0)


async def test_a_file_that_waits_opens_the_circuit() -> None:
    """Nothing is tried until the pause is over, but at the end."""
    stage = Stage(outcomes=[KEPT])
    stage.letters.on_dropped([item()], "rejected")
    worth = [stage.letters.may_try]
    for _ in range(2):
        await stage.store()
        worth.append(stage.letters.may_try)
    assert (worth, len(stage.puts)) == ([True, False, False], 1)
    stage.clock.advance(1.0)
    worth = [stage.letters.may_try]
    await stage.store()
    worth.append(stage.letters.may_try)
    assert (worth, len(stage.puts)) == ([True, False], 2)


async def test_while_files_are_stored_nothing_else_is() -> None:
    """Nor is it worth a try."""
    stage = Stage(hangs=True)
    stage.letters.on_dropped([item()], "rejected")
    storing = asyncio.create_task(stage.store())
    await stage.begun.wait()
    stage.letters.on_dropped([item()], "rejected")
    assert not stage.letters.may_try
    await stage.letters.store(Budget(1.0, clock=stage.clock), whatever_the_circuit=True)
    assert len(stage.puts) == 1
    storing.cancel()
    await asyncio.gather(storing, return_exceptions=True)
    assert stage.letters.may_try


async def test_files_that_are_stored_at_once_cost_as_much_as_the_slowest() -> None:
    """And nothing is stored without time."""
    stage = Stage()
    spent = iter([0.25, 0.5])

    async def put(key: str, body: bytes, budget: Budget) -> Outcome:
        budget.left_s -= next(spent)
        return await stage.put(key, body, budget)

    stage.letters._put = put
    stage.letters.on_dropped([item(), item(signal="logs")], "rejected")
    budget = Budget(1.0, clock=stage.clock)
    await stage.letters.store(budget)
    assert budget.left_s == 0.5
    stage.letters.on_dropped([item()], "rejected")
    await stage.letters.store(Budget(0.0, clock=stage.clock))
    assert len(stage.puts) == 2


async def test_an_item_without_bytes_is_stored() -> None:
    """Alone or before others: an empty request is one, too."""
    stage = Stage()
    stage.letters.on_dropped([item(b""), item(b"a")], "rejected")
    stage.letters.on_dropped([item(b"", signal="logs")], "rejected")
    await stage.store()
    assert [body for _, body in stage.puts] == [b"a", b""]
    assert stage.health.dead_letters == 3


async def test_what_is_lost_after_the_end_keeps_to_the_bound() -> None:
    """What was left at the end counts for it then, and the oldest goes first."""
    left, later = [item(b"a"), item(b"b")], item(b"c")
    stage = Stage(max_bytes=size(later))
    stage.letters.on_ended(left)
    assert stage.health.dropped == {}
    stage.letters.on_dropped([later], "rejected")
    assert stage.health.dropped == {"unsent": 2}
    await stage.store()
    assert [body for _, body in stage.puts] == [b"c"]


async def test_what_is_lost_while_the_rest_is_stored_is_dropped_beyond_the_bound() -> None:
    """It is all that can be: what is being stored now exceeds the bound alone."""
    stage = Stage(max_bytes=size(item()), hangs=True)
    stage.letters.on_ended([item(b"a"), item(b"b")])
    storing = asyncio.create_task(stage.store())
    await stage.begun.wait()
    stage.letters.on_dropped([item(b"c")], "rejected")
    assert stage.health.dropped == {"rejected": 1}
    storing.cancel()
    await asyncio.gather(storing, return_exceptions=True)
    stage.hangs = False
    await stage.store()
    assert stage.puts[-1][1] == b"ab"


async def test_what_arrived_gives_back_its_own_place() -> None:
    """And no other's."""
    large, small, later = item(b"x" * 1000), item(b"y"), item(b"z" * 1000)
    stage = Stage(max_bytes=size(small, later))
    stage.letters.on_dropped([large, small], "buffer_full")
    stage.letters.on_arrived([large])
    stage.letters.on_dropped([later], "rejected")
    assert stage.health.dropped == {}
    stage.letters.on_dropped([item(b"")], "rejected")
    assert stage.health.dropped == {"buffer_full": 1}
    await stage.store()
    assert [body for _, body in stage.puts] == [later.body]


async def test_after_the_end_the_whole_bound_is_free() -> None:
    """What was counted takes no place."""
    stage = Stage(max_bytes=size(item(), item()))
    stage.letters.on_dropped([item(), item()], "rejected")
    stage.letters.close()
    stage.letters.on_dropped([item(b"b"), item(b"c")], "buffer_full")
    await stage.store()
    assert [body for _, body in stage.puts] == [b"bc"]
    assert stage.health.dropped == {"rejected": 2}
