"""Subscriptions to telemetry: what is accepted, what is refused and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.telemetry.subscription import (
    InvalidSubscriptionError,
    Subscription,
    parse_subscription,
)

VALID: dict[str, Any] = {
    "schemaVersion": "2025-01-29",
    "types": ["platform"],
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/x?y=1"},
}


def parse(*, is_managed: bool = False, **changes: Any) -> Subscription:
    """Return the subscription of a valid request with some changes."""
    return parse_subscription(json.dumps(VALID | changes).encode(), is_managed=is_managed)


def test_a_minimal_request_gets_the_defaults() -> None:
    """Without buffering Lambda batches 10,000 items, 256 KiB or one second."""
    parsed = parse()

    assert (parsed.max_items, parsed.max_bytes, parsed.timeout_ms) == (10000, 262144, 1000)
    assert (parsed.protocol, parsed.host, parsed.port) == ("HTTP", "sandbox.localdomain", 8080)
    assert parsed.path == "/x?y=1"


@pytest.mark.parametrize("version", ["2022-07-01", "2022-12-13", "2025-01-29"])
def test_all_schema_versions_are_known(version: str) -> None:
    """Every published schema version may be asked for."""
    assert parse(schemaVersion=version).schema_version == version


def test_managed_instances_know_the_newest_schema_alone() -> None:
    """On Managed Instances an older schema version is refused."""
    with pytest.raises(InvalidSubscriptionError, match="schemaVersion"):
        parse(is_managed=True, schemaVersion="2022-12-13")


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [("maxItems", 1000, 10000), ("maxBytes", 262144, 1048576), ("timeoutMs", 25, 30000)],
)
def test_buffering_has_bounds(field: str, low: int, high: int) -> None:
    """The bounds themselves are valid; one beyond them is not, nor is another type."""
    parse(buffering={field: low})
    parse(buffering={field: high})
    for wrong in (low - 1, high + 1, str(low), True, None):
        with pytest.raises(InvalidSubscriptionError, match=f"{field} should be from"):
            parse(buffering={field: wrong})


def test_tcp_needs_a_port() -> None:
    """A TCP destination is a port on loopback."""
    assert parse(destination={"protocol": "TCP", "port": 9999}).port == 9999
    for port in (0, 65536, "9999"):
        with pytest.raises(InvalidSubscriptionError, match="destination"):
            parse(destination={"protocol": "TCP", "port": port})


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("http://sandbox.localdomain/x", "URI port is not provided"),
        ("http://localhost:8080", "URI host"),
        ("https://sandbox.localdomain:8080", "URI host"),
        ("http://sandbox.localdomain:9001", "9001 is reserved"),
        ("http://sandbox.localdomain:x", "URI is not valid"),
        ("", "destination"),
    ],
)
def test_a_listener_is_in_the_sandbox(uri: str, problem: str) -> None:
    """The host is sandbox.localdomain, the port is given and not the Runtime API's."""
    with pytest.raises(InvalidSubscriptionError, match=problem):
        parse(destination={"protocol": "HTTP", "URI": uri})


def test_all_problems_are_told_at_once() -> None:
    """The message of a refusal lists everything that is wrong."""
    with pytest.raises(InvalidSubscriptionError) as refusal:
        parse(types=[], destination={"protocol": "HTTP", "URI": "http://sandbox.localdomain"})

    assert str(refusal.value) == "types should not be empty; URI port is not provided"


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"\xff", b'{"types": 1}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    """Any body is answered with a refusal, never with an exception of another kind."""
    with pytest.raises(InvalidSubscriptionError):
        parse_subscription(body)
