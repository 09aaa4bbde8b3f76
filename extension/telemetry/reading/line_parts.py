"""PURE: what a reader of one form of line hands on: the parts that a record is made of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from extension.telemetry.reading.error_objects import Evidence, HandlerError

NOTHING: Mapping[str, Any] = MappingProxyType({})


class LineTrace(NamedTuple):
    """The span that a line says it was written in, and the fields that say so."""

    trace_id: int
    span_id: int
    sampled: bool = True
    keys: tuple[str, ...] = ()


class LineParts(NamedTuple):
    """What a line says; what it does not say is empty."""

    body: str
    severity: int = 0
    severity_text: str = ""
    time_ns: int = 0
    request_id: str = ""
    request_key: str = ""
    """The attribute that has the request id, too."""
    attributes: Mapping[str, Any] = NOTHING
    error: HandlerError | None = None
    evidence: Evidence = ""
    trace: LineTrace | None = None
