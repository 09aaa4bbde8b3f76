"""The endpoint from which sandboxes without credentials in the environment fetch them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

FAR_FUTURE = "2999-01-01T00:00:00Z"


@dataclass
class CredentialsEndpoint:
    """Hands out one session token until told another; `status` 0 answers rubbish with 200."""

    token: str
    authorization: str
    expires: str = FAR_FUTURE
    status: int = 200
    requests: int = 0
    url: str = ""
    more: dict[str, object] = field(default_factory=dict)
    """Fields that it has otherwise."""

    async def __aenter__(self) -> Self:
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/credentials"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Authorization") != self.authorization:
            return web.json_response({"Code": "AccessDenied"}, status=403)
        self.requests += 1
        credentials = {
            "AccessKeyId": f"AKID-{self.token}",
            "SecretAccessKey": "secret",
            "Token": self.token,
            "Expiration": self.expires,
            **self.more,
        }
        if self.status == 0:
            return web.json_response({"AccessKeyId": "alone"})
        return web.json_response(credentials, status=self.status)
