"""PURE: reads the remote span in a carrier: W3C, Datadog, B3 and X-Ray, in this order.

A carrier is a mapping of names to texts: headers, attributes of a message, fields of its body.
Carriers come from untrusted callers: malformed ids and ids of zeros are ignored, and the only text
that is kept is a valid `tracestate`.

Sources: https://www.w3.org/TR/trace-context/,
https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md,
https://github.com/openzipkin/b3-propagation,
https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from extension.telemetry.reading.xray import parse_header
from extension.telemetry.tap.json_paths import text_at

TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]{0,256})?", re.ASCII
)
"""A later version than 00 may be followed by more."""
PREFIXES = ("", "ce-", "ce_", "cloudevents:", "cloudevents_")
"""How bindings of CloudEvents write the name of an extension: HTTP, Kafka, AMQP."""
B3 = re.compile(r"((?:[0-9a-f]{16}){1,2})-([0-9a-f]{16})(?:-([01d]))?(?:-[0-9a-f]{16})?", re.ASCII)
TRACE_ID = re.compile(r"(?:[0-9a-f]{16}){1,2}", re.ASCII | re.IGNORECASE)
SPAN_ID = re.compile(r"[0-9a-f]{16}", re.ASCII | re.IGNORECASE)
DATADOG_ID = re.compile(r"\d{1,20}", re.ASCII)
DATADOG_HIGH = re.compile(r"(?:^|,)_dd\.p\.tid=([0-9a-f]{16})(?:,|$)", re.ASCII)
TRACESTATE = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[!-+\--<>-~]{1,256}", re.ASCII)
"""A member of the list; a state with any other text in it is dropped."""
LONGEST_STATE = 512
SAMPLED_XRAY = {"Sampled=1": True, "Sampled=0": False}
MOST_HEADER = 1024

Carrier = Mapping[str, Any]
"""Names in lower case; values that are not texts count as absent."""

READABLE = frozenset(
    [
        *(f"{prefix}{name}" for prefix in PREFIXES for name in ("traceparent", "tracestate")),
        "x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority",
        "x-datadog-tags", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled",
        "x-amzn-trace-id", "awstraceheader", "_datadog",
    ]
)  # fmt: skip
"""All names that are read; the value of `_datadog` is a carrier itself."""


class RemoteSpan(NamedTuple):
    """A span of another service: 128-bit trace id, 64-bit span id; `sampled` None if unknown."""

    trace_id: int
    span_id: int
    sampled: bool | None = None
    trace_state: str = ""

    @property
    def ids(self) -> tuple[int, int]:
        """What makes two of them the same span."""
        return self.trace_id, self.span_id


def read_context(carrier: Carrier) -> RemoteSpan | None:
    """Return the remote span that a carrier names, None if it names none."""
    if not carrier:
        return None
    return _w3c(carrier) or _datadog(carrier) or _b3(carrier) or _xray_of(carrier)


def read_xray(header: str) -> RemoteSpan | None:
    """Return the span of `Root=…;Parent=…;Sampled=…`, None if there is no parent."""
    found = parse_header(header[:MOST_HEADER])
    sampled = next((SAMPLED_XRAY[part] for part in header.split(";") if part in SAMPLED_XRAY), None)
    return _span(found.trace_id, found.parent_span_id, sampled=sampled)


def read_ids(trace_id: Any, span_id: Any) -> RemoteSpan | None:
    """Return the span of two hexadecimal texts, a trace id of 64 bits included."""
    if not isinstance(trace_id, str) or not isinstance(span_id, str):
        return None
    if not TRACE_ID.fullmatch(trace_id) or not SPAN_ID.fullmatch(span_id):
        return None
    return _span(int(trace_id, 16), int(span_id, 16))


def _w3c(carrier: Carrier) -> RemoteSpan | None:
    for prefix in PREFIXES:
        text = text_at(carrier, f"{prefix}traceparent")
        if not text or len(text) > MOST_HEADER:
            continue
        found = TRACEPARENT.fullmatch(text.strip().lower())
        if found is None or (found[1] == "00" and found[5] is not None):
            continue
        return _span(
            int(found[2], 16),
            int(found[3], 16),
            sampled=bool(int(found[4], 16) & 1),
            trace_state=_state(text_at(carrier, f"{prefix}tracestate")),
        )
    return None


def _state(text: str) -> str:
    members = [each.strip() for each in text.split(",") if each.strip()]
    is_state = len(text) <= LONGEST_STATE and all(map(TRACESTATE.fullmatch, members))
    return ",".join(members) if is_state else ""


def _datadog(carrier: Carrier) -> RemoteSpan | None:
    """Read Datadog's headers: decimal, with the trace id's upper half among the tags."""
    trace, span = (text_at(carrier, f"x-datadog-{part}-id") for part in ("trace", "parent"))
    if not DATADOG_ID.fullmatch(trace) or not DATADOG_ID.fullmatch(span):
        return None
    low, span_id = int(trace), int(span)
    if max(low, span_id) >= 1 << 64:
        return None
    high = DATADOG_HIGH.search(text_at(carrier, "x-datadog-tags")[:MOST_HEADER])
    priority = text_at(carrier, "x-datadog-sampling-priority")
    return _span(
        low and (int(high[1], 16) << 64 if high else 0) | low,
        span_id,
        sampled=priority in ("1", "2") if priority else None,
    )


def _b3(carrier: Carrier) -> RemoteSpan | None:
    found = B3.fullmatch(text_at(carrier, "b3")[:128].lower())
    if found:
        sampled = None if found[3] is None else found[3] != "0"
        return _span(int(found[1], 16), int(found[2], 16), sampled=sampled)
    several = read_ids(carrier.get("x-b3-traceid"), carrier.get("x-b3-spanid"))
    sampled_text = text_at(carrier, "x-b3-sampled").lower()
    if several is None or sampled_text not in ("0", "1", "true", "false"):
        return several
    return several._replace(sampled=sampled_text in ("1", "true"))


def _xray_of(carrier: Carrier) -> RemoteSpan | None:
    header = text_at(carrier, "x-amzn-trace-id") or text_at(carrier, "awstraceheader")
    return read_xray(header) if header else None


def _span(
    trace_id: int, span_id: int, *, sampled: bool | None = None, trace_state: str = ""
) -> RemoteSpan | None:
    return RemoteSpan(trace_id, span_id, sampled, trace_state) if trace_id and span_id else None
