"""What several settings mean together."""

from __future__ import annotations

import pytest

from extension.platform.extensions_api import Registration
from extension.settings.config import Config, read_config
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.assembly.held_records import FULL_SIZE
from extension.telemetry.derived_settings import (
    SPANS_IN_BUFFER,
    correlated_log_groups,
    detail_severity,
    has_verdicts,
    joins_sdk,
    own_log_group,
    part_size,
    temporality_of,
)
from extension.telemetry.resource_identity import ResourceIdentity, resource_identity

COLLECTOR = {"DISPATCH_POST_URI": "http://collector.example:4318"}
XRAY = {"DISPATCH_POST_URI": "https://xray.eu-central-1.amazonaws.com"}
ON_AWS = {**XRAY, "DISPATCH_SIGNALS": "traces,logs,metrics"}
SDK = {**COLLECTOR, "DISPATCH_OTLP_PORT": "4318"}
SHOP = ResourceIdentity(function_name="shop")


def config(**variables: str) -> Config:
    """Return settings without a problem."""
    found, problems = read_config(variables)
    assert not problems
    return found


def telemetry(**variables: str) -> TelemetryConfig:
    """Return the settings of telemetry."""
    return config(**variables).telemetry


def test_a_span_carries_what_the_buffer_and_the_back_end_take() -> None:
    """Several fit into the buffer; X-Ray takes less than others."""
    usual = telemetry(**COLLECTOR)
    assert part_size(usual) == (usual.limits.span_events, FULL_SIZE.bytes)
    assert part_size(telemetry(**XRAY)).bytes == 60_000 < FULL_SIZE.bytes
    small = telemetry(**COLLECTOR, DISPATCH_BUFFER_MAX_BYTES="100000")
    assert part_size(small).bytes == small.buffer_max_bytes // SPANS_IN_BUFFER == 25_000


@pytest.mark.parametrize(
    ("variables", "temporality"),
    [
        (COLLECTOR, "delta"),
        (ON_AWS, "cumulative"),
        ({**ON_AWS, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}, "delta"),
        (
            {**COLLECTOR, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "cumulative"},
            "cumulative",
        ),
    ],
)
def test_sums_are_as_the_user_or_the_back_end_wants_them(
    variables: dict[str, str], temporality: str
) -> None:
    """CloudWatch's only grow, all others begin again with each export."""
    assert temporality_of(telemetry(**variables)) == temporality


@pytest.mark.parametrize(
    ("variables", "joins"),
    [
        (SDK, True),
        (COLLECTOR, False),
        ({**SDK, "DISPATCH_SIGNALS": "logs"}, False),
        ({**SDK, "DISPATCH_EVENTS": "function"}, False),
        ({"DISPATCH_OTLP_PORT": "4318"}, False),
    ],
)
def test_spans_of_the_sdk_are_joined_where_there_are_both(
    variables: dict[str, str], *, joins: bool
) -> None:
    """A receiver, spans, and the platform's events from which those of invocations are made."""
    assert joins_sdk(telemetry(**variables)) is joins


@pytest.mark.parametrize(
    ("variables", "are_judged"),
    [
        (COLLECTOR, True),
        ({**COLLECTOR, "DISPATCH_EVENTS": "function"}, False),
        ({**COLLECTOR, "DISPATCH_FORMAT": "json"}, False),
    ],
)
def test_invocations_are_judged_by_the_platform_s_events(
    variables: dict[str, str], *, are_judged: bool
) -> None:
    """In OTLP alone, and so are the lines that are details."""
    assert has_verdicts(telemetry(**variables)) is are_judged
    detailed = telemetry(**variables, DISPATCH_DETAIL_LEVEL_MIN="INFO")
    assert detail_severity(detailed) == (9 if are_judged else 0)


@pytest.mark.parametrize(
    ("least", "severity"), [("", 13), ("DEBUG", 13), ("INFO", 13), ("WARN", 0), ("ERROR", 0)]
)
def test_details_are_lines_between_two_levels(least: str, severity: int) -> None:
    """Where the lower one is not lower there are none."""
    levels = {"DISPATCH_DETAIL_LEVEL_MIN": "WARN", "DISPATCH_LOG_LEVEL_MIN": least}
    assert detail_severity(telemetry(**COLLECTOR, **levels)) == severity
    assert detail_severity(telemetry(**COLLECTOR, DISPATCH_LOG_LEVEL_MIN=least)) == 0


def test_the_log_group_that_we_export_to() -> None:
    """The one that is set, else one of the function's name."""
    assert own_log_group(telemetry(DISPATCH_LOG_GROUP="/tea"), SHOP) == "/tea"
    assert own_log_group(telemetry(), SHOP) == "/lambda-dispatch/shop"
    assert own_log_group(telemetry(), ResourceIdentity()) == "/lambda-dispatch/function"


def test_the_log_groups_in_which_x_ray_looks() -> None:
    """Lambda's, and ours where log records go to CloudWatch Logs, each once."""
    assert correlated_log_groups(telemetry(**COLLECTOR), SHOP) == "/aws/lambda/shop"
    assert correlated_log_groups(telemetry(**XRAY, DISPATCH_SIGNALS="traces"), SHOP) == (
        "/aws/lambda/shop"
    )
    both = "/aws/lambda/shop&/lambda-dispatch/shop"
    assert correlated_log_groups(telemetry(**ON_AWS), SHOP) == both
    named = ResourceIdentity(function_name="shop", log_group="/tea")
    assert correlated_log_groups(telemetry(**ON_AWS), named) == "/tea&/lambda-dispatch/shop"
    elsewhere = telemetry(**ON_AWS, DISPATCH_LOGS_URI="http://collector.example:4318")
    assert correlated_log_groups(elsewhere, SHOP) == "/aws/lambda/shop"
    same = telemetry(**ON_AWS, DISPATCH_LOG_GROUP="/tea")
    assert correlated_log_groups(same, named) == "/tea"


def test_the_function_is_who_register_says_it_is() -> None:
    """Where it says nothing, the environment does."""
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": "shop", "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-west-1", "OTEL_SERVICE_NAME": "tea",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/tea", "OTEL_RESOURCE_ATTRIBUTES": "a=b",
    }  # fmt: skip
    by_environment = resource_identity(config(**variables), Registration())
    assert by_environment == ResourceIdentity(
        function_name="shop",
        function_version="1",
        region="eu-central-1",
        memory_mb=512,
        service_name="tea",
        log_group="/tea",
        trigger=by_environment.trigger,
        resource_attributes="a=b",
    )
    del variables["AWS_REGION"]
    registered = Registration(function_name="cafe", function_version="2", account_id="1")
    found = resource_identity(config(**variables), registration=registered)
    assert (found.function_name, found.function_version, found.account_id) == ("cafe", "2", "1")
    assert found.region == "eu-west-1"
