"""Extensions API 2020-01-01: register, next event, init error, exit error."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING

from aiohttp import web

from simulator.api.wire import accepted, compact_json, json_answer
from simulator.errors import ApiError
from simulator.invocation import Shutdown

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.sandbox.registry import RegisteredExtension
    from simulator.sandbox.sandbox import Sandbox

PREFIX = "/2020-01-01/extension"
_IDENTIFIER = "Lambda-Extension-Identifier"
_VALID_ERROR_TYPE = re.compile(r"Extension\.[A-Z][a-zA-Z]+")
_ERROR_TYPE = "Lambda-Extension-Function-Error-Type"


class ExtensionsApi:
    """The routes, over whatever sandbox is current."""

    def __init__(self, sandbox: Callable[[], Sandbox]) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        return [
            web.post(f"{PREFIX}/register", self._register),
            web.get(f"{PREFIX}/event/next", self._next, allow_head=False),
            web.post(f"{PREFIX}/init/error", self._init_error),
            web.post(f"{PREFIX}/exit/error", self._exit_error),
        ]

    async def _register(self, request: web.Request) -> web.Response:
        sandbox = self._sandbox()
        name = request.headers.get("Lambda-Extension-Name", "")
        if not name:
            raise ApiError("Extension.InvalidExtensionName", "Empty extension name")
        events = _parse_events(await request.read())
        extension = sandbox.registry.register(name, events)
        settings = sandbox.settings
        features = request.headers.get("Lambda-Extension-Accept-Feature", "").split(",")
        account = {"accountId": settings.account_id}
        body = (account if "accountId" in map(str.strip, features) else {}) | {
            "functionName": settings.name,
            "functionVersion": settings.version,
            "handler": settings.handler,
        }
        return json_answer(body, headers={_IDENTIFIER: extension.identifier})

    async def _next(self, request: web.Request) -> web.Response:
        sandbox = self._sandbox()
        identifier = identifier_of(request)
        extension = sandbox.registry.find(identifier)
        if extension is None:
            raise unknown_extension(identifier)
        await extension.next()
        if sandbox.shutdown_event is not None:
            return _shutdown_answer(sandbox.shutdown_event)
        return _invoke_answer(sandbox)

    async def _init_error(self, request: web.Request) -> web.Response:
        extension, error_type = self._failing(request)
        extension.move("init/error")
        self._note_fatal(extension, error_type, "Extension.InitError")
        return accepted()

    async def _exit_error(self, request: web.Request) -> web.Response:
        extension, error_type = self._failing(request)
        extension.move("exit/error")
        self._note_fatal(extension, error_type, "Extension.ExitError")
        return accepted()

    def _failing(self, request: web.Request) -> tuple[RegisteredExtension, str]:
        identifier = identifier_of(request)
        error_type = request.headers.get(_ERROR_TYPE, "")
        if not error_type:
            raise ApiError("Extension.MissingHeader", f"{_ERROR_TYPE} not found")
        extension = self._sandbox().registry.find(identifier)
        if extension is None:
            raise ApiError("Extension.UnknownExtensionIdentifier", f"Unknown {_IDENTIFIER}")
        return extension, error_type

    def _note_fatal(self, extension: RegisteredExtension, error_type: str, fatal: str) -> None:
        sandbox = self._sandbox()
        if sandbox.settings.is_managed and not _VALID_ERROR_TYPE.fullmatch(error_type):
            error_type = fatal  # only Managed Instances are that particular
        extension.error_type = extension.error_type or error_type
        sandbox.first_fatal_error = sandbox.first_fatal_error or fatal


def identifier_of(request: web.Request) -> str:
    """Return the caller's identifier; raises ApiError when it is missing or no UUID."""
    identifier = request.headers.get(_IDENTIFIER, "")
    if not identifier:
        raise ApiError("Extension.MissingExtensionIdentifier", f"Missing {_IDENTIFIER} header")
    try:
        return str(uuid.UUID(identifier))
    except ValueError:
        raise ApiError("Extension.InvalidExtensionIdentifier", f"Invalid {_IDENTIFIER}") from None


def unknown_extension(identifier: str) -> ApiError:
    """Return the refusal for an unknown identifier."""
    return ApiError("Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")


def _parse_events(body: bytes) -> list[object]:
    try:
        request = json.loads(body)
    except json.JSONDecodeError as error:
        is_cut = error.pos == len(error.doc)
        message = "unexpected end of JSON input" if is_cut else str(error)
        raise ApiError("InvalidRequestFormat", message) from None
    except UnicodeDecodeError as error:
        raise ApiError("InvalidRequestFormat", str(error)) from None
    if not isinstance(request, dict):
        raise ApiError("InvalidRequestFormat", "the body should be a JSON object")
    if request.get("configurationKeys"):
        raise ApiError(
            "InvalidRequestFormat",
            "configurationKeys are deprecated; use environment variables instead",
        )
    events = request.get("events") or []
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise ApiError("InvalidRequestFormat", "events should be a list of strings")
    return list(events)


def _invoke_answer(sandbox: Sandbox) -> web.Response:
    invocation = sandbox.invocation
    if invocation is None:
        raise ApiError("InternalServerError", "Internal Server Error", status=500)
    tracing = invocation.trace.as_invoke_tracing()
    body = {
        "eventType": "INVOKE",
        "deadlineMs": invocation.deadline_ms,
        "requestId": invocation.request_id,
        "invokedFunctionArn": sandbox.settings.arn,
    } | ({"tracing": tracing} if tracing else {})
    return web.Response(
        body=compact_json(body).encode(),
        content_type="application/json",
        headers={"Lambda-Extension-Event-Identifier": str(uuid.uuid4())},
    )


def _shutdown_answer(shutdown: Shutdown) -> web.Response:
    """Return the SHUTDOWN event; the server sniffs its content type, hence plain text."""
    body = {
        "eventType": "SHUTDOWN",
        "deadlineMs": shutdown.deadline_ms,
        "shutdownReason": shutdown.reason,
    }
    return web.Response(text=compact_json(body))
