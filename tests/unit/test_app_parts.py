"""The parts of a process work together: telemetry, cache, receiver, tap and redaction."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from extension import opening
from extension.own_credentials import OwnCredentials
from extension.parameters.response import NOT_READY
from extension.process import imports
from extension.process.clock import NS_PER_MS, Instant
from extension.telemetry.telemetry import Telemetry
from extension.telemetry_part import telemetry_modules
from tests import platform_events as given
from tests.credentials_endpoint import CredentialsEndpoint
from tests.extensions_api import NEXT, SUBSCRIBE, TOKEN, ExtensionsApi, Turn
from tests.fake_aws import FakeAws
from tests.posted_requests import spans
from tests.running_app import Running, leave_the_process_alone, running
from tests.sandbox import free_port
from tests.tapped_messages import Copy, event
from tests.waiting import PATIENCE_S, until

SECRET = "correct-horse-battery-staple"
OURS = "static-key-of-ours-1"
MANAGED = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}
WHOLE = (given.start("r", 1), given.done("r", 2), given.report("r", 2))

# A process ends with its sockets open, and the kernel closes them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _is_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_the_process_alone(monkeypatch, tmp_path)


async def get(port: int, target: str, *, token: str = "token") -> tuple[int, str]:
    """Ask the cache; return status and body."""
    headers = {next(iter(TOKEN)): token}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{target}", headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def post_spans(port: int, name: str) -> int:
    """Post a span as the function's own SDK does; return the status."""
    headers = {"Content-Type": "application/x-protobuf"}
    body = spans(name).SerializeToString()
    url = f"http://127.0.0.1:{port}/v1/traces"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        return answer.status


async def whole_invocation(process: Running, *lines: str) -> None:
    """Let an invocation happen, with what it wrote, up to its export."""
    await until(lambda: NEXT in process.api.asked)
    process.api.invoke(timeout_s=30)
    written = [given.line(each, 1.5) for each in lines]
    start, *rest = WHOLE
    assert await process.api.deliver(start, *written, *rest) == 200
    await until(lambda: process.api.asked.count(NEXT) == 2)


async def ended(process: Running) -> None:
    """Let the sandbox end, and nothing have failed."""
    process.api.shut_down()
    assert await process.status() == 0
    assert [each for each in process.lines.parsed if each["level"] == "ERROR"] == []


def cached(aws: FakeAws, port: int) -> dict[str, str]:
    """Return the variables of a cache in front of AWS."""
    return {
        **aws.environment,
        "AWS_SESSION_TOKEN": "token",
        "DISPATCH_CACHE": "on",
        "DISPATCH_CACHE_PORT": str(port),
        "SSM_PARAMETER_STORE_TIMEOUT_MILLIS": "60000",
        "SECRETS_MANAGER_TIMEOUT_MILLIS": "60000",
    }


async def test_what_the_function_s_sdk_posts_is_exported() -> None:
    """It is taken from the first moment on, and sent with the spans of the invocation."""
    port = free_port()
    async with running(ExtensionsApi(), DISPATCH_OTLP_PORT=str(port)) as process:
        await until(lambda: NEXT in process.api.asked)
        assert await post_spans(port, "brew tea") == 200
        await whole_invocation(process)
        await until(lambda: process.has_exported("brew tea"))
        await ended(process)


async def test_without_telemetry_the_sdk_posts_into_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A function's SDK waits for no answer, and repeats no request, if telemetry cannot open."""
    from extension.telemetry.opening import TelemetryBuilder  # noqa: PLC0415  # as late as the app does

    async def broken(_: TelemetryBuilder) -> None:
        raise LookupError

    monkeypatch.setattr(TelemetryBuilder, "build", broken)
    port = free_port()
    async with running(ExtensionsApi(), DISPATCH_OTLP_PORT=str(port)) as process:
        await until(lambda: "switched off" in process.lines.messages)
        assert await post_spans(port, "brew tea") == 200
        process.api.shut_down()
        assert await process.status() == 0
    assert process.lines.messages == ["switched off", "what the SDK sent is not exported"]


