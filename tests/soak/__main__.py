"""Ten thousand invocations in bad weather: `python -m tests.soak [--invocations N] [--seed N]`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from functools import partial

from rich.console import Console

from layer.commands import counted
from tests.soak.plan import run_all
from tests.soak.report import print_report

INVOCATIONS = 10_000


def main() -> int:
    """Run the soak; the exit status tells whether everything added up."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--invocations", type=int, default=INVOCATIONS)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    chosen = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"--seed {chosen.seed} draws the same faults again")
    show = partial(print_report, console=console)
    results = asyncio.run(run_all(chosen.invocations, seed=chosen.seed, on_result=show))
    problems = [problem for result in results for problem in result.problems]
    console.print(f"\n{counted(len(problems), 'problem')}", *problems, sep="\n  ")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
