"""The process from its registration to its end, run in the test's own event loop."""

from __future__ import annotations

import asyncio
import signal
import socket
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from extension import app as module
from extension import lifecycle
from extension.app import App, TimeoutRecorder
from extension.opening import Opening
from extension.platform.bootstrap import Start
from extension.platform.events import Invoke, Job, Shutdown
from extension.process.clock import NS_PER_MS, SystemClock
from extension.process.log import Log
from tests import platform_events as given
from tests.doubles import LogLines, ManualClock, no_thread
from tests.extensions_api import IDENTIFIER, NEXT, REGISTER, SUBSCRIBE, ExtensionsApi, Turn
from tests.running_app import config_of, leave_the_process_alone, running
from tests.waiting import PATIENCE_S, until

# A process ends with its sockets open, and the kernel closes them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The /tmp of the sandbox; what concerns a whole process is left out."""
    leave_the_process_alone(monkeypatch, tmp_path)
    return tmp_path


def marks_in(folder: Path) -> list[Path]:
    """Return the marks of starts."""
    return list(folder.iterdir())


WHOLE = (given.start("r", 1), given.done("r", 2), given.report("r", 2))


@pytest.mark.parametrize(
    ("reason", "stays"), [("spindown", False), ("timeout", True), ("failure", True)]
)
async def test_a_whole_life(folder: Path, reason: str, *, stays: bool) -> None:
    """From init to the end; after a breakdown the same sandbox starts again, and knows it."""
    api = ExtensionsApi()
    async with running(api) as process:
        await until(lambda: NEXT in api.asked)
        assert api.asked == [REGISTER, SUBSCRIBE, NEXT]
        [mark] = marks_in(folder)
        api.invoke(timeout_s=30)
        assert await api.deliver(*WHOLE) == 200
        await until(lambda: process.endpoint.paths)
        await until(lambda: api.asked.count(NEXT) == 2)
        assert mark.read_text().isdigit()
        api.shut_down(reason)
        assert await process.status() == 0
    assert set(process.endpoint.paths) == {"/v1/traces"}
    assert [line["message"] for line in process.lines.parsed if line["level"] == "ERROR"] == []
    assert bool(marks_in(folder)) is stays


@pytest.mark.parametrize(("budget_s", "waits"), [(600.0, True), (0.0, False)])
async def test_on_a_first_start_next_waits_for_the_opening(
    monkeypatch: pytest.MonkeyPatch, budget_s: float, *, waits: bool
) -> None:
    """What is opened then costs no invocation anything; beyond its budget it goes on behind it."""
    opened = asyncio.Event()
    open_all = Opening.open_all

    async def slow(self: Opening) -> None:
        await opened.wait()
        await open_all(self)

    monkeypatch.setattr(Opening, "open_all", slow)
    monkeypatch.setattr("extension.platform.bootstrap.BUDGET_S", budget_s)
    monkeypatch.setattr("extension.platform.bootstrap.SLOW_SHARE", 0.0)
    api = ExtensionsApi()
    async with running(api) as process:
        await until(process.app._opening.registered.is_set)
        await until(lambda: waits or NEXT in api.asked)
        assert (process.app._opening.importer._thread is None) is waits
        opened.set()
        await until(lambda: NEXT in api.asked)
        api.shut_down()
        assert await process.status() == 0


async def test_jobs_learn_of_what_was_let_go_before_the_event_loop() -> None:
    """On a repeated start, before the first event of the life cycle."""
    learned: list[str] = []

    class Recorder(Job):
        def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
            learned.append(f"{invoke.request_id} at {at_ns}")

    api = ExtensionsApi()
    async with running(api) as process:
        process.app._opening.jobs.append(Recorder())
        event = b'{"eventType":"INVOKE","requestId":"r","deadlineMs":1}'
        process.start.let_go.append((event, 1, 2))
        await until(lambda: NEXT in api.asked)
        assert learned == ["r at 1"]
        api.shut_down()
        assert await process.status() == 0


