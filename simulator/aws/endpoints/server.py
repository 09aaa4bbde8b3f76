"""X-Ray, CloudWatch Logs, CloudWatch and one S3 bucket on loopback: the judge of a signed sender.

Three ways in: `environment` leads https://xray.REGION.amazonaws.com and its like here, through a
proxy and a certificate authority of its own; `url` takes plain HTTP with AWS's name in `Host`; and
`url` under its own name takes requests as if a proxy stood before AWS (the path names the service).
"""

from __future__ import annotations

import os
import socket
import struct
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from simulator.aws.endpoints.account import Account
from simulator.aws.endpoints.limits import MAX_DECOMPRESSED_BYTES
from simulator.aws.endpoints.request import Received, split_target
from simulator.aws.endpoints.tunnel import tunnel
from simulator.errors import SimulatorError
from simulator.serving import Arrivals, Opened, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from simulator.aws.endpoints.authority import Authority
    from simulator.aws.endpoints.keys import AccessKey
    from simulator.aws.endpoints.trouble import Trouble

# With this linger, closing a socket resets the connection instead of ending it politely.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


class AwsEndpoints(Account, Opened):
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
        Account.__init__(self, region=region, bucket=bucket, key=key, trouble=trouble)
        Opened.__init__(self)
        self.url = ""
        self.secure_url = ""
        self.proxy_url = ""
        self.bundle = Path()
        self._port = port
        self._machine_ns = now_ns
        self._arrivals = Arrivals()

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

    async def _open(self, stack: AsyncExitStack) -> None:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="local-aws-"))
        authority = _authority(Path(folder))
        self.bundle = authority.bundle
        plain = await stack.enter_async_context(serving(self._server(), port=self._port))
        secure = await stack.enter_async_context(serving(self._server(), tls=authority.context))
        self.url = f"http://127.0.0.1:{plain}"
        self.secure_url = f"https://localhost:{secure}"
        self.proxy_url = await stack.enter_async_context(tunnel(secure))

    def _server(self) -> web.Server:
        return web.Server(self._handle, access_log=None, auto_decompress=False)

    async def wait_for(
        self, condition: Callable[[AwsEndpoints], bool], *, deadline_s: float = 10.0
    ) -> None:
        """Return when the condition holds; raises TimeoutError with what did arrive."""
        await self._arrivals.wait_for(
            lambda: condition(self), deadline_s=deadline_s, summary=self._arrived
        )

    def _arrived(self) -> str:
        arrived = ", ".join(f"{it.operation} {it.status} {it.error}" for it in self.exchanges)
        return f"[{arrived}]"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await _read(request)
        if body is None:
            return web.Response(status=413)
        now_ns = self.now_ns(self._machine_ns())
        answer = self.decide(_received(request, body), now_ns=now_ns)
        await self._arrivals.notify()
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
