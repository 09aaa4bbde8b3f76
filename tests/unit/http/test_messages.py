"""HTTP messages, read strictly and written."""

from __future__ import annotations

import pytest

from extension.http.messages import (
    LONGEST_HEAD,
    LONGEST_LINE,
    MOST_HEADERS,
    TO_THE_END,
    BadMessageError,
    Head,
    Reply,
    encode,
    is_request,
    read_answer_head,
    read_body,
    read_request_head,
)

GET = b"GET /a%2f?b=c HTTP/1.1\r\nHost: localhost"
OK = Reply(200, {"Content-Type": "text/plain"}, b"yes")


def head(lines: bytes = GET) -> Head:
    """Read the head of a request."""
    return read_request_head(lines)


def test_a_head_is_taken_apart() -> None:
    """The target stays as it was sent; names are in lower case, values without space around."""
    read = head(GET + b"\r\nX-Token:\t a:b \r\nx-empty:")
    assert (read.method, read.target, read.minor, read.length) == ("GET", "/a%2f?b=c", 1, 0)
    assert read.headers == {"host": "localhost", "x-token": "a:b", "x-empty": ""}


def test_heads_are_told_apart_by_their_hash() -> None:
    """By each header: of heads that share a hash, a dictionary compares one after the other."""
    heads = [head(GET + b"\r\ntraceparent: %d" % number) for number in range(100)]
    assert len({hash(each) for each in heads}) == 100
    assert hash(head(GET)) == hash(head(GET))
    assert head(GET) == head(GET)


def test_of_repeated_headers_the_first_stands() -> None:
    """Where a repetition is harmless."""
    assert head(GET + b"\r\nAccept: a\r\naccept: b").headers["accept"] == "a"


def test_values_may_hold_any_bytes() -> None:
    """Beyond UTF-8 they come as surrogates, so that nothing of them is lost."""
    value = head(GET + b"\r\nx-token: \xff\xc3\xbc").headers["x-token"]
    assert value.encode("utf-8", "surrogateescape") == b"\xff\xc3\xbc"


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"GET / HTTP/1.1\nHost: x",
        b"GET  / HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / HTTP/2.0",
        b"GET / HTTP/1.10",
        b"GET / http/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /\xc3\xbc HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"G\xcbT / HTTP/1.1",
        b"GET /" + b"x" * LONGEST_LINE + b" HTTP/1.1",
        GET + b"\r\n",
        GET + b"\r\nno colon",
        GET + b"\r\nnocolon",
        GET + b"\r\n: no name",
        GET + b"\r\nspace before : x",
        GET + b"\r\nbad name: x",
        GET + b"\r\nX: 1\r\n folded",
        GET + b"\r\nX: a\rb",
        GET + b"\r\nX: a\nb",
        GET + b"\r\nX: \x00",
        GET + b"\r\nX: " + b"x" * LONGEST_LINE,
        GET + b"\r\nX: 1" * MOST_HEADERS,
        GET + b"\r\nHost: localhost",
        GET + b"\r\nContent-Length: -1",
        GET + b"\r\nContent-Length: +1",
        GET + b"\r\nContent-Length: 1_0",
        GET + b"\r\nContent-Length: \xd9\xa3",
        GET + b"\r\nContent-Length: 0, 0",
        GET + b"\r\nContent-Length: " + b"9" * 40,
        GET + b"\r\nContent-Length: 1\r\nContent-Length: 1",
        GET + b"\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        GET + b"\r\nTransfer-Encoding: gzip, chunked",
        GET + b"\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
    ],
)
def test_what_is_no_head_is_refused(lines: bytes) -> None:
    """Broken, too long, or to be read in two ways."""
    with pytest.raises(BadMessageError):
        head(lines)


def test_the_length_of_a_body_is_told() -> None:
    """A number, none at all, or in chunks."""
    assert head(GET + b"\r\nContent-Length: 12").length == 12
    assert head(GET + b"\r\nTransfer-Encoding: Chunked").length is None


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        (b"1", b"", True),
        (b"1", b"close", False),
        (b"1", b"Upgrade, Close", False),
        (b"0", b"", False),
        (b"0", b"Keep-Alive", True),
    ],
)
def test_callers_say_whether_they_go_on(version: bytes, connection: bytes, *, kept: bool) -> None:
    """Version 1.1 goes on unless it says no, version 1.0 only if it says so."""
    lines = b"GET / HTTP/1." + version + b"\r\nConnection: " + connection
    assert head(lines).keeps_alive is kept


