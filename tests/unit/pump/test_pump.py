"""What goes through the pump is what goes without it: bytes, ends, resets and waiting."""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.running_pump import PATIENCE_S, PumpInThread, listening, pump_in_thread

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n"
POSTED = b"POST /r HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNK = os.urandom(65_536)
MANY_BYTES = 40_000_000
"""More than all buffers on the way can hold."""

RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def pump() -> Iterator[PumpInThread]:
    """One pump for all tests."""
    with pump_in_thread() as running:
        yield running


@pytest.fixture
def alone() -> Iterator[PumpInThread]:
    """A pump whose copies are those of one test."""
    with pump_in_thread() as running:
        yield running


Connect = Callable[[], tuple[socket.socket, socket.socket]]
"""Returns both ends of a new connection: the runtime's and the Runtime API's."""


@pytest.fixture(scope="module", params=["without the pump", "through the pump"])
def connect(request: pytest.FixtureRequest, pump: PumpInThread) -> Iterator[Connect]:
    """Each test of the wire holds without the pump, too."""
    if request.param == "through the pump":
        yield pump.connect
    else:
        with listening() as server:
            yield PumpInThread(server.getsockname()[1], server, pump.channel).connect


def drain(pump: PumpInThread) -> int:
    """Throw away the copies so far; return how many there were."""
    count = 0
    pump.channel.setblocking(False)
    try:
        while pump.channel.recv(200_000):
            count += 1
    except BlockingIOError:
        pump.channel.settimeout(60)
    return count


def read(source: socket.socket, count: int) -> bytes:
    """Read so many bytes."""
    data = bytearray()
    while len(data) < count:
        data += source.recv(count - len(data)) or pytest.fail(f"ended after {len(data)} bytes")
    return bytes(data)


def read_all(source: socket.socket) -> bytes:
    """Read until the other side has sent all."""
    parts = []
    while part := source.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def send_all(data: bytes, source: socket.socket, sink: socket.socket) -> None:
    """Send the last bytes of a side; they arrive, and so does that they are the last."""
    source.sendall(data)
    source.shutdown(socket.SHUT_WR)
    assert read_all(sink) == data


def is_reset(sink: socket.socket) -> bool:
    """Read what is there and tell whether a reset follows it."""
    try:
        read_all(sink)
    except ConnectionResetError:
        return True
    return False


def close(*sockets: socket.socket) -> None:
    """Close them."""
    for each in sockets:
        each.close()


def test_a_request_and_its_answer(alone: PumpInThread) -> None:
    """Both arrive as they are, and are copied with their times."""
    client, upstream = alone.connect()
    client.sendall(POSTED)
    assert upstream.recv(1000) == POSTED
    upstream.sendall(ANSWER)
    assert client.recv(1000) == ANSWER
    request, answer = alone.copies(2)
    close(client, upstream)
    assert (request.direction, answer.direction) == ("request", "answer")
    assert (request.copied.head, answer.copied.head) == (POSTED, ANSWER)
    assert request.connection == answer.connection
    assert request.first_byte_ns <= request.last_byte_ns <= answer.first_byte_ns
    assert request.is_complete
    assert answer.is_complete


def test_connections_are_counted_from_1() -> None:
    """So that the copies of two can be distinguished."""
    with pump_in_thread() as pump:
        for _ in range(2):
            client, upstream = pump.connect()
            client.sendall(POSTED)
            assert read(upstream, len(POSTED)) == POSTED
            close(client, upstream)
        assert [copy.connection for copy in pump.copies(2)] == [1, 2]


def test_what_tells_nothing_is_not_handed_over(alone: PumpInThread) -> None:
    """To read copies of the calls of /next and of acknowledgements would cost the function CPU."""
    client, upstream = alone.connect()
    for request, answer in ((NEXT, ANSWER), (POSTED, ACCEPTED), (NEXT, b"")):
        client.sendall(request)
        assert read(upstream, len(request)) == request
        upstream.sendall(answer)
        assert read(client, len(answer)) == answer
    close(client, upstream)
    assert [copy.copied.head for copy in alone.copies(2)] == [ANSWER, POSTED]


def test_a_side_that_has_sent_all_can_still_receive(connect: Connect) -> None:
    """Each FIN is passed on by itself, after what was sent before it."""
    client, upstream = connect()
    send_all(NEXT, client, upstream)
    send_all(ANSWER, upstream, client)
    close(client, upstream)


