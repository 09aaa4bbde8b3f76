"""`DISPATCH_SAMPLE_RATIO=otel`: what the function's SDK has sampled is kept, and nothing else."""

from __future__ import annotations

import pytest

from extension.settings.sharing import Share
from tests import platform_events as given
from tests.sdk_requests import CALLER, Stage, invocation_span, request, sdk_span
from tests.unit.telemetry.test_sampling import FAILED, OTHER, begin, names

TENTH = Share(0.1, follows_sdk=True, has_parents=True)
OFF = Share(0.0, follows_sdk=True)
UNKNOWN = Share(None, follows_sdk=True)


def states(stage: Stage) -> dict[str, str]:
    """Return what each span says of sampling."""
    return {span.name: span.trace_state for span in stage.spans}


def test_what_the_sdk_sampled_is_kept_whole() -> None:
    """Whatever its trace id, and with the threshold of the SDK's ratio."""
    stage = Stage(ratio=TENTH).platform(begin("r", 1))
    stage.sdk(request(work=[sdk_span("price", 0x52, parent=0x51)]))
    stage.sdk(request(invocation_span("r"))).platform(given.done("r", 2))
    assert states(stage) == dict.fromkeys(("handler", "price", "shop"), "ot=th:e666")


@pytest.mark.parametrize("share", [TENTH, OFF, UNKNOWN])
def test_what_the_sdk_did_not_sample_is_left_out(share: Share) -> None:
    """It sends nothing of it."""
    stage = Stage(ratio=share).platform(begin("r", 1), given.done("r", 2))
    assert names(stage) == []
    assert stage.health.filtered == {"unsampled_invocations": 1}


@pytest.mark.parametrize("share", [TENTH, OFF, UNKNOWN])
def test_a_failure_is_kept_in_any_case(share: Share) -> None:
    """Its span and its lines are ours."""
    stage = Stage(ratio=share).platform(begin("r", 1), given.done("r", 2, **FAILED))
    assert states(stage) == {"shop": "ot=th:0"}


def test_the_parent_may_have_decided() -> None:
    """Then it is not known what a span stands for, unless the parent tells."""
    stage = Stage(ratio=TENTH).platform(begin("r", 1), begin("s", 3))
    stage.sdk(request(invocation_span("r", parent=CALLER))).platform(given.done("r", 2))
    assert set(states(stage).values()) == {""}
    told = invocation_span("s", parent=CALLER)
    told.trace_state = "ot=th:8"
    stage.sdk(request(told)).platform(given.done("s", 4))
    assert [span.trace_state for span in stage.spans[2:]] == ["ot=th:8"] * 2


def test_an_unknown_sampler_decides_as_well() -> None:
    """What its spans stand for is not said."""
    stage = Stage(ratio=UNKNOWN).platform(begin("r", 1))
    stage.sdk(request(invocation_span("r"))).platform(given.done("r", 2))
    assert states(stage) == {"handler": "", "shop": ""}


def test_work_in_the_trace_is_a_sign_too() -> None:
    """Where no instrumentation makes a span of the invocation."""
    stage = Stage(ratio=TENTH).platform(begin("r", 1))
    stage.sdk(request(work=[sdk_span("price", 0x52, trace=OTHER)])).platform(given.done("r", 2))
    assert names(stage) == ["price", "shop"]


def test_spans_of_no_known_invocation_are_kept() -> None:
    """The SDK has sampled them; nothing says with which threshold."""
    stage = Stage(ratio=TENTH).platform(begin("r", 1))
    stage.sdk(request(work=[sdk_span("price", 0x52, trace=OTHER + 1)]))
    stage.platform(given.done("r", 2)).end()
    assert states(stage) == {"price": ""}
    assert stage.health.filtered == {"unsampled_invocations": 1}


def test_spans_that_come_too_late_go_with_their_invocation() -> None:
    """It was left out, for nothing had come of it; so are they."""
    stage = Stage(ratio=TENTH).platform(begin("r", 1), given.done("r", 2))
    stage.sdk(request(work=[sdk_span("price", 0x52, trace=OTHER)])).end()
    assert names(stage) == []
    assert stage.health.filtered == {"unsampled_invocations": 1, "unsampled_sdk": 1}