@pytest.mark.parametrize(
    ("beginning", "may_be"),
    [
        (b"", True),
        (b"GE", True),
        (b"GET / HTTP/1.1\r\nHo", True),
        (b"SSH-2.0-OpenSSH_9.0\r\n", False),
        (b"\x16\x03\x01\r\n", False),
        (b"\x16\x03\x01\x02\x00\x01", False),
        (b"GET / HTTP/1.1\nHo", False),
        (b"GET / HTTP/1.1\r", True),
        (GET + b"\r\nX: " + b"x" * LONGEST_HEAD, False),
    ],
)
def test_a_beginning_tells_early_what_it_cannot_become(beginning: bytes, *, may_be: bool) -> None:
    """Another protocol is recognised by its first bytes, a head without end by its size.

    Who speaks TLS to a port that does not would wait for ever.
    """
    assert is_request(beginning) is may_be
    assert is_request(bytearray(beginning)) is may_be


def test_an_answer_is_read_likewise() -> None:
    """The status stands where a request has its target."""
    read = read_answer_head(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2")
    assert (read.target, read.length) == ("202", 2)
    assert read_answer_head(b"HTTP/1.0 200").target == "200"
    for status in (b"100", b"204", b"304"):
        assert read_answer_head(b"HTTP/1.1 " + status).length == 0
    with pytest.raises(BadMessageError):
        read_answer_head(b"SIP/2.0 200 OK")


def test_an_answer_without_a_length_goes_on_to_the_end() -> None:
    """And its connection is good for no other."""
    read = read_answer_head(b"HTTP/1.1 200 OK")
    assert (read.length, read.keeps_alive) == (TO_THE_END, False)


IN_CHUNKS = head(GET + b"\r\nTransfer-Encoding: chunked")
CHUNKED = b"3\r\nabc\r\nA ;ext=1\r\n0123456789\r\n0\r\n\r\n"


def body_in(data: bytes, *, of: Head = IN_CHUNKS) -> tuple[bytes, bytes] | None:
    """Read a body; return it and what comes after it, None if it is not whole."""
    received, body = bytearray(data), bytearray()
    return (bytes(body), bytes(received)) if read_body(of, received, body) else None


def test_a_body_has_the_length_that_was_announced() -> None:
    """What comes after is not touched."""
    announced = head(GET + b"\r\nContent-Length: 3")
    assert body_in(b"abcdef", of=announced) == (b"abc", b"def")
    assert body_in(b"ab", of=announced) is None
    assert body_in(b"GET", of=head()) == (b"", b"GET")


@pytest.mark.parametrize("after", [b"", b"GET / HTTP/1.1"])
def test_chunks_make_a_body(after: bytes) -> None:
    """Sizes are hexadecimal, extensions mean nothing, what comes after is not touched."""
    assert body_in(CHUNKED + after) == (b"abc0123456789", after)


def test_a_trailer_is_thrown_away() -> None:
    """It belongs to the body and says nothing that is wanted."""
    assert body_in(b"1\r\na\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\nrest") == (b"a", b"rest")


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_chunks_may_come_in_any_pieces(step: int) -> None:
    """Until the last byte is there, they are unfinished."""
    received, body = bytearray(), bytearray()
    for at in range(0, len(CHUNKED), step):
        received += CHUNKED[at : at + step]
        assert read_body(IN_CHUNKS, received, body) is (at + step >= len(CHUNKED))
    assert bytes(body) == b"abc0123456789"
    assert not received


def test_a_chunk_is_read_once() -> None:
    """Else a body in tiny chunks would be read from its beginning with every piece that comes."""
    received, body = bytearray(b"1\r\na\r\n" * 3 + b"1\r\n"), bytearray()
    assert not read_body(IN_CHUNKS, received, body)
    assert bytes(body) == b"aaa"
    assert bytes(received) == b"1\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"x\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x1\r\na\r\n",
        b"fffffffff\r\n",
        b"1\r\nab\r\n0\r\n\r\n",
        b"1\r\nabc0\r\n\r\n",
        b"1\na\n0\n\n" + b"x" * 300,
        b"0\r\n" + b"x" * (LONGEST_HEAD + 3),
    ],
)
def test_broken_chunks_are_refused(data: bytes) -> None:
    """It is unknown where such a body ends."""
    with pytest.raises(BadMessageError):
        body_in(data)


