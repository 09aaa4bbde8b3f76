"""The loop over events: every job gets each event, and no job can stop the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from extension import lifecycle
from extension.platform.bootstrap import Start
from extension.platform.events import Invoke, Job, LambdaEvent, Shutdown
from extension.process.clock import NS_PER_MS, SystemClock
from extension.process.log import Log
from tests.doubles import LogLines, ManualClock


def in_ms(milliseconds: int) -> int:
    """Return a deadline, in milliseconds from now."""
    return SystemClock().now().wall_ns // NS_PER_MS + milliseconds


def invoke(name: str = "r", *, left_ms: int = 5000) -> Invoke:
    """Return an invocation."""
    return Invoke(request_id=name, deadline_ms=in_ms(left_ms))


def shutdown() -> Shutdown:
    """Return the end."""
    return Shutdown(reason="spindown", deadline_ms=in_ms(2000))


@dataclass
class Script:
    """Returns the events of a list; an exception in it is raised."""

    events: Iterable[LambdaEvent | Exception]
    asked: int = 0
    _rest: Iterator[LambdaEvent | Exception] = field(init=False)

    def __post_init__(self) -> None:
        self._rest = iter(self.events)

    async def next_event(self) -> LambdaEvent:
        """Return the next of the list."""
        self.asked += 1
        event = next(self._rest)
        if isinstance(event, Exception):
            raise event
        return event


@dataclass
class Diary(Job):
    """A job that records the calls of its methods."""

    entries: list[str] = field(default_factory=list)

    async def invoked(self, invoke: Invoke) -> None:
        """Record an invocation."""
        self.entries.append(invoke.request_id)

    def next_called(self, invoke: Invoke) -> None:
        """Record that it was let go."""
        self.entries.append(f"{invoke.request_id} is let go")

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Record the end."""
        self.entries.append(shutdown.reason)


class Broken(Job):
    """A job with a bug."""

    async def invoked(self, invoke: Invoke) -> None:
        """Fail."""
        raise ZeroDivisionError(invoke.request_id)

    def next_called(self, invoke: Invoke) -> None:
        """Fail."""
        raise ZeroDivisionError(invoke.request_id)

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Fail."""
        raise ZeroDivisionError(shutdown.reason)


class Stuck(Job):
    """A job that never returns."""

    async def invoked(self, invoke: Invoke) -> None:
        """Hang."""
        await asyncio.Event().wait()

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Hang."""
        await asyncio.Event().wait()


async def run(script: Script, *jobs: Job) -> LogLines:
    """Run the loop to its end and return what it logged."""
    lines, clock = LogLines(), SystemClock()
    await lifecycle.run(script, jobs=jobs, clock=clock, log=Log(clock=clock, sink=lines))
    return lines


async def test_events_in_order_until_shutdown() -> None:
    """Each event is handed to each job, and SHUTDOWN ends the loop."""
    first, second = Diary(), Diary()
    await run(Script([invoke("a"), invoke("b"), shutdown()]), first, second)
    let_go = "is let go"
    expected = ["a", f"a {let_go}", "b", f"b {let_go}", "spindown"]
    assert first.entries == second.entries == expected


async def test_without_jobs_events_are_answered() -> None:
    """With everything switched off the function still works."""
    script = Script([invoke(), shutdown()])
    await run(script)
    assert script.asked == 2


async def test_a_job_that_fails_costs_one_line() -> None:
    """A bug in one job affects neither the others nor the loop."""
    diary = Diary()
    lines = await run(Script([invoke("a"), shutdown()]), Broken(), diary)
    assert diary.entries == ["a", "a is let go", "spindown"]
    assert [line["cause"] for line in lines.parsed] == ["ZeroDivisionError"] * 3


async def test_a_job_that_hangs_is_cut_off_before_the_deadline() -> None:
    """A job never holds the function until its timeout."""
    diary = Diary()
    end = Shutdown(reason="spindown", deadline_ms=in_ms(300))
    lines = await run(Script([invoke("a", left_ms=300), end]), Stuck(), diary)
    assert diary.entries == ["a", "a is let go", "spindown"]
    assert [line["cause"] for line in lines.parsed] == ["TimeoutError"] * 2


