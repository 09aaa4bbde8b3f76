"""No form of a secret leaves by any way out, wherever the platform or the function puts it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.platform.events import Invoke, Shutdown
from extension.process.log import Log
from extension.redaction.redactor import Redactor
from extension.telemetry.assembly.cache_use import CacheCall
from extension.telemetry.health import Health
from tests import platform_events as given
from tests.doubles import LogLines, ManualClock
from tests.encoders.examples import texts
from tests.encoders.programs import encoded
from tests.encoders.table import ELSEWHERE, PYTHON
from tests.fuzz.test_decoder import Accepting, build
from tests.received import received

ENCODERS = {**PYTHON, **ELSEWHERE}
SECRETS = [each for each in texts(1) if len(each) >= 32][:14]


def lines(form: str) -> Iterator[Any]:
    """Yield lines of output that hold a form, in the forms of runtimes and loggers."""
    id_and_time = "2026-11-27T10:00:00.123Z\ta\t"
    error = {"errorType": form, "errorMessage": form, "stackTrace": [form, f"at {form}"]}
    yield form
    yield f"[ERROR] {id_and_time}{form}"
    yield f"[ERROR] ValueError: {form}\nTraceback (most recent call last):\n  {form}"
    yield f"{id_and_time}INFO\t{form}"
    yield f"{id_and_time}ERROR\tInvoke Error \t{json.dumps(error)}"
    yield json.dumps(
        {"message": form, "level": form, "time": form, "requestId": form, form: [form]}
    )
    yield {"message": form, "level": "ERROR", "requestId": form, "a": {"b": [form], form: 1}}
    yield error
    yield {"level": "ERROR", "message": error, "logger": form}
    yield [form]


def events(form: str) -> Iterator[given.JsonEvent]:
    """Yield events that have a form wherever one has a text."""
    spans = [{"name": form, "start": given.iso(1), "durationMs": 1}]
    odd = {"status": form, "errorType": form, "tenantId": form, "spans": spans}
    names = ("initializationType", "phase", "functionName", "functionVersion", "instanceId")
    texts = dict.fromkeys((*names, "runtimeVersion", "runtimeVersionArn"), form)
    yield given.platform("initStart", 0, **texts)
    yield given.platform("extension", 0, name=form, state=form, events=[form], errorType=form)
    yield given.platform("telemetrySubscription", 0, name=form, state=form, types=[form])
    yield given.platform("initRuntimeDone", 0.5, **texts, **odd)
    yield given.platform("initReport", 0.5, **texts, **odd, metrics={"durationMs": 500})
    yield given.platform("restoreStart", 0.6, **texts)
    yield given.platform("restoreReport", 0.6, **texts, **odd)
    yield given.platform("start", 1, requestId="a", version=form, functionArn=form, tenantId=form)
    for number, line in enumerate(lines(form)):
        yield given.line(line, 1 + number / 100)
        yield given.line(line, 1 + number / 100, stream="extension")
    yield given.platform("logsDropped", 1.2, reason=form, droppedRecords=1)
    yield given.platform("runtimeDone", 1.5, requestId="a", **odd)
    yield given.platform("report", 1.6, requestId="a", **odd, metrics={"durationMs": 500})
    yield given.platform("fault", 1.7, reason=form)
    yield given.platform("start", 2, requestId=form, version=form)
    yield given.platform("runtimeDone", 2.5, requestId=form, **odd)
    yield given.event(form, 3, form)


async def sent(form: str, *, secret: str, as_json: bool) -> tuple[bytes, Health]:
    """Return everything that is posted of a life full of a form."""
    call = CacheCall(
        service="SSM", operation="GetParameter", name=form, start_ns=given.ns(1),
        end_ns=given.ns(1.1), code=form, request_id=form,
    )  # fmt: skip
    return await posted(*events(form), secret=secret, as_json=as_json, call=call)


async def posted(
    *sent_events: given.JsonEvent, secret: str, as_json: bool, call: CacheCall | None = None
) -> tuple[bytes, Health]:
    """Return everything that is posted of some events."""
    post, health = Accepting(), Health()
    telemetry = build(post, health, as_json=as_json, secret=secret)
    await telemetry.invoked(Invoke(request_id="a", deadline_ms=0))
    if call:
        telemetry.pipeline.cache_called(call)
    await received(telemetry.reader, given.delivery(*sent_events))
    telemetry._wait_for_the_last = _at_once  # type: ignore[method-assign]  # the clock stands still
    await telemetry.shut_down(Shutdown(reason="spindown", deadline_ms=0))
    return b"\n".join(post.bodies), health


async def _at_once() -> None:
    """Wait for nothing."""


def core(form: str) -> list[bytes]:
    """Return how the middle of a form is spelled where it leaves."""
    inner = form[len(form) // 2 - 8 : len(form) // 2 + 8]
    return [inner.encode(), json.dumps(inner, ensure_ascii=False)[1:-1].encode()]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("name", ENCODERS)
def test_no_form_leaves(name: str, as_json: bool) -> None:
    """Spans, logs, metrics or the platform's own events: their bytes hold nothing of it."""
    for secret in SECRETS[:: 1 if name == "plain" else 3]:
        form = ENCODERS[name](secret)
        body, health = asyncio.run(sent(form, secret=secret, as_json=as_json))
        assert health.faults == {}
        assert b"[REDACTED:key]" in body
        for spelled in core(form):
            assert spelled not in body, (secret, form)


