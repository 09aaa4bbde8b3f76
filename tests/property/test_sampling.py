"""In whatever order events and the SDK's requests come, each is sent once or counted once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given as drawn
from hypothesis import strategies as st

from extension.settings.sharing import Share
from extension.telemetry.reading.levels import SEVERITIES
from tests import platform_events as given
from tests.platform_events import JsonEvent
from tests.sdk_requests import Stage, invocation_span, request, sdk_span
from tests.unit.telemetry.test_sampling import CHOSEN, FAILED, OTHER, begin

Step = Callable[[Stage], object]

INVOCATIONS = 4
FIRST_ID = 0x5000
SDK_TRACES = 1 << 100
"""In which the SDK's spans are, unless they are in X-Ray's."""


def steps_of(number: int, *, chosen: bool, failed: bool, in_ours: bool) -> list[Step]:
    """Return what happens to one invocation: four events, two lines, three spans of the SDK."""
    request_id, at = f"r{number}", 10.0 * number
    ours = CHOSEN - number if chosen else OTHER + number
    theirs = ours if in_ours else SDK_TRACES + (ours % (1 << 96))
    events: list[JsonEvent] = [
        begin(request_id, at, trace=ours),
        given.line({"level": "DEBUG", "message": "line", "requestId": request_id}, at + 1),
        given.line({"level": "INFO", "message": "line", "requestId": request_id}, at + 1),
        given.done(request_id, at + 2, **(FAILED if failed else {})),
        given.report(request_id, at + 3),
    ]
    first = FIRST_ID + 16 * number
    bodies = [
        request(work=[sdk_span("work", first, trace=theirs)]),
        request(
            invocation_span(request_id, first + 1, trace=theirs),
            work=[sdk_span("work", first + 2, trace=theirs)],
        ),
    ]
    return [
        *(partial(_deliver, event) for event in events),
        *(partial(_post, body) for body in bodies),
    ]


def _deliver(event: JsonEvent, stage: Stage) -> object:
    return stage.platform(event)


def _post(body: bytes, stage: Stage) -> object:
    return stage.sdk(body)


invocations = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    min_size=INVOCATIONS,
    max_size=INVOCATIONS,
)


shares = st.sampled_from(
    [
        Share(0.1),
        Share(0.1, follows_sdk=True),
        Share(0.1, follows_sdk=True, has_parents=True),
        Share(None, follows_sdk=True),
    ]
)


@drawn(invocations, shares, st.booleans(), st.data())
def test_nothing_is_unaccounted(
    drawn_invocations: list[tuple[bool, bool, bool]],
    share: Share,
    concurrent: bool,
    data: st.DataObject,
) -> None:
    """Spans, lines and invocations: what is sent and what is counted are all there were."""
    steps = [
        step
        for number, (chosen, failed, in_ours) in enumerate(drawn_invocations)
        for step in steps_of(number, chosen=chosen, failed=failed, in_ours=in_ours)
    ]
    stage = Stage(ratio=share, detail_below=SEVERITIES["INFO"], concurrent=concurrent)
    for step in data.draw(st.permutations(steps)):
        step(stage)
    stage.end()
    sent, filtered = stage.spans, stage.health.filtered
    of_sdk = [span for span in sent if span.name in ("work", "handler")]
    assert len(of_sdk) + filtered["unsampled_sdk"] == 3 * INVOCATIONS
    assert len({span.span_id for span in of_sdk}) == len(of_sdk)
    ours = [span for span in sent if span.name == "shop"]
    assert len(ours) + filtered["unsampled_invocations"] == INVOCATIONS
    lines = sum(event.name == "log" for span in sent for event in span.events)
    assert lines + filtered["details"] + filtered["unsampled_lines"] == 2 * INVOCATIONS
    marked = [span.trace_state.startswith("ot=th:") for span in sent if span.name != "late logs"]
    assert all(marked) or share.follows_sdk
    assert not stage.health.dropped
    assert stage.sampler.undecided.bytes == 0


@drawn(invocations)
def test_the_sdk_and_ours_go_together(drawn_invocations: list[tuple[bool, bool, bool]]) -> None:
    """As they come in a sandbox: the SDK's before the end of their invocation."""
    stage = Stage(ratio=0.1)
    for number, (chosen, failed, in_ours) in enumerate(drawn_invocations):
        start, debug, info, done, report, *posts = steps_of(
            number, chosen=chosen, failed=failed, in_ours=in_ours
        )
        for step in (start, debug, *posts, info, done, report):
            step(stage)
        spans = [
            span for span in stage.spans if span.span_id == (FIRST_ID + 16 * number + 1).to_bytes(8)
        ]
        assert len(spans) == (chosen or failed)
    stage.end()
    kept = sum(chosen or failed for chosen, failed, _ in drawn_invocations)
    names = [span.name for span in stage.spans]
    assert (names.count("shop"), names.count("handler"), names.count("work")) == (
        kept, kept, 2 * kept,
    )  # fmt: skip


@drawn(invocations)
def test_ours_goes_with_what_the_sdk_sampled(
    drawn_invocations: list[tuple[bool, bool, bool]],
) -> None:
    """Whatever their trace ids; a failure is kept in any case."""
    stage = Stage(ratio=Share(0.1, follows_sdk=True))
    for number, (sampled, failed, in_ours) in enumerate(drawn_invocations):
        start, debug, info, done, report, *posts = steps_of(
            number, chosen=not sampled, failed=failed, in_ours=in_ours
        )
        for step in (start, debug, *(posts if sampled else ()), info, done, report):
            step(stage)
    stage.end()
    names = [span.name for span in stage.spans]
    of_sdk = sum(sampled for sampled, _, _ in drawn_invocations)
    kept = sum(sampled or failed for sampled, failed, _ in drawn_invocations)
    assert (names.count("shop"), names.count("handler"), names.count("work")) == (
        kept, of_sdk, 2 * of_sdk,
    )  # fmt: skip
