"""A bound on connections."""

from __future__ import annotations

import pytest

from extension.connections import MAX_CONNECTIONS, Connections, room_for_connections


class Open:
    """A connection that knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        """Take note."""
        self.closed = True


def test_the_one_idle_longest_makes_room() -> None:
    """An answered request counts as being active."""
    connections: Connections[Open] = Connections(at_most=3)
    first, second, third, fourth = (Open() for _ in range(4))
    assert all(connections.admit(each) for each in (first, second, third))
    connections.answering(first)
    connections.answered(first)
    assert connections.admit(fourth)
    assert [each.closed for each in (first, second, third, fourth)] == [False, True, False, False]
    assert len(connections) == 3


def test_a_request_under_way_is_never_cut_off() -> None:
    """With every connection busy the newcomer is refused, until there is room."""
    connections: Connections[Open] = Connections(at_most=1)
    busy, late = Open(), Open()
    connections.admit(busy)
    connections.answering(busy)
    assert (connections.busy, connections.idle) == ((busy,), ())
    assert not connections.admit(late)
    connections.answered(busy)
    assert connections.admit(late)
    assert busy.closed


def test_what_is_gone_leaves_room() -> None:
    """Also if it went away while it was being answered."""
    connections: Connections[Open] = Connections(at_most=1)
    for _ in range(3):
        gone = Open()
        assert connections.admit(gone)
        connections.answering(gone)
        connections.forget(gone)
        connections.answered(gone)
        connections.answering(gone)
        assert len(connections) == 0


@pytest.mark.parametrize(
    ("descriptors", "room"),
    [(1024, 512), (1_000_000, MAX_CONNECTIONS), (-1, MAX_CONNECTIONS), (128, 64), (1, 1)],
)
def test_room_follows_the_file_descriptors(descriptors: int, room: int) -> None:
    """Half of what the process may open; -1 is the kernel's word for no limit."""
    assert room_for_connections(descriptors=descriptors) == room
