"""Calls in threads: how many at once, what is reported of each, and which are not made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from extension.aws.call import Call, CompletedCall, Service
from extension.aws.calls import Calls
from extension.aws.errors import TIMEOUT, UpstreamError
from extension.process.log import Log
from extension.process.waits import TimeLimit
from tests.doubles import DictSource, LogLines, ManualClock
from tests.waiting import until

ROLE = "arn:aws:iam::111122223333:role/r"


class Bench:
    """Calls to a source."""

    def __init__(self, source: DictSource, *, threads: int = 1) -> None:
        self.clock = ManualClock()
        self.lines = LogLines()
        self.reported: list[CompletedCall] = []
        self.source = source
        self.calls = Calls(
            source,
            threads=threads,
            clock=self.clock,
            report=self.reported.append,
            log=Log(clock=self.clock, sink=self.lines),
        )

    async def ask(self, name: str = "a", traceparent: str | None = None, **place: Any) -> Any:
        """Return the answer for a parameter."""
        return await self.calls.run(call(name, **place), traceparent=traceparent)


def call(name: str = "a", *, region: str = "", role: str = "") -> Call:
    """Return a call for a parameter."""
    return Call(
        service=Service.SSM,
        operation="GetParameter",
        name=name,
        arguments={},
        region=region,
        role=role,
    )


def test_a_new_call_has_not_been_made() -> None:
    """No attempt, no throttling, no place in the order; and someone waits for it."""
    new = call()
    assert (new.attempts, new.throttles, new.number, new.abandoned) == (0, 0, 0, False)
    done = CompletedCall(service="SSM", operation="o", name="n", start_ns=0, end_ns=0)
    assert (done.attempts, done.throttles) == (1, 0)


async def test_a_call_is_reported_with_all_that_is_known() -> None:
    """When it began and ended, what caused it, and where; success is no line."""
    bench = Bench(DictSource(values={"a": "v"}))
    await bench.ask(traceparent="00-1", region="eu-west-1", role=ROLE)
    await bench.ask()
    now_ns = bench.clock.now().wall_ns
    [first, second] = bench.reported
    assert first == CompletedCall(
        service="SSM", operation="GetParameter", name="a", start_ns=now_ns, end_ns=now_ns,
        attempts=1, region="eu-west-1", traceparent="00-1",
    )  # fmt: skip
    assert (second.traceparent, second.region, second.code) == ("", "", "")
    assert bench.lines.messages == []


async def test_a_failure_is_a_line_with_what_is_set() -> None:
    """Names are cut, for callers choose them."""
    bench = Bench(DictSource(error=UpstreamError("Denied", reason="why")))
    with pytest.raises(UpstreamError):
        await bench.ask("n" * 257, region="eu-west-1", role=ROLE)
    bench.source.error = UpstreamError("Denied")
    with pytest.raises(UpstreamError):
        await bench.ask()
    long, short = bench.lines.parsed
    assert long["name"] == "n" * 256
    assert (long["region"], long["role"], long["reason"]) == ("eu-west-1", ROLE, "why")
    assert (short["code"], short["attempts"]) == ("Denied", 1)
    assert not {"region", "role", "reason"} & short.keys()
    assert [each.code for each in bench.reported] == ["Denied", "Denied"]


async def test_what_botocore_raises_for_rubbish_may_pass() -> None:
    """Another attempt may get an answer."""
    bench = Bench(DictSource(error=ValueError("rubbish")))
    with pytest.raises(UpstreamError) as raised:
        await bench.ask()
    error = raised.value
    assert (error.code, error.service, error.transient) == ("ValueError", "SSM", True)


async def test_a_call_that_is_cancelled_is_abandoned() -> None:
    """Its thread learns that; it is reported as one that took too long."""
    bench = Bench(DictSource())
    bench.source.hold()
    running = call()
    asking = asyncio.create_task(bench.calls.run(running, traceparent=None))
    await until(lambda: bench.source.calls)
    asking.cancel()
    await asyncio.wait([asking])
    bench.source.release()
    assert running.abandoned
    assert [each.code for each in bench.reported] == [TIMEOUT]


class NotedLimit(TimeLimit):
    """A minute, and how often it began to count again."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(60.0, clock=clock)
        self.restarted: list[float] = []

    def restart(self, seconds: float) -> None:
        """Note the seconds, too."""
        self.restarted.append(seconds)
        super().restart(seconds)