async def test_without_telemetry_the_pump_makes_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """It learns by the end of its channel that nobody reads them."""
    from extension.telemetry.opening import TelemetryBuilder  # noqa: PLC0415  # as late as the app does

    async def broken(_: TelemetryBuilder) -> None:
        raise LookupError

    monkeypatch.setattr(TelemetryBuilder, "build", broken)
    pump, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pump.settimeout(0)
    with pump:
        async with running(ExtensionsApi(), tap=channel) as process:
            await until(lambda: "switched off" in process.lines.messages)
            assert pump.recv(1) == b""
            process.api.shut_down()
            assert await process.status() == 0


@pytest.mark.parametrize(
    ("variables", "hidden"), [({}, True), ({"DISPATCH_REDACT": "false"}, False)]
)
async def test_secrets_of_the_process_are_hidden_in_what_is_exported(
    variables: Mapping[str, str], *, hidden: bool
) -> None:
    """A function that prints its environment shows none of them, unless the user wants it."""
    more = {"DISPATCH_SIGNALS": "logs", "AWS_SECRET_ACCESS_KEY": OURS, **variables}
    async with running(ExtensionsApi(), more) as process:
        await whole_invocation(process, f"the key is {OURS}")
        await until(lambda: process.has_exported("the key is "))
        assert process.has_exported(OURS) is not hidden
        process.app._log.error("failed", cause=f"because of {OURS}")
        assert (OURS in process.lines.lines[-1]) is not hidden


async def test_what_the_cache_served_is_hidden_and_shown() -> None:
    """A secret that the function prints is hidden; its span says what the cache did for it."""
    port = free_port()
    async with FakeAws() as aws:
        aws.put_secret("shop/key", SECRET)
        variables = {**cached(aws, port), "DISPATCH_SIGNALS": "logs,traces"}
        async with running(ExtensionsApi(), variables) as process:
            await until(lambda: NEXT in process.api.asked)
            process.api.invoke(timeout_s=30)
            status, body = await get(port, "/secretsmanager/get?secretId=shop/key")
            assert (status, json.loads(body)["SecretString"]) == (200, SECRET)
            await process.api.deliver(WHOLE[0], given.line(f"the key is {SECRET}", 1.5), *WHOLE[1:])
            await until(lambda: process.has_exported("the key is [REDACTED:shop/key]"))
            await until(lambda: process.has_exported("lambda_dispatch.cache.misses"))
            assert not process.has_exported(SECRET)
            await ended(process)


async def test_gets_of_init_are_shown_though_telemetry_opens_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are kept until it is open, and belong to the sandbox's first invocation."""
    from extension.telemetry.opening import TelemetryBuilder  # noqa: PLC0415  # as late as the app does

    build, may_build = TelemetryBuilder.build, asyncio.Event()

    async def late(self: TelemetryBuilder) -> object:
        await may_build.wait()
        return await build(self)

    monkeypatch.setattr(TelemetryBuilder, "build", late)
    port = free_port()
    async with FakeAws() as aws:
        aws.put_secret("shop/key", SECRET)
        more = {**cached(aws, port), "DISPATCH_CACHE_READY": "init"}
        async with running(ExtensionsApi(), more) as process:
            await until(process.app._opening.registered.is_set)
            assert (await get(port, "/secretsmanager/get?secretId=shop/key"))[0] == 200
            may_build.set()
            await whole_invocation(process)
            await until(lambda: process.has_exported("lambda_dispatch.cache."))
            await ended(process)


async def test_the_cache_learns_of_invocations() -> None:
    """Where GETs are to be served from the first one on, those before it are refused."""
    port = free_port()
    target = "/systemsmanager/parameters/get?name=/a/b"
    async with FakeAws() as aws:
        aws.put_parameter("/a/b", "v")
        more = cached(aws, port) | {"DISPATCH_CACHE_READY": "invoke"}
        async with running(ExtensionsApi(), more) as process:
            await until(lambda: NEXT in process.api.asked)
            assert (await get(port, target))[0] == 400
            await whole_invocation(process)
            assert (await get(port, target))[0] == 200
            await ended(process)


async def test_clients_that_are_wanted_are_built_during_init() -> None:
    """Then the first GET waits for AWS alone; a value may be prefetched, too."""
    async with FakeAws() as aws:
        aws.put_parameter("/a/b", "v")
        more = cached(aws, free_port()) | {"DISPATCH_CACHE_PREFETCH": "ssm:/a/b"}
        async with running(ExtensionsApi(), more) as process:
            await until(lambda: aws.operations == ["GetParameter"])
            await until(lambda: NEXT in process.api.asked)
            await ended(process)


