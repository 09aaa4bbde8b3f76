"""A thousand invocations in each flush mode, beside deliveries that go wrong; seeded."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from rich.console import Console

from tests.soak.deliveries.balance import Verdict, judge
from tests.soak.deliveries.course import run_course

FLUSHES = ("auto", "end", "periodic")
INVOCATIONS = 1_000
MINUTES = 13.0
MOST_PROBLEMS = 40
"""Printed of each mode."""


async def run_all(
    invocations: int, *, seed: int, within_s: float, flushes: tuple[str, ...] = FLUSHES
) -> dict[str, Verdict]:
    """Run the modes side by side: they wait most of the time."""
    courses = (
        run_course(
            flush,
            invocations=invocations,
            seed=seed + 2 * FLUSHES.index(flush),
            within_s=within_s,
        )
        for flush in flushes
    )
    records = await asyncio.gather(*courses)
    return {record.flush: judge(record) for record in records}


def main() -> int:
    """Run the soak; the exit status tells whether everything added up."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.deliveries", description=__doc__)
    parser.add_argument("--invocations", type=int, default=INVOCATIONS, help="in each mode")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="none begins after them")
    parser.add_argument("--flush", choices=FLUSHES, nargs="+", default=FLUSHES)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    chosen = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"--seed {chosen.seed} draws the same again")
    running = run_all(
        chosen.invocations,
        seed=chosen.seed,
        within_s=chosen.minutes * 60,
        flushes=tuple(chosen.flush),
    )
    verdicts = asyncio.run(running)
    for flush, verdict in verdicts.items():
        console.print(f"\n[bold]{flush}[/bold]")
        for name, figure in verdict.figures.items():
            console.print(f"  {name:12} {figure}")
        shown = [f"  {len(verdict.problems)} problems", *verdict.problems[:MOST_PROBLEMS]]
        console.print(*shown, sep="\n    ", markup=False)
    return int(any(verdict.problems for verdict in verdicts.values()))


if __name__ == "__main__":
    sys.exit(main())
