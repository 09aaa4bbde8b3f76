"""X-Ray's limits: at the limit everything is taken, one above the whole request is refused."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from simulator.aws.endpoints import AwsEndpoints, limits
from tests.simulator.aws.conftest import Post
from tests.simulator.aws.messages import DAY_NS, HOUR_NS, padded_to, span, spans
from tests.simulator.aws.signed import NOW_NS

REFUSED = (400, "InvalidRequestException")


async def refusal(post: Post, message: Any, **changes: Any) -> str:
    """Return the message of a request that is refused."""
    response = await post("traces", message, **changes)
    assert (response.status, response.error) == REFUSED
    return response.message


def request_of(padding: int) -> Any:
    """A request of many spans, each of which is small enough."""
    return spans(*(span(padding=190_000) for _ in range(26)), span(padding=padding))


async def test_request_bytes(aws: AwsEndpoints, post: Post) -> None:
    """Bytes count uncompressed."""
    padding = padded_to(limits.MAX_SPANS_BYTES, request_of)
    compressed = {"Content-Encoding": "gzip"}
    largest = gzip.compress(request_of(padding).SerializeToString())
    larger = gzip.compress(request_of(padding + 1).SerializeToString())

    assert (await post("traces", largest, headers=compressed)).status == 200
    assert "There are 5000001 bytes" in await refusal(post, larger, headers=compressed)
    assert len(aws.accepted) == 1


async def test_spans_of_a_request(aws: AwsEndpoints, post: Post) -> None:
    """Ten thousand spans are one request."""
    most = [span() for _ in range(limits.MAX_SPANS)]

    assert (await post("traces", spans(*most))).status == 200
    assert len(aws.spans) == 10_000
    assert "10001 spans" in await refusal(post, spans(*most, span()))


async def test_bytes_of_a_span(post: Post) -> None:
    """One span that is too large takes the others with it."""
    padding = padded_to(limits.MAX_SPAN_BYTES, lambda padding: span(padding=padding))

    assert (await post("traces", spans(span(padding=padding)))).status == 200
    message = await refusal(post, spans(span(), span(padding=padding + 1)))
    assert message == "There are 200001 bytes in the span work; the limit is 200000."


async def test_resource_and_scope(post: Post) -> None:
    """Resource and scope count together, each pair."""

    def build(padding: int) -> Any:
        return spans(span(), resource={"a": "x" * padding}, scope="scope")

    def size(message: Any) -> int:
        group = message.resource_spans[0]
        return int(group.resource.ByteSize() + group.scope_spans[0].scope.ByteSize())

    padding = padded_to(limits.MAX_RESOURCE_AND_SCOPE_BYTES, build, of=size)
    assert (await post("traces", build(padding))).status == 200
    assert "Resource and scope have 16001 bytes" in await refusal(post, build(padding + 1))


@pytest.mark.parametrize(
    ("inside_ns", "outside_ns", "message"),
    [
        (2 * HOUR_NS, 2 * HOUR_NS + 1, "A span is more than 2 hours in the future."),
        (-14 * DAY_NS, -14 * DAY_NS - 1, "A span is older than 14 days."),
    ],
)
async def test_time_window(post: Post, inside_ns: int, outside_ns: int, message: str) -> None:
    """Two hours ahead to fourteen days back of AWS's clock."""
    assert (await post("traces", spans(span(at_ns=NOW_NS + inside_ns)))).status == 200
    assert await refusal(post, spans(span(at_ns=NOW_NS + outside_ns))) == message


async def test_time_window_is_of_both_ends(post: Post) -> None:
    """The end of a span counts like its start."""
    ends_late = span(end_ns=NOW_NS + 2 * HOUR_NS + 1)

    assert "future" in await refusal(post, spans(ends_late))


async def test_spread(post: Post) -> None:
    """The spans of one request lie within 24 hours."""
    first = NOW_NS - 2 * DAY_NS
    together = spans(span(at_ns=first), span(at_ns=first + DAY_NS))
    apart = spans(span(at_ns=first), span(at_ns=first + DAY_NS + 1))

    assert (await post("traces", together)).status == 200
    assert "24 hours apart" in await refusal(post, apart)


@pytest.mark.parametrize("field", ["trace_id", "span_id"])
async def test_ids(post: Post, field: str) -> None:
    """An id of zeros is none, and so is one of another length."""
    for bad in (b"", bytes(16), bytes(8), b"1" * 7):
        wrong = span()
        setattr(wrong, field, bad)
        assert "no valid id" in await refusal(post, spans(wrong))


async def test_ids_without_a_time_can_be_dropped(aws: AwsEndpoints, post: Post) -> None:
    """On request X-Ray takes a random trace id and forgets the span, as some report."""
    aws.trouble.drops_random_trace_ids = True
    random = span(name="random")
    random.trace_id = b"\xff" * 16

    assert (await post("traces", spans(random, span()))).status == 200
    assert [span.name for span in aws.spans] == ["work"]
