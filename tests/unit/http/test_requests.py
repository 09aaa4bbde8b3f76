"""Requests found in the bytes of a connection."""

from __future__ import annotations

from typing import Any

import pytest

from extension.http import requests as module
from extension.http.requests import (
    LONGEST_REMEMBERED,
    REMEMBERED_HEADS,
    Request,
    RequestReader,
)

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
    request = reader(POST + b"a", max_body_bytes=0).next_request()
    assert request is not None
    assert request.head is not None
    assert (request.head.target, request.body, request.is_refused) == ("/a", b"", True)
    assert request.head.length == 2


def test_a_caller_may_expect_to_be_asked_for_the_body() -> None:
    """Once for each request, and only if the body is not there already."""
    head = POST[:-2] + b"Expect: 100-continue\r\n\r\n"
    requests = reader(head)
    asked = [(requests.next_request(), requests.expects_continue) for _ in range(2)]
    assert asked == [(None, True), (None, False)]
    at_once = reader(head + b"ab")
    at_once.next_request()
    assert not at_once.expects_continue


IN_CHUNKS = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("received", "longest"),
    [
        (POST + b"ab", 2),
        (IN_CHUNKS + b"2\r\nab\r\n0\r\n\r\n", 2),
        (IN_CHUNKS + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n", 2),
    ],
)
def test_a_body_may_be_as_long_as_the_bound(received: bytes, longest: int) -> None:
    """One byte more is refused; by its length the handler sees why."""
    whole = reader(received, max_body_bytes=longest).next_request()
    assert whole is not None
    assert (whole.body, whole.is_refused) == (b"ab", False)
    refused = reader(received, max_body_bytes=longest - 1).next_request()
    assert refused is not None
    assert refused.head is not None
    assert (refused.head.length, refused.body, refused.is_refused) == (longest, b"", True)


@pytest.mark.parametrize(("waiting", "is_refused"), [(b"3", False), (b"3\r\nab", True)])
def test_chunks_that_wait_count_as_far_as_they_have_arrived(
    waiting: bytes, *, is_refused: bool
) -> None:
    """A chunk that never ends is not kept without bound."""
    request = reader(IN_CHUNKS + b"1\r\na\r\n" + waiting, max_body_bytes=3).next_request()
    assert (request is not None and request.is_refused) is is_refused


def test_chunks_that_go_on_count_for_more_than_what_has_arrived() -> None:
    """Those of a body that is as long as the bound end now."""
    assert reader(IN_CHUNKS + b"1\r\na\r\n", max_body_bytes=2).next_request() is None
    request = reader(IN_CHUNKS + b"2\r\nab\r\n", max_body_bytes=2).next_request()
    assert request is not None
    assert request.is_refused


@pytest.mark.parametrize(
    ("head", "expects"),
    [
        (b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nExpect: more\r\nContent-Length: 2\r\n\r\n", False),
        (b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", False),
    ],
)
def test_callers_of_version_1_1_may_expect_to_be_asked(head: bytes, *, expects: bool) -> None:
    """Others do not know the answer."""
    requests = reader(head)
    assert requests.next_request() is None
    assert requests.expects_continue is expects


def test_line_breaks_before_a_request_are_skipped() -> None:
    """Some clients send one too many behind a body."""
    request = reader(b"\r\n\r\n" + POST + b"ab").next_request()
    assert request is not None
    assert request.body == b"ab"


GET = b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "received",
    [
        GET,
        b"\r\n" + GET,
        GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
        GET.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
        GET.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 5000 + b"\r\n\r\n"),
        GET + GET,
        GET[:-2],
        POST,
        POST[:-2] + b"X: \r\n\r\n\r\n",
        POST + b"\r\n\r\n",
        POST.replace(b"2", b"4") + b"\r\n\r\n",
        IN_CHUNKS + b"0\r\n\r\n",
        IN_CHUNKS + b"1\r\na\r\n0\r\n\r\n",
        IN_CHUNKS + b"1\r\na\r\n\r\n",
        b"rubbish\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_how_bytes_are_cut_makes_no_difference(received: bytes) -> None:
    """What comes alone and at once, as most GETs do, is read as what comes in pieces."""
    for _ in range(2):  # it is remembered from the first one on
        in_pieces, at_once = reader(received), RequestReader(max_body_bytes=10)
        assert at_once.next_request(received) == in_pieces.next_request()
        assert at_once.expects_continue == in_pieces.expects_continue
        assert at_once.received == in_pieces.received
        assert at_once.next_request() == in_pieces.next_request()


def test_heads_are_told_apart_however_long_they_are() -> None:
    """Equal ones may be remembered, others are read."""
    for length in (10, 4000, 8000):
        for value in (b"a" * length, b"b" * length):
            with_value = GET[:-2] + b"X: " + value + b"\r\n\r\n"
            for found in (reader(with_value), reader(b"")):
                request = found.next_request(b"" if found.received else with_value)
                assert request is not None
                assert request.head is not None
                assert request.head.headers["x"] == value.decode()


@pytest.mark.parametrize("cached", [module._remembered, module._remembered_alone])
def test_no_long_head_is_remembered(cached: Any) -> None:
    """What callers send takes no more memory than a bound."""
    is_alone = cached is module._remembered_alone
    behind = len(b"" if is_alone else b"\r\n\r\n")
    cached.cache_clear()
    for length, remembered in ((LONGEST_REMEMBERED + 1, 0), (LONGEST_REMEMBERED, 1)):
        request = (GET[:-2] + b"X: ").ljust(length + behind - 4, b"x") + b"\r\n\r\n"
        found = reader(b"" if is_alone else request)
        assert found.next_request(request if is_alone else b"") is not None
        assert cached.cache_info().currsize == remembered


@pytest.mark.parametrize("received", [POST + b"ab", GET[:-2], GET + GET[:-1]])
def test_of_what_is_no_whole_request_nothing_is_kept(received: bytes) -> None:
    """A body, or the beginning of one, is not among what is remembered."""
    module._remembered_alone.cache_clear()
    RequestReader(max_body_bytes=10).next_request(received)
    assert module._remembered_alone.cache_info().currsize == 0


def test_not_many_requests_are_remembered() -> None:
    """A function repeats a few; of others the oldest are forgotten."""
    for number in range(2 * REMEMBERED_HEADS):
        request = RequestReader(max_body_bytes=0).next_request(GET.replace(b"a", b"%d" % number))
        assert request is not None
        assert request.head is not None
        assert request.head.target == f"/{number}"
    assert module._remembered_alone.cache_info().currsize == REMEMBERED_HEADS
