"""The built layer keeps failures whole and counts the rest, as the working tree does."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.intake import Intake
from tests.layer.built import LayerTree
from tests.layer.stage import read_only_opt, staged
from tests.sandbox import FUNCTIONS, free_port
from tests.waiting import until

DEBUG, INFO = {"level": "DEBUG", "message": "tried"}, {"level": "INFO", "message": "done"}
OF_SANDBOX = {
    "faas.cpu_usage",
    "faas.net_io",
    "lambda_dispatch.file_descriptors",
    "lambda_dispatch.threads",
    "lambda_dispatch.tmp_usage",
}


def total(intake: Intake, name: str) -> float:
    """Return the sum of a counter, or the number of values in a histogram."""
    points = [point for each in intake.metrics if each.name == name for point in each.points]
    return sum(point.count or point.value or 0 for point in points)


@pytest.mark.parametrize("share", ["0", "otel"])
async def test_failures_with_details_and_metrics_of_the_sandbox(
    layer_tree: LayerTree, tmp_path: Path, share: str
) -> None:
    """With either way to choose; read-only, at /opt."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "DISPATCH_SIGNALS": "traces,logs,metrics",
        "DISPATCH_FLUSH": "end",
        "DISPATCH_OTLP_PORT": str(free_port()),
        "DISPATCH_SAMPLE_RATIO": share,
        "OTEL_TRACES_SAMPLER": "always_off",
        "DISPATCH_DETAIL_LEVEL_MIN": "INFO",
        "DISPATCH_PROCESS_METRICS": "true",
    }
    extensions = read_only_opt(layer_tree, tmp_path)
    async with staged(extensions, environment=environment, code=FUNCTIONS, name="shop") as stage:
        for event in ({}, {"print": [DEBUG, INFO]}, {"print": [DEBUG, INFO], "raise": "no stock"}):
            await stage.function.invoke(event)
        await until(lambda: total(stage.intake, "faas.invoke_duration") == 3)
        await until(lambda: len(stage.intake.logs) == 3)
    ours = [span for span in stage.intake.spans if span.name == "shop"]
    assert [bool(span.attributes.get("error.type")) for span in ours] == [False, True]
    assert {span.trace_state for span in ours} == {"ot=th:0"}
    assert {log.attributes["faas.invocation_id"] for log in stage.intake.logs} == {
        ours[1].attributes["faas.invocation_id"]
    }
    assert {"tried", "done"} <= {log.body for log in stage.intake.logs}
    assert total(stage.intake, "faas.errors") == 1
    assert {each.name for each in stage.intake.metrics} >= OF_SANDBOX
    assert stage.clean
