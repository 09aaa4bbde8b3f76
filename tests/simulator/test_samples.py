"""Sample events: what has a name is what the extension recognises under it."""

from __future__ import annotations

import pytest

from extension.telemetry.tap.cause import cause_of
from extension.telemetry.tap.recognition import SOURCES
from simulator.samples import sample_event, sample_names
from tests.simulator.command import run

WITHOUT_A_SAMPLE = {"iot.button", "iot.provisioning", "cloudwatch.dashboard"} | {
    *("sagemaker.ground_truth", "workmail"),
}
"""Events that nobody has described in full."""


@pytest.mark.parametrize("name", sample_names())
def test_a_sample_is_what_its_name_says(name: str) -> None:
    """Its source begins its name, and no caller's trace is in it: each run has its own."""
    cause = cause_of(sample_event(name))
    assert name == cause.source or name.startswith(f"{cause.source}.")
    assert cause.parent is None
    assert cause.links == ()


def test_every_source_has_a_sample() -> None:
    """But for those whose events are hardly documented."""
    recognised = {cause_of(sample_event(name)).source for name in sample_names()}
    assert {source.name for source in SOURCES} - recognised == WITHOUT_A_SAMPLE


async def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    """In one line."""
    result = await run("--function", ".:a.b", "--event", "sqss")
    assert result.code == 2
    [line] = result.errors.splitlines()
    assert "sqss is neither JSON nor one of the samples: activemq, alb" in line
