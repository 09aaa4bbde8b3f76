"""However the bytes of a connection come, cut or repeated, its requests are the same."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from extension.http.requests import Request, RequestReader

MAX_BODY_BYTES = 40


def sized(body: bytes) -> bytes:
    """Return a POST that announces its length."""
    return b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(chunks: Iterable[bytes]) -> bytes:
    """Return a POST in chunks."""
    coded = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks)
    return (
        b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n"
    )


pieces = st.binary(min_size=1, max_size=10)
messages = st.one_of(
    st.just(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    st.binary(max_size=MAX_BODY_BYTES).map(sized),
    st.lists(pieces, max_size=4).map(chunked),
)


def read(parts: Iterable[bytes]) -> list[Request]:
    """Return the requests of a connection up to one that ends it."""
    reader, found = RequestReader(max_body_bytes=MAX_BODY_BYTES), []
    for part in parts:
        reader.received += part
        while (request := reader.next_request()) is not None:
            found.append(request)
            if request.is_refused:
                return found
    return found


def cut(data: st.DataObject, sent: bytes) -> list[bytes]:
    """Cut bytes anywhere."""
    places = data.draw(st.sets(st.integers(0, len(sent)), max_size=12))
    return [sent[a:b] for a, b in pairwise([0, *sorted(places), len(sent)])]


@given(st.data(), st.lists(messages, min_size=1, max_size=4))
def test_any_cut_into_segments_gives_the_same(data: st.DataObject, sent: list[bytes]) -> None:
    """Also within a head, a chunk's length or a line end."""
    whole = b"".join(sent)
    found = read(cut(data, whole))
    assert found == read([whole])
    assert [each.is_refused for each in found] == [False] * len(sent)


@given(st.data(), messages)
def test_a_repeated_request_comes_twice(data: st.DataObject, sent: bytes) -> None:
    """Nothing of the first is left in the second."""
    first, second = read(cut(data, sent * 2))
    assert first == second


@given(st.data(), st.lists(messages, min_size=1, max_size=3))
def test_an_end_anywhere_loses_the_request_that_it_cuts_alone(
    data: st.DataObject, sent: list[bytes]
) -> None:
    """Those before it are there, whole; it is not, not even in part."""
    whole = b"".join(sent)
    end = data.draw(st.integers(0, len(whole)))
    complete, length = 0, 0
    for each in sent:
        length += len(each)
        complete += length <= end
    assert read(cut(data, whole[:end])) == read([whole])[:complete]


@given(st.data(), st.lists(st.binary(min_size=15, max_size=20), min_size=3, max_size=4))
def test_too_long_a_body_is_refused_wherever_it_is_cut(
    data: st.DataObject, chunks: list[bytes]
) -> None:
    """Announced or not, and nothing of it is kept."""
    for sent in (sized(b"".join(chunks)), chunked(chunks)):
        *_, last = read(cut(data, sent))
        assert last.is_refused
        assert last.body == b""
