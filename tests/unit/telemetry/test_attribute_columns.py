"""Fields of lines that are written by column: what is remembered of them is bounded."""

from __future__ import annotations

import gc
import tracemalloc

from extension.telemetry.otlp.attribute_columns import AttributeColumns
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.otlp.line_bytes import LOG_ATTRIBUTES
from extension.telemetry.reading.columns import NO_LEVEL, Columns

LONGEST = 2048


def lines(*names: str) -> Columns:
    """Return lines whose fields have every length up to `LONGEST`."""
    times = [1] * LONGEST
    texts, levels = [""] * LONGEST, [NO_LEVEL] * LONGEST
    values = [("x" * length,) * len(names) for length in range(LONGEST)]
    return Columns([times, [*times], texts, levels, [*texts], [names] * LONGEST, values])


def kept_bytes(names: int) -> int:
    """Return what stays in memory of lines that have so many fields of all lengths."""
    columns = AttributeColumns(LOG_ATTRIBUTES, Limits(), with_nested=True)
    [*columns.encode(lines("first"), besides=0)]
    records = lines(*(f"field{number}" for number in range(names)))
    gc.collect()
    tracemalloc.start()
    try:
        [*columns.encode(records, besides=0)]
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_long_values_are_remembered_once_for_all_names() -> None:
    """A logger may have a hundred fields, a sandbox 128 MB."""
    assert kept_bytes(names=20) < 20 * 60_000
