"""Requests found in the bytes of a connection."""

from __future__ import annotations

import pytest

from extension.http.requests import Request, RequestReader

POST = b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"


def reader(received: bytes, *, max_body_bytes: int = 10) -> RequestReader:
    """Return a reader that has received something."""
    made = RequestReader(max_body_bytes=max_body_bytes)
    made.received += received
    return made


def test_requests_come_in_their_order_and_when_they_are_complete() -> None:
    """A second one behind the first is found at the next call, the half of a third is kept."""
    requests = reader(POST + b"ab" + POST + b"cd" + POST + b"e")
    found = [requests.next_request() for _ in range(3)]
    assert [each and (each.body, each.is_refused) for each in found] == [
        (b"ab", False),
        (b"cd", False),
        None,
    ]
    assert requests.has_incomplete
    requests.received += b"f"
    third = requests.next_request()
    assert third is not None
    assert third.body == b"ef"
    assert not requests.has_incomplete


@pytest.mark.parametrize("received", [b"rubbish\r\n\r\n", b"\x16\x03\x01", b"GET / HTTP/1.1\n\n"])
def test_a_malformed_request_is_refused(received: bytes) -> None:
    """It has no head that could be handled."""
    assert reader(received).next_request() == Request(None, b"", is_refused=True)


def test_a_request_with_too_long_a_body_is_refused_without_waiting_for_it() -> None:
    """It can be handled, as it has a head, but its body is left out."""
    request = reader(POST + b"a", max_body_bytes=1).next_request()
    assert request is not None
    assert request.head is not None
    assert (request.head.target, request.body, request.is_refused) == ("/a", b"", True)


def test_a_caller_may_expect_to_be_asked_for_the_body() -> None:
    """Once for each request, and only if the body is not there already."""
    head = POST[:-2] + b"Expect: 100-continue\r\n\r\n"
    requests = reader(head)
    asked = [(requests.next_request(), requests.expects_continue) for _ in range(2)]
    assert asked == [(None, True), (None, False)]
    at_once = reader(head + b"ab")
    at_once.next_request()
    assert not at_once.expects_continue
