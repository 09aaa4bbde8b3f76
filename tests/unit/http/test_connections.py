"""The bound on connections, and which one is closed for another."""

from __future__ import annotations

import pytest

from extension.http.connections import (
    IDLE_S,
    MAX_CONNECTIONS,
    SILENT_CHECKS,
    STALLED_CHECKS,
    Connections,
    connection_limit,
)


class Open:
    """A connection that knows whether it was closed."""

    def __init__(self, *, settled: bool = True, stalled: bool = False, more: bool = False) -> None:
        self.closed = False
        self.is_settled = settled
        self.is_stalled = stalled
        self.more = more

    def has_unread_bytes(self) -> bool:
        """Return what the test wants."""
        return self.more

    def close(self) -> None:
        """Record it."""
        self.closed = True


def full(*those: Open) -> Connections[Open]:
    """Return as many connections as are allowed, all idle since second 0."""
    connections: Connections[Open] = Connections(at_most=len(those), patience=True)
    for each in those:
        connections.admit(each, now=0)
    assert connections.are_full
    return connections


def test_the_one_idle_longest_is_closed() -> None:
    """An answered request counts as being active."""
    first, second, third = those = [Open() for _ in range(3)]
    connections = full(*those)
    connections.answering(first)
    connections.answered(first, now=1)
    assert connections.close_one(now=10)
    assert [each.closed for each in (first, second, third)] == [False, True, False]
    assert not connections.are_full


def test_an_answer_at_once_counts_as_being_active() -> None:
    """A request that was never in progress, because its answer was known, was one all the same."""
    first, second = those = [Open() for _ in range(2)]
    connections = full(*those)
    connections.answered(first, now=9.5)
    assert connections.close_one(now=10)
    assert [each.closed for each in (first, second)] == [False, True]
    assert not connections.close_one(now=10)


def test_an_answer_does_not_bring_back_one_that_has_gone() -> None:
    """Its place is another's."""
    gone = Open()
    connections = full(gone)
    connections.forget(gone)
    connections.answered(gone, now=1)
    assert len(connections) == 0


def test_a_request_in_progress_is_never_cut_off() -> None:
    """With every connection busy none is closed, however long others wait."""
    busy = Open(settled=False)
    connections = full(busy)
    connections.answering(busy)
    assert (connections.busy, connections.idle) == ((busy,), ())
    for _ in range(10 * SILENT_CHECKS):
        connections.count_check()
    assert not connections.close_one(now=1e9)
    connections.answered(busy, now=5)
    busy.is_settled = True
    assert connections.close_one(now=5 + IDLE_S)


def test_one_that_was_just_answered_is_not_idle() -> None:
    """Its caller may be about to use it again."""
    connections = full(Open())
    assert not connections.close_one(now=IDLE_S / 2)
    assert connections.close_one(now=IDLE_S)


def test_one_whose_request_has_arrived_is_not_idle() -> None:
    """Its bytes have arrived and were not read yet."""
    connections = full(Open(more=True))
    assert not connections.close_one(now=1e9)


@pytest.mark.parametrize(("sent_some", "checks"), [(True, STALLED_CHECKS), (False, SILENT_CHECKS)])
def test_one_that_was_never_answered_stalls_after_some_checks(sent_some: bool, checks: int) -> None:
    """Soon with half a request, later without one; seconds mean nothing after a freeze."""
    silent = Open(settled=False, stalled=sent_some, more=True)
    connections = full(silent)
    for _ in range(checks):
        assert not connections.close_one(now=1e9)
        connections.count_check()
    assert connections.close_one(now=0)
    assert silent.closed


@pytest.mark.parametrize(("sent_some", "checks"), [(True, STALLED_CHECKS), (False, SILENT_CHECKS)])
def test_checks_before_it_came_do_not_count(sent_some: bool, checks: int) -> None:
    """Nor those before its last answer."""
    connections: Connections[Open] = Connections(at_most=1, patience=True)
    late = Open(settled=False, stalled=sent_some)
    for begin in (connections.admit, connections.answered):
        for _ in range(checks):
            connections.count_check()
        begin(late, now=0)
        for _ in range(checks - 1):
            connections.count_check()
        assert not connections.close_one(now=1e9)
    connections.count_check()
    assert connections.close_one(now=0)


def test_without_patience_the_longest_waiting_one_goes() -> None:
    """At once, even if it has sent half a request."""
    connections: Connections[Open] = Connections(at_most=2)
    first, second = Open(settled=False), Open()
    for each in (first, second):
        connections.admit(each, now=0)
    assert connections.close_one(now=0)
    assert (first.closed, second.closed) == (True, False)


def test_one_that_has_gone_no_longer_counts() -> None:
    """Even if it went away while it was being answered."""
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
    ("descriptors", "limit"),
    [(1024, 512), (1_000_000, MAX_CONNECTIONS), (-1, MAX_CONNECTIONS), (128, 64), (1, 1)],
)
def test_the_limit_follows_the_file_descriptors(descriptors: int, limit: int) -> None:
    """Half of what the process may open; -1 means that the kernel sets no limit."""
    assert connection_limit(descriptors=descriptors) == limit
