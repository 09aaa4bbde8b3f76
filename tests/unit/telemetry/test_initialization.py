"""The span before the first invocation: cold start, restore, or ahead of time."""

from __future__ import annotations

import pytest

from extension.telemetry.assembly.cache_use import CacheCall
from extension.telemetry.assembly.finished import (
    CallSpan,
    Finished,
    Invocation,
    LooseRecords,
)
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.assembly.verdict import Verdict, judge, judge_initialization
from extension.telemetry.reading.xray import SpanLink
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.platform_events import JsonEvent, ns


def feed(*events: JsonEvent) -> list[Finished]:
    """Assemble one delivery."""
    return assemble(Assembler(ids=SequentialIds()), [events])


def first_two(finished: list[Finished]) -> tuple[Initialization, Invocation]:
    """Return the initialization and the invocation after it."""
    initialization, invocation = finished[:2]
    assert isinstance(initialization, Initialization)
    assert isinstance(invocation, Invocation)
    return initialization, invocation


def test_a_cold_start_is_an_earlier_sibling_of_its_invocation() -> None:
    """The init span has the trace and the parent of the invocation that waited for it."""
    events = [*given.init(0, 1), given.start("r", 1), given.done("r", 2)]
    initialization, invocation = first_two(feed(*events))
    assert initialization.context.trace_id == given.TRACE_ID
    assert initialization.context.parent_span_id == int(given.PARENT, 16)
    assert (initialization.start_ns, initialization.end_ns) == (ns(0), ns(1))
    assert invocation.cold_start is True


@pytest.mark.parametrize("again", [0, 1, 2])
def test_what_is_told_twice_of_an_initialization_counts_once(again: int) -> None:
    """What is known of it by then stays known, though the second time says something else."""
    events, others = given.init(0, 1), given.init(0, 1.5)
    once, _ = first_two(feed(*events, given.start("r", 2), given.done("r", 3)))
    twice, _ = first_two(feed(*events, others[again], given.start("r", 2), given.done("r", 3)))
    assert twice == once


def test_more_lines_before_the_first_invocation_than_are_held() -> None:
    """Those beyond travel alone, for it is not known yet whose trace they belong to."""
    held = 2 * FULL_SIZE.lines
    lines = [given.line(f"line {number}", 0.5) for number in range(held + 5)]
    *alone, loose, _ = feed(*lines, given.start("r", 1), given.done("r", 2))
    assert isinstance(loose, LooseRecords)
    assert len(loose.records) == held
    assert [(len(each.records), each.context) for each in alone] == [(1, None)] * 5


def test_only_the_first_invocation_is_a_cold_start() -> None:
    """The next one is warm, and has no init."""
    events = [
        *given.init(0, 1),
        *(given.start("a", 1), given.done("a", 2)),
        *(given.start("b", 3), given.done("b", 4)),
    ]
    *_, second = feed(*events)
    assert isinstance(second, Invocation)
    assert second.cold_start is False


@pytest.mark.parametrize(
    ("events", "why"),
    [
        (given.init(0, 1, kind="provisioned-concurrency"), "provisioned"),
        (given.init(-60, 1), "proactive: a minute before the first request"),
    ],
)
def test_init_ahead_of_time_has_a_trace_of_its_own(events: list[JsonEvent], why: str) -> None:
    """No invocation waited for it: a trace of its own, linked, and the invocation is warm."""
    initialization, invocation = first_two(feed(*events, given.start("r", 1), given.done("r", 2)))
    assert initialization.context.trace_id != invocation.context.trace_id, why
    assert initialization.context.link == SpanLink(
        trace_id=invocation.context.trace_id, span_id=invocation.context.span_id
    )
    assert invocation.cold_start is False


@pytest.mark.parametrize(("pause_s", "waited"), [(10, True), (10.001, False)])
def test_an_init_is_ahead_of_time_after_a_pause_of_ten_seconds(
    pause_s: float, *, waited: bool
) -> None:
    """Up to and with ten seconds the invocation has waited for it: a cold start."""
    begin = 1 + pause_s
    _, invocation = first_two(
        feed(*given.init(0, 1), given.start("r", begin), given.done("r", begin + 1))
    )
    assert invocation.cold_start is waited


def test_a_restore_replaces_the_init_inside_the_snapshot() -> None:
    """The snapshot's init is from the day it was published; the restore is what users wait for."""
    restore = [
        given.platform("restoreStart", 0, functionName="shop"),
        given.platform("restoreRuntimeDone", 0.4, status="success"),
        given.platform("restoreReport", 0.5, status="success", metrics={"durationMs": 500}),
    ]
    old = given.init(-86_400, 3, kind="snap-start")
    finished = feed(*old, *restore, given.start("r", 0.5), given.done("r", 1))
    initialization, invocation = first_two(finished)
    assert (initialization.kind, initialization.start_ns) == ("restore", ns(0))
    assert initialization.end_ns == ns(0.5)
    assert initialization.context.trace_id == invocation.context.trace_id
    assert invocation.cold_start is True


