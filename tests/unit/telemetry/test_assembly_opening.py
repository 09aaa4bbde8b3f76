"""Assemblers and samplers as the settings ask for them."""

from __future__ import annotations

import pytest

from extension.settings.config import read_config
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.assembly.finished import LooseRecords
from extension.telemetry.assembly.opening import open_assembler, open_sampler
from extension.telemetry.health import Health
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds

LOGS = {"DISPATCH_SIGNALS": "traces,logs"}
DETAILS = {"DISPATCH_DETAIL_LEVEL_MIN": "INFO"}


def settings(**variables: str) -> TelemetryConfig:
    """Return telemetry's settings."""
    config, problems = read_config(
        {"DISPATCH_POST_URI": "http://collector.example:4318", **variables}
    )
    assert not problems
    return config.telemetry


@pytest.mark.parametrize(
    ("variables", "waits"),
    [
        ({}, True),
        (LOGS, False),
        ({**LOGS, "DISPATCH_OTLP_PORT": "4318"}, True),
        ({**LOGS, "DISPATCH_OTLP_PORT": "4318", "DISPATCH_TRACE_PARENT": "xray"}, False),
        ({"DISPATCH_EVENTS": "function"}, False),
    ],
)
def test_lines_wait_for_what_may_still_change_with_their_span(
    variables: dict[str, str], *, waits: bool
) -> None:
    """Its ids, which follow those of the function's SDK, or the span that is to carry them."""
    assembler = open_assembler(
        settings(**variables), concurrent=False, ids=SequentialIds(), health=Health()
    )
    lines = [given.line("paid\n", 1.1), given.line("sent\n", 1.2)]
    finished = assemble(assembler, [[given.start("r", 1), *lines]])
    assert any(isinstance(each, LooseRecords) for each in finished) is not waits


@pytest.mark.parametrize(
    ("variables", "is_open"),
    [
        ({}, False),
        ({"DISPATCH_SAMPLE_RATIO": "0.5"}, True),
        ({"DISPATCH_SAMPLE_RATIO": "0"}, True),
        ({"DISPATCH_SAMPLE_RATIO": "1"}, False),
        ({"DISPATCH_SAMPLE_RATIO": "0.5", "DISPATCH_SIGNALS": "metrics"}, False),
        ({"DISPATCH_SAMPLE_RATIO": "0.5", "DISPATCH_EVENTS": "function"}, False),
        ({**LOGS, **DETAILS, "DISPATCH_OTLP_PORT": "4318"}, True),
        ({**LOGS, **DETAILS}, False),
        ({**LOGS, "DISPATCH_OTLP_PORT": "4318"}, False),
        ({**DETAILS, "DISPATCH_OTLP_PORT": "4318"}, False),
    ],
)
def test_a_sampler_is_there_where_something_may_be_left_out(
    variables: dict[str, str], *, is_open: bool
) -> None:
    """Without one, nothing waits for a verdict."""
    sampler = open_sampler(settings(**variables), concurrent=False, health=Health())
    assert (sampler is not None) is is_open
    if sampler is not None:
        assert sampler.concerns("traces") is ("DISPATCH_SAMPLE_RATIO" in variables)


@pytest.mark.parametrize(("variables", "counted"), [(DETAILS, 1), ({}, 0)])
def test_lines_below_a_level_wait_for_a_verdict_where_there_is_one(
    variables: dict[str, str], counted: int
) -> None:
    """Those of an invocation that was fine are counted."""
    health = Health()
    assembler = open_assembler(
        settings(**LOGS, **variables), concurrent=False, ids=SequentialIds(), health=health
    )
    line = given.line({"level": "DEBUG", "message": "paid"}, 1.1)
    assemble(assembler, [[given.start("r", 1), line, given.done("r", 2), given.report("r", 3)]])
    assert health.filtered["details"] == counted
