"""The one port that serves the Runtime, Extensions and Telemetry API to all processes."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from aiohttp import web

from simulator.api.extensions_api import ExtensionsApi
from simulator.api.runtime_api import RuntimeApi
from simulator.api.telemetry_api import TelemetryApi
from simulator.api.wire import error_answer
from simulator.errors import ApiError, SandboxClosedError, SimulatorError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulator.sandbox.sandbox import Sandbox

_BODY_LIMIT_BYTES = 256 * 1024 * 1024  # streamed responses may have 200 MB
_CLOSE_TIMEOUT_S = 0.1
_FIELD_LIMIT_BYTES = 2 * 1024 * 1024
"""Of a header: the runtime clients send the causes of an error in one, up to 1 MB."""


class ApiServer:
    """Listens from `start` to `close`, whatever becomes of the sandboxes behind it."""

    def __init__(self, sandbox: Callable[[], Sandbox | None], *, host: str, port: int) -> None:
        def current() -> Sandbox:
            found = sandbox()
            if found is None:
                raise SandboxClosedError
            return found

        application = web.Application(middlewares=[_go_answers], client_max_size=_BODY_LIMIT_BYTES)
        for api in (RuntimeApi(current), ExtensionsApi(current), TelemetryApi(current)):
            application.add_routes(api.routes())
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=_CLOSE_TIMEOUT_S,
            max_field_size=_FIELD_LIMIT_BYTES,
        )
        self._host = host
        self._port = port

    @property
    def address(self) -> str:
        """host:port, as in AWS_LAMBDA_RUNTIME_API."""
        return f"{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen; raises SimulatorError when the port is not to be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            reason = "is in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise SimulatorError(f"the Runtime API's port: {self.address} {reason}") from None
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        await self._runner.cleanup()


@web.middleware
async def _go_answers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer refusals, unknown paths and wrong verbs as AWS's Go server does."""
    try:
        return await handler(request)
    except ApiError as error:
        return error_answer(error)
    except SandboxClosedError:
        return error_answer(ApiError("InternalServerError", "Internal Server Error", status=500))
    except web.HTTPNotFound:
        headers = {"X-Content-Type-Options": "nosniff"}
        return web.Response(status=404, text="404 page not found\n", headers=headers)
    except web.HTTPMethodNotAllowed as error:
        return web.Response(status=405, headers={"Allow": error.headers["Allow"]})
