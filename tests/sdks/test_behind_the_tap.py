"""An SDK that posts to the extension, in a runtime behind the tap: what is missing is added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.launchers import TAP_WRAPPER
from tests.sdks.events import (
    CALLER_SPAN,
    CALLER_TRACE,
    PRODUCER_SPAN,
    PRODUCER_TRACE,
    TRACEPARENT,
    http,
    queue,
)
from tests.sdks.installed import why_not
from tests.sdks.stage import Visit
from tests.sdks.test_one_trace import BATCHES, WORK, own_span, tree, visited

TAP: dict[str, Any] = {"AWS_LAMBDA_EXEC_WRAPPER": str(TAP_WRAPPER)}
PRODUCER = (PRODUCER_TRACE, PRODUCER_SPAN)


def test_a_request_with_traceparent(language: str, tmp_path: Path) -> None:
    """The trace is the caller's, with one SERVER span; its name and trigger are the event's.

    Go's instrumentation takes the context, too, but tells nothing of the request. Java's agent
    reads no headers, so its spans are in a trace of their own, which ours joins.
    """
    (seen,) = visited(language, tmp_path, http(traceparent=TRACEPARENT), **TAP).each
    own = own_span(seen)
    assert own.name == "GET /orders/{id}"
    assert own.attributes["faas.trigger"] == "http"
    assert own.attributes["lambda_dispatch.cause.source"] == "api_gateway.http"
    shape = WORK.replace("shop SERVER", "GET /orders/{id} SERVER")
    if language == "java":
        assert tree(seen) == shape
        assert (CALLER_TRACE, CALLER_SPAN) in links(seen)
        return
    assert tree(seen) == f"? {shape}"
    assert (own.trace_id, own.parent_span_id) == (CALLER_TRACE, CALLER_SPAN)


@pytest.mark.parametrize("batch_language", BATCHES)
def test_a_batch_of_messages(batch_language: str, tmp_path: Path) -> None:
    """One span processes the messages, the SDK's if it makes one; each sender is linked once."""
    if reason := why_not(batch_language):
        pytest.skip(f"{batch_language}: {reason}")
    (seen,) = visited(batch_language, tmp_path, queue(), kind="queue", **TAP).each
    consumers = [span for span in seen.spans if span.kind == "CONSUMER"]
    assert len(consumers) == 1
    (own,) = (span for span in seen.spans if "lambda_dispatch.cause.source" in span.attributes)
    if batch_language == "go":
        assert consumers == [own]
        assert own.name == "process orders"
    else:
        assert tree(seen) == BATCHES[batch_language]
    linked = [(link.trace_id, link.span_id) for link in own.links]
    assert len(linked) == len(set(linked))
    assert PRODUCER in linked
    assert own.attributes["faas.trigger"] == "pubsub"
    assert own.attributes["messaging.batch.message_count"] == 2


def links(seen: Visit) -> set[tuple[str, str]]:
    """Return what the invocation's span is linked to."""
    return {(link.trace_id, link.span_id) for link in own_span(seen).links}
