"""A function whose failures are kept whole, and of the rest nothing but the cold start."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from simulator.intake import Intake
from tests.launchers import patient_to_the_last
from tests.sandbox import free_port, running
from tests.sdk_requests import request, sdk_span

DEBUG, INFO = {"level": "DEBUG", "message": "tried"}, {"level": "INFO", "message": "done"}


def payload(number: int, **more: str) -> dict[str, Any]:
    """Return what an invocation does: a span of an SDK in a trace of its own, and two lines."""
    body = request(work=[sdk_span(f"work {number}", number, trace=number)])
    posted = {
        "signal": "traces",
        "body": base64.b64encode(body).decode(),
        "content_type": "application/x-protobuf",
    }
    return {"print": [DEBUG, INFO], "post": [posted], **more}


async def test_failures_are_whole_and_the_rest_is_counted(tmp_path: Path) -> None:
    """Spans, lines and the SDK's spans; metrics count every invocation."""
    async with Intake() as intake:
        environment = {
            "DISPATCH_POST_URI": intake.url,
            "DISPATCH_SIGNALS": "traces,logs,metrics",
            "DISPATCH_OTLP_PORT": str(free_port()),
            "DISPATCH_SAMPLE_RATIO": "0",
            "DISPATCH_DETAIL_LEVEL_MIN": "INFO",
        }
        async with running(
            tmp_path, environment=environment, launch=patient_to_the_last, name="shop"
        ) as stage:
            for number in range(1, 5):
                await stage.invoke(payload(number))
            # No invocation is known of the SDK's traces: two have to end before they are decided.
            await stage.invoke({"print": [DEBUG, INFO]})
            await stage.invoke(payload(6, **{"raise": "no stock"}))
    ours = [span for span in intake.spans if span.name == "shop"]
    assert [bool(span.attributes.get("error.type")) for span in ours] == [False, True]
    works = [span.name for span in intake.spans if span.name.startswith("work")]
    assert works == ["work 1", "work 6"]
    of_the_failure = [
        log.body
        for log in intake.logs
        if log.attributes["faas.invocation_id"] == ours[1].attributes["faas.invocation_id"]
    ]
    # In which order they leave depends on the platform's deliveries.
    assert {"done", "tried"} <= set(of_the_failure)
    assert len(intake.logs) == len(of_the_failure) + 1
    counts = stage.final_counts
    assert counts["filtered.unsampled_invocations"] == 4
    assert counts["filtered.unsampled_sdk"] == 3
    assert counts["filtered.details"] == 5
    assert counts["filtered.unsampled_lines"] == 4
    counters = [each for each in intake.metrics if each.name == "faas.invocations"]
    assert sum(point.value or 0 for each in counters for point in each.points) == 5