async def test_on_a_first_start_next_waits_for_what_is_prefetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A freeze would interrupt the call; within the time that a start has for its opening."""
    monkeypatch.setattr("extension.platform.bootstrap.BUDGET_S", PATIENCE_S)
    monkeypatch.setattr("extension.platform.bootstrap.SLOW_SHARE", 0.0)
    async with FakeAws() as aws:
        aws.put_parameter("/a/b", "v")
        aws.hold()
        more = cached(aws, free_port()) | {"DISPATCH_CACHE_PREFETCH": "ssm:/a/b"}
        async with running(ExtensionsApi(), more) as process:
            await until(lambda: aws.waiting == 1)
            assert NEXT not in process.api.asked
            aws.release()
            await until(lambda: NEXT in process.api.asked)
            await ended(process)


async def test_a_snapshot_holds_no_secret_and_prepares_no_export(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was read during init is forgotten at its end; the environment's secrets stay hidden."""
    forgotten: list[OwnCredentials] = []
    monkeypatch.setattr(OwnCredentials, "forget_for_snapshot", lambda own: forgotten.append(own))  # noqa: PLW0108  # a method
    port = free_port()
    async with FakeAws() as aws:
        aws.put_secret("shop/key", SECRET)
        aws.put_secret("export/key", "key-of-the-endpoint")
        more = cached(aws, port) | {
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "AWS_SECRET_ACCESS_KEY": OURS,
            "DISPATCH_CACHE_READY": "init",
            "DISPATCH_POST_HEADERS": "x-key=${secretsmanager:export/key}",
        }
        async with running(ExtensionsApi(), more) as process:
            await until(lambda: NEXT in process.api.asked)
            redact = process.app._opening._redactor.redact
            assert (await get(port, "/secretsmanager/get?secretId=shop/key"))[0] == 200
            assert redact(SECRET).names == ("shop/key",)
            assert await process.api.deliver(*given.init(0, 1, kind="snap-start")) == 200
            await until(lambda: redact(SECRET).names == ())
            assert redact(OURS).names == ("AWS_SECRET_ACCESS_KEY",)
            assert forgotten == [process.app._opening._own]
            assert [each.arguments["SecretId"] for each in aws.requests] == ["shop/key"]
            await ended(process)


@pytest.mark.parametrize(
    ("variables", "waits"), [({}, True), ({"DISPATCH_REDACT": "false"}, False)]
)
async def test_a_line_right_after_a_restore_waits_for_its_secret(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], *, waits: bool
) -> None:
    """The function has it in its snapshot, and may print it before AWS has answered us again."""
    from extension.parameters import references  # noqa: PLC0415  # as late as the app does

    monkeypatch.setattr(references, "PREFETCH_S", PATIENCE_S)
    port = free_port()
    async with FakeAws() as aws:
        aws.put_secret("shop/key", SECRET)
        more = cached(aws, port) | {
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "DISPATCH_CACHE_READY": "init",
            "DISPATCH_SIGNALS": "logs",
        }
        async with running(ExtensionsApi(), {**more, **variables}) as process:
            await until(lambda: NEXT in process.api.asked)
            assert (await get(port, "/secretsmanager/get?secretId=shop/key"))[0] == 200
            await process.api.deliver(*given.init(0, 1, kind="snap-start"))
            await until(lambda: process.app._opening._redactor.redact(SECRET).names == ())
            aws.hold()
            process.api.invoke(timeout_s=30)
            await until(lambda: aws.waiting == 1)
            await process.api.deliver(WHOLE[0], given.line(f"the key is {SECRET}", 1.5), *WHOLE[1:])
            if not waits:
                await until(lambda: process.has_exported(SECRET))
            aws.release()
            await until(lambda: process.has_exported("the key is"))
            assert process.has_exported(SECRET) is not waits
            await ended(process)


async def test_elsewhere_an_export_is_prepared_during_init() -> None:
    """The key of the endpoint is fetched before the first invocation needs it."""
    async with FakeAws() as aws:
        aws.put_secret("export/key", "key-of-the-endpoint")
        more = cached(aws, free_port()) | {
            "DISPATCH_POST_HEADERS": "x-key=${secretsmanager:export/key}"
        }
        async with running(ExtensionsApi(), more) as process:
            await until(lambda: aws.operations == ["GetSecretValue"])
            await until(lambda: NEXT in process.api.asked)
            await ended(process)


