"""The simulation of a fleet: its clock, its day, its sandboxes, and what is made of their calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest

from benchmarks.fleet import by_second
from benchmarks.fleet.day import DEPLOYED_WITHIN_S, HOUR_S, NOON_S, PEAK_S, lives, ranks, traffic
from benchmarks.fleet.rates import Line, binned, rates, table
from benchmarks.fleet.sandbox import ENDPOINT, Calls, Sandbox
from benchmarks.fleet.simulated import SimulatedLoop
from tests.doubles import ManualClock

FIVE = [f"ssm:/app/{number}" for number in range(5)]
EXPORTING = {"DISPATCH_POST_URI": "http://endpoint:4318"}
EVERY_TEN_S = [float(at) for at in range(0, 3600, 10)]


def called(
    environ: Mapping[str, str], invocations: list[float], *, references: list[str] | None = None
) -> Calls:
    """Return what one sandbox calls in its life."""
    calls: Calls = Counter()
    Sandbox(environ, references=references or [], calls=calls).live(invocations)
    return calls


def test_a_simulated_hour_takes_no_time() -> None:
    """What waits is done when the clock is there, in the order of its times."""
    clock, order = ManualClock(), []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append((seconds, clock.monotonic_ns))

    async def both() -> None:
        await asyncio.gather(wait(3600), wait(5))

    began_ns = clock.monotonic_ns
    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(clock)) as runner:
        runner.run(both())
    assert [seconds for seconds, _ in order] == [5, 3600]
    assert order[-1][1] - began_ns == pytest.approx(3600e9, rel=1e-6)


def test_a_simulation_that_waits_for_nothing_ends() -> None:
    """Nothing comes from outside: a wait without an end is a mistake, and says so."""
    with (
        asyncio.Runner(loop_factory=lambda: SimulatedLoop(ManualClock())) as runner,
        pytest.raises(RuntimeError, match="never comes"),
    ):
        runner.get_loop().run_until_complete(runner.get_loop().create_future())


def test_all_busy_sandboxes_are_replaced_at_noon() -> None:
    """The successor of each is started within a second, however traffic goes on."""
    busy = [(seed, rank) for seed, rank in enumerate(ranks(7)) if rank < traffic(NOON_S)]
    assert len(busy) == 6
    for seed, rank in busy:
        before = [each for each in lives(rank, seed=seed) if each[0] < NOON_S]
        after = [each for each in lives(rank, seed=seed) if each[0] >= NOON_S]
        assert before[-1][-1] < NOON_S
        assert NOON_S <= after[0][0] < NOON_S + DEPLOYED_WITHIN_S


def test_few_sandboxes_are_busy_at_night() -> None:
    """Those of a high rank live around the peak of the day only."""
    [(*_, last)] = [each for each in lives(0.99, seed=1) if each]
    assert PEAK_S - 2 * HOUR_S < last < PEAK_S + 2 * HOUR_S


def test_a_sandbox_asks_once_in_a_ttl() -> None:
    """The cache is the real one: within its TTL, all invocations share a call."""
    settings = {"DISPATCH_CACHE_TTL_JITTER": "0", "DISPATCH_CACHE_REFRESH_AHEAD": "0"}
    calls = called(settings, EVERY_TEN_S, references=["ssm:/app/name"])
    assert [at for _, at in calls] == list(range(0, 3600, 310))  # a value is not old at 300 s


def test_one_batch_renews_all_that_one_batch_fetched() -> None:
    """Jitter does not spread the values of one sandbox over several calls."""
    calls = called({"DISPATCH_CACHE_BATCH": "true"}, EVERY_TEN_S, references=FIVE)
    alone = called({"DISPATCH_CACHE_BATCH": "true"}, EVERY_TEN_S, references=FIVE[:2])
    assert {operation for operation, _ in calls} == {"GetParameters"}
    # With the same TTL, jitter of a tenth: 12 to 16 rounds in an hour, whatever the draws.
    assert 12 <= calls.total() <= 17
    assert 12 <= alone.total() <= 17


@pytest.mark.parametrize(("mode", "least", "most"), [("end", 360, 360), ("periodic", 170, 182)])
def test_exports_follow_the_flush_mode(mode: str, least: int, most: int) -> None:
    """At the end of each invocation, or with the first one after each 20 seconds."""
    calls = called({**EXPORTING, "DISPATCH_FLUSH": mode}, EVERY_TEN_S)
    assert {operation for operation, _ in calls} == {ENDPOINT}
    assert least <= calls.total() <= most


def test_rates_are_those_of_one_sandbox() -> None:
    """Busiest hour, second of the deployment, worst ten seconds after it; each by its sample."""
    noon = int(NOON_S)
    peak = {int(PEAK_S): 7200, noon: 10**6}
    deployed = {noon: 30, noon + 1: 10, noon + 300: 60, noon + 305: 20}
    found = rates(peak, deployed, sampled=2, sampled_deployed=4)
    assert (found.ordinary, found.deployment, found.echo) == (1.0, 10.0, 2.0)


def test_calls_are_binned() -> None:
    """Bins without a call are there, too."""
    assert binned({0: 5, 21: 10}, 10.0, end_s=30.0) == [(5.0, 0.5), (15.0, 0.0), (25.0, 1.0)]


def test_operations_are_added_up() -> None:
    """Two operations that share a quota count together."""
    calls: Calls = Counter({("A", 1): 2, ("B", 1): 3, ("C", 1): 9})
    assert by_second(calls, ["A", "B"]) == {1: 5}


def test_table_names_the_quota_that_breaks() -> None:
    """Where a fleet is too large for a quota, the figure says for which."""
    line = Line(name="x", phases={"peak": 0.05}, quotas={"> 40": 40, "> 1,000": 1000})
    assert table([line], sizes=(100, 1_000, 100_000)).splitlines()[-1] == (
        "| x | peak | 5 | 50 (> 40) | 5,000 (> 1,000) |"
    )
