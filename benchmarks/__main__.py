"""Start here: `python -m benchmarks` measures everything, prints one table and keeps it.

Words after the command choose modules by name: `python -m benchmarks start`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from benchmarks import machine
from benchmarks.rows import Row, fail
from benchmarks.table import render

MODULES = (
    "start",
    "layer",
    "throttled",
    "repeated_start",
    "emulator",
    "after_response",
    "events",
    "lines",
    "shutdown",
    "redaction",
    "receiver",
    "tap",
    "flushing",
    "cloudwatch",
    "letters",
    "miss",
    "parameters",
    "ramp",
    "growth",
    "fleet",
)
"""Each has a function `rows()` that yields rows; a new one is added here."""

HELP = {"-h", "--help"}
USAGE = """usage: python -m benchmarks [NAME ...]

Measures everything and writes RESULTS.md, or measures only what is named, of:"""
RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def main(chosen: Sequence[str]) -> int:
    """Measure, print, and keep the results of a whole run; 1 if a measurement failed.

    2 if a name is unknown: then nothing is measured.
    """
    if HELP & set(chosen):
        print(f"{USAGE}\n{', '.join(MODULES)}")
        return 0
    if unknown := [name for name in chosen if name not in MODULES]:
        print(f"benchmarks: no {', '.join(unknown)}; there are {', '.join(MODULES)}",
              file=sys.stderr)  # fmt: skip
        return 2
    load, began = machine.load(), time.perf_counter()
    rows = list(measure(chosen or MODULES))
    about = (
        f"{machine.describe()}\n"
        f"{load} at the start; {time.perf_counter() - began:.0f} s;"
        " medians; ratios are medians over interleaved turns"
    )
    table = render(rows)
    print(f"{about}\n\n{table}")
    if not chosen:
        now = datetime.now(UTC)
        head = f"# Results\n\n`make bench` on {now:%Y-%m-%d %H:%M} UTC\n\n"
        RESULTS.write_text(f"{head}{about}\n\n{table}\n")
    return int(any(row.failed for row in rows))


def measure(modules: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of each module, saying on stderr which one is at work."""
    cores = os.sched_getaffinity(0)  # a module may hold itself to one
    for name in modules:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            yield from import_module(f"benchmarks.{name}").rows()
        except Exception as error:  # noqa: BLE001  # the other modules have their turn
            yield fail(name, f"{type(error).__name__}: {error}")
        finally:
            os.sched_setaffinity(0, cores)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
