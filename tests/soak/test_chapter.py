"""What a soak judges a life by."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from tests.soak.chapter import Chapter, Result
from tests.soak.ledger import Ledger, SandboxAccount
from tests.soak.weather import ANSWERS, WELL, Weather


def problems(rss_kib: list[int], *, sandboxes: int = 1, deaths: float = 0.0) -> list[str]:
    """Return what is wrong with a life in which nothing else was seen."""
    accounts = [SandboxAccount(summary={"message": "telemetry"}) for _ in range(sandboxes)]
    return Result(
        chapter=Chapter(name="a life", invocations=8_000, deaths=deaths),
        ledger=Ledger(accounts=accounts, arrivals={}, refused=[], told=0),
        drawn=Counter(),
        complaints=Counter(),
        added_ms=0,
        rss_kib=rss_kib,
    ).problems


@pytest.mark.parametrize(("last", "grew"), [(61_800, False), (61_801, True)])
def test_memory_may_grow_by_three_percent_after_the_first_eighth(last: int, *, grew: bool) -> None:
    """By its last sample: in 7,000 invocations that is less than 300 bytes each."""
    found = problems([50_000] * 10 + [60_000] * 69 + [last])
    assert found == ([f"memory grew from 60000 to {last} KiB"] if grew else [])


def test_a_life_without_deaths_has_one_sandbox() -> None:
    """A second one begins with the memory of a new process, and would hide a leak."""
    assert problems([60_000] * 80, sandboxes=2) == ["one life took 2 sandboxes"]
    assert problems([], sandboxes=2, deaths=0.1) == []


def test_the_endpoint_of_a_life_without_deaths_recovers_after_each_failure() -> None:
    """Else one outage may be longer than all before it, and memory grows without a leak."""
    steady, rough = (Weather(1, deaths=0.0, recovers=each) for each in (True, False))
    names = {weather: [weather.answer()[0] for _ in range(3_000)] for weather in (steady, rough)}
    in_a_row = {
        weather: any(WELL not in pair for pair in pairwise(drawn))
        for weather, drawn in names.items()
    }
    assert {*names[steady]} == {*names[rough]} == {*ANSWERS}
    assert (in_a_row[steady], in_a_row[rough]) == (False, True)
