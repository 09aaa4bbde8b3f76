"""JSON answers, byte for byte as Lambda's Go server writes them."""

from __future__ import annotations

import json

from aiohttp import web

from simulator.errors import ApiError

_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def compact_json(value: object) -> str:
    """Return JSON without blanks, with < > & escaped, as Go's encoder does."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.translate(_ESCAPES)


def json_answer(
    value: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a JSON answer that ends in a newline."""
    body = (compact_json(value) + "\n").encode()
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def accepted() -> web.Response:
    """Return the answer to a call that only reports."""
    return json_answer({"status": "OK"}, status=202)


def error_answer(error: ApiError) -> web.Response:
    """Return the body that every refused call gets."""
    body = {"errorMessage": error.message, "errorType": error.error_type}
    return json_answer(body, status=error.status)
