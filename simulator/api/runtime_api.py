"""Runtime API 2018-06-01: next invocation, response, error, and the restore calls of SnapStart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

from simulator.api.wire import accepted, compact_json
from simulator.errors import ApiError
from simulator.sandbox.runtime import MAX_PAYLOAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.invocation import Invocation
    from simulator.sandbox.sandbox import Sandbox
    from simulator.settings import FunctionSettings

PREFIX = "/2018-06-01"
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_TOO_LARGE = "Function.ResponseSizeTooLarge"
_TOO_LARGE_BODY = compact_json(
    {
        "errorType": _TOO_LARGE,
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        f"({MAX_PAYLOAD_BYTES} bytes).",
    }
).encode()
_VALID_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
_RESPONSE_MODE = "Lambda-Runtime-Function-Response-Mode"


class RuntimeApi:
    """The routes, over whatever sandbox is current."""

    def __init__(self, sandbox: Callable[[], Sandbox]) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        runtime = f"{PREFIX}/runtime"
        return [
            web.get(f"{PREFIX}/ping", self._ping, allow_head=False),
            web.get(f"{runtime}/invocation/next", self._next, allow_head=False),
            web.post(f"{runtime}/invocation/{{request_id}}/response", self._response),
            web.post(f"{runtime}/invocation/{{request_id}}/error", self._error),
            web.post(f"{runtime}/init/error", self._init_error),
            web.get(f"{runtime}/restore/next", self._restore_next, allow_head=False),
            web.post(f"{runtime}/restore/error", self._restore_error),
        ]

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response(text="pong")

    async def _next(self, _request: web.Request) -> web.Response:
        sandbox = self._sandbox()
        invocation = await sandbox.runtime.next()
        return web.Response(
            body=invocation.payload,
            content_type="application/json",
            headers=_invocation_headers(sandbox.settings, invocation),
        )

    async def _response(self, request: web.Request) -> web.Response:
        runtime = self._sandbox().runtime
        request_id = request.match_info["request_id"]
        runtime.current(request_id)
        invocation = runtime.begin_response(request_id, is_error=False)
        mode = request.headers.get(_RESPONSE_MODE, "")
        if mode not in {"", "streaming"}:
            runtime.refuse_response(invocation, "Runtime.InvalidResponseModeHeader")
            raise ApiError(
                "InvalidFunctionResponseMode", "Invalid function response mode", status=400
            )
        body = await request.read()
        if len(body) > MAX_PAYLOAD_BYTES and mode != "streaming":
            runtime.end_response(invocation, _TOO_LARGE_BODY, is_error=True, error_type=_TOO_LARGE)
            raise ApiError(
                "RequestEntityTooLarge",
                f"Exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes).",
                status=413,
            )
        runtime.end_response(invocation, body, is_error=False)
        return accepted()

    async def _error(self, request: web.Request) -> web.Response:
        runtime = self._sandbox().runtime
        request_id = request.match_info["request_id"]
        invocation = runtime.begin_response(request_id, is_error=True)
        error_type = _known_error_type(request.headers.get(_ERROR_TYPE, ""))
        runtime.end_response(invocation, await request.read(), is_error=True, error_type=error_type)
        return accepted()

    async def _init_error(self, request: web.Request) -> web.Response:
        self._sandbox().runtime.fail_init(await request.read())
        return accepted()

    async def _restore_next(self, _request: web.Request) -> web.Response:
        sandbox = self._sandbox()
        if not sandbox.settings.is_snap_start:
            raise web.HTTPNotFound
        await sandbox.runtime.restore_next()
        return web.Response()

    async def _restore_error(self, request: web.Request) -> web.Response:
        sandbox = self._sandbox()
        if not sandbox.settings.is_snap_start:
            raise web.HTTPNotFound
        sandbox.runtime.fail_restore(request.headers.get(_ERROR_TYPE, "Runtime.RestoreError"))
        return accepted()


def _known_error_type(error_type: str) -> str:
    """Return the runtime's error type, or a general one where it does not follow the pattern."""
    if _VALID_ERROR_TYPE.fullmatch(error_type):
        return error_type
    return "Function.Unknown" if error_type.startswith("Function.") else "Runtime.Unknown"


def _invocation_headers(settings: FunctionSettings, invocation: Invocation) -> dict[str, str]:
    headers = {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Invocation-Id": invocation.invocation_id,
        "Lambda-Runtime-Trace-Id": invocation.trace.runtime_header,
        "Lambda-Runtime-Client-Context": invocation.client_context,
        "Lambda-Runtime-Invoked-Function-Arn": settings.arn,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
        "Lambda-Runtime-Aws-Tenant-Id": invocation.tenant_id,
    }
    return {name: value for name, value in headers.items() if value}
