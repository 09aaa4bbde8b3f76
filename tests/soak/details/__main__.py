"""A million DEBUG lines in one invocation: `python -m tests.soak.details [--lines N]`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from rich.console import Console

from tests.soak.details.chatter import chatter

LINES = 1_000_000


def main() -> int:
    """Run it once with a success and once with a failure; the exit status tells of problems."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.details", description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    chosen = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    problems: list[str] = []
    for fails in (False, True):
        outcome = asyncio.run(chatter(chosen.lines, fails=fails))
        console.print(*(f"{name}: {value}" for name, value in outcome._asdict().items()), sep="\n")
        problems += outcome.problems
        console.print(*outcome.problems or ["no problems"], "", sep="\n")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