async def test_what_is_open_at_the_end_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """The process ends at once, and the kernel closes it."""
    api = ExtensionsApi()
    async with running(api) as process:
        await until(lambda: NEXT in api.asked)
        api.shut_down()
        assert await process.status() == 0
        asyncio.get_running_loop().call_exception_handler({"message": "unclosed transport"})
    assert "unclosed transport" not in caplog.text


async def test_sigterm_is_an_end(folder: Path) -> None:
    """Local tools send it: the jobs do what they do at SHUTDOWN, and no mark stays."""
    reasons: list[str] = []

    class Recorder(Job):
        async def shut_down(self, shutdown: Shutdown) -> None:
            reasons.append(shutdown.reason)

    api = ExtensionsApi()
    async with running(api) as process:
        process.app._opening.jobs.append(Recorder())
        await until(lambda: NEXT in api.asked)
        signal.raise_signal(signal.SIGTERM)
        assert await process.status() == 0
    assert reasons == ["spindown"]
    assert marks_in(folder) == []


async def test_registering_is_repeated_until_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda waits for every extension; what failed before is reported once."""
    monkeypatch.setattr(module, "REGISTER_PAUSE_S", 0.01)
    api = ExtensionsApi(refused=frozenset([REGISTER]))
    async with running(api) as process:
        await until(lambda: "registration failed" in process.lines.messages)
        api.refused = frozenset([SUBSCRIBE])
        await until(lambda: NEXT in api.asked)
        api.shut_down()
        assert await process.status() == 0
    causes = [line["cause"] for line in process.lines.parsed if line["message"] == "switched off"]
    assert causes[0].startswith("registration failed: status 403")
    assert causes[1:] == ["subscription failed: status 403 Extension.Refused"]


async def test_without_a_thread_registering_is_repeated_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The function may have taken all; it cannot start before this process is registered."""
    attempts: list[None] = []

    def register(start: Start, _: object) -> None:
        attempts.append(None)
        if len(attempts) < 3:
            raise TimeoutError
        start.identifier = IDENTIFIER

    monkeypatch.setattr(module, "REGISTER_PAUSE_S", 0.01)
    monkeypatch.setattr("extension.platform.bootstrap.register_and_follow_up", register)
    api = ExtensionsApi(refused=frozenset([REGISTER]))
    async with running(api) as process:
        with monkeypatch.context() as exhausted:
            exhausted.setattr("threading.Thread.start", no_thread)
            await until(lambda: len(attempts) == 3)
        await until(lambda: NEXT in api.asked)
        api.shut_down()
        assert await process.status() == 0
    assert len(attempts) == 3


async def test_a_registration_that_is_refused_for_long_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After ten pauses of a second, counted as they were meant to be."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    api = ExtensionsApi(refused=frozenset([REGISTER]))
    async with running(api) as process:
        assert await process.status() == 1
    assert pauses == [1.0] * 10
    assert process.lines.parsed[-1]["cause"] == "registration is refused permanently"


async def test_only_refusals_in_a_row_are_permanent(monkeypatch: pytest.MonkeyPatch) -> None:
    """After another failure, ten seconds of them are waited for once more."""
    pauses: list[float] = []
    failures = chain(
        [ConnectionRefusedError()] * 6, [TimeoutError()], repeat(ConnectionRefusedError())
    )

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    def register(*_: object) -> None:
        raise next(failures)

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    monkeypatch.setattr("extension.platform.bootstrap.register_and_follow_up", register)
    async with running(ExtensionsApi()) as process:
        assert await process.status() == 1
    assert len(pauses) == 5 + 1 + 10  # the first attempt is that of the bootstrap


async def test_without_a_telemetry_api_the_function_works() -> None:
    """One line says so, which is no error of the user's."""
    api = ExtensionsApi(turns=[Turn(status=404)])
    async with running(api) as process:
        await until(lambda: NEXT in api.asked)
        api.shut_down()
        assert await process.status() == 0
    [line] = process.lines.parsed
    assert (line["message"], line["level"]) == ("no telemetry", "WARN")
    assert not process.app._opening.telemetry.is_listening


