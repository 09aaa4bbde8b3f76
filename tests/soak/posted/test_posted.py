"""The course of a function that posts OTLP, short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.posted.course import SPANS, run

INVOCATIONS = 40


@pytest.mark.parametrize("flush", ["auto", "end", "periodic"])
async def test_nothing_that_was_acknowledged_is_lost(tmp_path: Path, flush: str) -> None:
    """Spans of each invocation, and records that a freeze interrupted, arrive once."""
    course = await run(tmp_path, INVOCATIONS, flush=flush)
    assert course.problems == []
    assert course.spans == INVOCATIONS * SPANS
    assert course.records == INVOCATIONS
