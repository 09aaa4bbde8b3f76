"""The calls that scripted actors make, one function for each kind of step."""

from __future__ import annotations

from typing import Any

Step = dict[str, Any]

EXTENSION = "/2020-01-01/extension"
RUNTIME = "/2018-06-01/runtime"
TELEMETRY = "/2022-07-01/telemetry"
IDENTIFIER = "Lambda-Extension-Identifier"
ERROR_TYPE = "Lambda-Extension-Function-Error-Type"
OWN = {IDENTIFIER: "{id}"}
STRANGER = {IDENTIFIER: "11111111-2222-4333-8444-555555555555"}
INVOKE_AND_SHUTDOWN = {"events": ["INVOKE", "SHUTDOWN"]}
SHUTDOWN_ONLY = {"events": ["SHUTDOWN"]}
STAY: list[Step] = [{"until": "SHUTDOWN"}, {"exit": 0}]


def call(label: str, method: str, path: str, **more: Any) -> Step:
    """Make any call."""
    return {"label": label, "call": [method, path], **more}


def register(name: str, body: Any, *, label: str = "", **headers: str) -> Step:
    """Register an extension."""
    named = {"Lambda-Extension-Name": name} if name else {}
    return call(
        label or f"register {name}",
        "POST",
        f"{EXTENSION}/register",
        body=body,
        headers=named | headers,
    )


def next_event(label: str, **more: Any) -> Step:
    """Ask for the next event, as an extension."""
    return call(label, "GET", f"{EXTENSION}/event/next", headers=OWN, **more)


def fail(kind: str, label: str, headers: dict[str, str]) -> Step:
    """Report an error, as an extension; the kind is init or exit."""
    return call(label, "POST", f"{EXTENSION}/{kind}/error", body={}, headers=headers)


def next_invocation(label: str = "runtime next", **more: Any) -> Step:
    """Ask for the next invocation, as the runtime."""
    return call(label, "GET", f"{RUNTIME}/invocation/next", **more)


def respond(label: str = "response", *, body: Any = '{"ok":true}', **more: Any) -> Step:
    """Answer the invocation, as the runtime."""
    path = f"{RUNTIME}/invocation/{{request}}/response"
    return call(label, "POST", path, body=body, **more)


def respond_error(label: str = "error", *, body: Any, **headers: str) -> Step:
    """Answer the invocation with an error, as the runtime."""
    path = f"{RUNTIME}/invocation/{{request}}/error"
    return call(label, "POST", path, body=body, headers=headers)


def subscribe(label: str, body: Any, *, headers: dict[str, str] = OWN) -> Step:
    """Subscribe to telemetry."""
    return call(label, "PUT", TELEMETRY, body=body, headers=headers)


def wanted(**changes: Any) -> dict[str, Any]:
    """Return the body of a subscription to everything, for the listener of a `serve` step."""
    return {
        "schemaVersion": "2025-01-29",
        "types": ["platform", "function", "extension"],
        "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:{port}/path"},
    } | changes
