"""Where exports go and with which headers."""

from __future__ import annotations

import pytest

from extension.telemetry.export.target import parse_headers, signal_url, split_user_info


@pytest.mark.parametrize(
    ("post_uri", "traces", "logs"),
    [
        ("http://h:4318", "http://h:4318/v1/traces", "http://h:4318/v1/logs"),
        ("http://h:4318/", "http://h:4318/v1/traces", "http://h:4318/v1/logs"),
        ("https://h/otlp", "https://h/otlp/v1/traces", "https://h/otlp/v1/logs"),
        ("https://h/v1/traces", "https://h/v1/traces", "https://h/v1/logs"),
        ("https://h/a/v1/logs/", "https://h/a/v1/traces", "https://h/a/v1/logs"),
        ("https://h/x?key=1", "https://h/x/v1/traces?key=1", "https://h/x/v1/logs?key=1"),
    ],
)
def test_signal_url(post_uri: str, traces: str, logs: str) -> None:
    """A base URL gets the signal's path; one that names a signal has siblings."""
    assert signal_url(post_uri, "traces") == traces
    assert signal_url(post_uri, "logs") == logs


def test_headers() -> None:
    """Headers are comma-separated pairs with percent-encoded values."""
    headers, unusable = parse_headers("Authorization=Basic%20abc%3D, x-team = shop ,")
    assert headers == {"authorization": "Basic abc=", "x-team": "shop"}
    assert unusable == []


@pytest.mark.parametrize("text", ["no-separator", "=value", "a b=c", "key=line%0d%0abreak"])
def test_malformed_headers_are_left_out_and_numbered(text: str) -> None:
    """A pair that is no header, or would smuggle one, is left out; the others stay."""
    headers, unusable = parse_headers(f"good=1,{text}")
    assert headers == {"good": "1"}
    assert unusable == [2]


def test_a_signals_own_url_stands_as_it_is() -> None:
    """Some back ends have three URLs that have no base in common."""
    own = "https://ingest.example/v2/trace/otlp?x=1#part"
    assert signal_url("https://other", "traces", own=own) == own.removesuffix("#part")
    assert signal_url("", "metrics", own="https://h/v1/traces") == "https://h/v1/traces"


@pytest.mark.parametrize(
    ("url", "plain", "authorization"),
    [
        ("https://h:1/x", "https://h:1/x", ""),
        ("https://u:p@h:1/x?y", "https://h:1/x?y", "Basic dTpw"),
        ("https://u%40v:p%3A@h", "https://h", "Basic dUB2OnA6"),
        ("https://a@b:p@h", "https://h", "Basic YUBiOnA="),
    ],
)
def test_user_information_becomes_a_header(url: str, plain: str, authorization: str) -> None:
    """It is taken out of the URL, which may be in an error's text."""
    assert split_user_info(url) == (plain, authorization)
