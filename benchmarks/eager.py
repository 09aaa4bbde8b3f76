"""The reference: the same packages and clients, all before registering, as AWS's sample does it.

It takes part in the life cycle and does nothing with what it hears, so it is the lower bound of
an extension that is written the usual way. With the word `hold` it waits in each invocation for
platform.runtimeDone, as an exporter within the invocation must. Run as a script, not imported.
"""

from __future__ import annotations

import asyncio
import os
import sys

import aiohttp
import boto3
from aiohttp import web
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

BASE = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}"
REGISTER_URL = f"{BASE}/2020-01-01/extension/register"
NEXT_URL = f"{BASE}/2020-01-01/extension/event/next"
SUBSCRIBE_URL = f"{BASE}/2022-07-01/telemetry"
HOLD = sys.argv[1:] == ["hold"]
ENCODERS = (encode_spans, encode_logs, encode_metrics)


async def main() -> None:
    """Build everything, register, subscribe, and ask for events until SHUTDOWN."""
    clients = [boto3.client("ssm"), boto3.client("secretsmanager")]
    provider = TracerProvider(resource=Resource({"service.name": "eager"}))
    done = asyncio.Event()
    port = await _listen(done)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        name = {"Lambda-Extension-Name": "eager"}
        events = {"events": ["INVOKE", "SHUTDOWN"]}
        async with session.post(REGISTER_URL, headers=name, json=events) as answer:
            identifier = answer.headers["Lambda-Extension-Identifier"]
        headers = {"Lambda-Extension-Identifier": identifier}
        await _subscribe(session, headers, port)
        while await _next(session, headers) != "SHUTDOWN":
            if HOLD:
                await done.wait()
                done.clear()
    del clients, provider


async def _listen(done: asyncio.Event) -> int:
    async def take(request: web.Request) -> web.Response:
        if b"platform.runtimeDone" in await request.read():
            done.set()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 0).start()
    port: int = runner.addresses[0][1]
    return port


async def _subscribe(session: aiohttp.ClientSession, headers: dict[str, str], port: int) -> None:
    wanted = {
        "schemaVersion": "2022-12-13",
        "types": ["platform", "function"],
        "buffering": {"maxItems": 1000, "maxBytes": 262_144, "timeoutMs": 25},
        "destination": {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}"},
    }
    async with session.put(SUBSCRIBE_URL, headers=headers, json=wanted) as answer:
        await answer.read()


async def _next(session: aiohttp.ClientSession, headers: dict[str, str]) -> str:
    async with session.get(NEXT_URL, headers=headers) as answer:
        event = await answer.json(content_type=None)
    return str(event["eventType"])


if __name__ == "__main__":
    asyncio.run(main())
