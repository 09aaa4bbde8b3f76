"""Which modules telemetry imports: none that the configuration does not need."""

from __future__ import annotations

from importlib import import_module

import pytest

from extension.settings.config import read_config
from extension.telemetry_part import telemetry_modules

ALWAYS = ["extension.bridge", "aiohttp", "extension.telemetry.opening"]
OTLP = ["extension.telemetry.otlp.opening", "extension.telemetry.otlp.exporter"]
METRICS = ["extension.telemetry.otlp.metrics"]
RECEIVER = [
    "extension.telemetry.receiver.posted_reader",
    "extension.telemetry.receiver.opening",
]
AWS = ["extension.telemetry.export.aws_requests"]
FITTING = ["extension.telemetry.otlp.fitting"]
SIGNING = ["extension.aws.signing"]
LETTERS = ["extension.telemetry.export.open_letters"]

COLLECTOR = {"DISPATCH_POST_URI": "http://collector:4318", "DISPATCH_SIGNALS": "traces"}
JSON = {"DISPATCH_POST_URI": "http://collector", "DISPATCH_FORMAT": "json"}
XRAY = "https://xray.eu-central-1.amazonaws.com/v1/traces"
SIGNED = {"DISPATCH_SIGV4": "execute-api/eu-central-1"}
BUCKET = {"DISPATCH_DEAD_LETTERS": "s3://bucket/prefix"}


@pytest.mark.parametrize(
    ("environ", "modules"),
    [
        (COLLECTOR, [*ALWAYS, *OTLP]),
        (COLLECTOR | {"DISPATCH_SIGNALS": "traces,metrics"}, [*ALWAYS, *OTLP, *METRICS]),
        (COLLECTOR | {"DISPATCH_OTLP_PORT": "4318"}, [*ALWAYS, *OTLP, *RECEIVER]),
        (COLLECTOR | BUCKET, [*ALWAYS, *OTLP, *SIGNING, *LETTERS]),
        (JSON, ALWAYS),
        (JSON | {"DISPATCH_OTLP_PORT": "4318"} | BUCKET, ALWAYS),
        (JSON | SIGNED, [*ALWAYS, *AWS, *SIGNING]),
        (
            COLLECTOR | {"DISPATCH_SIGNALS": "traces,logs", "DISPATCH_TRACES_URI": XRAY},
            [*ALWAYS, *OTLP, *AWS, *FITTING, *SIGNING],
        ),
        (
            COLLECTOR | {"DISPATCH_TRACES_URI": XRAY, "DISPATCH_SIGV4": "off"},
            [*ALWAYS, *OTLP, *AWS, *FITTING],
        ),
    ],
)
def test_what_is_not_set_up_is_not_imported(environ: dict[str, str], modules: list[str]) -> None:
    """Each module is a part of every cold start."""
    config, _ = read_config(environ)
    assert telemetry_modules(config.telemetry) == modules


@pytest.mark.parametrize("name", [*OTLP, *METRICS, *RECEIVER, *AWS, *FITTING, *SIGNING, *LETTERS])
def test_each_of_them_exists(name: str) -> None:
    """A name that is wrong would switch telemetry off."""
    assert import_module(name).__name__ == name
