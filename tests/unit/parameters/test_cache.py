"""Fresh, stale or absent."""

from __future__ import annotations

from math import inf

import pytest

from extension.parameters.cache import Cache, Entry, Jitter
from extension.parameters.keys import ParameterKey
from tests.doubles import ManualClock

KEY = ParameterKey("a")


def _entry(clock: ManualClock, *, ttl_s: float = 10) -> Entry:
    return Entry(body=b"v", asked_at=clock.now(), fetched_at=clock.now(), ttl_s=ttl_s)


def _state(cache: Cache, clock: ManualClock) -> str:
    found = cache.find(KEY, now=clock.now())
    if found is None:
        return "absent"
    return "fresh" if found.fresh else "stale"


def test_an_entry_is_fresh_then_stale_then_absent() -> None:
    """The bounds belong to the later state."""
    clock, cache = ManualClock(), Cache(size=1, max_stale_s=5)
    cache.store(KEY, _entry(clock))
    states = []
    for _ in range(16):
        states.append(_state(cache, clock))
        clock.advance(1)
    assert states == ["fresh"] * 10 + ["stale"] * 5 + ["absent"]


def test_what_is_absent_is_dropped() -> None:
    """An entry beyond its use does not hold memory."""
    clock, cache = ManualClock(), Cache(size=1, max_stale_s=0)
    cache.store(KEY, _entry(clock))
    clock.advance(10)
    assert _state(cache, clock) == "absent"
    assert len(cache) == 0


def test_age_is_that_of_the_clock_that_moved_more() -> None:
    """A freeze stops one clock, a correction turns the other back."""
    clock, cache = ManualClock(), Cache(size=1, max_stale_s=100)
    cache.store(KEY, _entry(clock))
    clock.freeze(12)
    assert _state(cache, clock) == "stale"
    cache.store(KEY, _entry(clock))
    clock.set_back(3600)
    assert _state(cache, clock) == "fresh"
    clock.advance(11)
    assert _state(cache, clock) == "stale"


def test_reading_keeps_an_entry() -> None:
    """The one not read for longest is evicted, whenever it was stored."""
    clock, cache = ManualClock(), Cache(size=2, max_stale_s=0)
    keys = [ParameterKey(name) for name in "abc"]
    for key in keys[:2]:
        cache.store(key, _entry(clock))
    cache.find(keys[0], now=clock.now())
    cache.store(keys[2], _entry(clock))
    assert [cache.find(key, now=clock.now()) is not None for key in keys] == [True, False, True]


def test_forgetting() -> None:
    """What is not there may be forgotten, too."""
    clock, cache = ManualClock(), Cache(size=2, max_stale_s=0)
    cache.store(KEY, _entry(clock))
    cache.discard(KEY)
    cache.discard(KEY)
    assert _state(cache, clock) == "absent"


@pytest.mark.parametrize(
    ("age_s", "ahead_s", "is_due"),
    [(7.9, 8, False), (8, 8, True), (9.9, 8, True), (10, 8, False), (9, inf, False)],
)
def test_an_entry_is_renewed_in_the_last_part_of_its_time(
    age_s: float, ahead_s: float, is_due: bool
) -> None:
    """From a certain age on and while it is fresh; what has expired is fetched, not renewed."""
    clock, cache = ManualClock(), Cache(size=1, max_stale_s=5)
    cache.store(KEY, _entry(clock)._replace(ahead_s=ahead_s))
    clock.advance(age_s)
    found = cache.find(KEY, now=clock.now())
    assert found is not None
    assert (found.is_due, found.age_s) == (is_due, age_s)


def test_each_removal_is_reported_and_no_replacement() -> None:
    """Whether an entry was evicted, has ended, or was discarded."""
    gone: list[str] = []
    clock = ManualClock()
    cache = Cache(size=1, max_stale_s=0, gone=lambda key: gone.append(key.name))
    first, second = ParameterKey("first"), ParameterKey("second")
    cache.store(first, _entry(clock))
    cache.store(first, _entry(clock))
    assert gone == []
    cache.store(second, _entry(clock))
    clock.advance(10)
    cache.find(second, now=clock.now())
    cache.store(first, _entry(clock))
    cache.discard(first)
    assert gone == ["first", "second", "first"]
    assert len(cache) == 0


def test_a_plain_entry_is_neither_refreshed_nor_renewed_ahead() -> None:
    """Its defaults."""
    entry = _entry(ManualClock())
    assert (entry.refreshed, entry.failed_at, entry.ahead_s) == (False, None, inf)


def test_what_is_fetched_within_a_second_shares_its_jitter() -> None:
    """A second after the draw the next one is made, by whichever clock shows more."""
    draws = iter([0.1, 0.2, 0.3])
    clock, jitter = ManualClock(), Jitter(lambda: next(draws))
    drawn = []
    for _ in range(5):
        drawn.append(jitter.at(clock.now()))
        clock.advance(0.5)
    assert drawn == [0.1, 0.1, 0.2, 0.2, 0.3]
