"""Where messages begin and end is found in any pieces, and their ends are copied."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.pump.framing import Copy, Framing, UnknownFramingError, body_length, chunk_size

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
UNCHANGED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"
LONGEST_HEAD = 1_310_720
MOST_COPIED = 65_536
REQUESTS = [NEXT, POSTED, CHUNKED]
ANSWERS = [ANSWER, ACCEPTED, CONTINUE, EMPTY, UNCHANGED]


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
    """Each copy holds one answer; those of 1xx, 204 and 304 have no body."""
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


@pytest.mark.parametrize("whole", [CHUNKED, POSTED, ACCEPTED])
def test_a_message_may_be_cut_anywhere(whole: bytes) -> None:
    """In any two pieces, before it ends and with another one behind it."""
    for cut in range(1, len(whole)):
        found = Framing(are_answers=whole is ACCEPTED)
        assert feed(found, whole[:cut], cuts=[]) == []
        copies = feed(found, whole[cut:] + whole, cuts=[])
        assert [bytes(copy.head) for copy in copies] == [whole, whole]


@pytest.mark.parametrize("cuts", [[], [70_000], [65_535, 65_536, 131_072, 200_000]])
def test_of_a_large_chunk_both_ends_are_copied(cuts: list[int]) -> None:
    """It may come in pieces of any size, and its end is recognised by what follows it."""
    chunk = b"0123456789abcdef" * 12_500
    head = b"POST /r HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    message = b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(chunk), chunk)
    [copy] = feed(Framing(are_answers=False), message, cuts=cuts)
    assert copy.head == message[:MOST_COPIED]
    assert copy.tail == message[-MOST_COPIED:]


@pytest.mark.parametrize("size", [MOST_COPIED - 1, MOST_COPIED, MOST_COPIED + 1])
def test_a_message_as_long_as_a_copy_has_no_tail(size: int) -> None:
    """What is at its beginning is not copied again."""
    head = b"POST /r HTTP/1.1\r\nContent-Length: 65000\r\n\r\n"
    message = head.replace(b"65000", b"%d" % (size - len(head))) + bytes(size - len(head))
    [copy] = feed(Framing(are_answers=False), message, cuts=[size - 2, size - 1])
    assert (len(copy.head), len(copy.tail)) == (min(size, MOST_COPIED), size - len(copy.head))


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
    message = b"POST /r HTTP/1.1\r\nContent-Length: 465536\r\n\r\n" + b"x" * 400_000
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
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET /\r\nX: HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1000000000000000000\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 17 + b"\r\n",
    ],
)
def test_other_requests_are_not_understood(request_head: bytes) -> None:
    """Nothing is guessed: the connection goes on without copies."""
    with pytest.raises(UnknownFramingError):
        feed(Framing(are_answers=False), request_head, cuts=list(range(0, 3_000_000, 200_000)))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"hello\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 20\r\n\r\n",
    ],
)
def test_other_answers_are_not_understood(answer: bytes) -> None:
    """Another protocol, or none."""
    with pytest.raises(UnknownFramingError):
        feed(Framing(are_answers=True), answer, cuts=[])


START = b"POST / HTTP/1.1\r\nX: "
IN_CHUNKS = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("before", "line", "most"),
    [
        (b"", START, LONGEST_HEAD),
        (IN_CHUNKS, b"1;", 1024),
        (IN_CHUNKS + b"0\r\n", b"A: ", LONGEST_HEAD),
    ],
)
def test_a_line_or_head_without_an_end_is_given_up(before: bytes, line: bytes, most: int) -> None:
    """Such a client could fill the memory; one byte less is borne."""
    framing = Framing(are_answers=False)
    feed(framing, before + line.ljust(most, b"x"), cuts=[])
    with pytest.raises(UnknownFramingError):
        feed(framing, b"x", cuts=[])


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 100000000000000000\r\n\r\n", 10**17),
        (b"POST / HTTP/1.1\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\n", 7),
        (b"POST / HTTP/1.1\r\n\r\n", 0),
    ],
)
def test_the_length_of_a_body(head: bytes, length: int) -> None:
    """As it is stated, however large; twice if it is the same."""
    assert body_length(head, is_answer=False) == length


@pytest.mark.parametrize(
    ("line", "size"), [(b"1f;x=y\r\n", 31), (b"000000000000001F\n", 31), (b" 0 \r\n", 0)]
)
def test_the_size_of_a_chunk(line: bytes, size: int) -> None:
    """Hexadecimal, with extensions and spaces that clients may send."""
    assert chunk_size(line) == size
