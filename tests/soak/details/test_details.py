"""The million DEBUG lines in small: twenty thousand, in a few seconds."""

from __future__ import annotations

from tests.soak.details.chatter import chatter

DETAILS = 20_000
"""More than the 1 MiB of one invocation's lines that may wait."""


async def test_details_of_a_success_are_counted_and_gone() -> None:
    """None is sent, and none of them takes memory for long."""
    outcome = await chatter(DETAILS, fails=False)
    assert (outcome.status, outcome.problems) == ("success", [])


async def test_the_last_details_of_a_failure_are_sent() -> None:
    """The oldest made room for them, and are counted."""
    outcome = await chatter(DETAILS, fails=True)
    assert (outcome.status, outcome.problems) == ("error", [])
    if not outcome.dropped_by_platform.stop - 1:
        assert outcome.last_sent == DETAILS - 1
        assert outcome.made_room == DETAILS - outcome.sent > 0
