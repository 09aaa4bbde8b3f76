"""The endpoint from which sandboxes without credentials in the environment fetch them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from aiohttp import web

if TYPE_CHECKING:
    from simulator.aws.endpoints import AccessKey

FAR_FUTURE = "2999-01-01T00:00:00Z"


@dataclass
class CredentialsEndpoint:
    """Hands out one session token until it gets another; `status` 0 answers rubbish with 200.

    `hand_out` gives it whole keys, one for each request; the last one is kept for those that
    follow. `held` delays all answers until it is set.
    """

    token: str
    authorization: str
    expires: str = FAR_FUTURE
    status: int = 200
    requests: int = 0
    url: str = ""
    more: dict[str, object] = field(default_factory=dict)
    """Fields that it has otherwise."""
    held: asyncio.Event | None = None
    _keys: list[AccessKey] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/credentials"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """The variables in which a sandbox finds the endpoint."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.authorization,
        }

    def hand_out(self, *keys: AccessKey) -> None:
        """Answer with these keys from now on, one after the other, then with the last one."""
        self._keys = list(keys)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Authorization") != self.authorization:
            return web.json_response({"Code": "AccessDenied"}, status=403)
        self.requests += 1
        if self.held is not None:
            await self.held.wait()
        credentials = {
            "AccessKeyId": f"AKID-{self.token}",
            "SecretAccessKey": "secret",
            "Token": self.token,
            "Expiration": self.expires,
            **self._next_key(),
            **self.more,
        }
        if self.status == 0:
            return web.json_response({"AccessKeyId": "alone"})
        return web.json_response(credentials, status=self.status)

    def _next_key(self) -> dict[str, str]:
        if not self._keys:
            return {}
        key = self._keys.pop(0) if len(self._keys) > 1 else self._keys[0]
        return {"AccessKeyId": key.key_id, "SecretAccessKey": key.secret, "Token": key.token}
