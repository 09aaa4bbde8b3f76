"""The pump is there before the runtime, outlives the extension, and ends after the runtime."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.extensions_api import NEXT, REGISTER, ExtensionsApi, started
from tests.launchers import ROOT, from_source
from tests.process_table import descendants
from tests.running_pump import is_alive, marker_of
from tests.sandbox import free_port
from tests.waiting import until

WRAPPED = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/lambda-dispatch-tap"}
REQUEST = b"GET /ping HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
ANSWER = b"HTTP/1.1 404 -\r\nContent-Length: 0\r\n\r\n"


@pytest_asyncio.fixture
async def api() -> AsyncIterator[ExtensionsApi]:
    """An API on loopback; no marker of its pump is left behind."""
    async with ExtensionsApi().running() as running:
        yield running
    marker_of(running.port).unlink(missing_ok=True)


def read_marker(api: ExtensionsApi) -> tuple[int, int]:
    """Return the port and the process id of the pump."""
    address, pid, _ = marker_of(api.port).read_text().split()
    return int(address.rpartition(":")[2]), int(pid)


async def answers(port: int) -> bool:
    """Tell whether a request through the pump is answered, on a new connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    answer = await reader.readexactly(len(ANSWER))
    writer.close()
    return answer == ANSWER


@pytest.mark.parametrize(
    "environment",
    [
        WRAPPED,
        {"DISPATCH_TAP": "true"},
        {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/lambda-dispatch-env",
         "DISPATCH_ENV_NEXT": "/opt/lambda-dispatch-tap"},
    ],
)  # fmt: skip
async def test_it_listens_before_the_extension_has_registered(
    api: ExtensionsApi, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Lambda starts the runtime right after that."""
    api.unanswered = frozenset({REGISTER})
    async with started(from_source, tmp_path, environment, api=f"127.0.0.1:{api.port}"):
        await until(lambda: REGISTER in api.asked)
        port, pid = read_marker(api)
        assert is_alive(pid)
        assert await answers(port)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/another"},
        {**WRAPPED, "DISPATCH_TAP": "false"},
        {**WRAPPED, "DISPATCH_ENABLED": "false"},
    ],
)
async def test_without_the_wrapper_there_is_no_process(
    api: ExtensionsApi, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Nor a marker."""
    async with started(
        from_source, tmp_path, environment, api=f"127.0.0.1:{api.port}"
    ) as extension:
        await until(lambda: NEXT in api.asked)
        assert not descendants(extension.process.pid)
        assert not marker_of(api.port).exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_traffic_goes_on_without_the_extension(
    api: ExtensionsApi, tmp_path: Path, number: signal.Signals
) -> None:
    """Killed or stopped, old connections and new ones are served."""
    async with started(from_source, tmp_path, WRAPPED, api=f"127.0.0.1:{api.port}") as extension:
        await until(lambda: NEXT in api.asked)
        port, pid = read_marker(api)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        extension.process.send_signal(number)
        if number == signal.SIGKILL:
            await extension.end()
        for _ in range(300):  # more than the copies that find a place
            writer.write(REQUEST)
            assert await reader.readexactly(len(ANSWER)) == ANSWER
        assert is_alive(pid)
        assert await answers(port)
        writer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_signals_to_the_group_do_not_end_it(
    api: ExtensionsApi, tmp_path: Path, number: signal.Signals
) -> None:
    """The runtime may still need it."""
    async with started(from_source, tmp_path, WRAPPED, api=f"127.0.0.1:{api.port}") as extension:
        await until(lambda: NEXT in api.asked)
        port, pid = read_marker(api)
        os.kill(pid, number)
        extension.process.send_signal(number)
        await extension.end()
        assert await answers(port)
        assert is_alive(pid)


async def test_it_ends_when_the_runtime_api_has_gone(tmp_path: Path) -> None:
    """With the extension gone and no connection left, it is of no use to anybody."""
    async with (
        ExtensionsApi().running() as api,
        started(from_source, tmp_path, WRAPPED, api=f"127.0.0.1:{api.port}") as extension,
    ):
        await until(lambda: NEXT in api.asked)
        port, pid = read_marker(api)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        extension.process.kill()
        await extension.end()
    assert is_alive(pid), "a connection is open"
    writer.close()
    await until(lambda: not is_alive(pid))
    assert not marker_of(api.port).exists()


async def test_shutdown_does_not_wait_for_it(api: ExtensionsApi, tmp_path: Path) -> None:
    """The extension ends, and nobody who reads its output is kept waiting."""
    async with started(from_source, tmp_path, WRAPPED, api=f"127.0.0.1:{api.port}") as extension:
        await until(lambda: NEXT in api.asked)
        _, pid = read_marker(api)
        api.shut_down()
        assert await extension.end() == 0
    assert is_alive(pid), "its output has ended, and the pump lives"


async def test_a_later_start_has_its_own(api: ExtensionsApi, tmp_path: Path) -> None:
    """The marker names that one, and the earlier pump ends, as its runtime has."""
    pids: list[int] = []
    for _ in range(2):
        async with started(from_source, tmp_path, WRAPPED, api=f"127.0.0.1:{api.port}"):
            await until(lambda: api.asked.count(NEXT) == len(pids) + 1)
            port, pid = read_marker(api)
            assert await answers(port)
            pids.append(pid)
    first, second = pids
    assert first != second
    await until(lambda: not is_alive(first))
    assert is_alive(second)


async def test_a_taken_port_is_replaced_by_another(api: ExtensionsApi, tmp_path: Path) -> None:
    """The wrapper reads the port from the marker."""
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        wanted = taken.getsockname()[1]
        environment = {**WRAPPED, "DISPATCH_TAP_PORT": str(wanted)}
        async with started(from_source, tmp_path, environment, api=f"127.0.0.1:{api.port}"):
            await until(lambda: NEXT in api.asked)
            port, _ = read_marker(api)
            assert port != wanted
            assert await answers(port)


async def test_where_it_cannot_start_nothing_is_tapped(api: ExtensionsApi, tmp_path: Path) -> None:
    """One line says so, and the extension goes on."""
    blocked = marker_of(api.port)
    blocked.mkdir()
    try:
        async with started(
            from_source, tmp_path, WRAPPED, api=f"127.0.0.1:{api.port}"
        ) as extension:
            await until(lambda: NEXT in api.asked)
            assert not descendants(extension.process.pid)
            api.shut_down()
            assert await extension.end() == 0
    finally:
        blocked.rmdir()
    [line] = extension.lines
    assert line["message"] == "switched off"
    assert line["cause"].startswith("no tap: ")


async def test_its_memory_is_private(api: ExtensionsApi, tmp_path: Path) -> None:
    """Events pass through it; /proc shows its files to root alone, and it leaves no core."""
    async with started(from_source, tmp_path, WRAPPED, api=f"127.0.0.1:{api.port}"):
        await until(lambda: NEXT in api.asked)
        _, pid = read_marker(api)
        await until(lambda: "Max core file size        0" in read(pid, "limits"))
        assert read(pid, "comm") == "dispatch-tap\n"


def test_other_processes_cannot_read_it() -> None:
    """As the memory of the extension; as root one sees that only from within."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from extension.pump import start\n"
        "start._be_private()\n"
        "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))  # PR_GET_DUMPABLE"
    )
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def read(pid: int, name: str) -> str:
    """Return what /proc says of a process."""
    return Path(f"/proc/{pid}/{name}").read_text()
