"""Values that are kept while they are among those used last."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from extension.aws.recent import Recent


class Shelf:
    """Numbers as texts, with what was built and what was closed."""

    def __init__(self, *, most: int) -> None:
        self.built: list[int] = []
        self.closed: list[str] = []
        self.recent = Recent(self._build, most=most, close=self.closed.append)

    def _build(self, key: int) -> str:
        if key < 0:
            raise ValueError(key)
        self.built.append(key)
        return str(key)

    def use(self, key: int) -> str:
        """Borrow a value for a moment."""
        with self.recent.use(key) as value:
            return value


def test_a_value_is_built_once() -> None:
    """On first use."""
    shelf = Shelf(most=2)
    assert [shelf.use(1), shelf.use(1), shelf.use(2)] == ["1", "1", "2"]
    assert shelf.built == [1, 2]


def test_the_value_used_longest_ago_is_closed() -> None:
    """And built again when it is needed again."""
    shelf = Shelf(most=2)
    for key in (1, 2, 1, 3, 2):
        assert shelf.use(key) == str(key)
    assert (shelf.built, shelf.closed) == ([1, 2, 3, 2], ["2", "1"])


def test_a_value_in_use_is_closed_by_its_last_user() -> None:
    """Not under the hands of one that still has it."""
    shelf = Shelf(most=1)
    with shelf.recent.use(1), shelf.recent.use(1):
        shelf.use(2)
        assert shelf.closed == []
    assert shelf.closed == ["1"]


def test_what_cannot_be_built_is_tried_again() -> None:
    """The error is the caller's, and nothing is kept of it."""
    shelf = Shelf(most=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="-1"):
            shelf.use(-1)
    assert len(shelf.recent) == 0


def test_closing_closes_all() -> None:
    """Once each."""
    shelf = Shelf(most=3)
    for key in range(3):
        shelf.use(key)
    shelf.recent.close()
    shelf.recent.close()
    assert sorted(shelf.closed) == ["0", "1", "2"]


def test_threads_share_values_and_each_is_closed_once() -> None:
    """Threads that build, borrow and drop at the same time."""
    shelf = Shelf(most=3)
    together = threading.Barrier(8)

    def work(number: int) -> None:
        together.wait()
        for step in range(300):
            key = (number * 3 + step) % 7
            assert shelf.use(key) == str(key)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    shelf.recent.close()
    assert sorted(map(str, shelf.built)) == sorted(shelf.closed)


def test_a_value_is_open_as_long_as_anyone_uses_it() -> None:
    """The first of two users that gives it back does not close it."""
    shelf = Shelf(most=1)
    with shelf.recent.use(1):
        with shelf.recent.use(1):
            shelf.use(2)
        assert shelf.closed == []
    assert shelf.closed == ["1"]
