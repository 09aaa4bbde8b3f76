"""A copy of a message of the Runtime API is read, whole or in part."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import strategies as st

from extension.telemetry.tap.answer import read_answer
from extension.telemetry.tap.cause import cause_of, read_cause
from extension.telemetry.tap.copied_message import Copied, read_message
from extension.telemetry.tap.partial_json import Excerpt, read_excerpt
from extension.telemetry.tap.reported_error import read_error, read_trailers
from tests.fuzz.budget import fuzz
from tests.unit.telemetry.tap.samples import FUNCTION_URL, REST, SPAN, TRACEPARENT, sqs_record

ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
INVOCATION = f"POST /2018-06-01/runtime/invocation/{ID}"


def message(start: str, body: bytes, *headers: str) -> bytes:
    """Return a message with a length."""
    lines = [start, f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(start: str, *pieces: bytes, headers: tuple[str, ...] = (), trailers: str = "") -> bytes:
    """Return a message in chunks."""
    lines = "\r\n".join([start, "transfer-encoding: chunked", *headers, "", ""]).encode()
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return lines + body + b"0\r\n" + trailers.encode() + b"\r\n"


def kept(data: bytes, *, head: int = 2000, tail: int = 1500) -> Copied:
    """Return what is kept of a message."""
    return Copied(data[:head], data[head:][-tail:], len(data))


def test_an_event_is_the_body_of_an_answer() -> None:
    """With the headers that say whose it is and what came with it."""
    context = json.dumps({"custom": {"traceparent": TRACEPARENT}})
    data = message(
        "HTTP/1.1 200 OK",
        b'{"tea": 1}',
        f"Lambda-Runtime-Aws-Request-Id: {ID}",
        f"LAMBDA-RUNTIME-CLIENT-CONTEXT:{context}",
    )
    found = read_message(Copied(data))
    assert (found.kind, found.status, found.request_id) == ("answer", 200, ID)
    assert read_excerpt(found.body) == {"tea": 1}
    cause = read_cause(found.body, headers=found.headers)
    assert cause.parent is not None
    assert cause.parent.ids == SPAN


@pytest.mark.parametrize(
    ("start", "kind", "request_id"),
    [
        (f"{INVOCATION}/response HTTP/1.1", "response", ID),
        (f"{INVOCATION}/error HTTP/1.1", "error", ID),
        ("POST /2018-06-01/runtime/init/error HTTP/1.1", "init", ""),
        ("POST /2018-06-01/runtime/restore/error HTTP/1.1", "restore", ""),
        ("GET /2018-06-01/runtime/invocation/next HTTP/1.1", "other", ""),
        ("GET /2018-06-01/runtime/restore/next HTTP/1.1", "other", ""),
        ("POST /2020-01-01/extension/register HTTP/1.1", "other", ""),
        (f"{INVOCATION}/a/response HTTP/1.1", "other", ""),
        ("HTTP/1.1 202 Accepted", "answer", ""),
        ("HTTP/2 202", "other", ""),
        ("", "other", ""),
    ],
)
def test_the_first_line_says_what_it_is(start: str, kind: str, request_id: str) -> None:
    """By the route, whatever connection it comes on."""
    found = read_message(Copied(message(start, b"{}")))
    assert (found.kind, found.request_id) == (kind, request_id)
    assert found.status == (202 if kind == "answer" else 0)


@pytest.mark.parametrize("length", [1, 7, 300, 10_000])
def test_a_body_in_chunks_is_put_together(length: int) -> None:
    """Go's clients write all of theirs so."""
    body = json.dumps({"statusCode": 503, "body": "a\r\nb" * 500}).encode()
    pieces = [body[place : place + length] for place in range(0, len(body), length)]
    found = read_message(Copied(chunked(f"{INVOCATION}/response HTTP/1.1", *pieces)))
    assert found.body == Excerpt(body)
    assert found.trailers == {}


