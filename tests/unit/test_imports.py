"""What each module imports, looked at in a fresh interpreter: cold start is paid per import."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from extension.settings.config import read_config
from extension.telemetry_part import telemetry_modules

ROOT = Path(__file__).parents[2]

BEFORE_REGISTERING = (
    "platform",
    *(f"platform.{name}" for name in ("bootstrap", "plain_http", "survive")),
)
FIRST_EVENTS = ("early_calls", "first_events", "first_gets", "start_mark")
PUMP = ("connection", "framing", "marker", "pump", "start")
AFTER_REGISTERING = {"aiohttp", "boto3", "botocore", "opentelemetry", "google.protobuf"}


def modules_after(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded beyond its own after `statement`."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules)\n"
        f"{statement}\n"
        "after = set(sys.modules) - before\n"
        "import json; print(json.dumps(sorted(after)))"
    )
    command = [sys.executable, "-I", "-c", program, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_before_registering_only_built_in_modules_are_imported() -> None:
    """All that runs before /register is ours or built in."""
    loaded = modules_after("import extension.__main__")
    ours = {"extension", *(f"extension.{name}" for name in ("__main__", *BEFORE_REGISTERING))}
    # Some builds of Python have _socket built in.
    built_in = set(sys.builtin_module_names)
    assert loaded - ours - built_in == {"__future__", "_socket"} - built_in


def test_until_next_only_built_in_modules_are_imported() -> None:
    """A repeated start subscribes and asks for /next before anything else is loaded."""
    loaded = modules_after("import extension.__main__, extension.platform.first_events")
    after = (*(f"platform.{each}" for each in FIRST_EVENTS), "process", "process.priority")
    names = ("__main__", *BEFORE_REGISTERING, *after)
    ours = {"extension", *(f"extension.{name}" for name in names)}
    assert loaded - ours - set(sys.builtin_module_names) == {"__future__", "_socket"}


def test_the_pump_loads_built_in_modules_only() -> None:
    """It is started before /register."""
    loaded = modules_after("import extension.pump.start")
    names = ("pump", *(f"pump.{each}" for each in PUMP))
    ours = {"extension", *(f"extension.{name}" for name in names)}
    built_in = set(sys.builtin_module_names)
    assert loaded - ours - built_in == {"__future__", "_socket", "select"} - built_in


def test_without_the_wrapper_the_pump_is_not_loaded() -> None:
    """What is off costs nothing."""
    loaded = modules_after(
        "from extension.platform.bootstrap import bind_and_register\n"
        "bind_and_register({'AWS_LAMBDA_RUNTIME_API': '127.0.0.1:9'})"
    )
    assert not [name for name in loaded if name.startswith("extension.pump") or name == "select"]


@pytest.mark.parametrize(
    ("statement", "light_of"),
    [
        ("import extension.app", AFTER_REGISTERING),
        ("import extension.telemetry.telemetry", {"aiohttp", "opentelemetry", "google.protobuf"}),
        (
            "import extension.telemetry.opening, extension.telemetry.otlp.encoder",
            {
                "botocore",
                "extension.settings.aws_hosts",
                "extension.telemetry.export.aws_requests",
                "extension.telemetry.export.dead_letters",
            },
        ),
        ("import extension.platform.extensions_api", AFTER_REGISTERING),
        ("import extension.telemetry.listener", AFTER_REGISTERING),
        ("import extension.opening", AFTER_REGISTERING),
        ("import extension.telemetry.early", AFTER_REGISTERING),
        ("import extension.parameters.parameters", AFTER_REGISTERING),
        ("import extension.aws.calls", AFTER_REGISTERING),
        (
            "import extension.aws.clients",
            {"aiohttp", "boto3", "s3transfer", "extension.aws.roles"},
        ),
        ("import extension.telemetry.otlp.exporter", {"boto3", "botocore", "requests"}),
    ],
)
def test_a_module_does_not_load_what_another_one_needs(statement: str, light_of: set[str]) -> None:
    """Who came for one job does not pay for the other."""
    loaded = modules_after(statement)
    assert not light_of & loaded


@pytest.mark.parametrize(
    ("statement", "heavy_with"),
    [
        ("import extension.telemetry.otlp.exporter", {"aiohttp", "opentelemetry.proto"}),
        ("import extension.telemetry.otlp.encoder", {"opentelemetry.sdk.trace"}),
        ("import extension.aws.clients", {"botocore.session", "botocore.config"}),
        ("import extension.aws.credentials", {"botocore.credentials"}),
        ("import extension.telemetry.export.post", {"aiohttp"}),
    ],
)
def test_the_heavy_modules_are_heavy(statement: str, heavy_with: set[str]) -> None:
    """The test above can fail: where the weight belongs, it is seen."""
    assert heavy_with <= modules_after(statement)


def test_without_a_receiver_nothing_of_it_is_imported() -> None:
    """A function whose SDK does not post to us pays nothing."""
    loaded = modules_after(
        "import extension.app, extension.telemetry.early, extension.telemetry.opening,"
        " extension.telemetry.reader, extension.telemetry.otlp.encoder,"
        " extension.telemetry.otlp.metrics"
    )
    assert not [name for name in loaded if name.startswith("extension.telemetry.receiver")]


def test_without_a_tap_nothing_of_it_is_imported() -> None:
    """Only a function with the wrapper pays for what is read of its events."""
    loaded = modules_after(
        "import extension.app, extension.opening, extension.telemetry.early,"
        " extension.telemetry.opening, extension.telemetry.reader,"
        " extension.telemetry.otlp.opening, extension.telemetry.otlp.metrics"
    )
    ours = ("extension.telemetry.tap", "extension.pump")
    assert not [name for name in loaded if name.startswith(ours)]


def test_the_door_is_light() -> None:
    """It opens before anything else of telemetry."""
    loaded = modules_after("import extension.telemetry.receiver.receiver")
    assert not {"aiohttp", "boto3", "botocore", "opentelemetry", "google.protobuf"} & loaded


def test_without_a_receiver_nothing_of_the_sdks_spans_is_imported() -> None:
    """Only a function whose SDK sends to us pays for putting two spans together."""
    loaded = modules_after(
        "import extension.telemetry.opening, extension.telemetry.otlp.encoder,"
        " extension.telemetry.otlp.metrics"
    )
    modules = ("assembly.one_trace", "otlp.sdk_requests", "reading.sdk_spans")
    assert loaded & {f"extension.telemetry.{each}" for each in modules} == set()


@pytest.mark.parametrize(
    ("given", "is_heavy"),
    [
        ({"DISPATCH_POST_URI": "https://otlp.example.com"}, False),
        ({"DISPATCH_POST_URI": "https://monitoring.example.com"}, False),
        ({"DISPATCH_POST_URI": "https://xray.eu-central-1.amazonaws.com"}, True),
        ({"DISPATCH_POST_URI": "https://example.com", "DISPATCH_SIGV4": "osis/eu-west-1"}, True),
    ],
)
def test_only_signed_exports_import_botocore(given: Mapping[str, str], *, is_heavy: bool) -> None:
    """Telemetry that goes elsewhere imports nothing of what signs."""
    config, _ = read_config(given)
    modules = telemetry_modules(config.telemetry)
    loaded = modules_after("; ".join(f"import {each}" for each in modules))
    assert ("botocore.auth" in loaded) == is_heavy
    assert ("extension.telemetry.export.aws_requests" in loaded) == is_heavy
