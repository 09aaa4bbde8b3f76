"""The soak in small: two hundred invocations, always in the same bad weather."""

from __future__ import annotations

from tests.soak.plan import run_all

SEED = 7
"""`make soak` draws a new one each time."""


async def test_everything_arrives_or_is_reported_as_lost() -> None:
    """Spans arrive with their ids, twice only where an acknowledgement was lost; memory stays."""
    results = await run_all(200, seed=SEED)
    assert sum(result.ledger.begun for result in results) == 200
    assert {result.chapter.name: result.problems for result in results if result.problems} == {}, (
        f"python -m tests.soak --invocations 200 --seed {SEED}"
    )
