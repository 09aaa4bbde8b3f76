"""The cache: an LRU of bodies that says of each whether it is fresh, stale or absent now.

PURE: the time comes in as an Instant, jitter as part of the TTL. `cachetools.TTLCache` would
delete what has expired, and with it the value to serve while AWS is down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cachetools import LRUCache

from extension.parameters.keys import Key
from extension.process.clock import Instant


class Entry(NamedTuple):
    """A body, when it came and how long it is fresh.

    `refreshed`: it was fetched because a caller asked for a refresh; `failed_at`: the last try to
    renew it failed then.
    """

    body: bytes
    fetched_at: Instant
    ttl_s: float
    refreshed: bool = False
    failed_at: Instant | None = None


class Found(NamedTuple):
    """An entry as it stands now."""

    entry: Entry
    age_s: float
    fresh: bool


class _Entries(LRUCache[Key, Entry]):
    """Says which key is gone, whatever removed it."""

    def __init__(self, *, size: int, gone: Callable[[Key], None]) -> None:
        super().__init__(maxsize=size)
        self._gone = gone

    def __delitem__(self, key: Key, *defaults: Any) -> None:
        super().__delitem__(key, *defaults)
        self._gone(key)


class Cache:
    """At most `size` entries; the one that was not read for longest makes room.

    `gone` is called with the key of each entry that is removed, not of one that is replaced.
    """

    def __init__(
        self, *, size: int, max_stale_s: float, gone: Callable[[Key], None] = lambda _: None
    ) -> None:
        self._entries = _Entries(size=size, gone=gone)
        self._max_stale_s = max_stale_s

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Key, *, now: Instant) -> Found | None:
        """Return the entry if it may still be served, fresh or stale; what may not is dropped."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age_s = now.since(entry.fetched_at)
        if age_s < entry.ttl_s:
            return Found(entry, age_s, fresh=True)
        if age_s < entry.ttl_s + self._max_stale_s:
            return Found(entry, age_s, fresh=False)
        del self._entries[key]
        return None

    def store(self, key: Key, entry: Entry) -> None:
        """Keep an entry, in place of one that may be there."""
        self._entries[key] = entry

    def discard(self, key: Key) -> None:
        """Forget one entry."""
        self._entries.pop(key, None)
