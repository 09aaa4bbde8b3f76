"""Telemetry API 2022-07-01, the stub of its predecessor, and the credentials of SnapStart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from simulator.api.extensions_api import identifier_of, unknown_extension
from simulator.api.wire import compact_json, json_answer
from simulator.sandbox.environment import container_credentials
from simulator.telemetry.subscription import InvalidSubscriptionError, parse_subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.sandbox.sandbox import Sandbox


class TelemetryApi:
    """The routes, over whatever sandbox is current."""

    def __init__(self, sandbox: Callable[[], Sandbox]) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        return [
            web.put("/2022-07-01/telemetry", self._subscribe),
            web.put("/2020-08-15/logs", self._logs),
            web.get("/2021-04-23/credentials", self._credentials, allow_head=False),
        ]

    async def _subscribe(self, request: web.Request) -> web.Response:
        sandbox = self._sandbox()
        identifier = identifier_of(request)
        extension = sandbox.registry.find(identifier)
        if extension is None:
            raise unknown_extension(identifier)
        body = await request.read()
        try:
            subscription = parse_subscription(body, is_managed=sandbox.settings.is_managed)
            await sandbox.hub.subscribe(extension.name, subscription)
        except InvalidSubscriptionError as error:
            refusal = {"errorType": "ValidationError", "errorMessage": str(error)}
            return web.Response(status=400, text=compact_json(refusal))
        return web.Response(text='"OK"')

    async def _credentials(self, request: web.Request) -> web.Response:
        sandbox = self._sandbox()
        if not sandbox.settings.is_snap_start:
            raise web.HTTPNotFound
        if request.headers.get("Authorization") != sandbox.host.token:
            return web.Response(status=404, text="cannot get credentials for the provided token\n")
        return web.Response(text=compact_json(container_credentials(sandbox.settings)))

    async def _logs(self, _request: web.Request) -> web.Response:
        refusal = {
            "errorMessage": "Logs API is not supported",
            "errorType": "Logs.NotSupported",
        }
        return json_answer(refusal, status=202)
