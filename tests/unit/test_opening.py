"""What is opened, and what is left of a part that is off."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import pytest

from extension import opening as module
from extension.opening import LastInvoke, Opening
from extension.parameters.parameters import Parameters
from extension.platform.bootstrap import Start, bind_and_register
from extension.platform.events import Invoke
from extension.platform.survive import stop_listening
from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.settings.config import read_config
from tests.doubles import LogLines
from tests.sandbox import free_port
from tests.waiting import PATIENCE_S

SECRET = "correct-horse-battery-staple"
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


async def test_what_does_not_listen_does_not_subscribe() -> None:
    """Deliveries would be refused."""
    start = Start("api:1")
    start.subscribes_late = True
    parts = opening(TELEMETRY, start=start)
    await parts.telemetry.subscribe_late(lambda: None)
    assert [type(each) for each in parts.jobs] == [LastInvoke]


@pytest.mark.parametrize(
    ("uri", "is_subscribed", "subscribes_late", "expected"),
    [
        ("http://h", True, False, True),
        ("http://h", False, True, True),
        ("http://h", False, False, False),
        ("http://", True, False, False),
    ],
)
async def test_deliveries_are_expected_where_they_can_be_exported(
    uri: str, *, is_subscribed: bool, subscribes_late: bool, expected: bool
) -> None:
    """The bootstrap only looks at how a URI begins, and may have subscribed for one of no use."""
    start = Start("api:1")
    start.is_subscribed, start.subscribes_late = is_subscribed, subscribes_late
    parts = opening({"DISPATCH_POST_URI": uri}, start=start)
    assert parts.telemetry.is_expected is expected


@dataclass
class Mark:
    """What a repeated start finds."""

    is_repeated: bool = True
    timeout_ms: int = 0


class Since(Start):
    """A start that registered a while ago."""

    elapsed_s = 0.0


@pytest.mark.parametrize(
    ("elapsed_s", "mark", "left_s"),
    [
        (0.0, None, 8.0),
        (3.0, None, 5.0),
        (9.0, None, 0.1),
        (10.0, None, 0.1),
        (10.5, None, 0.0),
        (3.0, Mark(timeout_ms=30_000), 27.0),
        (30.0, Mark(timeout_ms=30_000), 0.1),
        (30.5, Mark(timeout_ms=30_000), 0.0),
        (5.0, Mark(timeout_ms=3_000), 0.1),
        (3.0, Mark(timeout_ms=0), 5.0),
        (3.0, Mark(timeout_ms=30_000, is_repeated=False), 5.0),
    ],
)
async def test_a_get_before_the_first_invocation_waits_for_the_rest_of_the_start(
    elapsed_s: float, mark: Any, left_s: float
) -> None:
    """Of init or, on a repeated start, of the function's timeout; later nothing is known."""
    start = Since("api:1")
    start.elapsed_s, start.mark = elapsed_s, mark
    assert opening({}, start=start)._start_left_s() == pytest.approx(left_s)


@pytest.mark.parametrize(("api", "receives_invoke"), [("", True), ("api:1", False)])
async def test_where_no_invocation_is_announced_no_start_is_waited_for(
    api: str, *, receives_invoke: bool
) -> None:
    """Outside Lambda, and on Managed Instances."""
    start = Since(api)
    start.receives_invoke = receives_invoke
    assert opening({}, start=start)._start_left_s() == 0.0


@pytest.mark.parametrize(
    ("environ", "hidden"),
    [
        (TELEMETRY, True),
        (TELEMETRY | {"DISPATCH_REDACT": "false"}, False),
        (TELEMETRY | {"DISPATCH_TELEMETRY": "off"}, False),
    ],
)
async def test_a_credential_that_was_fetched_is_hidden_where_lines_are_exported(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, *, hidden: bool
) -> None:
    """It is fetched in a thread, and held in the event loop, which alone reads the redactor."""
    monkeypatch.setattr(module, "resume_garbage_collection", lambda: None)
    parts = opening(environ)
    parts._hide_own("AWS_SESSION_TOKEN", "too-early-to-be-held")
    parts.registered.set()
    await parts.open_all()
    await asyncio.to_thread(parts._hide_own, "AWS_SESSION_TOKEN", SECRET)
    await asyncio.sleep(0)
    assert parts._redactor.redact(SECRET).names == (("AWS_SESSION_TOKEN",) if hidden else ())


@pytest.mark.parametrize("is_requested", [True, False])
async def test_where_next_is_requested_already_a_thread_imports(
    monkeypatch: pytest.MonkeyPatch, *, is_requested: bool
) -> None:
    """An invocation runs beside a repeated start: the loop has to go on."""
    monkeypatch.setattr(module, "resume_garbage_collection", lambda: None)
    monkeypatch.setattr(module, "is_compiled", lambda _: True)
    monkeypatch.setattr("extension.platform.bootstrap.BUDGET_S", PATIENCE_S)
    monkeypatch.setattr("extension.platform.bootstrap.SLOW_SHARE", 0.0)
    start = Start("api:1")
    start.has_requested_next = is_requested
    parts = opening({}, start=start)
    parts.registered.set()
    await parts.open_all()
    assert (parts.importer._thread is not None) is is_requested


@pytest.mark.parametrize("was_let_go", [True, False])
async def test_what_is_opened_during_an_invocation_learns_of_it(*, was_let_go: bool) -> None:
    """On a repeated start INVOKE comes first: GETs are served, and bounded by its deadline."""
    environ = {"DISPATCH_CACHE_READY": "invoke", "DISPATCH_CACHE_PORT": str(free_port())}
    start = bind_and_register(environ)
    start.api = "api:1"
    parts = opening(environ, start=start)
    invoke = Invoke(request_id="a", deadline_ms=5)
    [last] = parts.jobs
    if was_let_go:
        last.invoked_before(invoke, at_ns=1)
    else:
        last.announced(invoke)
    await parts._open_parameters()
    parameters = parts._parameters
    assert parameters is not None
    assert (parameters._is_ready(), parameters.time.deadline_ms) == (True, 5)
    stop_listening(start)
    parts._cache_sockets.close()


@pytest.mark.parametrize(("environ", "builds"), [({}, True), (TELEMETRY, False)])
async def test_clients_of_a_cache_that_is_not_set_up_are_left_to_the_first_get(
    monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], *, builds: bool
) -> None:
    """Its port listens, for a variable is not needed to use it."""
    built: list[bool] = []

    async def build(_: Parameters) -> None:
        built.append(True)

    monkeypatch.setattr(Parameters, "open", build)
    start = bind_and_register({"DISPATCH_CACHE_PORT": str(free_port())})
    start.api = "api:1"
    parts = opening(environ, start=start)
    await parts._open_parameters()
    await parts._open_clients()
    assert built == [True] * builds
    stop_listening(start)
    parts._cache_sockets.close()


async def test_the_opening_ends_when_what_is_asked_for_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first /next waits for it, for a freeze would interrupt the call."""
    monkeypatch.setattr(module, "resume_garbage_collection", lambda: None)
    asked: list[float] = []

    async def settle(_: Parameters, within_s: float) -> float:
        asked.append(within_s)
        return 0.0

    monkeypatch.setattr(Parameters, "settle_calls", settle)
    start = bind_and_register({"DISPATCH_CACHE_PORT": str(free_port())})
    start.api = "api:1"
    parts = opening(TELEMETRY, start=start)
    parts.registered.set()
    await parts.open_all()
    assert asked == [inf]
    stop_listening(start)
    parts._cache_sockets.close()
