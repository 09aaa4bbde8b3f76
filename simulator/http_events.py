"""HTTP requests as Lambda's events of format 2.0, and the function's answer as an HTTP response.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html,
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.answers import Answer
    from simulator.settings import FunctionSettings

Front = Literal["api-gateway", "function-url"]
"""Who is in front of the function: an HTTP API with the route `$default`, or its own URL."""

_ID = "localhost0"
_TEXT = ("text/", "application/json", "application/xml", "application/javascript", "+json", "+xml")
"""Bodies of these types are given as text; AWS does so too."""
_FORM = "application/x-www-form-urlencoded"
_REFUSED: Mapping[Front, int] = {"api-gateway": 500, "function-url": 502}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request as it came; `target` is path and query, `headers` in order, any case."""

    method: str
    target: str
    headers: Iterable[tuple[str, str]]
    body: bytes
    client: str
    now: datetime
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What the caller gets."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def to_event(request: HttpRequest, *, front: Front, settings: FunctionSettings) -> dict[str, Any]:
    """Return the event for the handler."""
    url = urlsplit(request.target)
    headers, cookies = _headers(request.headers)
    pairs = parse_qsl(url.query, keep_blank_values=True)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(url.path),
        "rawQueryString": url.query,
        "headers": headers,
        "requestContext": _context(request, unquote(url.path), headers, front, settings),
    }
    if cookies:
        event["cookies"] = cookies
    if pairs:
        event["queryStringParameters"] = _joined(pairs)
    body, encoded = _body(request.body, headers.get("content-type", ""))
    if body:
        event["body"] = body
    event["isBase64Encoded"] = encoded
    return event


def to_answer(answer: Answer, *, front: Front) -> HttpAnswer:
    """Return the response for a function's answer; one that failed looks as AWS's does."""
    if answer.status != "success":
        return _failed(front)
    try:
        value = json.loads(answer.payload)
    except ValueError:
        return _failed(front)
    if not (isinstance(value, dict) and "statusCode" in value):
        return HttpAnswer(
            status=200, headers=[("content-type", "application/json")], body=answer.payload
        )
    try:
        return _of_response(value)
    except (ValueError, TypeError, AttributeError):
        return _failed(front)


def _context(
    request: HttpRequest,
    path: str,
    headers: Mapping[str, str],
    front: Front,
    settings: FunctionSettings,
) -> dict[str, Any]:
    middle = "execute-api" if front == "api-gateway" else "lambda-url"
    end = "amazonaws.com" if front == "api-gateway" else "on.aws"
    return {
        "accountId": settings.account_id if front == "api-gateway" else "anonymous",
        "apiId": _ID,
        "domainName": f"{_ID}.{middle}.{settings.region}.{end}",
        "domainPrefix": _ID,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.client,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": request.now.astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(request.now.timestamp() * 1000),
    }


def _headers(headers: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Return them by lower-case names, several of one name joined, and the cookies apart."""
    joined: dict[str, list[str]] = defaultdict(list)
    for name, value in headers:
        joined[name.lower()].append(value)
    cookies = [part.strip() for each in joined.pop("cookie", []) for part in each.split(";")]
    return {name: ",".join(values) for name, values in joined.items()}, cookies


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        values[name].append(value)
    return {name: ",".join(each) for name, each in values.items()}


def _body(content: bytes, content_type: str) -> tuple[str, bool]:
    """Return a body as text, and whether it is encoded."""
    kind = content_type.partition(";")[0].strip().lower()
    if not kind or kind == _FORM or kind.startswith(_TEXT) or kind.endswith(_TEXT):
        try:
            return content.decode(), False
        except UnicodeDecodeError:
            pass  # not what it claims to be
    return base64.b64encode(content).decode(), True


def _of_response(value: Mapping[str, Any]) -> HttpAnswer:
    body = value.get("body") or ""
    if not isinstance(body, str):
        body = json.dumps(body)
    headers = [
        (str(name).lower(), str(each)) for name, each in (value.get("headers") or {}).items()
    ]
    if body and not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    headers += [("set-cookie", str(cookie)) for cookie in value.get("cookies") or ()]
    content = base64.b64decode(body) if value.get("isBase64Encoded") else body.encode()
    status = int(value["statusCode"])
    if not 100 <= status <= 599:
        raise ValueError(f"{status} is no status")
    return HttpAnswer(status=status, headers=headers, body=content)


def _failed(front: Front) -> HttpAnswer:
    said = "Internal Server Error"
    body = json.dumps({"message": said}) if front == "api-gateway" else said
    kind = "application/json" if front == "api-gateway" else "text/plain"
    return HttpAnswer(status=_REFUSED[front], headers=[("content-type", kind)], body=body.encode())
