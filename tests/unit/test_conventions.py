"""What `docs/conventions.md` says about variables of the function's SDK is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extension.settings.config import read_config
from extension.telemetry.otlp import attributes
from extension.telemetry.otlp.resource import SCHEMA_URL
from extension.telemetry.tap import names

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "conventions.md").read_text("utf-8")
SOURCES = "".join(path.read_text("utf-8") for path in (ROOT / "extension").rglob("*.py"))

EXAMPLES = {
    "OTEL_BSP_*": "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BLRP_*": "OTEL_BLRP_MAX_QUEUE_SIZE",
    "OTEL_METRIC_EXPORT_*": "OTEL_METRIC_EXPORT_INTERVAL",
}
"""One variable of each family."""


def without_effect() -> list[str]:
    """Return the variables of the document's rows that begin with `no effect`."""
    rows = re.findall(r"^\| (`[^|]+) \| no effect", DOCUMENT, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([A-Z0-9_]+\*?)`", row)]
    return [EXAMPLES.get(name, name) for name in names]


def test_the_document_has_the_table() -> None:
    """The rows are found, those of several variables included."""
    assert {"OTEL_SDK_DISABLED", "OTEL_METRICS_EXPORTER", "AWS_PROFILE"} <= set(without_effect())


@pytest.mark.parametrize("variable", without_effect())
@pytest.mark.parametrize("value", ["none", "true", "always_off", "grpc"])
def test_a_variable_without_effect_has_none(variable: str, value: str) -> None:
    """Nothing of ours reads it: the configuration is the same, and its name is nowhere."""
    given = {
        "DISPATCH_POST_URI": "http://collector:4318",
        "DISPATCH_SIGNALS": "traces,logs,metrics",
    }
    assert read_config({**given, variable: value}) == read_config(given)
    assert f'"{variable}"' not in SOURCES


def not_set() -> list[str]:
    """Return the attributes of the document's rows that say `not set`; `*` stands for any end."""
    rows = re.findall(r"^\| (`[^|]+) \| not set", DOCUMENT, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([a-z_.]+\*?)`", row)]


def test_attributes_that_are_not_set_are_not_set() -> None:
    """None of ours has their names."""
    ours = {*attributes.CONVENTIONAL, *names.CONVENTIONAL}
    found = [
        each for each in not_set() for name in ours if re.fullmatch(each.replace("*", ".*"), name)
    ]
    assert {"url.query", "cloud.availability_zone", "telemetry.sdk.*"} <= set(not_set())
    assert found == []


def test_the_document_names_the_version_of_the_schema() -> None:
    """It is the one that requests name."""
    version = SCHEMA_URL.rpartition("/")[2]
    assert f"semantic conventions {version}" in DOCUMENT
