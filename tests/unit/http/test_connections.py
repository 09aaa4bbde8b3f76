"""A bound on connections: which one is closed for another."""

from __future__ import annotations

import pytest

from extension.http.connections import (
    IDLE_S,
    MAX_CONNECTIONS,
    SILENT_LOOKS,
    TORN_LOOKS,
    Connections,
    room_for_connections,
)


class Open:
    """A connection that knows whether it was closed."""

    def __init__(self, *, settled: bool = True, torn: bool = False, more: bool = False) -> None:
        self.closed = False
        self.is_settled = settled
        self.is_torn = torn
        self.more = more

    def has_sent_more(self) -> bool:
        """Tell what the test wants."""
        return self.more

    def close(self) -> None:
        """Take note."""
        self.closed = True


def full(*those: Open) -> Connections[Open]:
    """Return connections without a place left, all of them waiting since second 0."""
    connections: Connections[Open] = Connections(at_most=len(those), patience=True)
    for each in those:
        connections.admit(each, now=0)
    assert connections.is_full
    return connections


def test_the_one_idle_longest_makes_room() -> None:
    """An answered request counts as being active."""
    first, second, third = those = [Open() for _ in range(3)]
    connections = full(*those)
    connections.answering(first)
    connections.answered(first, now=1)
    assert connections.make_room(now=10)
    assert [each.closed for each in (first, second, third)] == [False, True, False]
    assert not connections.is_full


def test_a_request_under_way_is_never_cut_off() -> None:
    """With every connection busy there is no place, however long others wait."""
    busy = Open(settled=False)
    connections = full(busy)
    connections.answering(busy)
    assert (connections.busy, connections.idle) == ((busy,), ())
    for _ in range(10 * SILENT_LOOKS):
        connections.look()
    assert not connections.make_room(now=1e9)
    connections.answered(busy, now=5)
    busy.is_settled = True
    assert connections.make_room(now=5 + IDLE_S)


def test_one_that_was_just_answered_is_not_idle() -> None:
    """Its caller may be about to use it again."""
    connections = full(Open())
    assert not connections.make_room(now=IDLE_S / 2)
    assert connections.make_room(now=IDLE_S)


def test_one_whose_request_has_arrived_is_not_idle() -> None:
    """It is only that nobody has read it yet."""
    connections = full(Open(more=True))
    assert not connections.make_room(now=1e9)


@pytest.mark.parametrize(("torn", "looks"), [(True, TORN_LOOKS), (False, SILENT_LOOKS)])
def test_one_that_was_never_answered_stalls_after_some_looks(torn: bool, looks: int) -> None:
    """Half a request soon, one that has not begun later; seconds mean nothing after a freeze."""
    stalled = Open(settled=False, torn=torn, more=True)
    connections = full(stalled)
    for _ in range(looks):
        assert not connections.make_room(now=1e9)
        connections.look()
    assert connections.make_room(now=0)
    assert stalled.closed


def test_without_patience_the_longest_waiting_one_goes() -> None:
    """At once, and even if it has sent half a request."""
    connections: Connections[Open] = Connections(at_most=2)
    first, second = Open(settled=False), Open()
    for each in (first, second):
        connections.admit(each, now=0)
    assert connections.make_room(now=0)
    assert (first.closed, second.closed) == (True, False)


def test_what_is_gone_leaves_room() -> None:
    """Also if it went away while it was being answered."""
    connections: Connections[Open] = Connections(at_most=1)
    for _ in range(3):
        gone = Open()
        connections.admit(gone, now=0)
        connections.answering(gone)
        connections.forget(gone)
        connections.answered(gone, now=0)
        connections.answering(gone)
        assert len(connections) == 0


@pytest.mark.parametrize(
    ("descriptors", "room"),
    [(1024, 512), (1_000_000, MAX_CONNECTIONS), (-1, MAX_CONNECTIONS), (128, 64), (1, 1)],
)
def test_room_follows_the_file_descriptors(descriptors: int, room: int) -> None:
    """Half of what the process may open; -1 is the kernel's word for no limit."""
    assert room_for_connections(descriptors=descriptors) == room