def test_the_other_side_may_end_first(connect: Connect) -> None:
    """As a server does that refuses a body before it has read it."""
    client, upstream = connect()
    send_all(ANSWER, upstream, client)
    send_all(NEXT, client, upstream)
    close(client, upstream)


def test_an_answer_may_be_large_where_nothing_follows_its_request(connect: Connect) -> None:
    """The side that has sent all takes what it can; the rest waits, and none of it is lost."""
    client, upstream = connect()
    send_all(NEXT, client, upstream)
    sent = send_until_full(upstream)
    received = bytearray()
    reader = threading.Thread(target=lambda: received.extend(read_all(client)))
    reader.start()
    upstream.sendall(b"end")
    upstream.shutdown(socket.SHUT_WR)
    reader.join(60)
    assert bytes(received) == (CHUNK * (sent // len(CHUNK) + 1))[:sent] + b"end"
    close(client, upstream)


def test_a_body_ends_as_it_does_where_the_answer_has_ended_before(connect: Connect) -> None:
    """However slowly it is read: both have sent all by then, and neither was reset."""
    client, upstream = connect()
    send_all(ANSWER, upstream, client)
    sent = send_until_full(client)
    client.shutdown(socket.SHUT_WR)
    assert read_all(upstream) == (CHUNK * (sent // len(CHUNK) + 1))[:sent]
    close(client, upstream)


def test_a_reset_after_all_was_sent(connect: Connect) -> None:
    """It is passed on at once, not with what the other side sends next."""
    client, upstream = connect()
    send_all(NEXT, client, upstream)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()
    poll = select.poll()
    poll.register(upstream, 0)
    [(_, events)] = poll.poll(PATIENCE_S * 1000)
    assert events & select.POLLERR
    upstream.close()


@pytest.mark.parametrize("by_client", [True, False])
def test_a_reset_is_passed_on(connect: Connect, *, by_client: bool) -> None:
    """The other side gets what was sent before, and then a reset too."""
    sides = connect()
    sender, receiver = sides if by_client else sides[::-1]
    data = NEXT[:20] if by_client else ANSWER[:20]
    sender.sendall(data)
    assert receiver.recv(1000) == data
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sender.close()
    assert is_reset(receiver)
    receiver.close()


def test_a_message_that_is_cut_is_copied(alone: PumpInThread) -> None:
    """As far as it came, and it is not complete."""
    client, upstream = alone.connect()
    client.sendall(POSTED[:20])
    assert read(upstream, 20) == POSTED[:20]
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()
    assert is_reset(upstream)
    upstream.close()
    [copy] = alone.copies(1)
    assert (copy.copied.head, copy.is_complete) == (POSTED[:20], False)


def test_a_reset_while_the_other_side_takes_nothing(connect: Connect) -> None:
    """It comes after what the other side takes later."""
    client, upstream = connect()
    sent = send_until_full(upstream)
    upstream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    upstream.close()
    assert sent > len(CHUNK)
    assert read(client, len(CHUNK)) == CHUNK
    assert is_reset(client)
    client.close()


def test_writing_to_a_side_that_is_gone(connect: Connect) -> None:
    """It is a reset for the writer, as without the pump."""
    client, upstream = connect()
    client.close()
    assert read_all(upstream) == b""
    upstream.sendall(ANSWER)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        upstream.sendall(CHUNK * 500)
    upstream.close()


def test_an_early_answer_reaches_a_client_that_still_sends(connect: Connect) -> None:
    """A server refuses a body and closes: the answer comes before the reset."""
    client, upstream = connect()
    client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + CHUNK[:50_000])
    upstream.recv(10)
    upstream.sendall(ANSWER)
    assert read(client, len(ANSWER)) == ANSWER
    upstream.close()  # unread bytes make this a reset
    assert is_reset(client)
    client.close()


def send_until_full(sender: socket.socket) -> int:
    """Send until nothing is taken for a while; return how many bytes were."""
    sent = 0
    sender.settimeout(0.5)
    try:
        while sent < MANY_BYTES:
            sent += sender.send(CHUNK[sent % len(CHUNK) :])
    except TimeoutError:
        pass
    sender.settimeout(60)
    return sent


@pytest.mark.parametrize("by_client", [True, False])
def test_a_slow_reader_holds_up_the_sender(connect: Connect, *, by_client: bool) -> None:
    """The pump keeps one buffer, so a stream is no faster than its reader; nothing is lost."""
    sides = connect()
    sender, receiver = sides if by_client else sides[::-1]
    sent = send_until_full(sender)
    assert sent < MANY_BYTES
    received = bytearray()
    reader = threading.Thread(target=lambda: received.extend(read_all(receiver)))
    reader.start()
    sender.sendall(b"end")
    sender.shutdown(socket.SHUT_WR)
    reader.join(60)
    whole = CHUNK * (sent // len(CHUNK) + 1)
    assert bytes(received) == whole[:sent] + b"end"
    close(*sides)


def test_what_waits_is_not_overwritten_by_another_connection(connect: Connect) -> None:
    """All connections share a buffer, and what a side has not taken yet is not in it."""
    client, upstream = connect()
    sent = send_until_full(client)
    other, other_upstream = connect()
    for _ in range(8):
        other.sendall(b"z" * 65_536)
        assert read(other_upstream, 65_536) == b"z" * 65_536
    whole = CHUNK * (sent // len(CHUNK) + 1)
    assert read(upstream, sent) == whole[:sent]
    close(client, upstream, other, other_upstream)


def test_what_is_not_http_passes_without_copies(alone: PumpInThread) -> None:
    """The connection goes on, and so do the copies of others."""
    client, upstream = alone.connect()
    garbage = os.urandom(3_000_000)
    sender = threading.Thread(target=client.sendall, args=(garbage,))
    sender.start()
    assert read(upstream, len(garbage)) == garbage
    sender.join(60)
    upstream.sendall(ANSWER)
    assert client.recv(1000) == ANSWER
    other, other_upstream = alone.connect()
    other.sendall(POSTED)
    assert other_upstream.recv(1000) == POSTED
    [copy] = alone.copies(1)
    assert copy.copied.head == POSTED
    close(client, upstream, other, other_upstream)


def test_copies_that_nobody_takes_are_lost_and_counted(alone: PumpInThread) -> None:
    """The traffic goes on; a later copy tells how many are missing."""
    client, upstream = alone.connect()
    before = lost_so_far(alone, client, upstream)
    body = b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    for _ in range(20):
        client.sendall(body)
        assert read(upstream, len(body)) == body
    client.sendall(NEXT)  # when it has arrived, the copies of what came before are dealt with
    assert read(upstream, len(NEXT)) == NEXT
    kept = drain(alone)
    assert 0 < kept < 20
    assert lost_so_far(alone, client, upstream) - before == 20 - kept
    close(client, upstream)


def lost_so_far(pump: PumpInThread, client: socket.socket, upstream: socket.socket) -> int:
    """Return how many copies were lost before the one of a further request."""
    drain(pump)
    client.sendall(POSTED)
    assert upstream.recv(1000) == POSTED
    [copy] = pump.copies(1)
    return copy.lost


def test_many_connections_at_once(connect: Connect) -> None:
    """Each has its own to the Runtime API, and none waits for another."""
    pairs = [connect() for _ in range(100)]
    for client, upstream in reversed(pairs):
        client.sendall(NEXT)
        assert upstream.recv(1000) == NEXT
    for client, upstream in pairs:
        close(upstream, client)


def test_a_refused_runtime_api_is_a_reset() -> None:
    """There is nothing to answer for it."""
    with pump_in_thread() as pump:
        pump.server.close()
        with socket.socket() as client, pytest.raises(ConnectionResetError):
            connect_and_read(client, pump.port)


def connect_and_read(client: socket.socket, port: int) -> None:
    """Connect, and read the first byte."""
    client.connect(("127.0.0.1", port))
    client.recv(1)


STEPS = st.lists(
    st.tuples(
        st.booleans(),
        st.one_of(
            st.binary(min_size=1, max_size=2000),
            st.sampled_from([NEXT, ANSWER, CHUNK, NEXT + NEXT[:9], b"0\r\n\r\n"]),
        ),
    ),
    max_size=12,
)
ENDS = st.sampled_from(["client", "upstream", "client resets", "upstream resets"])


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, end=ENDS)
def test_any_bytes_and_any_end(connect: Connect, steps: list[tuple[bool, bytes]], end: str) -> None:
    """Random bytes arrive as they are in both directions, and each kind of end as what it is."""
    client, upstream = connect()
    for by_client, data in steps:
        sender, receiver = (client, upstream) if by_client else (upstream, client)
        sender.sendall(data)
        assert read(receiver, len(data)) == data
    first, second = (client, upstream) if end.startswith("client") else (upstream, client)
    if end.endswith("resets"):
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        first.close()
        assert is_reset(second)
    else:
        first.shutdown(socket.SHUT_WR)
        assert read_all(second) == b""
        second.shutdown(socket.SHUT_WR)
        assert read_all(first) == b""
    close(client, upstream)
