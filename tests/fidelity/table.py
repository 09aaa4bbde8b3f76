"""The rows of a comparison, for a terminal and for the simulator's documentation."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.fidelity.comparison import Row

_LABEL_WIDTH = 52
_SCENARIOS, _REASONS = "| Scenario | Same | Different |", "| Why rows differ | Rows |"


def as_text(rows: Iterable[Row]) -> str:
    """Return every row: same, or the difference with its reason or with both sides."""
    lines = []
    rows = list(rows)
    for scenario, group in groupby(rows, key=lambda row: row.scenario):
        lines += ["", scenario]
        lines += [f"  {row.label:{_LABEL_WIDTH}} {_verdict(row)}" for row in group]
    same = sum(row.is_same for row in rows)
    lines += ["", f"{len(rows)} rows: {same} same, {len(rows) - same} different"]
    return "\n".join(lines)


def as_markdown(rows: Iterable[Row]) -> str:
    """Return a table with one line a scenario, and the reasons of all differences."""
    rows = list(rows)
    lines = [_SCENARIOS, "|---|---|---|"]
    for scenario, group in groupby(rows, key=lambda row: row.scenario):
        verdicts = [row.is_same for row in group]
        lines.append(f"| {scenario} | {sum(verdicts)} | {len(verdicts) - sum(verdicts)} |")
    lines += ["", _REASONS, "|---|---|"]
    counts = Counter(row.reason for row in rows if not row.is_same)
    lines += [f"| {reason or 'unexplained'} | {count} |" for reason, count in counts.items()]
    return "\n".join(lines)


def with_table(document: str, table: str) -> str:
    """Return a document with this in the place of both of its tables, which come one after the
    other."""
    begin = document.index(_SCENARIOS)
    end = document.rindex("\n|", begin, document.find("\n#", document.index(_REASONS)))
    return document[:begin] + table.strip() + document[document.index("\n", end + 1) :]


def _verdict(row: Row) -> str:
    if row.is_same:
        return "same"
    if row.reason:
        return f"difference: {row.reason}"
    return f"UNEXPLAINED\n      emulator:  {row.emulator}\n      simulator: {row.simulator}"
