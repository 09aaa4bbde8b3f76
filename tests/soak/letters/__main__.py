"""Ten thousand invocations beside an endpoint that fails: `python -m tests.soak.letters`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.soak.letters.course import Course, run

INVOCATIONS = 10_000
BUFFER_BYTES = 1_048_576
"""An outage of 400 invocations does not fit in, a pause of a few seconds does."""

KINDS = {
    "invocation": "spans of invocations",
    "work": "spans of the SDK",
    "record": "log records of the SDK",
    "line": "lines of the function",
}


def table(course: Course) -> str:
    """Return the figures of a course as a table."""
    rows = [
        "| | made | accepted | in the bucket | by the replay |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind, name in KINDS.items():
        parts = (course.made, course.accepted, course.stored, course.replayed)
        rows.append(f"| {name} | " + " | ".join(f"{part[kind]:,}" for part in parts) + " |")
    drawn = ", ".join(f"{name} {number:,}" for name, number in sorted(course.drawn.items()))
    rows.append(f"\nrequests: {drawn}; {course.files:,} files; twice {course.twice:,}")
    causes = ", ".join(f"{cause} {number:,}" for cause, number in course.causes.most_common())
    rows.append(f"complaints: {causes}")
    return "\n".join(rows)


def main() -> int:
    """Run it; 1 if anything is missing, came twice or has two ids."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.letters", description=__doc__)
    parser.add_argument("--invocations", type=int, default=INVOCATIONS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        running = run(
            Path(folder), given.invocations, buffer_bytes=BUFFER_BYTES, bucket_is_busy=True
        )
        course = asyncio.run(running)
    sys.stdout.write("\n".join([table(course), *course.problems, ""]))
    sys.stdout.write(f"{len(course.problems)} problems\n")
    return int(bool(course.problems))


if __name__ == "__main__":
    sys.exit(main())
