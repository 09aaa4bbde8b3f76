"""The entry point: whatever breaks, the function lives, and no exception leaves the process."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO, StringIO, TextIOWrapper
from typing import TextIO

import pytest

from extension import __main__ as module
from extension import app
from extension.platform import first_events, survive
from extension.platform.bootstrap import Start
from extension.process.imports import no_certificates
from tests.doubles import LogLines


class ExitedError(BaseException):
    """The end of the process, with its status."""


@pytest.fixture(autouse=True)
def _is_a_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what the entry point does to its process."""

    def leave(status: int) -> None:
        raise ExitedError(status)

    monkeypatch.setattr("os._exit", leave)
    monkeypatch.delenv("DISPATCH_ENABLED", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    gc.enable()


class Process:
    """What the entry point calls: an app that behaves as told, and an API that ends or not."""

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        *,
        api: str = "api:1",
        run: Callable[[], int] = lambda: 0,
        has_shutdown: bool = True,
        is_repeated: bool = False,
    ) -> None:
        self.done: list[str] = []
        self.environ: Mapping[str, str] = {}
        self._run = run
        self._has_shutdown = has_shutdown
        self.start = Start(api)
        self.start.has_requested_next = is_repeated
        patch.setattr(module, "bind_and_register", lambda _: self.start)
        patch.setattr(app, "run", self._app)
        patch.setattr(survive, "stop_listening", lambda _: self.done.append("refuse"))
        patch.setattr(survive, "answer_events", self._answer)

    def _app(self, start: Start, environ: Mapping[str, str]) -> int:
        del start
        self.environ = environ
        self.done.append("run")
        return self._run()

    def _answer(self, start: Start, environ: Mapping[str, str]) -> bool:
        del start, environ
        self.done.append("answer")
        return self._has_shutdown

    def main(self) -> int:
        """Run it and return the exit status."""
        with pytest.raises(ExitedError) as exited:
            module.main()
        status = exited.value.args[0]
        assert isinstance(status, int)
        return status


def raising(error: BaseException) -> Callable[[], int]:
    """Return an app that ends with an exception."""

    def run() -> int:
        raise error

    return run