@pytest.mark.parametrize(
    ("problem", "more", "message", "level"),
    [
        (("cache", "x"), {}, "no cache", "INFO"),
        (("cache", "x"), {"SSM_PARAMETER_STORE_TTL": "60"}, "switched off", "ERROR"),
        (("receiver", "x"), {}, "switched off", "ERROR"),
        (("telemetry", "x"), {}, "switched off", "ERROR"),
        (("telemetry", "this platform has no Telemetry API"), {}, "no telemetry", "WARN"),
        (("cache", "this platform has no Telemetry API"), {}, "no cache", "INFO"),
    ],
)
async def test_what_the_bootstrap_could_not_do_is_reported(
    problem: tuple[str, str], more: dict[str, str], message: str, level: str
) -> None:
    """It has no log; what the function does not use is no error."""
    environ = {"DISPATCH_POST_URI": "http://collector.example:4318", **more}
    start, lines, clock = Start("api:1"), LogLines(), SystemClock()
    start.problems.append(problem)
    log = Log(clock=clock, sink=lines)
    app = App(start=start, environ=environ, config=config_of(environ), clock=clock, log=log)
    app._report_problems()
    app._report_problems()
    [line] = lines.parsed
    assert (line["message"], line["level"], line["cause"]) == (message, level, problem[1])


async def test_an_opening_that_breaks_leaves_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exception is the entry point's, which then only answers events."""

    async def broken(_: Opening) -> None:
        raise LookupError("broken")

    monkeypatch.setattr(Opening, "open_all", broken)
    async with running(ExtensionsApi()) as process:
        with pytest.raises(LookupError, match="broken"):
            await process.status()


