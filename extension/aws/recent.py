"""What is built on first use and kept while it is among those used last, for many threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Kept(Generic[V]):
    """One value, and how many use it now."""

    def __init__(self, value: V) -> None:
        self.value = value
        self.users = 1  # it is built for one
        self.is_dropped = False


class Recent(Generic[K, V]):
    """At most `most` values by key; `close` is called with one that is dropped, after its last use.

    A value is built once, however many threads ask for it. One that cannot be built is built again
    the next time.
    """

    def __init__(
        self,
        build: Callable[[K], V],
        *,
        most: int,
        close: Callable[[V], None] = lambda _: None,
    ) -> None:
        self._build = build
        self._most = most
        self._close = close
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self._lock = threading.Lock()
        self._building = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @contextmanager
    def use(self, key: K) -> Iterator[V]:
        """Lend the value of a key, which is built if it is not there."""
        kept = self._found(key) or self._built(key)
        try:
            yield kept.value
        finally:
            self._give_back(kept)

    def close(self) -> None:
        """Drop all values."""
        with self._lock:
            unused = self._drop(len(self._kept))
        for value in unused:
            self._close(value)

    def _found(self, key: K) -> _Kept[V] | None:
        with self._lock:
            if kept := self._kept.get(key):
                self._kept.move_to_end(key)
                kept.users += 1
            return kept

    def _built(self, key: K) -> _Kept[V]:
        with self._building:
            if kept := self._found(key):
                return kept
            kept = _Kept(self._build(key))
            with self._lock:
                self._kept[key] = kept
                unused = self._drop(len(self._kept) - self._most)
        for value in unused:
            self._close(value)
        return kept

    def _drop(self, number: int) -> list[V]:
        """Drop the values used longest ago; return those that nothing uses now."""
        dropped = [self._kept.popitem(last=False)[1] for _ in range(number)]
        for kept in dropped:
            kept.is_dropped = True
        return [kept.value for kept in dropped if not kept.users]

    def _give_back(self, kept: _Kept[V]) -> None:
        with self._lock:
            kept.users -= 1
            is_last = kept.is_dropped and not kept.users
        if is_last:
            self._close(kept.value)