def test_an_error_behind_the_body_is_found() -> None:
    """In the trailers of a stream that broke off, whole or cut."""
    error = base64.b64encode(json.dumps({"errorType": "TeaError"}).encode()).decode()
    trailers = (
        "Lambda-Runtime-Function-Error-Type: Runtime.Stream\r\n"
        f"Lambda-Runtime-Function-Error-Body: {error}\r\n"
    )
    for pieces in ([b"tea"], [b"tea" * 1000] * 9):
        data = chunked(f"{INVOCATION}/response HTTP/1.1", *pieces, trailers=trailers)
        reported = read_trailers(read_message(kept(data)).trailers)
        assert reported is not None
        assert reported.type == "TeaError"


def test_a_large_response_in_chunks_is_read_at_both_ends() -> None:
    """The lines between the pieces are not in the way."""
    value: dict[str, Any] = {"body": "tea" * 9000, "headers": {"a": "b" * 900}, "statusCode": 503}
    body = json.dumps(value).encode()
    pieces = [body[place : place + 250] for place in range(0, len(body), 250)]
    data = chunked(f"{INVOCATION}/response HTTP/1.1", *pieces)
    found = read_message(kept(data))
    answer = read_answer(found.body, cause=cause_of(REST), headers=found.headers)
    assert answer.status_code == 503
    assert len(body) <= answer.size_bytes <= len(data)


def test_a_stream_has_its_status_in_the_first_chunk() -> None:
    """The rest may still be coming."""
    head = b'{"statusCode":502}' + b"\0" * 8
    kind = "Content-Type: application/vnd.awslambda.http-integration-response"
    data = chunked(f"{INVOCATION}/response HTTP/1.1", head, b"tea" * 2000, headers=(kind,))
    for copied in (Copied(data), kept(data), Copied(data[:400]), Copied(data[:400], b"", 10**8)):
        found = read_message(copied)
        answer = read_answer(found.body, cause=cause_of(FUNCTION_URL), headers=found.headers)
        assert answer.status_code == 502


def test_a_large_event_with_a_length_is_read_at_both_ends() -> None:
    """The size is that of the body."""
    body = json.dumps({"Records": [sqs_record("tea" * 9000)]}).encode()
    found = read_message(kept(message("HTTP/1.1 200 OK", body)))
    assert found.body.size == len(body)
    assert read_cause(found.body, headers=found.headers).source == "sqs"


def test_headers_that_do_not_end_in_what_was_kept_are_read_as_far_as_they_go() -> None:
    """A cause for X-Ray may be longer than all that is kept."""
    cause = "lambda-runtime-function-xray-error-cause: " + "x" * 100_000
    kind = "lambda-runtime-function-error-type: TeaError"
    found = read_message(kept(message(f"{INVOCATION}/error HTTP/1.1", b"{}", kind, cause)))
    assert (found.kind, found.request_id) == ("error", ID)
    assert read_error(found.body, headers=found.headers).type == "TeaError"


def test_a_body_that_is_still_coming_is_not_whole() -> None:
    """A response that was broken off is none that says nothing."""
    data = message(f"{INVOCATION}/response HTTP/1.1", b'{"statusCode": 200, "body": "x"}')
    assert not read_message(Copied(data[:-10])).body.is_whole
    stream = chunked(f"{INVOCATION}/response HTTP/1.1", b'{"statusCode": 200, "body": "x"}')
    assert not read_message(Copied(stream[:-20])).body.is_whole


def test_any_bytes_are_some_message() -> None:
    """Nothing raises: what comes is what a runtime of one's own writes."""
    parts = st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\n", b"POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\n",
            b"transfer-encoding: chunked\r\n", b"content-length: 9\r\n",
            b"content-length: \xc2\xb2\r\n",
            b"\r\n", b"0\r\n", b"f\r\n", b"ffffffff\r\n", b"\xff: \xff\r\n", b'{"a":1}', b"-1\r\n",
        ]
    )  # fmt: skip
    messages = st.lists(parts | st.binary(max_size=5), max_size=12).map(b"".join)

    def read(data: bytes) -> None:
        for copied in (Copied(data), Copied(data, data, 10**6), Copied(data, data, len(data))):
            found = read_message(copied)
            assert found.body.whole_size >= 0
            assert read_error(found.body, headers=found.headers).type

    assert fuzz(read, messages)