async def test_the_key_of_the_endpoint_is_fetched_where_no_cache_is_served() -> None:
    """It alone: nothing is prefetched for callers, because they cannot ask."""
    async with FakeAws() as aws:
        aws.put_parameter("/a/b", "v")
        aws.put_secret("export/key", "key-of-the-endpoint")
        port = free_port()
        more = cached(aws, port) | {
            "DISPATCH_CACHE": "off",
            "DISPATCH_CACHE_PREFETCH": "ssm:/a/b",
            "DISPATCH_POST_HEADERS": "x-key=${secretsmanager:export/key}",
        }
        async with running(ExtensionsApi(), more) as process:
            await whole_invocation(process, "brewing tea")
            await until(lambda: process.has_exported("brewing tea"))
            with pytest.raises(OSError, match="Connect"):
                await get(port, "/ping")
            await ended(process)
        assert aws.operations == ["GetSecretValue"]


async def test_credentials_that_the_process_fetches_are_hidden() -> None:
    """They come from an endpoint, so that the environment does not have them."""
    async with FakeAws() as aws, CredentialsEndpoint(SECRET, "authorization") as endpoint:
        aws.put_parameter("/a/b", "v")
        static = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
        more = cached(aws, free_port()) | static | endpoint.environment
        async with running(ExtensionsApi(), more, DISPATCH_CACHE_PREFETCH="ssm:/a/b") as process:
            redact = process.app._opening._redactor.redact
            await until(lambda: redact(SECRET).names == ("AWS_SESSION_TOKEN",))
            await until(lambda: NEXT in process.api.asked)
            await ended(process)


def packet(copy: Copy) -> bytes:
    """Return a whole message, copied, as the pump hands it over."""
    at_ns, size = given.ns(copy.first), len(copy.data)
    numbers = (1, 1, at_ns, at_ns, size, 1, 0, size)
    return " ".join(map(str, numbers)).encode() + b"\n" + copy.data


async def test_the_tap_says_what_caused_an_invocation() -> None:
    """What the pump has copied since before the runtime started is in the span."""
    pump, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    copy = event("r", {"Records": [{"eventSource": "aws:sqs", "messageId": "m"}]})
    with pump:
        pump.send(packet(copy))
        async with running(ExtensionsApi(), tap=channel) as process:
            await whole_invocation(process)
            await until(lambda: process.has_exported("pubsub"))
            await ended(process)


async def test_on_managed_instances_many_events_wait_for_their_invocations() -> None:
    """Hundreds of invocations run at once there, and the platform tells of them later."""
    pump, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with pump:
        for request_id in ["r", *(f"other-{each}" for each in range(99))]:
            copy = event(request_id, {"Records": [{"eventSource": "aws:sqs", "messageId": "m"}]})
            pump.send(packet(copy))
        async with running(ExtensionsApi(), MANAGED, tap=channel) as process:
            await until(lambda: process.app._start.is_subscribed)
            kind = MANAGED["AWS_LAMBDA_INITIALIZATION_TYPE"]
            await process.api.deliver(*given.init(0, 1, kind=kind), *WHOLE)
            await ended(process)
    assert process.has_exported("pubsub")


async def test_outside_lambda_the_cache_serves_until_sigterm(tmp_path: Path) -> None:
    """There is no API to register with, and no SHUTDOWN; the token may be in a file."""
    port, file = free_port(), tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text("token-in-a-file")
    async with FakeAws() as aws:
        aws.put_parameter("/a/b", "v")
        more = cached(aws, port) | {
            "AWS_LAMBDA_RUNTIME_API": "",
            "DISPATCH_CACHE_READY": "init",
            "DISPATCH_TOKEN_FILE": str(file),
        }
        async with running(ExtensionsApi(), more) as process:
            await until(lambda: process.lines.messages)
            target = "/systemsmanager/parameters/get?name=/a/b"
            status, body = await get(port, target, token="token-in-a-file")
            assert (status, json.loads(body)["Parameter"]["Value"]) == (200, "v")
            signal.raise_signal(signal.SIGTERM)
            assert await process.status() == 0
    assert process.lines.messages == ["outside Lambda: serving the cache only"]
    assert process.api.asked == []