def lines(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    """Return level, message and cause of what was logged."""
    log = LogLines(capsys.readouterr().out.splitlines())
    return [(each["level"], each["message"], each["cause"]) for each in log.parsed]


@pytest.mark.parametrize("status", [0, 1])
def test_the_app_s_status_is_the_process_s(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    """Nothing is said if nothing is broken."""
    process = Process(monkeypatch, run=lambda: status)
    assert process.main() == status
    assert process.done == ["run"]
    assert lines(capsys) == []


def test_what_was_written_is_out_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends without the interpreter's own exit, which would flush it."""
    out = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(out))
    process = Process(monkeypatch, run=lambda: sys.stdout.write("x"))
    assert process.main() == 1
    assert out.getvalue() == b"x"


def test_no_garbage_is_collected_while_modules_are_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Imports make no garbage, and every cold start would pay for looking."""
    process = Process(monkeypatch, run=lambda: int(gc.isenabled()))
    assert process.main() == 0


def test_the_app_reads_the_variables_that_the_process_began_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Imports hide the certificates for a moment, and a thread may read the variables then."""
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/mine.pem")
    process = Process(monkeypatch)
    process.main()
    with no_certificates():
        assert process.environ["SSL_CERT_FILE"] == "/etc/mine.pem"


@pytest.mark.parametrize("is_repeated", [False, True])
def test_libraries_do_not_see_the_variables_of_the_function_s_sdk(
    monkeypatch: pytest.MonkeyPatch, *, is_repeated: bool
) -> None:
    """Some raise on import for a value that they cannot use; the app reads all of them."""
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "unlimited")
    monkeypatch.setenv("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "cpp")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    seen: list[str] = []

    def note(*_: object) -> bool:
        seen.extend(os.environ)
        return True

    monkeypatch.setattr(first_events, "answer_while_importing", note)
    process = Process(monkeypatch, is_repeated=is_repeated, run=lambda: int(not note()))
    assert process.main() == 0
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" not in seen
    assert "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION" not in seen
    assert "AWS_REGION" in seen
    assert process.environ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"] == "unlimited"


@pytest.mark.parametrize("error", [LookupError("secret"), SystemExit(3), MemoryError()])
def test_whatever_breaks_events_are_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """Callers are refused, rather than left waiting; the exception's text may hold a secret."""
    process = Process(monkeypatch, run=raising(error))
    assert process.main() == 0
    assert process.done == ["run", "refuse", "answer"]
    assert lines(capsys) == [("ERROR", "switched off", type(error).__name__)]


def test_outside_lambda_there_are_no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks there ends the process, which says so with its status."""
    process = Process(monkeypatch, api="", run=raising(LookupError()))
    assert process.main() == 1
    assert process.done == ["run", "refuse"]


@pytest.mark.parametrize(("api", "done"), [("api:1", ["answer"]), ("", ["run"])])
def test_switched_off_only_events_are_answered(
    monkeypatch: pytest.MonkeyPatch, api: str, done: list[str]
) -> None:
    """Nothing else is imported; outside Lambda the app says that it is off."""
    monkeypatch.setenv("DISPATCH_ENABLED", "false")
    process = Process(monkeypatch, api=api)
    assert process.main() == 0
    assert process.done == done


def test_an_api_that_is_gone_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the process ends without SHUTDOWN, which is no success."""
    monkeypatch.setenv("DISPATCH_ENABLED", "false")
    assert Process(monkeypatch, has_shutdown=False).main() == 1
    cause = "the Extensions API does not respond, or refuses this extension"
    assert lines(capsys) == [("ERROR", "the sandbox is gone", cause)]


def test_sigterm_ends_a_process_that_has_only_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Process 1 of a container would ignore it otherwise; there is nothing to report."""

    def run() -> int:
        signal.raise_signal(signal.SIGTERM)
        return 1

    process = Process(monkeypatch, run=run)
    assert process.main() == 0
    assert process.done == ["run"]
    assert lines(capsys) == []


class Full(StringIO):
    """A standard output that takes nothing."""

    def write(self, text: str) -> int:
        """Refuse it, as a full disk does."""
        raise OSError(text)

    def flush(self) -> None:
        """Refuse that, too."""
        raise OSError


@pytest.mark.parametrize("output", [Full(), None])
def test_an_output_that_takes_no_line_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, output: TextIO | None
) -> None:
    """Neither the line nor the last flush; some runtimes start without any output."""
    process = Process(monkeypatch, run=raising(LookupError()))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        assert process.main() == 0
    assert process.done == ["run", "refuse", "answer"]


@pytest.mark.parametrize("is_repeated", [True, False])
def test_a_repeated_start_answers_events_while_the_app_is_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_repeated: bool
) -> None:
    """A first start has the time of init, and imports at once; nothing is said of either."""
    process = Process(monkeypatch, is_repeated=is_repeated)

    def answer(start: Start, name: str) -> bool:
        assert start is process.start
        process.done.append(name)
        return True

    monkeypatch.setattr(first_events, "answer_while_importing", answer)
    with socket.socket() as listening:
        process.start.telemetry_socket = listening
        assert process.main() == 0
    assert process.done == [*(["extension.app"] if is_repeated else []), "run"]
    assert lines(capsys) == []


@pytest.mark.parametrize("has_telemetry", [True, False])
def test_a_sandbox_may_end_before_the_app_is_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, has_telemetry: bool
) -> None:
    """What the platform has delivered by then is lost, and a line says so."""
    process = Process(monkeypatch, is_repeated=True)
    monkeypatch.setattr(first_events, "answer_while_importing", lambda *_: False)
    with socket.socket() as listening:
        process.start.telemetry_socket = listening if has_telemetry else None
        assert process.main() == 0
    assert process.done == ["answer"]
    line = ("ERROR", "the sandbox ended before telemetry was open", "the start had too little CPU")
    assert lines(capsys) == ([line] if has_telemetry else [])
