"""Where each signal goes: whose headers, which certificates, which proxy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from extension.config import read_config
from extension.log import Log
from extension.telemetry.export.outgoing import Signal
from extension.telemetry.export.post import Target
from extension.telemetry.export.proxy import proxy_for
from extension.telemetry.export.targets import build_targets
from extension.telemetry.export.tls import TlsError
from tests.doubles import LogLines, ManualClock


def targets(
    environ: Mapping[str, str], *, lines: LogLines | None = None
) -> Mapping[Signal, Target]:
    """Return the targets that an environment gives."""
    given = {"DISPATCH_POST_URI": "http://collector:4318", **environ}
    config, problems = read_config(given)
    assert problems == ()
    log = Log(clock=ManualClock(), sink=lines or LogLines())
    return build_targets(config.telemetry, config.otlp, environ=given, log=log)


def test_the_plain_case() -> None:
    """Spans go below the base URL, compressed, directly, within ten seconds."""
    assert targets({}) == {
        "traces": Target(
            url="http://collector:4318/v1/traces", headers={}, compression="gzip", timeout_s=10
        )
    }


def test_each_signal_may_differ() -> None:
    """A signal's own variable wins over that for all."""
    seen = targets(
        {
            "DISPATCH_SIGNALS": "traces,logs",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "5000",
            "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "1000",
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "b=2",
        }
    )
    assert (seen["traces"].timeout_s, seen["logs"].timeout_s) == (5, 1)
    assert (seen["traces"].compression, seen["logs"].compression) == ("none", "gzip")
    assert (seen["traces"].headers, seen["logs"].headers) == ({"a": "1"}, {"b": "2"})


def test_the_json_format_has_one_target() -> None:
    """The URL as it stands, and no compression that its receiver did not ask for."""
    seen = targets({"DISPATCH_FORMAT": "json", "DISPATCH_POST_URI": "http://h/v1/traces?x=1"})
    assert seen == {
        "events": Target(url="http://h/v1/traces?x=1", headers={}, compression="none", timeout_s=10)
    }


@pytest.mark.parametrize(
    ("environ", "headers"),
    [
        ({"OTEL_EXPORTER_OTLP_HEADERS": "k=sdk"}, {"k": "sdk"}),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "k=sdk", "DISPATCH_POST_HEADERS": "k=own"}, {"k": "own"}),
        (
            {
                "OTEL_EXPORTER_OTLP_HEADERS": "k=sdk",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/",
            },
            {"k": "sdk"},
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_HEADERS": "k=sdk",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "https://other.example",
            },
            {},
        ),
    ],
)
def test_one_vendors_key_does_not_reach_another(
    environ: dict[str, str], headers: dict[str, str]
) -> None:
    """The SDK's headers are ours only where its endpoint is, or none is set."""
    assert targets(environ)["traces"].headers == headers


def test_malformed_headers_are_named_and_not_printed() -> None:
    """The line says which variable and how many pairs."""
    lines = LogLines()
    assert targets({"DISPATCH_POST_HEADERS": "a=1,hunter2"}, lines=lines)["traces"].headers == {
        "a": "1"
    }
    [line] = lines.lines
    assert "DISPATCH_POST_HEADERS" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("variable", ["CERTIFICATE", "CLIENT_CERTIFICATE"])
def test_an_unusable_certificate_is_named(variable: str, tmp_path: Path) -> None:
    """A missing file and one that is no certificate are told by their variable."""
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for path in (tmp_path / "missing.pem", nonsense):
        with pytest.raises(TlsError, match=f"OTEL_EXPORTER_OTLP_{variable}: "):
            targets(
                {
                    "DISPATCH_POST_URI": "https://collector",
                    f"OTEL_EXPORTER_OTLP_{variable}": str(path),
                }
            )


def test_https_verifies() -> None:
    """An https endpoint gets a context that trusts the system's authorities and checks names."""
    tls = targets({"DISPATCH_POST_URI": "https://collector"})["traces"].tls
    assert tls is not None
    assert tls.check_hostname


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://h/x", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://h/x", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("https://h/x", {"HTTPS_PROXY": "http://p", "NO_PROXY": "h"}, None),
        ("https://a.h.example/x", {"HTTPS_PROXY": "http://p", "NO_PROXY": ".h.example"}, None),
        ("https://h/x", {"HTTPS_PROXY": "http://p", "no_proxy": "*"}, None),
        ("https://h/x", {"HTTP_PROXY": "http://p"}, None),
        ("http://h/x", {"http_proxy": "http://p"}, "http://p"),
        ("http://h/x", {"HTTPS_PROXY": "http://p"}, None),
        ("https://h/x", {"ALL_PROXY": "http://p"}, "http://p"),
        ("https://localhost:4318/x", {"HTTPS_PROXY": "http://p"}, None),
        ("https://127.0.0.1:4318/x", {"HTTPS_PROXY": "http://p"}, None),
        ("https://[::1]:4318/x", {"HTTPS_PROXY": "http://p"}, None),
        ("https://h/x", {"HTTPS_PROXY": " "}, None),
    ],
)
def test_proxy(url: str, environ: dict[str, str], proxy: str | None) -> None:
    """The usual variables, and never for loopback."""
    assert proxy_for(url, environ) == proxy
