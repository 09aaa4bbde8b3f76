"""The function fails in every way it can: its last words and its verdict arrive all the same."""

from __future__ import annotations

import signal

import pytest

from simulator.intake import Intake
from simulator.intake.otlp import Span
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import (
    SECRET_PATH,
    assert_arrived,
    assert_lived_until_shutdown,
    assert_unharmed,
    invocations,
    messages,
    records,
)
from tests.fake_aws import FakeAws

ROOM_FOR_INIT_S = 10.0
"""A timeout that leaves a suppressed init its time, on a busy machine too."""

MAX_EVENTS = 128
"""Lines that a span carries by default."""


async def test_times_out(run: Run, intake: Intake) -> None:
    """The sandbox is reset; span, verdict and lines of the lost invocation are out by then."""
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run(environment=environment, timeout_s=ROOM_FOR_INIT_S) as stage:
        before, lost, after = await stage.invoke({}, {"print": ["last words"], "sleep": 60}, {})
    assert (before.status, lost.status, after.status) == ("success", "timeout", "success")
    assert after.cold_start
    assert_lived_until_shutdown(stage)
    assert_arrived(stage, intake)
    _, span, _ = invocations(intake)
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "timeout")
    assert messages(span) == ["last words"]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        pytest.param({"exit": 0}, "Runtime.ExitError", id="exits with 0"),
        pytest.param({"exit": 1}, "Runtime.ExitError", id="exits with 1"),
        pytest.param({"kill": signal.SIGSEGV}, "Runtime.ExitError", id="crashes"),
        pytest.param({"kill": signal.SIGKILL}, "Runtime.ExitError", id="is killed"),
    ],
)
async def test_ends(run_patient: Run, intake: Intake, end: dict[str, int], said: str) -> None:
    """A runtime that is gone takes nothing with it: neither its own span nor the next one's."""
    async with run_patient(environment={"DISPATCH_POST_URI": intake.url}) as stage:
        before, lost, after = await stage.invoke({}, {"print": ["last words"], **end}, {})
    assert (before.status, lost.status, after.status) == ("success", "error", "success")
    assert_lived_until_shutdown(stage)
    assert_arrived(stage, intake)
    _, span, _ = invocations(intake)
    assert (span.status, span.attributes["error.type"]) == ("ERROR", said)
    assert messages(span) == ["last words"]


async def test_raises(run: Run, intake: Intake) -> None:
    """What left the handler is the span's error, and neither sandbox nor extension cares."""
    async with run(environment={"DISPATCH_POST_URI": intake.url}) as stage:
        answers = await stage.invoke({"raise": "no stock"}, {})
    assert [answer.status for answer in answers] == ["error", "success"]
    assert_unharmed(stage, answers[1:])
    assert_arrived(stage, intake)
    failed, fine = invocations(intake)
    assert (failed.attributes["error.type"], fine.status) == ("ValueError", "UNSET")


async def test_cannot_be_imported(run_patient: Run, intake: Intake) -> None:
    """Init fails again and again: each attempt is a span with its message, as is what it fails."""
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run_patient(environment=environment, handler="broken_import.handler") as stage:
        answers = await stage.invoke({}, {})
    assert [answer.status for answer in answers] == ["error", "error"]
    assert_lived_until_shutdown(stage)
    assert_arrived(stage, intake)
    assert [span.status for span in invocations(intake)] == ["ERROR", "ERROR"]
    attempts = [span for span in intake.spans if span.name == "init"]
    phases = [span.attributes["lambda_dispatch.init.phase"] for span in attempts]
    assert phases == ["init", "invoke", "invoke"]
    assert {span.status for span in attempts} == {"ERROR"}
    assert all("no such library" in span.status_message for span in attempts)
    assert len({span.span_id for span in attempts}) == len(attempts)


def named(intake: Intake, name: str) -> list[Span]:
    """Return the spans of this name."""
    return [span for span in intake.spans if span.name == name]


def part(span: Span) -> int:
    """Return which part of its invocation's lines a span carries."""
    return int(str(span.attributes["lambda_dispatch.part"]))


def number(line: str) -> int:
    """Return which of the function's numbered lines it is."""
    return int(line.removeprefix("line "))


async def test_prints_ten_thousand_lines(run: Run, intake: Intake) -> None:
    """All arrive, once and in their order: the span carries the first, its children the others."""
    async with run(environment={"DISPATCH_POST_URI": intake.url}) as stage:
        answers = await stage.invoke({"lines": 10_000}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    span, _ = invocations(intake)
    more = sorted(named(intake, "more logs"), key=part)
    assert [part(each) for each in more] == list(range(2, len(more) + 2))
    assert {each.parent_span_id for each in more} == {span.span_id}
    assert {len(messages(each)) for each in (span, *more[:-1])} == {MAX_EVENTS}
    dropped_before = sum(record["droppedRecords"] for record in records(stage, "logsDropped"))
    lines = [line for each in (span, *more) for line in messages(each)]
    assert len(lines) + dropped_before == 10_000
    assert lines == sorted(set(lines), key=number)


async def test_prints_ten_thousand_lines_for_the_logs(run: Run, intake: Intake) -> None:
    """With the signal `logs` every line that the platform delivers arrives."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_SIGNALS": "traces,logs"}
    async with run(environment=environment) as stage:
        answers = await stage.invoke({"lines": 10_000}, {})
    assert_unharmed(stage, answers)
    dropped_before = sum(record["droppedRecords"] for record in records(stage, "logsDropped"))
    assert stage.final_counts["platform_dropped"] == dropped_before
    assert len(intake.logs) + dropped_before == 10_000
    assert stage.lost == {}
    assert len({record.body for record in intake.logs}) == len(intake.logs)


HOSTILE = {
    "deep JSON": '{"a":' + "[" * 50_000 + "]" * 50_000 + "}",
    "half a character": '{"message": "\\ud800", "\\udfff": ["\\ud800"]}',
    "not a number": '{"message": "x", "value": NaN, "time": "NaN", "level": Infinity}',
    "huge number": '{"message": "x", "value": ' + "9" * 4_000 + "}",
    "wrong types": '{"message": {"a": 1}, "level": [], "timestamp": {}, "requestId": 5}',
    "nul": 'a\x00b {"message": "\\u0000"}',
    "long line": "x" * 400_000,
    "runtime's own forms": "[ERROR]\t9999-99-99T99:99:99Z\t\t\n{",
    "our own marker": '{"extension": "lambda-dispatch"}',
    "empty": "",
}


@pytest.mark.parametrize("signals", ["traces", "traces,logs,metrics"])
async def test_prints_what_it_likes(run: Run, intake: Intake, signals: str) -> None:
    """No line is so odd that it costs the others, the span, or the endpoint's understanding."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_SIGNALS": signals}
    async with run(environment=environment) as stage:
        answers = await stage.invoke({"print": [*HOSTILE.values(), "last words"]}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert stage.complaints == []
    texts = [str(record.body) for record in intake.logs] + messages(invocations(intake)[0])
    assert "last words" in texts


async def test_asks_two_hundred_times_at_once(run: Run, intake: Intake, aws: FakeAws) -> None:
    """All are answered, with one call to AWS, while the telemetry of it all goes its way."""
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    async with run(environment=environment) as stage:
        [answer] = await stage.invoke({"get_at_once": [SECRET_PATH] * 200})
    assert_unharmed(stage, [answer])
    assert answer.payload.count(b"[200, ") == 200
    assert answer.payload.count(b"open sesame") == 200
    assert aws.operations == ["GetSecretValue"]
    assert_arrived(stage, intake)
