"""With a real SDK and a share: the spans of one invocation are kept or left out together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.sdks.stage import Visits
from tests.sdks.test_one_trace import PHASES, visited

pytestmark = pytest.mark.timeout(600)

UNREMARKABLE = 30
"""That all or none of them are kept happens once in 500 million runs."""
EVENTS: Sequence[object] = [{}, *({} for _ in range(UNREMARKABLE)), {"do": "raise"}, {}]
"""The first is a cold start."""

SILENT = "node"
"""Its stand-in for the runtime writes no line of an exception, so the SDK alone tells of it."""

OURS = {"shop SERVER"}
OF_SDK = {"shop INTERNAL", "price INTERNAL", "GET /stock CLIENT"}
WHOLE = OURS | OF_SDK
OF_THE_RUNTIME = "POST"
"""Java's agent traces the call that reports an exception, in a trace of its own."""


def traces(found: Visits) -> list[set[str]]:
    """Return the spans of each trace, those of the platform's phases left out."""
    kept = [
        {
            f"{span.name} {span.kind}"
            for span in spans
            if span.name not in PHASES and span.name != OF_THE_RUNTIME
        }
        for spans in found.traces.values()
    ]
    return [each for each in kept if each]


def failures(found: Visits) -> int:
    """Return how many spans of invocations say that these failed."""
    own = [span for span in found.spans if span.kind == "SERVER"]
    return sum("error.type" in span.attributes for span in own)


def states(found: Visits) -> set[str]:
    """Return what the spans of the SDK and of invocations say of sampling."""
    named = {each.partition(" ")[0] for each in WHOLE}
    return {span.trace_state for span in found.spans if span.name.partition(" ")[0] in named}


def counts(found: Visits) -> dict[str, Any]:
    """Return what the last line of the sandbox says."""
    [line] = [each.text for each in found.lines if '"message": "telemetry"' in each.text]
    said: dict[str, Any] = json.loads(line)
    return said


def test_our_ratio_decides_about_both(language: str, tmp_path: Path) -> None:
    """Half of the invocations, and every failure; what was left out is counted."""
    found = visited(language, tmp_path, *EVENTS, DISPATCH_SAMPLE_RATIO="0.5")
    kept = traces(found)
    assert all(each == WHOLE for each in kept), kept
    assert 2 < len(kept) < len(EVENTS)
    assert failures(found) == 1
    left_out = len(EVENTS) - len(kept)
    said = counts(found)
    assert said["filtered.unsampled_invocations"] == left_out
    of_sdk = said["filtered.unsampled_sdk"] - left_out * len(OF_SDK)
    assert of_sdk <= (language == "java")
    assert states(found) == {"ot=th:0", "ot=th:8"}


def test_the_ratio_of_the_sdk_decides_about_both(language: str, tmp_path: Path) -> None:
    """What it samples is kept whole; of the rest the failure and the cold start, ours alone."""
    found = visited(
        language, tmp_path, *EVENTS, DISPATCH_SAMPLE_RATIO="otel",
        OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="0.5",
    )  # fmt: skip
    kept = traces(found)
    assert all(each in (WHOLE, OURS) for each in kept), kept
    assert kept.count(OURS) <= 2
    assert 2 < len(kept) < len(EVENTS)
    assert failures(found) == 1 or language == SILENT
    assert counts(found)["filtered.unsampled_invocations"] == len(EVENTS) - len(kept)
    assert states(found) == {"ot=th:0", "ot=th:8"}


def test_a_sampler_that_is_off_leaves_what_is_remarkable(language: str, tmp_path: Path) -> None:
    """Those spans are ours: the SDK makes none."""
    found = visited(
        language, tmp_path, {}, {}, {"do": "raise"}, {}, DISPATCH_SAMPLE_RATIO="otel",
        OTEL_TRACES_SAMPLER="always_off",
    )  # fmt: skip
    remarkable = 1 if language == SILENT else 2
    assert traces(found) == [OURS] * remarkable
    assert failures(found) == remarkable - 1
    assert counts(found)["filtered.unsampled_invocations"] == 4 - remarkable
