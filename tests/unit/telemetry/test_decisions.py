"""Which invocations and traces are kept."""

from __future__ import annotations

from collections import Counter

import pytest

from extension.process.clock import NS_PER_S
from extension.process.frozen import replace
from extension.settings.sharing import Share
from extension.telemetry.assembly.finished import (
    Invocation,
)
from extension.telemetry.assembly.probability import EVERY, threshold_of
from extension.telemetry.assembly.sampling import (
    Sampler,
)
from extension.telemetry.assembly.undecided import (
    SdkPart,
)
from extension.telemetry.reading.sdk_spans import SdkSpan
from tests.sampler_stage import (
    CHOSEN,
    OTHER,
    TENTH,
    Stage,
    details,
    invocation,
    late,
    spans,
)

SDK_SHARE = Share(ratio=0.1, follows_sdk=True)


def test_no_invocation_is_slow_unless_it_is_said_from_when() -> None:
    """A long one is left out like any other."""
    sampler = Sampler(share=TENTH, filtered=Counter(), dropped=Counter())
    assert list(sampler.feed(invocation(end_ns=900 * NS_PER_S))) == []


def test_spans_of_no_invocation_are_kept_beside_one_that_is_remarkable() -> None:
    """Which ended since they came; on Managed Instances their trace id decides."""
    for concurrent, kept in ((False, 1), (True, 0)):
        stage = Stage(concurrent=concurrent)
        stage.feed(invocation("before", trace=3, status="error"))
        stage.sdk(spans(7))
        out = stage.feed(invocation("a", trace=4, status="error"), invocation("b"))
        assert len([each for each in [*out, *stage.end()] if isinstance(each, SdkPart)]) == kept
    earlier = Stage()
    earlier.feed(invocation("before", trace=3, status="error"))
    earlier.sdk(spans(7))
    assert earlier.feed(invocation("a"), invocation("b")) == []


def test_a_trace_that_was_kept_stays_kept() -> None:
    """For later invocations of it, and for what the SDK sends; one that was not may be, later."""
    stage = Stage()
    assert stage.feed(invocation("a")) == []
    assert stage.sdk(spans()) == []
    assert len(stage.feed(invocation("b", status="error"))) == 2
    assert len(stage.feed(invocation("c"))) == 1
    assert len(stage.sdk(spans())) == 1


def test_the_details_of_a_trace_are_kept_after_a_failure_in_it() -> None:
    """Also when another invocation of it has ended since, which was fine."""
    stage = Stage()
    stage.feed(invocation("a", status="error"), invocation("b"))
    assert len(stage.sdk(details())) == 1


def test_a_trace_that_only_the_share_keeps_keeps_no_other() -> None:
    """Another invocation of it is drawn by the same trace id, and its details wait for it."""
    stage = Stage(Share(ratio=0.1))
    assert len(stage.feed(invocation("a", trace=CHOSEN))) == 1
    assert stage.sdk(details(CHOSEN)) == []
    assert len(stage.feed(invocation("b", trace=CHOSEN, status="error"))) == 2


def test_verdicts_are_remembered_up_to_a_bound() -> None:
    """Those of the requests and traces that were last."""
    stage = Stage()
    for at in range(2049):
        stage.feed(invocation(f"r{at}", trace=at + 10, status="error"))
    assert stage.feed(late("r0", trace=10)) == []
    assert len(stage.feed(late("r1", trace=11))) == 1
    assert len(stage.sampler._decisions.requests) == len(stage.sampler._decisions.traces) == 2048


@pytest.mark.parametrize(
    ("share", "state", "parent", "threshold"),
    [
        (SDK_SHARE, "", 0, threshold_of(0.1)),
        (SDK_SHARE, "ot=th:8", 0, threshold_of(0.5)),
        (Share(ratio=0.1, follows_sdk=True, has_parents=True), "", 0, threshold_of(0.1)),
        (Share(ratio=0.1, follows_sdk=True, has_parents=True), "", 7, None),
        (Share(ratio=0.0, follows_sdk=True), "", 0, None),
        (Share(ratio=None, follows_sdk=True), "", 0, None),
    ],
)
def test_the_sdk_may_have_drawn(
    share: Share, state: str, parent: int, threshold: int | None
) -> None:
    """What it has sent a span of is kept; the threshold is said where it is known."""
    span = SdkSpan(
        request_id="r",
        trace_id=OTHER,
        span_id=5,
        body=b"x",
        parent_span_id=parent,
        tracestate=state,
    )
    stage = Stage(share)
    [kept] = stage.feed(invocation(sdk=span))
    assert isinstance(kept, Invocation)
    assert bool(kept.context.tracestate) is (threshold is not None)
    assert stage.sampler._decisions.requests["r", 2].threshold == threshold
    assert stage.feed(invocation("other", trace=5)) == []
    assert threshold != EVERY


@pytest.mark.parametrize(("below", "kept"), [(0, 1), (1, 0)])
def test_a_trace_is_chosen_from_the_threshold_on(below: int, kept: int) -> None:
    """As the specification has it: the threshold is the least random value that is kept."""
    assert len(Stage().feed(invocation(trace=threshold_of(0.1) - below))) == kept


def test_what_the_sdk_says_of_another_trace_is_not_said_of_ours() -> None:
    """Its tracestate belongs to the ids of its own span."""
    span = SdkSpan(request_id="r", trace_id=CHOSEN, span_id=5, body=b"x", tracestate="ot=th:8")
    stage = Stage(SDK_SHARE)
    [kept] = stage.feed(invocation(trace=OTHER, sdk=span))
    assert isinstance(kept, Invocation)
    assert stage.sampler._decisions.requests["r", 2].threshold == threshold_of(0.1)


def test_spans_in_the_trace_are_a_sign_that_the_sdk_has_drawn_it() -> None:
    """Log records are none."""
    for part, kept in ((spans(), 2), (replace(spans(), signal="logs", is_detail=True), 0)):
        stage = Stage(SDK_SHARE)
        stage.sdk(part)
        assert len(stage.feed(invocation())) == kept