def test_a_reply_says_its_length_and_whether_it_is_the_last() -> None:
    """What the handler gave, and what the connection needs."""
    sent = encode(OK, to=head(), close=True)
    assert sent == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        b"Content-Length: 3\r\n\r\nyes"
    )
    assert b"Connection" not in encode(OK, to=head(), close=False)


def test_a_caller_of_version_1_0_is_told_that_it_may_go_on() -> None:
    """It would not expect it."""
    old = head(b"GET / HTTP/1.0\r\nConnection: keep-alive")
    assert b"Connection: keep-alive\r\n" in encode(OK, to=old, close=False)


def test_a_reply_to_head_has_no_body() -> None:
    """It says the length that the body would have."""
    sent = encode(OK, to=head(b"HEAD / HTTP/1.1"), close=False)
    assert sent.endswith(b"Content-Length: 3\r\n\r\n")


@pytest.mark.parametrize(
    "lines",
    [
        b"GET " + b"x" * LONGEST_LINE + b" HTTP/1.1",
        GET + b"\r\nX: " + b"x" * (LONGEST_LINE - 3),
        GET + b"\r\nX: 1" * (MOST_HEADERS - 1),
        GET + b"\r\nContent-Length: 123456789012345",
    ],
)
def test_a_head_may_be_as_long_as_its_bounds(lines: bytes) -> None:
    """One byte, header or digit more is refused."""
    longer = {
        b"1.1": lines.replace(b"x HTTP", b"xx HTTP"), b"xxx": lines + b"x",
        b": 1": lines + b"\r\nX: 1", b"345": lines + b"6",
    }[lines[-3:]]  # fmt: skip
    assert head(lines)
    with pytest.raises(BadMessageError):
        head(longer)


def test_a_head_that_goes_on_is_as_long_as_its_bound() -> None:
    """One byte more can become no head."""
    lines = GET + b"\r\nX: "
    assert is_request(lines.ljust(LONGEST_HEAD, b"x"))
    assert not is_request(lines.ljust(LONGEST_HEAD + 1, b"x"))


def test_chunks_may_be_none() -> None:
    """The last one alone."""
    assert body_in(b"0\r\n\r\nrest") == (b"", b"rest")


def test_an_answer_with_a_length_or_in_chunks_ends_there() -> None:
    """Its connection is good for another."""
    for line, length in ((b"Content-Length: 0", 0), (b"Transfer-Encoding: chunked", None)):
        read = read_answer_head(b"HTTP/1.1 200 OK\r\n" + line)
        assert (read.length, read.keeps_alive, read.minor) == (length, True, 1)
    assert read_answer_head(b"HTTP/1.1 204 No Content").keeps_alive


@pytest.mark.parametrize(
    ("longest", "rest"),
    [(b"1;" + b"x" * 254, b"\r\na\r\n0\r\n\r\n"), (b"0\r\nX: " + b"x" * 65_533, b"\r\n\r\n")],
)
def test_a_chunks_line_and_a_trailer_have_bounds(longest: bytes, rest: bytes) -> None:
    """As long as the bound, they may still end; one byte more, and the body is refused."""
    assert body_in(longest) is None
    assert body_in(longest + rest) is not None
    with pytest.raises(BadMessageError):
        body_in(longest + b"x")


def test_a_chunk_waits_for_the_line_break_behind_it() -> None:
    """Until then it may be longer than announced."""
    received, body = bytearray(b"1\r\na\r"), bytearray()
    assert not read_body(IN_CHUNKS, received, body)
    assert not body
    received += b"\n"
    assert not read_body(IN_CHUNKS, received, body)
    assert body == b"a"


def test_a_reply_needs_no_request_and_no_known_status() -> None:
    """A malformed request is answered, too."""
    assert encode(Reply(299, {}, b"x"), to=None, close=False) == (
        b"HTTP/1.1 299 \r\nContent-Length: 1\r\n\r\nx"
    )
