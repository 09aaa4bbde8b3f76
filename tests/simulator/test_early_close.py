"""Clients of the Runtime API that hang up early: the sandbox goes on, and it ends as ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from simulator.local_lambda import LocalLambda
from tests.scripted.stage import Stage
from tests.scripted.steps import INVOKE_AND_SHUTDOWN, STAY, register
from tests.simulator.running import settings_for, state_of

STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
EXTENSIONS = "/2020-01-01/extension"
HANGS_UP = f"""
import os, socket

host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")

def begin(request):
    connection = socket.create_connection((host, int(port)))
    connection.sendall(request.replace("\\n", "\\r\\n").encode())
    return connection

def handler(event, context):
    if event == "hang up":
        body = '{{"events":[]}}'
        name = f"Lambda-Extension-Name: inner\\nContent-Length: {{len(body)}}"
        begin(f"POST {EXTENSIONS}/register HTTP/1.1\\nHost: x\\n{{name}}\\n\\n{{body}}").close()
        begin("GET {EXTENSIONS}/event/next HTTP/1.1\\nHost: x\\n\\n").close()
        begin("GET /2018-06-01/ping HT").close()
        begin("PUT /2022-07-01/telemetry HTTP/1.1\\nHost: x\\nContent-Length: 9\\n\\n{{").close()
        begin("not HTTP\\n\\n").close()
        begin("").close()
    return event
"""
INNER = """
import os, socket, json, urllib.request

api = os.environ["AWS_LAMBDA_RUNTIME_API"]
url = f"http://{api}/2020-01-01/extension"
name = {"Lambda-Extension-Name": "inner"}
request = urllib.request.Request(f"{url}/register", b'{"events":["INVOKE"]}', name)
identifier = urllib.request.urlopen(request).headers["Lambda-Extension-Identifier"]
host, _, port = api.rpartition(":")
waiting = socket.create_connection((host, int(port)))
waiting.sendall(
    b"GET /2020-01-01/extension/event/next HTTP/1.1\\r\\nHost: x\\r\\n"
    b"Lambda-Extension-Identifier: " + identifier.encode() + b"\\r\\n\\r\\n"
)

def handler(event, context):
    waiting.close()
    return event
"""


async def test_connections_that_are_closed_early_disturb_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a request, a missing body, an answer that is not waited for: the function lives."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, source=HANGS_UP)
    async with LocalLambda(settings_for(stage)) as function:
        answers = [await function.invoke(each) for each in ("hang up", "hang up", "go on")]
        pids = function.pids

    assert [answer.status for answer in answers] == ["success"] * 3
    assert [(each.returncode, each.killed) for each in function.exits][1:] == [(0, False)]
    assert [state_of(pid) for pid in pids] == ["", ""]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_an_extension_that_hangs_up_while_it_waits(tmp_path: Path) -> None:
    """The platform does not notice: the event is handed out, and the invocation waits for /next."""
    stage = Stage.build(tmp_path, source=INNER)
    async with LocalLambda(settings_for(stage, timeout_s=5, shutdown_timeout_s=1)) as function:
        answer = await function.invoke(1)
        pids = function.pids

    assert (answer.status, answer.payload) == ("success", b"1")
    assert [state_of(pid) for pid in pids] == [""] * len(pids)


async def test_a_client_outside_of_the_sandbox_may_stay_connected(tmp_path: Path) -> None:
    """A connection that is never closed does not keep the sandbox from its end."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING})
    async with LocalLambda(settings_for(stage)) as function:
        host, _, port = function.address.rpartition(":")
        _reader, half = await asyncio.open_connection(host, int(port))
        half.write(b"GET /2018-06-01/pi")
        await function.invoke()
        async with asyncio.timeout(60):
            await function.shutdown()
    half.close()
    with suppress(ConnectionError):
        await half.wait_closed()

    assert len(function.exits) == 2