@pytest.mark.parametrize("language", ["node", "java", "go", "rust"])
def test_no_form_of_a_language_on_this_machine_leaves(language: str, tmp_path: Path) -> None:
    """All that its libraries make of a secret, in one life of a sandbox."""
    forms = encoded(language, SECRETS[::3], folder=tmp_path)
    if forms is None:
        pytest.skip(f"{language} is not installed")
    for secret, of_secret in itertools.groupby(forms, key=lambda each: each.secret):
        spelled = [each.form for each in of_secret]
        every_form = [event for form in spelled for event in events(form)]
        for as_json in (False, True):
            body, health = asyncio.run(posted(*every_form, secret=secret, as_json=as_json))
            assert health.faults == {}
            assert b"[REDACTED:key]" in body
            for form in spelled:
                assert not any(each in body for each in core(form)), (secret, form)


@pytest.mark.parametrize("name", ENCODERS)
def test_our_own_lines_hold_no_form(name: str) -> None:
    """Whatever field of a line it gets into."""
    for secret in SECRETS:
        form = ENCODERS[name](secret)
        redactor, out = Redactor(), LogLines()
        redactor.learn("key", secret)
        log = Log(clock=ManualClock(), sink=out)
        log.redact = lambda text, redactor=redactor: redactor.redact(text).text  # type: ignore[misc]
        log.error(form, name=form, nested={form: [form]}, cause=ValueError(form))
        [line] = out.lines
        assert line.count("[REDACTED:key]") == 5


@pytest.mark.parametrize("as_json", [False, True])
def test_no_half_leaves_where_the_platform_cuts_a_line(as_json: bool) -> None:
    """A line of more than 256 KiB comes in pieces, and the secret may stand at the cut."""
    secret = SECRETS[0]
    for half in range(8, len(secret) - 8, 5):
        line = "x" * (262_144 - half) + secret + "y" * 10_000
        pieces = [given.line(line[:262_144], 1.1), given.line(line[262_144:], 1.2)]
        start = given.platform("start", 1, requestId="a")
        body, _ = asyncio.run(posted(start, *pieces, secret=secret, as_json=as_json))
        assert b"characters at a cut left out" in body
        assert secret[:half].encode() not in body
        assert secret[half:].encode() not in body


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("size", [100_000, 1_900_000, 3_900_000])
def test_a_line_of_any_size_leaves_or_is_counted(size: int, as_json: bool) -> None:
    """Before, in and after an invocation; the last line says what is missing."""
    for second in (0.2, 1.1, 2.5):
        events = [given.line("x" * size, second), given.line("small", second)]
        start = given.platform("start", 1, requestId="a")
        body, health = asyncio.run(posted(start, *events, secret=SECRETS[0], as_json=as_json))
        assert b"small" in body
        assert b"x" * 4000 in body or health.dropped or health.cut