@pytest.mark.parametrize(
    ("error", "restarted"),
    [
        (None, [[], [60.0], [60.0, 60.0]]),
        (UpstreamError("Denied", request_id="1"), [[], [60.0], [60.0, 60.0]]),
        (UpstreamError(TIMEOUT, transient=True), [[], [], []]),
    ],
)
async def test_while_aws_answers_calls_wait_for_their_turn_without_losing_time(
    error: UpstreamError | None, restarted: list[list[float]]
) -> None:
    """Each answer to one of those before a call gives it its time again, and nothing else does."""
    bench = Bench(Answering(values=dict.fromkeys("abc", "v"), error=error))
    bench.source.hold()
    limits = [NotedLimit(bench.clock) for _ in "abc"]

    async def ask(name: str, limit: NotedLimit) -> None:
        async with limit:
            await bench.calls.run(call(name), traceparent=None, limits=[limit])

    asking = [asyncio.create_task(ask(*each)) for each in zip("abc", limits, strict=True)]
    await until(lambda: bench.source.calls)
    bench.source.release()
    await asyncio.gather(*asking, return_exceptions=True)
    assert [limit.restarted for limit in limits] == restarted


class Answering(DictSource):
    """A source whose refusals have the request's id, as those of AWS have."""

    def call(self, call: Call) -> Mapping[str, Any]:
        """Answer, or fail."""
        if isinstance(self.error, UpstreamError):
            call.request_id = self.error.request_id
        return super().call(call)


class Unreachable(DictSource):
    """A source whose first calls find out, at the same time, that nothing is there."""

    error_code = "EndpointConnectionError"

    def call(self, call: Call) -> Mapping[str, Any]:
        """Wait, then fail."""
        super().call(call)
        raise UpstreamError(self.error_code, reason="no route", transient=True)


async def outcomes(bench: Bench, names: str) -> list[UpstreamError]:
    """Ask for several at once; return what each failed with."""
    bench.source.hold()
    asking = [asyncio.create_task(bench.ask(name)) for name in names]
    made = len(bench.source.calls)
    await until(lambda: len(bench.source.calls) > made)
    bench.source.release()
    found = await asyncio.gather(*asking, return_exceptions=True)
    return [each for each in found if isinstance(each, UpstreamError)]


async def test_who_waited_for_a_thread_need_not_find_it_out_again() -> None:
    """Calls that began before the failure fail like it; one that begins later is made."""
    bench = Bench(Unreachable(values=dict.fromkeys("abcd", "v")))
    errors = await outcomes(bench, "abc")
    assert [(each.code, each.message, each.service, each.transient) for each in errors[1:]] == [
        ("EndpointConnectionError", "no route", "SSM", True)
    ] * 2
    assert [each.name for each in bench.source.calls] == ["a"]
    await outcomes(bench, "d")
    assert [each.name for each in bench.source.calls] == ["a", "d"]


async def test_other_failures_say_nothing_of_the_next_call() -> None:
    """AWS has answered."""
    source = Unreachable(values=dict.fromkeys("abc", "v"))
    source.error_code = "Throttling"
    bench = Bench(source)
    await outcomes(bench, "abc")
    assert [each.name for each in source.calls] == ["a", "b", "c"]


async def test_each_place_has_its_own_threads() -> None:
    """Where one does not answer, calls to others go on."""
    bench = Bench(DictSource(values={"a": "v"}))
    bench.source.hold()
    asking = [asyncio.create_task(bench.ask(region=each)) for each in ("r1", "r1", "r2")]
    await until(lambda: len(bench.source.calls) == 2)
    assert {each.place.region for each in bench.source.calls} == {"r1", "r2"}
    bench.source.release()
    await asyncio.gather(*asking)
    assert len(bench.calls._lanes) == 2


async def test_threads_of_the_last_twenty_four_places_are_kept() -> None:
    """Those of the place that was asked longest ago end; calls that wait for them are made."""
    bench = Bench(DictSource(values={"a": "v"}))
    bench.source.hold()
    waiting = [asyncio.create_task(bench.ask(region="oldest")) for _ in range(2)]
    await until(lambda: bench.source.calls)
    oldest = next(iter(bench.calls._lanes.values()))
    bench.source.release()
    bench.source.hold()
    others = [asyncio.create_task(bench.ask(region=f"r{number}")) for number in range(23)]
    await until(lambda: len(bench.calls._lanes) == 24)
    assert not oldest.threads._shutdown
    others.append(asyncio.create_task(bench.ask(region="newest")))
    await until(lambda: oldest.threads._shutdown)
    assert len(bench.calls._lanes) == 24
    assert "oldest" not in {place.region for place in bench.calls._lanes}
    bench.source.release()
    await asyncio.gather(*waiting, *others)


async def test_a_place_that_is_asked_again_is_not_the_oldest() -> None:
    """Its threads stay the same."""
    bench = Bench(DictSource(values={"a": "v"}))
    for region in ("r1", "r2", "r1"):
        await bench.ask(region=region)
    assert [place.region for place in bench.calls._lanes] == ["r2", "r1"]
