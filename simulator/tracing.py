"""X-Ray trace headers as Lambda makes them: what comes in, what the function and extensions see."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.clock import SECOND_NS

if TYPE_CHECKING:
    from simulator.settings import Tracing

HEADER_TYPE = "X-Amzn-Trace-Id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The trace of one invocation.

    Attributes:
        runtime_header: What the runtime gets; its parent is the segment the function's own spans
            belong under. Empty: no header.
        event_header: What extensions get with INVOKE and in telemetry. Empty: no tracing object.
        span_id: The segment that Lambda reserved for the invocation; only with active tracing.
    """

    runtime_header: str = ""
    event_header: str = ""
    span_id: str = ""

    def as_invoke_tracing(self) -> dict[str, str] | None:
        """Return the `tracing` object of an INVOKE event."""
        return {"type": HEADER_TYPE, "value": self.event_header} if self.event_header else None

    def as_telemetry_tracing(self) -> dict[str, str] | None:
        """Return the `tracing` object of a telemetry record: only active tracing has one."""
        if not self.span_id:
            return None
        return {"spanId": self.span_id, "type": HEADER_TYPE, "value": self.event_header}


def begin_trace(mode: Tracing, *, incoming: str | None, now_ns: int) -> Trace:
    """Return the trace of a new invocation, given the caller's header.

    Active tracing samples, unless the caller decided against it, and reserves a segment for the
    function; pass-through hands the caller's header on and makes no segment of its own.
    """
    if mode == "off" or (mode == "pass-through" and not incoming):
        return Trace()
    fields = _parse(incoming or "")
    fields.setdefault("Root", _new_root(now_ns))
    if mode == "pass-through":
        header = _render(fields)
        return Trace(runtime_header=header, event_header=header)
    fields.setdefault("Sampled", "1")
    fields["Parent"] = fields.get("Parent") or _new_id()
    if fields["Sampled"] != "1":
        header = _render(fields)
        return Trace(runtime_header=header, event_header=header)
    span_id = _new_id()
    return Trace(
        runtime_header=_render(fields | {"Parent": span_id}),
        event_header=_render(fields),
        span_id=span_id,
    )


def _parse(header: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in header.split(";") if "=" in part)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _render(fields: dict[str, str]) -> str:
    first = [key for key in ("Root", "Parent", "Sampled") if key in fields]
    rest = [key for key in fields if key not in first]
    return ";".join(f"{key}={fields[key]}" for key in first + rest)


def _new_root(now_ns: int) -> str:
    return f"1-{now_ns // SECOND_NS:08x}-{os.urandom(12).hex()}"


def _new_id() -> str:
    return os.urandom(8).hex()
