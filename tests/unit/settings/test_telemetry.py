"""What the variables of telemetry mean together: where each signal goes, and as what."""

from __future__ import annotations

from typing import Any

import pytest

from extension.settings.sdk_variables import SIGNALS
from extension.settings.telemetry import TelemetryConfig, may_be_aws

COLLECTOR = "http://collector:4318"
XRAY = "https://xray.eu-west-1.amazonaws.com"


def telemetry(**given: Any) -> TelemetryConfig:
    """Return the section with all signals on, if nothing else is given."""
    return TelemetryConfig(**{"signals": SIGNALS, **given})


@pytest.mark.parametrize(
    ("uri", "may_be"),
    [
        (XRAY, True),
        ("https://Logs.eu-west-1.amazonaws.com", True),
        ("https://logs-fips.us-east-1.api.aws", True),
        ("https://monitoring.eu-west-1.amazonaws.com", True),
        (COLLECTOR, False),
        ("https://catalogs/v1/logs", False),
    ],
)
def test_what_is_worth_a_closer_look(uri: str, may_be: bool) -> None:
    """Only a URL with the name of one of AWS's services costs an import."""
    assert may_be_aws(uri) is may_be


@pytest.mark.parametrize(
    ("given", "posted"),
    [
        ({}, ()),
        ({"post_uri": COLLECTOR}, SIGNALS),
        ({"logs_uri": COLLECTOR}, ("logs",)),
        ({"post_uri": COLLECTOR, "signals": ("metrics",)}, ("metrics",)),
        ({"format": "json"}, ()),
        ({"format": "json", "logs_uri": COLLECTOR}, ()),
        ({"format": "json", "post_uri": COLLECTOR}, ("events",)),
    ],
)
def test_which_signals_are_posted(given: dict[str, Any], posted: tuple[str, ...]) -> None:
    """Those that are on and have a URL; the JSON format has one of its own, for all events."""
    assert telemetry(**given).posted == posted


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ({}, ""),
        ({"post_uri": COLLECTOR}, COLLECTOR),
        ({"logs_uri": "http://logs:1"}, "http://logs:1"),
        ({"post_uri": COLLECTOR, "logs_uri": "http://logs:1"}, "http://logs:1"),
        ({"post_uri": XRAY, "logs_uri": "http://logs:1"}, "http://logs:1"),
        ({"post_uri": XRAY}, "https://logs.eu-west-1.amazonaws.com"),
        ({"post_uri": "https://xray.mine"}, "https://xray.mine"),
    ],
)
def test_where_a_signal_goes(given: dict[str, Any], uri: str) -> None:
    """To its own URL, else to that for all; on AWS to the host of the signal."""
    assert telemetry(**given).uri_of("logs") == uri


@pytest.mark.parametrize(
    ("given", "service", "is_aws", "is_signed"),
    [
        ({"post_uri": COLLECTOR}, None, False, False),
        ({"post_uri": "https://xray.mine"}, None, False, False),
        ({"post_uri": COLLECTOR, "sigv4": "off"}, None, False, False),
        ({"post_uri": XRAY}, "xray", True, True),
        ({"post_uri": XRAY, "sigv4": "off"}, "xray", True, False),
        ({"post_uri": XRAY, "format": "json"}, "xray", False, True),
        ({"post_uri": COLLECTOR, "sigv4": "xray/eu-west-1"}, "xray", True, True),
        ({"post_uri": COLLECTOR, "sigv4": "aps/eu-west-1"}, "aps", False, True),
    ],
)
def test_what_is_signed_for_which_service(
    given: dict[str, Any], service: str | None, is_aws: bool, is_signed: bool
) -> None:
    """AWS's own hosts and what `sigv4` names; the limits of CloudWatch are for its own OTLP."""
    section = telemetry(**given)
    found = section.aws_service_of("traces")
    assert (found and found.service) == service
    assert section.goes_to_cloudwatch("traces") is is_aws
    assert section.is_signed("traces") is is_signed


@pytest.mark.parametrize(
    ("given", "is_any"),
    [
        ({"post_uri": COLLECTOR}, False),
        ({"post_uri": COLLECTOR, "logs_uri": "https://logs.eu-west-1.amazonaws.com"}, True),
        ({"logs_uri": "https://logs.eu-west-1.amazonaws.com", "signals": ("traces",)}, False),
    ],
)
def test_credentials_are_needed_for_one_signed_signal(given: dict[str, Any], is_any: bool) -> None:
    """One that is posted is enough."""
    assert telemetry(**given).is_any_signed is is_any


@pytest.mark.parametrize(
    ("given", "stores"),
    [
        ({}, False),
        ({"dead_letters": "s3://bucket"}, True),
        ({"dead_letters": "s3://bucket", "format": "json"}, False),
        ({"format": "json"}, False),
    ],
)
def test_dead_letters_are_otlp(given: dict[str, Any], stores: bool) -> None:
    """There are none of the JSON format, which the command cannot send again."""
    assert telemetry(**given).stores_letters is stores


@pytest.mark.parametrize(
    ("given", "signals"),
    [
        ({"post_uri": COLLECTOR}, SIGNALS),
        ({"post_uri": COLLECTOR, "logs_uri": f"{COLLECTOR}/logs"}, SIGNALS),
        ({"post_uri": COLLECTOR, "logs_uri": "http://other:1"}, ("traces", "metrics")),
        ({"traces_uri": COLLECTOR, "logs_uri": f"{COLLECTOR}/x"}, ("traces", "logs")),
        ({"traces_uri": COLLECTOR, "logs_uri": "http://other:1"}, ()),
    ],
)
def test_which_signals_get_our_headers(given: dict[str, Any], signals: tuple[str, ...]) -> None:
    """Those of the origin that the headers are for: of the URL for all, or of every URL."""
    section = telemetry(**given)
    assert tuple(filter(section.gets_post_headers, SIGNALS)) == signals
