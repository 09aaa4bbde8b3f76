"""X-Ray, CloudWatch Logs, CloudWatch and one S3 bucket on loopback: the judge of a signed sender.

Three ways in: `environment` leads https://xray.REGION.amazonaws.com and its like here, through a
proxy and a certificate authority of its own; `url` takes plain HTTP with AWS's name in `Host`; and
`url` under its own name takes requests as if a proxy stood before AWS (the path tells the service).
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiohttp import web

from simulator.aws.endpoints.account import Account
from simulator.aws.endpoints.limits import MAX_DECOMPRESSED_BYTES
from simulator.aws.endpoints.request import Received, split_target
from simulator.aws.endpoints.tunnel import tunnel
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from simulator.aws.endpoints.authority import Authority
    from simulator.aws.endpoints.keys import AccessKey
    from simulator.aws.endpoints.trouble import Trouble

# How long the end waits for unfinished answers; aiohttp reads 0 as for ever.
_FAREWELL_S = 0.05
# With this linger, closing a socket resets the connection instead of ending it politely.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


class AwsEndpoints(Account):
    """An account that can be reached: `async with AwsEndpoints() as aws`.

    `now_ns` is the machine's clock; what AWS has more or less is `trouble.clock_skew_s`.
    """

    def __init__(
        self,
        *,
        region: str = "eu-central-1",
        bucket: str = "dead-letters",
        key: AccessKey | None = None,
        trouble: Trouble | None = None,
        port: int = 0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(region=region, bucket=bucket, key=key, trouble=trouble)
        self.url = ""
        self.secure_url = ""
        self.proxy_url = ""
        self.bundle = Path()
        self._port = port
        self._machine_ns = now_ns
        self._arrival = asyncio.Condition()
        self._open = AsyncExitStack()

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process that is to reach the endpoints by the names of AWS."""
        return {
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "HTTPS_PROXY": self.proxy_url,
            "SSL_CERT_FILE": str(self.bundle),
            "AWS_CA_BUNDLE": str(self.bundle),
            **self.key.environment,
        }

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="local-aws-"))
            authority = _authority(Path(folder))
            self.bundle = authority.bundle
            runner = web.ServerRunner(
                web.Server(self._handle, access_log=None, auto_decompress=False),
                shutdown_timeout=_FAREWELL_S,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.context).start()
            (_, plain), (_, secure) = (address[:2] for address in runner.addresses)
            self.url = f"http://127.0.0.1:{plain}"
            self.secure_url = f"https://localhost:{secure}"
            self.proxy_url = await stack.enter_async_context(tunnel(secure))
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def wait_for(
        self, condition: Callable[[AwsEndpoints], bool], *, deadline_s: float = 10.0
    ) -> None:
        """Return when the condition holds; raises TimeoutError with what did arrive."""
        try:
            async with asyncio.timeout(deadline_s), self._arrival:
                await self._arrival.wait_for(lambda: condition(self))
        except TimeoutError:
            arrived = ", ".join(f"{it.operation} {it.status} {it.error}" for it in self.exchanges)
            raise TimeoutError(
                f"not at AWS within {deadline_s:g} s; arrived: [{arrived}]"
            ) from None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await _read(request)
        if body is None:
            return web.Response(status=413)
        now_ns = self.now_ns(self._machine_ns())
        answer = self.decide(_received(request, body), now_ns=now_ns)
        async with self._arrival:
            self._arrival.notify_all()
        if answer is None:
            _cut(request)
            return web.Response()
        date = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).strftime(_HTTP_DATE)
        request_id = os.urandom(8).hex()
        ids = {"x-amzn-RequestId": request_id, "x-amz-request-id": request_id}  # JSON's, S3's
        headers = {"Date": date, **ids, **answer.headers}
        return web.Response(status=answer.status, headers=headers, body=answer.body)


def _authority(folder: Path) -> Authority:
    try:
        # Runs that have no local AWS do without the package.
        from simulator.aws.endpoints.authority import Authority  # noqa: PLC0415
    except ImportError as error:
        raise SimulatorError(f"{error}; pip install cryptography") from None
    return Authority(folder)


async def _read(request: web.BaseRequest) -> bytes | None:
    """Return the body as it came; None if it is larger than anything AWS takes."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_DECOMPRESSED_BYTES:
            return None
    return bytes(body)


def _received(request: web.BaseRequest, body: bytes) -> Received:
    path, query = split_target(request.raw_path)
    return Received(
        method=request.method,
        host=request.headers.get("Host", ""),
        path=path,
        query=query,
        headers=tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers
        ),
        body=body,
    )


def _cut(request: web.BaseRequest) -> None:
    """Reset the connection: no answer, and no orderly end."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