async def test_outside_lambda_values_are_prefetched_too() -> None:
    """The clients are built for that at once, and not by the first GET."""
    async with FakeAws() as aws:
        aws.put_parameter("/a/b", "v")
        more = cached(aws, free_port()) | {
            "AWS_LAMBDA_RUNTIME_API": "",
            "DISPATCH_CACHE_PREFETCH": "ssm:/a/b",
        }
        async with running(ExtensionsApi(), more) as process:
            await until(lambda: aws.operations == ["GetParameter"])
            signal.raise_signal(signal.SIGTERM)
            assert await process.status() == 0


async def test_without_bytecode_there_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports take ten times as long then, so a thread does them from the beginning."""
    resumed: list[bool] = []
    monkeypatch.setattr(opening, "is_compiled", lambda _: False)
    monkeypatch.setattr(opening, "resume_garbage_collection", lambda: resumed.append(True))
    async with running(ExtensionsApi()) as process:
        await until(lambda: resumed)
        assert process.app._opening.importer._thread is not None
        await until(lambda: NEXT in process.api.asked)
        await ended(process)
    assert process.lines.messages[0] == "no bytecode: starts take ten times as long"


async def test_managed_instances_export_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """No invocation is announced there; the subscription is asked for in the event loop."""
    monkeypatch.setattr("extension.telemetry.telemetry.TIMER_S", 0.01)
    async with running(ExtensionsApi(), MANAGED) as process:
        await until(lambda: process.app._start.is_subscribed)
        await process.api.deliver(*given.init(0, 1, kind="lambda-managed-instances"), *WHOLE)
        await until(lambda: "/v1/traces" in process.endpoint.paths)
        await ended(process)


async def test_a_late_subscription_that_is_refused_switches_telemetry_off() -> None:
    """The function goes on, and nothing listens for what will not come."""
    api = ExtensionsApi(turns=[Turn(status=404)])
    async with running(api, MANAGED) as process:
        await until(lambda: process.lines.messages)
        assert process.lines.messages == ["no telemetry"]
        port = int(api.listener.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await ended(process)


@pytest.mark.parametrize("delivers", [True, False])
async def test_a_subscription_that_nothing_confirms_is_reported(
    monkeypatch: pytest.MonkeyPatch, *, delivers: bool
) -> None:
    """It may have taken effect: what is delivered shows it."""
    monkeypatch.setattr("extension.platform.late_subscription.PAUSE_S", 0.0)

    async def deliver(api: ExtensionsApi) -> None:
        assert await api.deliver(*WHOLE) == 200

    last = Turn(status=500, when=deliver if delivers else None)
    api = ExtensionsApi(turns=[Turn(status=500), last])
    async with running(api, MANAGED) as process:
        await until(lambda: api.asked.count(SUBSCRIBE) == 2)
        await ended(process)
    assert ("subscription not confirmed" in process.lines.messages) is not delivers


async def test_an_end_of_the_regular_exports_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Managed Instances nothing else exports before SHUTDOWN."""

    async def end(_: Telemetry) -> None:
        return

    monkeypatch.setattr(Telemetry, "export_regularly", end)
    async with running(ExtensionsApi(), MANAGED) as process:
        await until(lambda: "a task failed" in process.lines.messages)
        [task] = [line["task"] for line in process.lines.parsed if "task" in line]
        assert task == "export regularly"


async def test_what_was_opened_of_telemetry_is_closed_if_the_rest_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sessions of an endpoint that nothing will be sent to."""
    from extension.telemetry.early import EarlyTelemetry  # noqa: PLC0415  # as late as the app does
    from extension.telemetry.opening import TelemetryBuilder  # noqa: PLC0415  # likewise

    closed: list[bool] = []
    build = TelemetryBuilder.build

    async def noted(self: TelemetryBuilder) -> Telemetry:
        telemetry = await build(self)
        close = telemetry.close

        async def close_and_note() -> None:
            await close()
            closed.append(True)

        telemetry.close = close_and_note
        return telemetry

    async def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(TelemetryBuilder, "build", noted)
    monkeypatch.setattr(EarlyTelemetry, "opened", broken)
    async with running(ExtensionsApi()) as process:
        await until(lambda: "switched off" in process.lines.messages)
        process.api.shut_down()
        assert await process.status() == 0
    assert closed == [True]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules that the importer has loaded."""
    names: list[str] = []
    load = imports._import

    def noted(name: str) -> None:
        load(name)
        names.append(name)

    monkeypatch.setattr(imports, "_import", noted)
    return names


