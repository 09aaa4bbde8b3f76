"""A reverse proxy that notes every AWS call it forwards, and changes no byte of it.

A call is noted before its caller has the answer: a caller that has an answer can rely on the count.
"""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from simulator.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from multidict import CIMultiDictProxy

# Of one connection, not of the message (RFC 9110, 7.6.1); aiohttp sets the length itself.
_HOP_BY_HOP = ("Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length")
# What aiohttp would add when the caller sent none.
_NOTHING_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_NAME_FIELDS = ("Name", "Names", "Path", "SecretId", "SecretIdList")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCall:
    """One upstream call: operation, what it named (several joined by commas), HTTP status."""

    operation: str
    name: str
    status: int
    duration_ms: float


@asynccontextmanager
async def counting_proxy(upstream_url: str, *, calls: list[AwsCall]) -> AsyncIterator[str]:
    """Forward to `upstream_url` and append to `calls`; yields the proxy's URL on loopback."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def forward(request: web.Request) -> web.Response:
            return await _forward(request, to=upstream_url, session=session, calls=calls)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", forward)
        async with serving(app) as port:
            yield f"http://127.0.0.1:{port}"


async def _forward(
    request: web.Request, *, to: str, session: aiohttp.ClientSession, calls: list[AwsCall]
) -> web.Response:
    started_s = time.monotonic()
    body = await request.read()
    async with session.request(
        request.method,
        URL(to + request.raw_path, encoded=True),
        headers=_end_to_end(request.headers),
        data=body,
        skip_auto_headers=_NOTHING_ADDED,
        allow_redirects=False,
    ) as answer:
        content = await answer.read()
    calls.append(
        AwsCall(
            operation=request.headers.get("X-Amz-Target", "").rpartition(".")[2],
            name=_name_in(body),
            status=answer.status,
            duration_ms=(time.monotonic() - started_s) * 1000,
        )
    )
    return web.Response(status=answer.status, headers=_end_to_end(answer.headers), body=content)


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in _HOP_BY_HOP:
        kept.popall(name, None)
    return kept


def _name_in(body: bytes) -> str:
    """The parameters or secrets that the JSON body of an AWS call names; empty if none."""
    try:
        arguments = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(arguments, dict):
        return ""
    named = next((arguments[field] for field in _NAME_FIELDS if field in arguments), "")
    return ",".join(named) if isinstance(named, list) else str(named)
