"""The SDK's variables for each signal, and the notes about settings without effect."""

from __future__ import annotations

from typing import Any

import pytest

from extension.settings.otlp import missed, read_otlp, without_effect
from extension.settings.sdk_variables import HEADERS, SIGNALS
from extension.settings.telemetry import TelemetryConfig

COLLECTOR = "http://collector:4318"
OTHER = "http://other:4318"
XRAY = "https://xray.eu-west-1.amazonaws.com"


def telemetry(**given: Any) -> TelemetryConfig:
    """Return the section with all signals on, if nothing else is given."""
    return TelemetryConfig(**{"signals": SIGNALS, **given})


def test_each_signal_has_its_own_section() -> None:
    """A signal's own variable wins for it alone; defaults are those of the specification."""
    sections, problems, withheld = read_otlp(
        {
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "none",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "1",
        },
        telemetry=telemetry(post_uri=COLLECTOR),
    )
    assert {signal: (each.compression, each.timeout_ms) for signal, each in sections.items()} == {
        "traces": ("gzip", 10_000), "logs": ("none", 10_000), "metrics": ("gzip", 1),
    }  # fmt: skip
    assert problems == ()
    assert withheld == dict.fromkeys(SIGNALS, ())


def test_a_bad_value_for_all_signals_is_one_problem() -> None:
    """Not one for each signal that it is read for."""
    _, [problem], _ = read_otlp(
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "0"}, telemetry=telemetry(post_uri=COLLECTOR)
    )
    assert problem.variable == "OTEL_EXPORTER_OTLP_TIMEOUT"


NOT_SENT_ON = "DISPATCH_OTLP_PORT: what the function's SDK sends is accepted and goes nowhere"
TRACES_NOWHERE = "DISPATCH_SIGNALS: traces go nowhere without DISPATCH_TRACES_URI"
CERTIFICATE = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"post_uri": COLLECTOR}, (HEADERS, CERTIFICATE)),
        ({"post_uri": COLLECTOR, "post_headers": "a=b"}, (CERTIFICATE,)),
        ({"post_uri": COLLECTOR, "format": "json"}, (HEADERS, CERTIFICATE)),
        (
            {"post_uri": COLLECTOR, "traces_uri": OTHER, "post_headers": "a=b"},
            (HEADERS, CERTIFICATE),
        ),
        ({"post_uri": COLLECTOR, "signals": ("logs",)}, ()),
        ({}, ()),
    ],
)
def test_what_would_have_been_used(given: dict[str, Any], names: tuple[str, ...]) -> None:
    """Of the variables withheld, those of a signal that is posted and has no headers of ours."""
    withheld = {"traces": (HEADERS, CERTIFICATE), "logs": (), "metrics": ()}
    assert missed(telemetry(**given), withheld) == names


@pytest.mark.parametrize(
    ("given", "notes"),
    [
        ({}, []),
        ({"post_uri": COLLECTOR, "otlp_port": 4318}, []),
        ({"otlp_port": 4318}, [NOT_SENT_ON]),
        ({"otlp_port": 4318, "format": "json", "post_uri": COLLECTOR}, [NOT_SENT_ON]),
        ({"format": "json", "post_uri": COLLECTOR}, []),
        ({"format": "json", "post_uri": XRAY}, ["DISPATCH_FORMAT=json: AWS takes OTLP alone"]),
        ({"format": "json", "post_uri": COLLECTOR, "sigv4": "aps/eu-west-1"}, []),
        (
            {"logs_uri": OTHER, "signals": ("traces",), "post_uri": COLLECTOR},
            ["DISPATCH_LOGS_URI is not used: logs are not in DISPATCH_SIGNALS"],
        ),
        ({"logs_uri": OTHER, "signals": ("logs",)}, []),
        (
            {"logs_uri": OTHER, "signals": ("logs", "traces")},
            [
                f"{TRACES_NOWHERE} or DISPATCH_POST_URI",
            ],
        ),
        (
            {
                "post_uri": "https://vpce-1.xray.eu-west-1.vpce.amazonaws.com",
                "signals": ("traces", "logs"),
            },
            ["DISPATCH_SIGNALS: logs go nowhere without DISPATCH_LOGS_URI"],
        ),
        ({"post_uri": COLLECTOR, "logs_uri": OTHER}, []),
        ({"post_uri": COLLECTOR, "post_headers": "a=b"}, []),
        (
            {"post_uri": COLLECTOR, "logs_uri": OTHER, "post_headers": "a=b"},
            ["DISPATCH_POST_HEADERS are not used for logs: their URI is of another origin"],
        ),
    ],
)
def test_settings_without_effect_are_named(given: dict[str, Any], notes: list[str]) -> None:
    """Each with the variable that would change it; what works is not mentioned."""
    assert list(without_effect(telemetry(**given))) == notes


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_signal_that_is_off_needs_no_headers(signal: str) -> None:
    """Its URL of another origin is named once, as one that is not used."""
    others = tuple(each for each in SIGNALS if each != signal)
    section = telemetry(
        post_uri=COLLECTOR, post_headers="a=b", signals=others, **{f"{signal}_uri": OTHER}
    )
    [note] = without_effect(section)
    assert note == (
        f"DISPATCH_{signal.upper()}_URI is not used: {signal} are not in DISPATCH_SIGNALS"
    )