@pytest.mark.parametrize(
    ("left_s", "within_s"),
    [(10.0, 10.0 - lifecycle.SAFETY_S), (0.3, lifecycle.SAFETY_S), (-5.0, lifecycle.SAFETY_S)],
)
def test_a_job_may_take_until_a_moment_before_the_deadline(left_s: float, within_s: float) -> None:
    """Near the deadline, and after it, it still gets a moment."""
    clock = ManualClock()
    deadline_ms = clock.now().wall_ns // NS_PER_MS + round(left_s * 1000)
    event = Invoke(request_id="r", deadline_ms=deadline_ms)
    assert lifecycle._time_for(event, clock) == pytest.approx(within_s)


@pytest.mark.parametrize("left_s", [-5.0, 2.1, 600.0])
def test_a_job_has_two_seconds_at_the_end_if_its_deadline_is_implausible(left_s: float) -> None:
    """It may come from another clock: Lambda never gives more, and has just given some."""
    clock = ManualClock()
    deadline_ms = clock.now().wall_ns // NS_PER_MS + round(left_s * 1000)
    event = Shutdown(reason="spindown", deadline_ms=deadline_ms)
    assert lifecycle._time_for(event, clock) == pytest.approx(2.0 - lifecycle.SAFETY_S)


def test_an_end_of_our_own_has_the_time_that_lambda_gives() -> None:
    """Two seconds."""
    clock = ManualClock()
    end = lifecycle.end(lifecycle.GONE, clock)
    assert end == Shutdown(reason="gone", deadline_ms=clock.wall_ns // NS_PER_MS + 2000)


async def test_next_is_requested_again_after_a_failure() -> None:
    """Exiting would end the function; repeating the call does not."""
    diary = Diary()
    failures: list[LambdaEvent | Exception] = [ConnectionRefusedError(), ValueError("x")]
    lines = await run(Script([*failures, invoke("a"), shutdown()]), diary)
    assert diary.entries == ["a", "a is let go", "spindown"]
    assert [line["cause"] for line in lines.parsed] == ["ConnectionRefusedError", "ValueError"]


@dataclass
class RefusedError(Exception):
    """A failure that says whether it is permanent."""

    is_final: bool = True


@dataclass
class Failing:
    """Fails several times in the same way, then returns the end."""

    error: Exception
    times: int
    asked: int = 0

    async def next_event(self) -> LambdaEvent:
        """Fail, or return the end."""
        self.asked += 1
        if self.asked <= self.times:
            raise self.error
        return shutdown()


@pytest.mark.parametrize("error", [ConnectionRefusedError(), RefusedError()])
async def test_an_api_that_is_gone_is_the_end(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """No connection, or a permanent refusal, for long: the jobs do what they do at SHUTDOWN."""
    monkeypatch.setattr(lifecycle, "GONE_S", 0.1)
    diary, lines, clock = Diary(), LogLines(), SystemClock()
    events = Failing(error, times=1000)
    log = Log(clock=clock, sink=lines)
    ended = await lifecycle.run(events, jobs=[diary], clock=clock, log=log)
    assert ended.reason == lifecycle.GONE
    assert diary.entries == [lifecycle.GONE]
    assert lines.messages[-1] == "the sandbox is gone"


@pytest.mark.parametrize(
    "error", [ConnectionResetError(), RefusedError(is_final=False), ValueError()]
)
async def test_other_failures_are_no_end(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """They may pass, so /next is requested until there is an event."""
    monkeypatch.setattr(lifecycle, "GONE_S", 0.1)
    diary, clock = Diary(), SystemClock()
    log = Log(clock=clock, sink=LogLines())
    await lifecycle.run(Failing(error, times=3), jobs=[diary], clock=clock, log=log)
    assert diary.entries == ["spindown"]


async def test_pauses_between_failed_calls_grow_to_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After an outage of minutes the next event is still requested within a second."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)
    clock = SystemClock()
    log = Log(clock=clock, sink=LogLines())
    await lifecycle.run(Failing(ConnectionResetError(), times=7), jobs=[], clock=clock, log=log)
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


async def test_a_job_that_opens_later_gets_the_next_event() -> None:
    """The list of jobs is read for each event."""
    late = Diary()
    jobs: list[Job] = []

    class Opens(Diary):
        async def invoked(self, invoke: Invoke) -> None:
            jobs.append(late)

    jobs.append(Opens())
    clock = SystemClock()
    events = Script([invoke("a"), shutdown()])
    await lifecycle.run(events, jobs=jobs, clock=clock, log=Log(clock=clock, sink=LogLines()))
    assert late.entries == ["a is let go", "spindown"]


class Asking(Diary):
    """A job that waits for calls before /next."""

    async def settle_calls(self, within_s: float) -> float:
        """Record how long it may wait."""
        self.entries.append(f"settled within {within_s:.0f}")
        return 0.0


async def test_calls_settle_after_all_jobs_and_before_next() -> None:
    """Within the invocation's deadline; nothing is waited for at SHUTDOWN."""
    asking = Asking()
    await run(Script([invoke("a", left_ms=3000), shutdown()]), asking, Diary())
    assert asking.entries[0::2] == ["a", "a is let go"]
    assert asking.entries[3] == "spindown"
    assert asking.entries[1] in {"settled within 3", "settled within 2"}


@pytest.mark.parametrize(("left_ms", "settles"), [(200, False), (250, False), (260, True)])
async def test_calls_do_not_settle_beyond_the_deadline(left_ms: int, *, settles: bool) -> None:
    """A job that used up the time of the invocation leaves none for it."""
    asking, clock = Asking(), ManualClock()
    now_ms = clock.wall_ns // NS_PER_MS
    events = Script([Invoke(request_id="a", deadline_ms=now_ms + left_ms), shutdown()])
    await lifecycle.run(events, jobs=[asking], clock=clock, log=Log(clock=clock, sink=LogLines()))
    settled = ["settled within 0"] if settles else []
    assert asking.entries == ["a", *settled, "a is let go", "spindown"]


async def test_settling_that_fails_costs_one_line() -> None:
    """Like everything that a job does."""

    class Failing(Diary):
        async def settle_calls(self, within_s: float) -> float:
            raise ZeroDivisionError(within_s)

    lines = await run(Script([invoke("a"), shutdown()]), Failing())
    assert [line["cause"] for line in lines.parsed] == ["ZeroDivisionError"]


class Learning(Diary):
    """A job that learns of what came before the life cycle."""

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Record it."""
        self.entries.append(f"{invoke.request_id} began at {at_ns}")

    def let_go_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Record it."""
        self.entries.append(f"{invoke.request_id} was let go at {at_ns}")


class Confused(Learning):
    """Such a job with a bug."""

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Fail."""
        raise ZeroDivisionError(invoke.request_id, at_ns)


def test_jobs_learn_of_invocations_that_came_before_the_life_cycle() -> None:
    """In order, once, whatever one of the jobs makes of it; what is no event is passed over."""
    start, lines, learning, diary = Start("api:1"), LogLines(), Learning(), Diary()
    event = b'{"eventType":"INVOKE","requestId":"%b"}'
    start.let_go = [(event % b"a", 1, 2), (b"{}", 3, 4), (event % b"b", 5, 6)]
    log = Log(clock=SystemClock(), sink=lines)
    for _ in range(2):
        lifecycle.catch_up(start, jobs=[Confused(), learning, diary], log=log)
    assert learning.entries == [
        "a began at 1",
        "a was let go at 2",
        "b began at 5",
        "b was let go at 6",
    ]
    assert diary.entries == []
    assert [line["job"] for line in lines.parsed] == ["Confused", "Confused"]
