"""The figures in the documents are those of benchmarks/RESULTS.md."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README, COST, HOW = "README.md", "docs/cost.md", "docs/how-it-works.md"
PARTS = ("telemetry only", "parameters only", "both")
REGISTER = ("layer, telemetry only: wall to /register",)
CPU = tuple(f"layer, {part}: CPU to the first /next" for part in PARTS)
MEMORY = tuple(f"layer, {part}: RSS after the first invocation" for part in PARTS)
WARM = ("layer, telemetry only: CPU of a warm invocation",)
INIT = (
    "init in AWS's emulator: both adds to a trivial function …",
    "init in AWS's emulator: both adds to a function that imports boto3 …",
)
END = ("added after the response, DISPATCH_FLUSH=end",)
PERIODIC = ("added after the response, DISPATCH_FLUSH=periodic, endpoint of 200 ms: median of …",)
GETS = ("cached GET on one core, 8 connections",)
SHUTDOWN = ("SHUTDOWN to exit, healthy endpoint", "SHUTDOWN to exit, hanging endpoint")

STATED = [
    (README, "every cold start waits for | {0} | {0r} (a bare", REGISTER),
    (README, "both | {0n} · {1n} · {2} | {2r} (a script", CPU),
    (README, "that imports boto3, both | {0n} · {1} | {0rn} · {1r} (the same", INIT),
    (README, "exported | {0} | {0r} (the same", WARM),
    (README, "parameters alone · both | {0n} · {1n} · {2} | {2r} (the same", MEMORY),
    (README, "`DISPATCH_FLUSH=end` | {0} | {0r} (waiting", END),
    (README, "`DISPATCH_FLUSH=periodic` | {0} | {0r} (the same)", PERIODIC),
    (README, "one core | {0} | {0r} (a protocol", GETS),
    (README, "hanging endpoint | {0} · {1} | {0r} (no extension)", SHUTDOWN),
    (README, "for four Pythons, zipped | {0} | {0r} (the same", ("layer: zipped",)),
    (COST, "registers | {0} (a bare Python: {0r})", REGISTER),
    (COST, "{0} for telemetry, {1} for the cache, {2} for both |", CPU),
    (COST, "{0} for telemetry, {1} for the cache, {2} for\nboth", MEMORY),
    (COST, "`end` | {0} with an endpoint nearby, of which {0r} are", END),
    (COST, "`periodic` | {0} |", PERIODIC),
    (COST, "takes {0} of CPU", WARM),
    (COST, "that is {0} of wall", ("128 MB share, telemetry only: wall of a warm invocation",)),
    (HOW, "anything: {0}, of which a bare Python takes {0r}", REGISTER),
]


@cache
def results() -> dict[str, tuple[str, str]]:
    """Return the figure of each row, and that of its reference."""
    table = (ROOT / "benchmarks/RESULTS.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    return {_label(row[1]): (row[2], row[4]) for row in rows if len(row) > 4}


def _label(label: str) -> str:
    """Without the number of invocations and times of its own, which differ from run to run."""
    return re.sub(r"(?<= of )\d+, \d+ exports$|\(\d+ ms alone\)$", "…", label)


# A changed figure must not change the name of its test.
@pytest.mark.parametrize(
    ("document", "words", "rows"), STATED, ids=[str(at) for at in range(len(STATED))]
)
def test_a_figure_is_what_was_measured(document: str, words: str, rows: tuple[str, ...]) -> None:
    """In these words: `{0}` is the figure of the first row, `{0n}` without its unit, `{0r}` its
    reference, and `{0rn}` that one without."""
    figures: dict[str, str] = {}
    for at, row in enumerate(rows):
        ours, reference = results()[row]
        figures |= {f"{at}": ours, f"{at}n": ours.split()[0]}
        figures |= {f"{at}r": reference, f"{at}rn": reference.split()[0]}
    stated = re.sub(r"\{(\w+)\}", lambda found: figures[found[1]], words)
    assert stated in (ROOT / document).read_text()
