"""Where messages begin and end is found in any pieces, and their ends are copied."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.pump.framing import (
    LONGEST_HEAD,
    MOST_COPIED,
    Copy,
    Framing,
    UnknownFramingError,
)

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n"
POSTED = b"POST /r HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /r HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n"
    b"5\r\n\r\n\r\n!\r\nA;x=y\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\n"
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
REQUESTS = [NEXT, POSTED, CHUNKED]
ANSWERS = [ANSWER, ACCEPTED, CONTINUE, EMPTY]


def feed(framing: Framing, data: bytes, *, cuts: list[int]) -> list[Copy]:
    """Feed bytes in pieces; the time is the number of the piece."""
    places = [0, *sorted(each % (len(data) + 1) for each in cuts), len(data)]
    ended: list[Copy] = []
    for number, (begin, end) in enumerate(pairwise(places)):
        ended += framing.feed(memoryview(data)[begin:end], now_ns=number)
    return ended


@given(
    chosen=st.lists(st.sampled_from(REQUESTS), max_size=6),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
)
def test_requests_are_told_apart_in_any_pieces(chosen: list[bytes], cuts: list[int]) -> None:
    """Each copy holds one request, whatever came in one piece."""
    framing = Framing(are_answers=False)
    copies = feed(framing, b"".join(chosen), cuts=cuts)
    assert [bytes(copy.head) for copy in copies] == chosen
    assert all(copy.is_complete and copy.size == len(copy.head) for copy in copies)
    assert framing.close() is None


@given(
    chosen=st.lists(st.sampled_from(ANSWERS), max_size=6),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
)
def test_answers_are_told_apart_in_any_pieces(chosen: list[bytes], cuts: list[int]) -> None:
    """Each copy holds one answer; those of 1xx and 204 have no body."""
    framing = Framing(are_answers=True)
    copies = feed(framing, b"".join(chosen), cuts=cuts)
    assert [bytes(copy.head) for copy in copies] == chosen
    assert framing.close() is None


@given(size=st.integers(0, 400_000), cuts=st.lists(st.integers(0, 500_000), max_size=8))
def test_of_a_large_message_both_ends_are_copied(size: int, cuts: list[int]) -> None:
    """Head and tail are the first and the last bytes, and the size is that of all."""
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    message = b"POST /r HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (size, body)
    [copy] = feed(Framing(are_answers=False), message, cuts=cuts)
    assert copy.head == message[:MOST_COPIED]
    assert copy.tail == message[MOST_COPIED:][-MOST_COPIED:]
    assert copy.size == len(message)


def test_times_are_those_of_the_first_and_the_last_byte() -> None:
    """A message that came in three pieces began with the first and ended with the last."""
    [copy] = feed(Framing(are_answers=False), POSTED, cuts=[3, 40])
    assert (copy.first_ns, copy.last_ns) == (0, 2)


def test_a_message_that_is_cut_is_not_complete() -> None:
    """What came until then is copied."""
    framing = Framing(are_answers=False)
    assert feed(framing, POSTED[:-1], cuts=[]) == []
    copy = framing.close()
    assert copy is not None
    assert (bytes(copy.head), copy.is_complete) == (POSTED[:-1], False)


def test_a_large_message_that_is_cut_has_its_size() -> None:
    """Its tail is copied only where it may end: every other copy of it would be thrown away."""
    framing = Framing(are_answers=False)
    message = b"POST /r HTTP/1.1\r\nContent-Length: 900000\r\n\r\n" + b"x" * 400_000
    assert feed(framing, message, cuts=[100_000, 200_000]) == []
    copy = framing.close()
    assert copy is not None
    assert (bytes(copy.head), bytes(copy.tail)) == (message[:MOST_COPIED], b"")
    assert copy.size == len(message)


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    """It is complete then."""
    framing = Framing(are_answers=True)
    answer = b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
    assert feed(framing, answer, cuts=[20]) == []
    copy = framing.close()
    assert copy is not None
    assert (bytes(copy.head), copy.is_complete) == (answer, True)


def test_lines_of_chunks_may_end_without_a_carriage_return() -> None:
    """As lenient clients read them; the empty one ends the message."""
    message = b"POST /r HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\nA: b\n\n"
    copies = feed(Framing(are_answers=False), message + NEXT, cuts=[len(message) - 1])
    assert [bytes(copy.head) for copy in copies] == [message, NEXT]


def test_a_header_of_a_mebibyte_is_no_end() -> None:
    """Errors for X-Ray come in a header; what follows it is found."""
    head = b"POST /e HTTP/1.1\r\nX: %b\r\nContent-Length: 2\r\n\r\n" % (b"x" * 1_048_576)
    copies = feed(Framing(are_answers=False), head + b"{}" + NEXT, cuts=[100_000])
    assert [copy.size for copy in copies] == [len(head) + 2, len(NEXT)]


@pytest.mark.parametrize(
    "request_head",
    [
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000,
        b"POST / HTTP/1.1\r\nX: " + b"x" * LONGEST_HEAD * 2,
    ],
)
def test_other_requests_are_not_understood(request_head: bytes) -> None:
    """Nothing is guessed: the connection goes on without copies."""
    with pytest.raises(UnknownFramingError):
        feed(Framing(are_answers=False), request_head, cuts=list(range(0, 3_000_000, 200_000)))


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 101 Switching\r\n\r\n", b"HTTP/2 200\r\n\r\n", b"hello\r\n\r\n"]
)
def test_other_answers_are_not_understood(answer: bytes) -> None:
    """Another protocol, or none."""
    with pytest.raises(UnknownFramingError):
        feed(Framing(are_answers=True), answer, cuts=[])
