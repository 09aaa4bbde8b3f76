"""The soak of deliveries in small: forty invocations in each flush mode, always the same ones."""

from __future__ import annotations

from tests.soak.deliveries.__main__ import run_all

SEED = 7
WITHIN_S = 150.0
"""No invocation begins later; with what the extension promises, all are over long before."""


async def test_everything_arrives_once_or_is_counted() -> None:
    """Whatever is cut, repeated, late, lost or frozen: one span, one line, and true figures."""
    verdicts = await run_all(40, seed=SEED, within_s=WITHIN_S)
    faults = {flush: verdict.faults for flush, verdict in verdicts.items() if verdict.faults}
    assert faults == {}, f"python -m tests.soak.deliveries --invocations 40 --seed {SEED}"
