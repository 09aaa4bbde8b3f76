"""HTTP over a plain socket: as much as Lambda's own responses need."""

from __future__ import annotations

import _socket
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from extension.platform import plain_http
from extension.platform.plain_http import Address, RefusedError, Response
from tests.sandbox import free_port
from tests.waiting import PATIENCE_S


@pytest.fixture
def pair() -> Iterator[tuple[_socket.socket, _socket.socket]]:
    """Our side of a connection, and the server's, which stays open."""
    ours, theirs = _socket.socketpair()
    ours.settimeout(PATIENCE_S)
    with closing(ours), closing(theirs):
        yield ours, theirs


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hel", b"lo"],
        [b"HTTP/1.1 200 OK\r\nContent-", b"Length: 0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", b"\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n"],
        [b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"],
    ],
)
def test_a_response_ends_where_it_says(
    pair: tuple[_socket.socket, _socket.socket], parts: list[bytes]
) -> None:
    """In whatever pieces it comes, though the connection stays open."""
    ours, theirs = pair

    class Reading:
        """Gets one piece at a time, and nothing behind the last."""

        def recv(self, size: int) -> bytes:
            assert parts, "it reads on behind the end"
            theirs.sendall(parts.pop(0))
            return ours.recv(size)

    reading: Any = Reading()
    assert plain_http.receive(reading).status == 200
    assert parts == []


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_response_in_chunks_is_one(step: int) -> None:
    """An event that is cut anywhere is the event: SHUTDOWN is not missed for it."""
    event = b'{"eventType":"SHUTDOWN","deadlineMs":1}'
    pieces = [event[at : at + step] for at in range(0, len(event), step)]
    sent = b"".join(b"%X;a=b\r\n%b\r\n" % (len(each), each) for each in pieces)
    whole = CHUNKED + sent + b"0\r\n\r\n"
    assert plain_http.receive(arriving(whole)).body == event
    assert plain_http.receive(arriving(whole)).json_object == event


@pytest.mark.parametrize(
    "chunks",
    [b"", b"5\r\nhel", b"5\r\nhello\r\n", b"1\r\na\r\n1\r\nb\r\n3x", b"x\r\nhello\r\n0\r\n\r\n"],
)
def test_chunks_that_end_early_are_no_response(chunks: bytes) -> None:
    """The call failed, and is repeated."""
    with pytest.raises(ValueError, match=r"invalid literal|not found"):
        plain_http.receive(arriving(CHUNKED + chunks))


def test_what_is_sent_before_a_response_is_skipped() -> None:
    """In one piece with it or not, as RFC 9110 (15.2) allows it for every request."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    for pieces in (
        [early, early + response],
        [early * 2 + response],
        [early[:20], early[20:], response],
    ):
        got = plain_http.receive(arriving(*pieces))
        assert (got.status, got.body) == (200, b"ok")


def arriving(*pieces: bytes) -> Any:
    """Return a connection on which these arrive, and then its end."""
    left = iter([*pieces, b""])
    return SimpleNamespace(recv=lambda _: next(left))


@pytest.mark.parametrize(
    "received",
    [
        b"HTTP/1.1 200 OK\r\n\r\n0\r\n\r\n more",
        b"HTTP/1.1 200 OK\r\nContent-Length: some\r\n\r\n more",
        b"HTTP/1.1 200 OK\r\nX: 5\r\n\r\nhello more",
    ],
)
def test_without_a_length_a_response_ends_with_its_connection(received: bytes) -> None:
    """Whatever its body looks like, and wherever it is cut."""
    pieces = iter([received[:-5], received[-5:], b""])

    class Reading:
        """Gets the pieces separately."""

        def recv(self, _: int) -> bytes:
            return next(pieces)

    reading: Any = Reading()
    assert plain_http.receive(reading).body.endswith(b" more")


@pytest.mark.parametrize(
    ("status", "is_final"),
    [
        *((status, True) for status in (400, 407, 409, 428, 430, 499)),
        *((status, False) for status in (399, 408, 429, 500)),
    ],
)
def test_a_refusal_is_final_where_a_repetition_does_not_help(
    status: int, *, is_final: bool
) -> None:
    """4xx, but for a timeout and too many requests."""
    error = RefusedError(Response(status=status, headers={}, body=b"x" * 300))
    assert error.is_final is is_final
    assert str(error) == f"status {status}: {'x' * 200}"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"errorMessage":"m","errorType":"Extension.Unknown"}', "Extension.Unknown"),
        (b'{"errorType" : "a"}', "a"),
        (b'{"errorType":"' + b"x" * 90 + b'"}', "x" * 80),
        (b'{"errorType":"\xff"}', "\ufffd"),
        (b'{"message":"a"}', ""),
        (b"", ""),
    ],
)
def test_the_name_of_an_error(body: bytes, name: str) -> None:
    """AWS's, cut; none if there is none."""
    assert Response(status=403, headers={}, body=body).error_type == name


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Serve one connection; yield the address, and what was read on it until its end."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)

        def serve() -> None:
            connection, _ = listening.accept()
            with closing(connection):
                received.append(connection.recv(65_536))
                connection.sendall(answer)
                received.append(connection.recv(65_536))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", received
        thread.join()


def test_an_exchange_ends_its_connection() -> None:
    """It says so in the request, whose body follows its head."""
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Name:  value \r\n\r\n") as (
        api,
        seen,
    ):
        answer = plain_http.exchange(
            Address(f"{api}/prefix"), method="POST", path="/path", headers={"A": "b"}, body=b"body",
            timeout_s=PATIENCE_S,
        )  # fmt: skip
    assert seen == [
        b"POST /prefix/path HTTP/1.1\r\nHost: %b\r\nContent-Length: 4\r\nConnection: close\r\n"
        b"A: b\r\n\r\nbody" % api.encode(),
        b"",
    ]
    assert answer.headers == {"content-length": "0", "x-name": "value"}


def test_the_first_address_that_accepts_connections_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name may have several, as `localhost` has; where none does, the last failure is raised."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0)
        refusing = (*kind, ("127.0.0.1", free_port()))
        found = [refusing, (*kind, listening.getsockname())]
        monkeypatch.setattr(Address, "resolve", lambda _: found)
        with closing(plain_http.connect(Address("name"), timeout_s=PATIENCE_S)) as connection:
            assert connection.getpeername() == listening.getsockname()
            assert connection.gettimeout() == PATIENCE_S
        found[1:] = []
        with pytest.raises(ConnectionRefusedError):
            plain_http.connect(Address("name"), timeout_s=PATIENCE_S)
        found.clear()
        with pytest.raises(OSError, match="has no address"):
            plain_http.connect(Address("name"), timeout_s=PATIENCE_S)


@pytest.mark.parametrize("text", ["host:²", "a:b:80x", "[::1]:8x"])
def test_a_port_has_digits_alone(text: str) -> None:
    """Those of ASCII."""
    if text == "a:b:80x":
        assert Address(text).port == 80  # without brackets it is an address of IPv6 as a whole
        return
    with pytest.raises(ValueError, match="not an address"):
        Address(text)


def test_an_address_that_is_none_is_repeated_cut() -> None:
    """A line about it is no longer than others."""
    with pytest.raises(ValueError, match=r"^not an address of an API: '.{80}'$"):
        Address(":" + "1" * 200)
