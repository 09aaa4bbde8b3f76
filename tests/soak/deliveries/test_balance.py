"""The judge of the soak: a course in which all is right, and what it says of each fault."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from simulator.intake.otlp import LogRecord, Span
from tests.arrived import arrived_span
from tests.scripted.deliveries import Identity, Line, delivery, done_event, split_delivery
from tests.soak.deliveries.balance import OVERHEAD, judge
from tests.soak.deliveries.course import Invocation, Record
from tests.soak.deliveries.endpoint import Post
from tests.soak.deliveries.plan import SHARES, Step, draw_steps

WHO = Identity.numbered(1, seed=1)
STEP = Step(
    number=1,
    trouble="none",
    duration_s=0.01,
    lines=1,
    cut_at=0.5,
    frozen_inside_s=0.0,
    frozen_after_s=0.0,
    delay_s=0.1,
)
SPAN = arrived_span("soak", trace_id=WHO.trace_id, span_id=WHO.span_id, kind="SERVER")
LOG = LogRecord(
    time_ns=1,
    observed_time_ns=1,
    severity_number=0,
    severity_text="",
    body="line",
    attributes={},
    trace_id=WHO.trace_id,
    span_id=WHO.span_id,
    event_name="",
    resource={},
    scope="",
)
LATE = replace(SPAN, name=OVERHEAD, kind="INTERNAL", span_id="cd" * 8)
TOLD = {"traces_accepted": 2, "logs_accepted": 1, "added_ms": 100, "unsent": 0}


def post(*items: Span | LogRecord, came_s: float = 0.0, heard: bool = True) -> Post:
    """Return an export that was answered after a tenth of a second."""
    return Post(
        came_s=came_s,
        answered_s=came_s + 0.1,
        acknowledged=heard,
        heard=heard,
        spans=[item for item in items if isinstance(item, Span)],
        logs=[item for item in items if isinstance(item, LogRecord)],
    )


def course(
    *posts: Post, flush: str = "end", held_s: float = 0.1, bad_event: int = 0, **counts: int
) -> Record:
    """Return what was seen of one invocation with one line."""
    return Record(
        flush=flush,
        planned=1,
        invocations=[Invocation(step=STEP, who=WHO, held_s=held_s, held_frozen_s=0.0)],
        lines={"line": (STEP, WHO)},
        posts=list(posts),
        farewell=TOLD | counts | {"dropped.bad_event": bad_event},
    )


ALL = post(SPAN, LATE, LOG)


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    """Each thing came once, under its own id, and the figures are those of the outside clock."""
    assert judge(course(ALL)).problems == []


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (course(post(SPAN, LATE), logs_accepted=0), "1 missing, 0 counted: 1 line (none)"),
        (course(post(LOG), traces_accepted=0), "2 missing, 0 counted: 1 span (none), "),
        (course(ALL, bad_event=2), "the closing line says dropped.bad_event 2"),
        (course(post(SPAN, LATE, LOG, LOG), logs_accepted=2), "1 lines arrived more than once"),
        (course(ALL, post(LOG, came_s=1), logs_accepted=2), "1 lines arrived more than once"),
        (course(post(replace(SPAN, span_id="ab"), LATE, LOG)), "the span of invocation 1 has an"),
        (course(post(SPAN, LATE, replace(LOG, trace_id="ab"))), "1 lines have the ids of another"),
        (course(post(SPAN, LATE, replace(LOG, body="li"))), "1 missing, 0 counted: 1 line (none)"),
        (course(ALL, traces_accepted=3), "traces_accepted is 3, and 2 to 2 arrived"),
        (course(ALL, added_ms=50), "added_ms is 50, and the outside clock saw 100"),
        (course(ALL, flush="periodic", held_s=1.2, added_ms=1200), "invocation 1 (none) was held"),
        (course(ALL, held_s=9.5, added_ms=9500), "invocation 1 (none) was held 9.50 s"),
    ],
)
def test_each_fault_is_named(record: Record, problem: str) -> None:
    """The line says what is wrong, and in which trouble it was."""
    assert any(each.startswith(problem) for each in judge(record).problems)


def test_counted_losses_are_no_problem() -> None:
    """What still waited when the sandbox ended is reported as unsent."""
    assert judge(course(post(SPAN, LATE), logs_accepted=0, unsent=1)).problems == []


def test_copy_after_an_answer_that_was_not_heard_is_no_problem() -> None:
    """Its sender could not know that the first had been taken."""
    assert judge(course(post(SPAN, LATE, LOG, heard=False), replace(ALL, came_s=1))).problems == []


def test_split_record_is_whole_again_when_its_halves_are_joined() -> None:
    """Neither half is JSON; without the seam they are the delivery as it would have been."""
    line, done = Line(text="a long ☃ text", time_ns=0).event, done_event(WHO, 1, duration_ms=1)
    first, second = split_delivery([done], line, [done], at=0.5)
    for half in (first, second):
        with pytest.raises(ValueError, match="line 1"):
            json.loads(half)
    seam = b'[{"time":"1970-01-01T00:00:00.000Z","type":"function","record":'
    assert first.removesuffix(b"}]") + second.removeprefix(seam) == delivery([done, line, done])


def test_plan_holds_every_trouble_and_is_repeatable() -> None:
    """However few the invocations are."""
    steps = draw_steps(40, seed=7)
    assert {step.trouble for step in steps} == {"none", *SHARES}
    assert steps == draw_steps(40, seed=7) != draw_steps(40, seed=8)
