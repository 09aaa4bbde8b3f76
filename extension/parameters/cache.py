"""The cache: an LRU of bodies, each fresh, stale or absent at a given time.

PURE: the time is an argument, chance a callable, and jitter is part of the TTL.
`cachetools.TTLCache` would delete expired entries, which are still served while AWS is down.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

from cachetools import LRUCache

from extension.parameters.keys import Key
from extension.process.clock import NEW, Instant

TOGETHER_S = 1.0
"""Values that are fetched within so many seconds expire together, for one batch to renew them."""


class Entry(NamedTuple):
    """A body, when AWS was asked for it, when it was fetched and how long it is fresh.

    `refreshed`: it was fetched for a caller that asked for a refresh; `failed_at`: when the last
    attempt to renew it failed. `ahead_s`: from this age on, a GET has it renewed beside the answer.
    `region`: where the body came from, which each answer says.
    """

    body: bytes
    asked_at: Instant
    fetched_at: Instant
    ttl_s: float
    refreshed: bool = False
    failed_at: Instant | None = None
    ahead_s: float = inf
    region: str = ""


class AgedEntry(NamedTuple):
    """An entry at the time of a lookup."""

    entry: Entry
    age_s: float
    fresh: bool

    @property
    def is_due(self) -> bool:
        """Whether it is to be renewed, though it is fresh."""
        return self.fresh and self.age_s >= self.entry.ahead_s


class _Entries(LRUCache[Key, Entry]):
    """Calls `gone` with each key that is removed, for whatever reason."""

    def __init__(self, *, size: int, gone: Callable[[Key], None]) -> None:
        super().__init__(maxsize=size)
        self._gone = gone

    def __delitem__(self, key: Key, *defaults: Any) -> None:
        super().__delitem__(key, *defaults)
        self._gone(key)


class Cache:
    """At most `size` entries; the least recently used one is evicted.

    `gone` is called with the key of each entry that is removed, but not if it is replaced.
    """

    def __init__(
        self, *, size: int, max_stale_s: float, gone: Callable[[Key], None] = lambda _: None
    ) -> None:
        self._entries = _Entries(size=size, gone=gone)
        self._max_stale_s = max_stale_s

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Key, *, now: Instant) -> AgedEntry | None:
        """Return the entry if it may be served, fresh or stale; otherwise it is removed."""
        try:
            entry = self._entries[key]
        except KeyError:
            return None
        age_s = now.since(entry.fetched_at)
        if (fresh := age_s < entry.ttl_s) or age_s < entry.ttl_s + self._max_stale_s:
            return NEW(AgedEntry, (entry, age_s, fresh))
        del self._entries[key]
        return None

    def store(self, key: Key, entry: Entry) -> None:
        """Store an entry, replacing one of the same key."""
        self._entries[key] = entry

    def discard(self, key: Key) -> None:
        """Remove an entry, if there is one."""
        self._entries.pop(key, None)


class Jitter:
    """The chance that shortens TTLs; the same for what is fetched together.

    It distinguishes sandboxes, whose calls would come all at once. The values of one sandbox need
    not be told apart: they would expire one by one, and no batch would gather them.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._drawn: tuple[Instant, float] | None = None

    def at(self, now: Instant) -> float:
        """Return the draw for a value that was fetched now."""
        if self._drawn is None or now.since(self._drawn[0]) >= TOGETHER_S:
            self._drawn = now, self._draw()
        return self._drawn[1]
