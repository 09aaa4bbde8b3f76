"""How a soak judges the memory of a long life."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.soak.chapter import Chapter, Result
from tests.soak.ledger import Ledger

WARM, FULL = [60_000] * 11, 64_000


def problems(rss_kib: list[int]) -> list[str]:
    """Return what is wrong with a life in which nothing but memory was seen."""
    return Result(
        chapter=Chapter(name="a life", invocations=8_000),
        ledger=Ledger(accounts=[], arrivals={}, refused=[], told=0),
        drawn=Counter(),
        complaints=Counter(),
        added_ms=0,
        rss_kib=rss_kib,
    ).problems


@pytest.mark.parametrize("later", [[60_000] * 69, [61_700] * 69, [*[60_000] * 67, FULL, FULL]])
def test_memory_may_grow_by_three_percent_or_for_a_moment(later: list[int]) -> None:
    """What waits for an export at the end is no growth."""
    assert problems(WARM + later) == []


@pytest.mark.parametrize("later", [[62_000] * 69, [*[60_000] * 66, FULL, FULL, FULL]])
def test_memory_that_has_grown_is_a_problem(later: list[int]) -> None:
    """Most of the last samples show it."""
    assert problems(WARM + later) == [f"memory grew from 60000 to {later[-1]} KiB"]