async def test_an_api_that_is_gone_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox cannot be asked any more whether it ends."""
    monkeypatch.setattr(lifecycle, "GONE_S", 0.05)
    api = ExtensionsApi(refused=frozenset([NEXT]))
    async with running(api) as process:
        assert await process.status() == 1
    assert "the sandbox is gone" in process.lines.messages


async def test_outside_lambda_there_must_be_a_cache() -> None:
    """Without one there is nothing to serve."""
    api = ExtensionsApi()
    async with running(api, AWS_LAMBDA_RUNTIME_API="") as process:
        assert await process.status() == 1
    assert process.lines.messages == ["nothing to serve"]
    assert api.asked == []


async def test_a_part_that_cannot_open_is_switched_off_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing listens for it any more, and events are answered."""
    from extension.telemetry.opening import TelemetryBuilder  # noqa: PLC0415  # as late as the app does

    async def broken(_: TelemetryBuilder) -> None:
        raise LookupError

    monkeypatch.setattr(TelemetryBuilder, "build", broken)
    api = ExtensionsApi()
    async with running(api) as process:
        await until(lambda: "switched off" in process.lines.messages)
        port = int(api.listener.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        await until(lambda: NEXT in api.asked)
        api.shut_down()
        assert await process.status() == 0
    [line] = process.lines.parsed
    assert (line["part"], line["cause"]) == ("telemetry", "LookupError")


def test_switched_off_the_process_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong with the configuration is reported all the same."""
    environ = {"DISPATCH_ENABLED": "false", "DISPATCH_FLUSH": "nonsense"}
    assert module.run(Start(""), environ) == 0
    said = capsys.readouterr().out
    assert '"message": "configuration"' in said
    assert '"message": "switched off"' in said


def test_outside_lambda_a_cache_that_cannot_be_is_an_error() -> None:
    """It is all that there is to serve."""
    environ = {"DISPATCH_POST_URI": "http://collector.example:4318"}
    start, lines, clock = Start(""), LogLines(), SystemClock()
    start.problems.append(("cache", "x"))
    log = Log(clock=clock, sink=lines)
    App(
        start=start, environ=environ, config=config_of(environ), clock=clock, log=log
    )._report_problems()
    assert [each["level"] for each in lines.parsed] == ["ERROR"]


def test_what_is_set_without_effect_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A key of another vendor is not sent to our endpoint, and a variable may miss its partner."""
    environ = {
        "DISPATCH_ENABLED": "false",
        "DISPATCH_POST_URI": "http://collector.example:4318",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://vendor.example:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=k",
        "DISPATCH_BIND": "0.0.0.0",
        "AWS_LAMBDA_RUNTIME_API": "api:1",
    }
    assert module.run(Start("api:1"), environ) == 0
    said = LogLines(capsys.readouterr().out.splitlines()).parsed
    causes = [each["cause"] for each in said if each["message"] == "configuration"]
    assert "OTEL_EXPORTER_OTLP_HEADERS is not used: an OTEL endpoint is elsewhere" in causes
    assert any(each.startswith("DISPATCH_BIND ") for each in causes)


def test_what_asyncio_would_print_becomes_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own text has the values of an exception; the exit status is the app's."""

    loops: list[asyncio.AbstractEventLoop] = []

    class Failing:
        def __init__(self, **_: object) -> None:
            pass

        async def run(self) -> int:
            loops.append(asyncio.get_running_loop())
            loops[0].call_exception_handler({"exception": ValueError("secret")})
            return 3

    monkeypatch.setattr(module, "App", Failing)
    assert module.run(Start(""), {}) == 3
    loops[0].close()  # which the end of a process need not do
    [line] = LogLines(capsys.readouterr().out.splitlines()).parsed
    assert (line["message"], line["cause"]) == ("a task failed", "ValueError")


async def test_libraries_log_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their lines may hold values, and would be exported."""
    silenced: list[bool] = []
    monkeypatch.setattr(module, "silence_libraries", lambda: silenced.append(True))
    async with running(ExtensionsApi(), AWS_LAMBDA_RUNTIME_API="") as process:
        assert await process.status() == 1
    assert silenced == [True]


@pytest.mark.parametrize("has_mark", [True, False])
def test_the_function_s_timeout_is_noted_for_a_repeated_start(*, has_mark: bool) -> None:
    """As the first invocation shows it, in milliseconds."""
    noted: list[int] = []
    mark: Any = SimpleNamespace(note_timeout=noted.append)
    clock, start = ManualClock(), Start("")
    start.mark = mark if has_mark else None
    deadline_ms = clock.wall_ns // NS_PER_MS + 3_000
    recorder = TimeoutRecorder(start=start, clock=clock)
    recorder.announced(Invoke(request_id="r", deadline_ms=deadline_ms))
    assert noted == ([3_000] if has_mark else [])


def test_an_invocation_that_began_before_the_start_shows_no_timeout() -> None:
    """A repeated start is part of it: what is left then is less; the next one shows it."""
    noted: list[int] = []
    clock, start = ManualClock(), Start("")
    start.has_requested_next = True
    start.mark = SimpleNamespace(note_timeout=noted.append)  # type: ignore[assignment]
    recorder = TimeoutRecorder(start=start, clock=clock)
    for left_ms in (1_000, 3_000):
        deadline_ms = clock.wall_ns // NS_PER_MS + left_ms
        recorder.announced(Invoke(request_id="r", deadline_ms=deadline_ms))
    assert noted == [3_000]


async def test_a_task_that_fails_unseen_is_reported_without_values() -> None:
    """Its exception may hold a secret."""
    lines = LogLines()
    log = Log(clock=ManualClock(), sink=lines)
    task = asyncio.create_task(asyncio.sleep(0), name="a task")
    module._log_unhandled({"exception": ValueError("secret"), "future": task}, log)
    module._log_unhandled({}, log)
    await task
    said = [(line["task"], line["cause"]) for line in lines.parsed]
    assert said == [("a task", "ValueError"), ("", "no exception")]