CACHE_MODULES = ["extension.parameters.parameters", "extension.bridge"]


async def test_a_get_that_the_cache_is_open_too_late_for_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before its function times out, which would start everything again, and not sooner."""
    monkeypatch.setattr("extension.platform.bootstrap.BUDGET_S", 0.0)
    load, may_load = imports._import, threading.Event()

    def held(name: str) -> None:
        if name in CACHE_MODULES:
            may_load.wait()
        load(name)

    monkeypatch.setattr(imports, "_import", held)
    port, target = free_port(), "/systemsmanager/parameters/get?name=/a/b"
    async with FakeAws() as aws:
        aws.put_parameter("/a/b", "v")
        async with running(ExtensionsApi(), cached(aws, port)) as process:
            await until(lambda: NEXT in process.api.asked)
            getting = asyncio.create_task(get(port, target))
            process.api.invoke(timeout_s=30)
            opened = process.app._opening
            await until(lambda: opened._last.invoke)
            assert opened._last.invoke is not None
            deadline_ms = opened._last.invoke.deadline_ms
            opened._clock = early = _At(deadline_ms - 750)
            await until(lambda: early.looks > 2)
            assert not getting.done()
            opened._clock = _At(deadline_ms - 749)
            try:
                assert await asyncio.wait_for(getting, PATIENCE_S) == (400, NOT_READY.text)
            finally:
                opened._clock = passed = _At(deadline_ms)
                late = asyncio.create_task(get(port, target))
                await until(lambda: passed.looks > 2)
                may_load.set()
            assert (await late)[0] == 200
            await ended(process)


class _At:
    """A clock that stands still, in epoch milliseconds, and how often it was looked at."""

    def __init__(self, wall_ms: int) -> None:
        self._wall_ms = wall_ms
        self.looks = 0

    def now(self) -> Instant:
        """Return always the same."""
        self.looks += 1
        return Instant(self._wall_ms * NS_PER_MS, 0)


async def test_heavy_modules_are_imported_one_by_one(loaded: list[str]) -> None:
    """What GETs wait for is first, and the AWS clients are last: the loop runs in between."""
    pump, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    async with FakeAws() as aws:
        aws.put_parameter("/a/b", "v")
        more = cached(aws, free_port()) | {"DISPATCH_CACHE_PREFETCH": "ssm:/a/b"}
        with pump:
            async with running(ExtensionsApi(), more, tap=channel) as process:
                await until(lambda: NEXT in process.api.asked)
                await until(lambda: "extension.aws.clients" in loaded)
                modules = telemetry_modules(process.app._opening._config.telemetry)
                await ended(process)
    assert loaded == [
        *CACHE_MODULES,
        *modules,
        "extension.telemetry.tap.opening",
        "extension.aws.clients",
    ]


async def test_a_get_in_progress_is_answered_before_telemetry_is_opened(
    loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its caller waits for has the CPU alone."""
    monkeypatch.setattr("extension.platform.bootstrap.BUDGET_S", 0.0)
    monkeypatch.setattr("extension.telemetry_part.GETS_FIRST_S", PATIENCE_S)
    accept, asked = opening.Opening.accept_deliveries, asyncio.Event()

    async def once_asked(self: opening.Opening) -> None:
        await asked.wait()
        await accept(self)

    monkeypatch.setattr(opening.Opening, "accept_deliveries", once_asked)
    port = free_port()
    async with FakeAws() as aws:
        aws.put_parameter("/a/b", "v")
        aws.hold()
        more = cached(aws, port) | {"DISPATCH_CACHE_READY": "init"}
        async with running(ExtensionsApi(), more) as process:
            getting = asyncio.create_task(get(port, "/systemsmanager/parameters/get?name=/a/b"))
            await until(lambda: aws.waiting)
            asked.set()
            await until(lambda: NEXT in process.api.asked)
            assert loaded == CACHE_MODULES
            aws.release()
            assert (await getting)[0] == 200
            await until(lambda: "extension.telemetry.opening" in loaded)
            await whole_invocation(process)
            await ended(process)
