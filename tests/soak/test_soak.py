"""The soak in small: two hundred invocations in bad weather, from a seed of their own each run."""

from __future__ import annotations

import os

from tests.soak.plan import run_all


async def test_everything_arrives_or_is_told_as_lost() -> None:
    """Spans arrive with their ids, twice only where an acknowledgement was lost; memory stays."""
    seed = int.from_bytes(os.urandom(4))
    results = await run_all(200, seed=seed)
    assert sum(result.ledger.begun for result in results) == 200
    assert {result.chapter.name: result.problems for result in results if result.problems} == {}, (
        f"python -m tests.soak --invocations 200 --seed {seed}"
    )
