"""PURE: the span that the function's own SDK makes of an invocation, and what ours takes of it.

It is recognised by three things together: the request id among its attributes, its kind, and the
scope of an instrumentation for Lambda. A span that has the id alone is the user's own.
Source: https://opentelemetry.io/docs/specs/semconv/faas/aws-lambda/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from extension.process.frozen import Frozen
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.xray import SpanLink

REQUEST_ID_KEYS = ("faas.invocation_id", "faas.execution")
"""The second is the name that it had before semantic conventions 1.19."""

_KEYS = tuple(key.encode() for key in REQUEST_ID_KEYS)

LAMBDA_SCOPE = "awslambda"
"""In the name of every instrumentation for Lambda, however it writes the two words."""

TRIGGER = "faas.trigger"
SHARED = (
    "client.",
    "http.",
    "messaging.",
    "net.host.",
    "network.protocol.",
    "server.",
    "url.",
    "user_agent.",
)
"""What else an invocation's own span says, in the old names and the new."""

WITH_QUERY = {"http.target", "http.url", "url.full"}
NEVER_SHARED = ("url.query", "http.request.header.", "http.response.header.")
"""Query strings and headers carry tokens; what the SDK writes of them stays with its own span."""

MAX_ATTRIBUTES = 32
MAX_LINKS = 32
"""What ours takes over, at most: a batch may have ten thousand messages."""

MAX_TEXT = 1024

Value = str | bool | int | float


class SdkSpan(Frozen):
    """The SDK's span of one invocation, and that span alone as a request of its own.

    `links` and `attributes` are those that ours takes over, of the span itself and of the CONSUMER
    span directly below it. `is_alone`: no other span of its trace came in the same request.
    """

    request_id: str
    trace_id: int
    span_id: int
    body: bytes
    start_ns: int = 0
    parent_span_id: int = 0
    links: tuple[SpanLink, ...] = ()
    attributes: Mapping[str, Value] = {}
    is_alone: bool = False
    has_consumer: bool = False
    """Whether a CONSUMER span is directly below it."""
    tracestate: str = ""
    error: HandlerError | None = None
    """Of what it failed, if it did."""


class Orphan(Frozen):
    """A span whose parent, a span of the same process, was not in the request that brought it."""

    trace_id: int
    missing_parent_id: int
    start_ns: int


class SdkRequest(Frozen):
    """One request of the SDK without the spans of invocations, which go their own way."""

    rest: bytes
    count: int
    """Spans in `rest`."""
    spans: tuple[SdkSpan, ...] = ()
    orphans: tuple[Orphan, ...] = ()


def may_have_invocation(body: bytes) -> bool:
    """Return whether an encoded request is worth reading: texts are in it unchanged."""
    return any(key in body for key in _KEYS)


def is_lambda_scope(name: str) -> bool:
    """Return whether an instrumentation for Lambda calls itself so."""
    return LAMBDA_SCOPE in "".join(filter(str.isalpha, name.lower()))


def shared_attributes(attributes: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Return those that ours takes over, and what they say of the trigger."""
    shared: dict[str, Value] = {}
    for name, value in attributes:
        is_shared = name == TRIGGER or (
            name.startswith(SHARED) and not name.startswith(NEVER_SHARED)
        )
        if is_shared and len(shared) < MAX_ATTRIBUTES:
            shared[name] = _short(name, value)
    if TRIGGER not in shared and (trigger := _trigger_of(shared)):
        shared[TRIGGER] = trigger
    return shared


def _short(name: str, value: Value) -> Value:
    if not isinstance(value, str):
        return value
    text = value.partition("?")[0].partition("#")[0] if name in WITH_QUERY else value
    return text[:MAX_TEXT]


def _trigger_of(shared: Mapping[str, Value]) -> str:
    """Return the trigger where the instrumentation does not name it but knows it."""
    if any(name.startswith("messaging.") for name in shared):
        return "pubsub"
    if any(name.startswith(("http.", "url.")) for name in shared):
        return "http"
    return ""
