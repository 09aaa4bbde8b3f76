"""The soak of dead letters in small."""

from __future__ import annotations

from pathlib import Path

from tests.soak.letters.course import run

INVOCATIONS = 200


async def test_accepted_and_stored_are_what_was_made(tmp_path: Path) -> None:
    """Each span and record is at the endpoint or in the bucket, and at last at the endpoint."""
    course = await run(tmp_path, INVOCATIONS, buffer_bytes=4_194_304, bucket_is_busy=False)
    assert course.problems == []
    assert course.accepted.keys() > course.made.keys()
    assert course.stored.keys() >= course.made.keys()
    assert min(course.drawn["down"], course.drawn["refused"]) > 0
