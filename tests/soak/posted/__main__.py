"""Ten thousand invocations that post spans and log records: `python -m tests.soak.posted`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.soak.posted.course import run

INVOCATIONS = 10_000


def main() -> int:
    """Run it in each mode; 1 if anything that was acknowledged is missing, or came twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invocations", type=int, default=INVOCATIONS)
    parser.add_argument("--flush", default="periodic", choices=("auto", "end", "periodic"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        course = asyncio.run(run(Path(folder), given.invocations, flush=given.flush))
    sys.stdout.write(f"{course}\n")
    return int(bool(course.problems))


if __name__ == "__main__":
    sys.exit(main())
