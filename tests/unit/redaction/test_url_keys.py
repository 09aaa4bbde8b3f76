"""Which segment of an endpoint's path is a key, and which is a word, a version or a name."""

from __future__ import annotations

import pytest

from extension.redaction.url_keys import keys_in_url

KEYS = [
    "ZaVnC4dhaV0mQx7Rk2pLw9Ts5Yb8Nc3Uf1Gh6Je4Ko==",  # as Sumo Logic's
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",  # as Loggly's
    "0123456789abcdef0123456789abcdef",
    "oCwtQDtWjDOMcHXHGGNrnRgkEMxCDuiO",  # letters alone, as Logz.io's
    "glc_eyJvIjoiMTIzNDU2IiwibiI6InQifQ",
    "NRAK7Q2M4X8B1Z5C9V3N6",
    "sk-live-9fQ2x7Lm4Rt8Wz",
    "k3Jx9Qw2Lp7Vn4Tz",
    "q8zrkw4tmxyb1hn5jd0c",  # few digits
    "x9Kq2LmZ-7Rt4WpQs",  # short between its marks
    "xofdgr6ubspqzpvsi3iq",  # two numbers among small letters
    "1ohf5niywpsvwyyi",  # one, and letters of no word
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "place", ["/{}", "/receiver/v1/otlp/{}", "/{}/v1/traces", "?{}", "?code={}", "/otlp?v=1&{}"]
)
def test_a_key_is_found_wherever_it_stands(key: str, place: str) -> None:
    """In the path, and in the query with a name or alone."""
    assert list(keys_in_url("https://h.example" + place.format(key))) == [key]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.eu1.honeycomb.io",
        "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp",
        "https://abc12345.live.dynatrace.com/api/v2/otlp",
        "https://h:9999/e/abc12345/api/v2/otlp/v1/traces",
        "https://ingest.eu0.observability.splunkcloud.com/v2/datapoint/otlp",
        "https://h/insert/0/opentelemetry/v1/logs",
        "https://h/api/4505123456789012/integration/otlp/v1/traces",  # Sentry's project
        "https://h/dataCollectionRules/streams/Microsoft-OTLP-Traces/otlp/v1/traces",
        "https://h/api/v1/namespaces/monitoring/services/otel-collector-0:4318/proxy/v1/metrics",
        "https://h/k8s-cluster-eu1-prod/opentelemetry-collector-contrib-gateway/v1alpha1",
        "https://h/openTelemetryTraceIngestV2?api-version=2024-01-01&region=eu-central-1",
        "https://h/otlp?debug",
        "https://h/log4jappenders/s3bucketexporters/otel2kubernetes/v1alpha1",
        "https://h/tenants/eu1productiongateway/ec2spotinstances/2ndgenerationcollector",
        "https://h/collector1/opentelemetry-collector-2/20240101T000000Z/tenants/abc12345-production",
        "https://abcdefghijklm0123456789.execute-api.eu-west-1.amazonaws.com/prod",
    ],
)
def test_words_versions_and_names_are_no_keys(url: str) -> None:
    """They are in every line about an endpoint, and so are hosts."""
    assert list(keys_in_url(url)) == []


def test_a_key_that_is_encoded_is_told_as_it_is_written() -> None:
    """What is encoded in it does not make it one."""
    assert list(keys_in_url("https://h/k3Jx9Qw2Lp7Vn4T%3D/a%20b%20c%20d%20e%20f%20g")) == [
        "k3Jx9Qw2Lp7Vn4T%3D"
    ]
