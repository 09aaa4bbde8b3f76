"""Exports before /next and beside what runs, in simulated time: when they begin and end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from extension.process.waits import Budget
from extension.telemetry.export.flush import HALF_FULL, PERIOD_S, FlushPolicy
from extension.telemetry.exports import LAST_PATIENCE_S, Exports
from tests.doubles import ManualClock
from tests.simulated_time import SimulatedLoop

TIMEOUT_S = 10.0


@dataclass
class Buffer:
    """What waits."""

    count: int = 1
    fullness: float = 0.0


@dataclass
class Delivery:
    """Empties the buffer by a part of its fullness with each flush, and takes a while for it."""

    buffer: Buffer
    clock: ManualClock
    takes_s: float = 0.1
    empties: float = 1.0
    is_busy: bool = False
    may_try: bool = True
    error: Exception | None = None
    budgets_s: list[float] = field(default_factory=list)

    async def flush(self, budget: Budget) -> bool:
        """Export what waits."""
        self.budgets_s.append(budget.left_s)
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        self.buffer.fullness = max(self.buffer.fullness - self.empties, 0.0)
        return True


class Stage:
    """Exports whose surroundings write down what happens."""

    def __init__(self, *, min_batch_size: int = 1) -> None:
        self.clock = ManualClock()
        self.loop = SimulatedLoop(self.clock)
        self.buffer = Buffer()
        self.delivery = Delivery(self.buffer, self.clock)
        self.policy = FlushPolicy("periodic")
        self.faults: list[Exception] = []
        self.collected = self.settled = 0
        surroundings: Any = self
        buffer: Any = self.buffer
        delivery: Any = self.delivery
        self.exports = Exports(
            pipeline=surroundings, congestion=_Congestion(self), buffer=buffer, delivery=delivery,  # type: ignore[arg-type]
            policy=self.policy, health=surroundings, clock=self.clock, timeout_s=TIMEOUT_S,
            min_batch_size=min_batch_size,
        )  # fmt: skip

    def collect(self) -> None:
        """Note that what was measured is put into the buffer."""
        self.collected += 1

    def count_fault(self, error: Exception) -> None:
        """Note a bug."""
        self.faults.append(error)

    def run(self, step: Coroutine[Any, Any, Any]) -> Any:
        """Run the loop until a step is done."""
        return self.loop.run_until_complete(step)

    def export(self) -> bool:
        """Export what waits, with half of the usual time."""
        done: bool = self.run(self.exports.export(Budget(TIMEOUT_S / 2, clock=self.clock)))
        return done

    def beside(self, *, for_s: float = 60.0) -> None:
        """Export beside what runs, and let time pass."""

        async def begin() -> None:
            self.exports.begin_beside()
            await asyncio.sleep(for_s)

        self.run(begin())


@dataclass
class _Congestion:
    stage: Stage

    def export_settled(self) -> None:
        """Note that reading may go on."""
        self.stage.settled += 1


@pytest.fixture
def stage() -> Iterator[Stage]:
    """One item waits."""
    made = Stage()
    yield made
    made.loop.close()


def test_an_export_has_the_time_that_its_caller_has(stage: Stage) -> None:
    """What was measured is exported with the rest, and the policy learns of it."""
    assert stage.policy.is_due(stage.clock.now(), fullness=0.0)
    assert stage.export()
    assert (stage.collected, stage.delivery.budgets_s) == (1, [TIMEOUT_S / 2])
    assert not stage.policy.is_due(stage.clock.now(), fullness=0.0)


@pytest.mark.parametrize(
    ("count", "fullness", "is_tried"),
    [(2, 0.0, False), (3, 0.0, True), (2, HALF_FULL - 0.01, False), (2, HALF_FULL, True)],
)
def test_few_items_wait_until_half_of_the_buffer_is_full(
    count: int, fullness: float, *, is_tried: bool
) -> None:
    """Then they would be lost; a small batch is no export, and none of the policy's."""
    stage = Stage(min_batch_size=3)
    stage.buffer.count, stage.buffer.fullness = count, fullness
    assert stage.export() is is_tried
    assert stage.collected == 1
    assert len(stage.delivery.budgets_s) == is_tried
    assert stage.policy.is_due(stage.clock.now(), fullness=0.0) is not is_tried
    stage.loop.close()