def test_a_snapshots_init_alone_is_nobodys_span() -> None:
    """Without a restore, the events of a snapshot's init give nothing."""
    finished = feed(*given.init(-9, 3, kind="snap-start"), given.start("r", 1), given.done("r", 2))
    assert [type(each) for each in finished] == [Invocation]


def test_an_init_that_is_tried_again_counts_from_its_last_attempt() -> None:
    """A suppressed init runs once more inside the invocation; that is the one to show."""
    again = given.init(10, 2, phase="invoke")
    finished = feed(*given.init(0, 10), *again, given.start("r", 12), given.done("r", 13))
    initialization, _ = first_two(finished)
    assert (initialization.phase, initialization.start_ns) == ("invoke", ns(10))


BROKEN = (
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'shop'\n"
    "Traceback (most recent call last):"
)


def broken_init(begin: float, seconds: float, *, phase: str) -> list[JsonEvent]:
    """Return the events of an initialization in which the module cannot be imported."""
    start, _, _ = given.init(begin, seconds, phase=phase)
    record = {"initializationType": "on-demand", "phase": phase}
    end = given.platform(
        "initReport",
        begin + seconds,
        **record,
        status="error",
        errorType="Runtime.ExitError",
        metrics={"durationMs": seconds * 1000},
    )
    return [start, given.line(BROKEN, begin + seconds / 2), end]


def test_an_init_that_failed_and_its_repetition_are_two_spans() -> None:
    """Both took time; each says why it failed, and so does the invocation that waited."""
    first, again, invocation = feed(
        *broken_init(0, 1, phase="init"),
        *broken_init(2, 1, phase="invoke"),
        given.start("r", 3),
        given.exited("r", 3),
        given.report("r", 3.5, status="error"),
    )[:3]
    assert isinstance(first, Initialization)
    assert isinstance(again, Initialization)
    assert isinstance(invocation, Invocation)
    assert [(each.phase, each.start_ns, each.end_ns) for each in (first, again)] == [
        ("init", ns(0), ns(1)),
        ("invoke", ns(2), ns(3)),
    ]
    assert first.context.trace_id == again.context.trace_id == invocation.context.trace_id
    assert first.context.span_id != again.context.span_id
    expected = Verdict(
        failed=True,
        error_type="Runtime.ImportModuleError",
        description="Unable to import module 'shop'",
    )
    assert judge_initialization(first) == judge_initialization(again) == expected
    assert judge(invocation) == expected


def test_without_its_report_the_runtime_ends_it() -> None:
    """A lost initReport is replaced by initRuntimeDone."""
    begin, ready, _ = given.init(0, 1)
    initialization, _ = first_two(feed(begin, ready, given.start("r", 1), given.done("r", 2)))
    assert initialization.end_ns == ns(1)


def test_an_init_that_failed_is_told_at_the_end() -> None:
    """No invocation followed: SHUTDOWN delivers the init, in a trace of its own."""
    failed = given.platform(
        "initReport", 10, phase="init", status="timeout", metrics={"durationMs": 10_000}
    )
    into = Assembler(ids=SequentialIds())
    assert assemble(into, [[given.init(0, 1)[0], failed]]) == []
    [initialization] = into.end(reason="failure", now_ns=ns(10))
    assert isinstance(initialization, Initialization)
    assert (initialization.status, initialization.end_ns) == ("timeout", ns(10))
    assert into.end(reason="failure", now_ns=ns(11)) == []


def test_what_came_before_the_first_invocation_is_kept_without_an_init_start() -> None:
    """The event may be lost: lines and calls of the cache still leave, in the first one's trace."""
    into = Assembler(ids=SequentialIds())
    early = assemble(into, [[given.line("while importing", 0.5)]])
    early += into.feed_call(call(0.6))
    finished = assemble(into, [[given.start("a", 1), given.done("a", 2)]])
    assert early == []
    [loose] = [each for each in finished if isinstance(each, LooseRecords)]
    [called] = [each for each in finished if isinstance(each, CallSpan)]
    assert [record.body for record in loose.records] == ["while importing"]
    assert loose.context is not None
    assert called.context is not None
    assert loose.context.trace_id == called.context.trace_id == given.TRACE_ID


def call(seconds: float) -> CacheCall:
    """Return a call of the cache to AWS."""
    return CacheCall(
        service="ssm",
        operation="GetParameter",
        name="/a",
        start_ns=given.ns(seconds),
        end_ns=given.ns(seconds + 0.1),
    )
