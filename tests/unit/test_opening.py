"""What is opened, and what is left of a part that is off."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import pytest

from extension.opening import Opening
from extension.platform.bootstrap import Start, bind_and_register
from extension.platform.survive import stop_listening
from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.settings.config import read_config
from tests.doubles import LogLines
from tests.sandbox import free_port
from tests.waiting import PATIENCE_S

TELEMETRY = {"DISPATCH_POST_URI": "http://h"}


def opening(environ: Mapping[str, str], *, start: Start | None = None) -> Opening:
    """Return the parts of a process with this environment, none of them open."""
    config, _ = read_config(environ)
    clock = SystemClock()
    log = Log(clock=clock, sink=LogLines())
    return Opening(start=start or Start(""), environ=environ, config=config, clock=clock, log=log)


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, True),
        (TELEMETRY, False),
        (TELEMETRY | {"SSM_PARAMETER_STORE_TTL": "60"}, True),
        (TELEMETRY | {"SSM_PARAMETER_STORE_TTL": " "}, False),
        (TELEMETRY | {"DISPATCH_TELEMETRY": "off"}, True),
    ],
)
async def test_clients_are_built_during_init_for_functions_that_use_the_cache(
    environ: Mapping[str, str], *, wanted: bool
) -> None:
    """Where only telemetry is set up, the first GET builds them: every cold start pays for them."""
    assert opening(environ).wants_parameters() is wanted


async def test_a_descriptor_that_was_given_up_is_not_touched_again() -> None:
    """If everything breaks later, it may belong to a stranger's socket."""
    environ = TELEMETRY | {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{free_port()}",
        "DISPATCH_CACHE": "off",
    }
    start = bind_and_register(environ)  # nothing answers: not registered, so not subscribed
    assert start.telemetry_socket is not None
    descriptor = start.telemetry_socket.fileno()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        await opening(environ, start=start).accept_deliveries()
        os.dup2(stranger.fileno(), descriptor)
        stop_listening(start)
        socket.create_connection(stranger.getsockname(), timeout=PATIENCE_S).close()
        os.close(descriptor)


def test_a_descriptor_that_is_closed_already_is_no_fault() -> None:
    """The last resort must come to answering events, whatever has happened to the sockets."""
    start = Start("")
    descriptor = socket.create_server(("127.0.0.1", 0)).detach()
    os.close(descriptor)
    start.listening.add(descriptor)
    stop_listening(start)
    assert start.listening == set()