def test_beside_what_runs_an_export_has_its_own_time(stage: Stage) -> None:
    """And reading, which may wait for room, goes on when it is over."""
    stage.beside()
    assert (stage.delivery.budgets_s, stage.settled) == ([TIMEOUT_S], 1)


@pytest.mark.parametrize(("fullness", "exports"), [(HALF_FULL, 1), (1.0, 2), (1.5, 3)])
def test_beside_what_runs_the_buffer_is_emptied_to_less_than_half(
    stage: Stage, fullness: float, exports: int
) -> None:
    """More than that came in while the last batch was on its way."""
    stage.buffer.fullness, stage.delivery.empties = fullness, 0.5
    stage.beside()
    assert len(stage.delivery.budgets_s) == exports
    assert stage.settled == 1


def test_only_one_export_runs_beside(stage: Stage) -> None:
    """Nor does one begin while an invocation that is held exports, or the endpoint is down."""
    stage.delivery.takes_s = 5.0

    async def begin_often() -> None:
        assert not stage.exports.is_under_way
        for _ in range(3):
            stage.exports.begin_beside()
            await asyncio.sleep(1)
            assert stage.exports.is_under_way
        await asyncio.sleep(5)
        assert not stage.exports.is_under_way

    stage.run(begin_often())
    assert len(stage.delivery.budgets_s) == 1
    stage.delivery.is_busy = True
    assert stage.exports.is_under_way
    stage.beside()
    stage.delivery.is_busy, stage.delivery.may_try = False, False
    stage.beside()
    assert len(stage.delivery.budgets_s) == 1
    stage.delivery.may_try = True
    stage.beside()
    assert len(stage.delivery.budgets_s) == 2


def test_a_fault_in_an_export_beside_is_counted(stage: Stage) -> None:
    """Reading goes on, and the next export may do better."""
    stage.delivery.error = ZeroDivisionError()
    stage.beside()
    assert (stage.faults, stage.settled) == ([stage.delivery.error], 1)
    stage.delivery.error = None
    stage.beside()
    assert len(stage.delivery.budgets_s) == 2


@pytest.mark.parametrize(
    ("takes_s", "left_s", "waited_s"),
    [(0.3, 2.0, 0.3), (60.0, 2.0, LAST_PATIENCE_S), (60.0, 0.2, 0.2)],
)
def test_the_last_export_waits_a_little_for_the_one_under_way(
    stage: Stage, takes_s: float, left_s: float, waited_s: float
) -> None:
    """Its connection may have died in a freeze; nothing of it is left then."""
    stage.delivery.takes_s = takes_s

    async def finish() -> None:
        stage.exports.begin_beside()
        await asyncio.sleep(0)
        began = stage.clock.now()
        await stage.exports.finish_beside(Budget(left_s, clock=stage.clock))
        assert stage.clock.now().since(began) == pytest.approx(waited_s, abs=0.01)
        assert not stage.exports.is_under_way
        await stage.exports.finish_beside(Budget(left_s, clock=stage.clock))
        assert stage.clock.now().since(began) == pytest.approx(waited_s, abs=0.01)

    stage.run(finish())
    assert stage.settled == 1


def test_where_nothing_is_under_way_nothing_is_waited_for(stage: Stage) -> None:
    """SHUTDOWN leaves two seconds."""
    began = stage.clock.now()
    stage.run(stage.exports.finish_beside(Budget(2.0, clock=stage.clock)))
    assert stage.clock.now() == began


def test_a_long_invocation_exports_each_period(stage: Stage) -> None:
    """From its beginning on, until something else decides."""

    async def invocation() -> None:
        stage.exports.stop_timer()
        stage.exports.start_timer()
        await asyncio.sleep(PERIOD_S / 2)
        stage.exports.stop_timer()
        stage.exports.start_timer()  # the next one: its period begins here
        for number in range(3):
            await asyncio.sleep(PERIOD_S - 1)
            assert len(stage.delivery.budgets_s) == number
            await asyncio.sleep(1)
            await asyncio.sleep(0)
            assert len(stage.delivery.budgets_s) == number + 1
        stage.exports.stop_timer()
        await asyncio.sleep(3 * PERIOD_S)

    stage.run(invocation())
    assert len(stage.delivery.budgets_s) == 3
