"""Rows as one Markdown table, aligned so that a terminal shows it as well."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.rows import Row

HEAD = ("What", "Ours", "Reference", "", "Ratio", "Lowest–highest", "Promise", "")
RIGHT = {1, 3, 4}
"""Columns of numbers."""

LONGEST_REASON = 200

MARK = {True: "kept", False: "MISSED", None: ""}


def render(rows: Sequence[Row]) -> str:
    """Return the table; rows that were skipped say why in place of figures."""
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    rule = "|".join(
        "-" * (width + 1) + (":" if column in RIGHT else "-") for column, width in enumerate(widths)
    )
    lines = [_line(line, widths) for line in cells]
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def _line(line: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.rjust(width) if column in RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    )
    return f"| {' | '.join(padded)} |"


def _cells(row: Row) -> tuple[str, ...]:
    if row.skipped or row.failed:
        word = "skipped" if row.skipped else "FAILED"
        return (row.what, word, _one_line(row.skipped or row.failed), "", "", "", "", "")
    return (
        row.what,
        figure(row.ours, row.unit),
        row.reference,
        figure(row.theirs, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.low is None or row.high is None else f"{row.low:.2f}–{row.high:.2f}",
        row.promise,
        MARK[row.kept],
    )


def figure(value: float | None, unit: str) -> str:
    """Write a figure with three digits that count, whole above a thousand."""
    if value is None:
        return ""
    number = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{number} {unit}".rstrip()


def _one_line(text: str) -> str:
    return " ".join(text.replace("|", "/").split())[:LONGEST_REASON]
