"""Which of the SDK's variables count for one of our signals."""

from __future__ import annotations

import pytest

from extension.settings.sdk_variables import (
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    ENDPOINT,
    HEADERS,
    read_signal,
    same_origin,
)

OURS = "https://ours.example:4318"
THEIRS = "https://theirs.example"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://h", "http://h:80/path", True),
        ("https://H", "https://h:443", True),
        ("http://h:443", "https://h:443", False),
        ("http://h", "http://h:81", False),
        ("http://h", "http://i", False),
        ("http://h:4318", "http://h:4318", True),
        ("https://h:80", "https://h", False),
        ("unix://h", "unix://h", False),
        ("unix://h:1", "unix://h:1", True),
        ("h", "h", False),
        ("", "", False),
        ("http://[", "http://[", False),
        ("http://h:x", "http://h:x", False),
    ],
)
def test_the_origin_of_a_url(one: str, other: str, same: bool) -> None:
    """Scheme, host and port, which HTTP's schemes need not say; what is no URL has none."""
    assert same_origin(one, other) is same


@pytest.mark.parametrize(
    ("environ", "used"),
    [
        ({HEADERS: "general"}, "general"),
        ({HEADERS: "general", "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "own"}, "own"),
        ({HEADERS: "general", "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "  "}, "general"),
        ({HEADERS: "general", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "of traces"}, "general"),
        ({HEADERS: "general", ENDPOINT: OURS}, "general"),
        ({HEADERS: "general", ENDPOINT: THEIRS}, ""),
        ({HEADERS: "general", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": THEIRS}, ""),
        ({HEADERS: "general", ENDPOINT: OURS, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": THEIRS}, ""),
        ({HEADERS: "general", ENDPOINT: THEIRS, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": OURS}, ""),
        ({"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "own", ENDPOINT: THEIRS}, ""),
        (
            {
                "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "own",
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": OURS,
                ENDPOINT: THEIRS,
            },
            "own",
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "own",
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": THEIRS,
                ENDPOINT: OURS,
            },
            "",
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "own",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": THEIRS,
            },
            "",
        ),
    ],
)
def test_a_key_goes_to_its_own_endpoint(environ: dict[str, str], used: str) -> None:
    """A signal's own key to the endpoint that counts for it, a general key to any of them."""
    found = read_signal(
        environ, [ENDPOINT, HEADERS, CLIENT_CERTIFICATE, CLIENT_KEY], signal="logs", ours=OURS
    )
    assert found.values.get(HEADERS, "") == used
    is_own = "OTEL_EXPORTER_OTLP_LOGS_HEADERS" in environ
    withheld = () if used else ("OTEL_EXPORTER_OTLP_LOGS_HEADERS" if is_own else HEADERS,)
    assert found.withheld == withheld


def test_a_certificate_and_its_key_are_withheld_together() -> None:
    """The signal's own key file would be ours; its certificate belongs to another endpoint."""
    own_key = "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY"
    found = read_signal(
        {
            CLIENT_CERTIFICATE: "cert.pem",
            own_key: "key.pem",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": OURS,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": THEIRS,
        },
        [CLIENT_CERTIFICATE, CLIENT_KEY, HEADERS],
        signal="logs",
        ours=OURS,
    )
    assert found.values == {HEADERS: ""}
    assert found.withheld == (CLIENT_CERTIFICATE, own_key)
