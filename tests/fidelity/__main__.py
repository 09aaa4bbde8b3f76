"""Plays every scenario on AWS's emulator and on the simulator, and prints what differs.

It also builds the published extension that the tests run, where that is possible.
`--markdown` prints the table of simulator/README.md instead, `--write` writes it there.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.fidelity import published
from tests.fidelity.classic import CLASSIC
from tests.fidelity.comparison import Row
from tests.fidelity.differences import KNOWN
from tests.fidelity.emulator import why_not
from tests.fidelity.managed import MANAGED
from tests.fidelity.stages import compare_sides
from tests.fidelity.table import as_markdown, as_text, with_table

README = Path(__file__).parents[2] / "simulator/README.md"


def main(arguments: list[str]) -> int:
    """Return 0 when every difference has its reason, or when the emulator cannot run here."""
    missing = published.build()
    if missing:
        print(f"AWS's client for Rust: skipped: {missing}")  # noqa: T201  # the command's output
    problem = why_not()
    if problem:
        print(f"AWS's emulator: skipped: {problem}")  # noqa: T201
        return 0
    rows = asyncio.run(_play_all())
    print(as_markdown(rows) if "--markdown" in arguments else as_text(rows))  # noqa: T201
    if "--write" in arguments:
        README.write_text(with_table(README.read_text(), as_markdown(rows)))
    for pattern in KNOWN.unused:
        print(f"this reason explains nothing: {pattern}")  # noqa: T201
    return 1 if KNOWN.unused or any(not row.is_same and not row.reason for row in rows) else 0


async def _play_all() -> list[Row]:
    rows = []
    for scenario in CLASSIC + MANAGED:
        rows += await compare_sides(scenario)
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
