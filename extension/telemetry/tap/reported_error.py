"""PURE: reads the error that a runtime reports to the Runtime API: its type, message and stack.

The body comes first, because most runtimes write only a general type into the headers. The cause
that clients write for X-Ray is used for what the body does not say. Streams that fail report their
error in trailers.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any

from extension.process.frozen import replace
from extension.telemetry.reading.error_objects import HandlerError, error_object, stack_text
from extension.telemetry.reading.read_json import read_json
from extension.telemetry.tap.json_paths import at, mapping_at, text_at
from extension.telemetry.tap.partial_json import Excerpt, read_excerpt, read_head

TYPE_HEADER = "lambda-runtime-function-error-type"
BODY_TRAILER = "lambda-runtime-function-error-body"
XRAY_HEADER = "lambda-runtime-function-xray-error-cause"
MOST_XRAY = 65_536
"""Characters of a cause for X-Ray; the platform does not keep longer ones."""
LONGEST_TYPE = 4096
"""Enough to recognise a secret in; `shorten` is for afterwards."""
SHORT_TYPE = 256
UNKNOWN = "Error"


def read_error(excerpt: Excerpt, *, headers: Mapping[str, str]) -> HandlerError:
    """Return what was posted to `…/error`; `headers`: of that request, in lower case."""
    return _error(read_excerpt(excerpt), headers)


def read_trailers(trailers: Mapping[str, str]) -> HandlerError | None:
    """Return the error in a response's trailers; `trailers`: by names in lower case."""
    if not trailers.get(TYPE_HEADER) and not trailers.get(BODY_TRAILER):
        return None
    try:
        body = binascii.a2b_base64(trailers.get(BODY_TRAILER, ""))
    except ValueError:
        body = b""
    return _error(read_head(body) if body else None, trailers)


def shorten(error: HandlerError) -> HandlerError:
    """Return an error without secrets with a type of a bounded length."""
    return replace(error, type=error.type[:SHORT_TYPE])


def _error(payload: Any, headers: Mapping[str, str]) -> HandlerError:
    given = error_object(payload) or HandlerError(type="")
    by_xray = _xray_exception(headers.get(XRAY_HEADER, ""))
    kind = text_at(payload, "errorType") and given.type
    return HandlerError(
        type=_short(kind or text_at(by_xray, "type") or headers.get(TYPE_HEADER, "") or given.type),
        message=given.message or text_at(by_xray, "message"),
        stack=given.stack or stack_text(at(by_xray, "stack")),
    )


def _xray_exception(header: str) -> Mapping[str, Any]:
    if not header or len(header) > MOST_XRAY:
        return {}
    try:
        return mapping_at(read_json(header), "exceptions", 0)
    except ValueError:
        return {}


def _short(kind: str) -> str:
    """Return a type, bounded, and without the reference of Rust's types."""
    return kind.strip().lstrip("&")[:LONGEST_TYPE] or UNKNOWN
