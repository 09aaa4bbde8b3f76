"""What a user may expect of every failure: the function lives, the data is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from simulator.answers import Answer
from simulator.intake import Intake
from simulator.intake.otlp import Span
from tests.sandbox import Stage

SECRET_PATH = "/secretsmanager/get?secretId=shop%2Fkey"  # a path

GET = {"get": [SECRET_PATH], "print": ["one line"]}
"""What asks the test function to use both of the extension's jobs."""

FOUND, REFUSED = b"[[200, ", b"[[0, "
"""How its answer begins when the GET got its value, and when connections were refused."""


def assert_unharmed(stage: Stage, answers: Iterable[Answer]) -> None:
    """Every invocation was answered by the function, in one sandbox, and none was reset."""
    assert [answer.status for answer in answers if answer.status != "success"] == []
    assert [record["status"] for record in records(stage, "report")] == ["success"] * len(
        records(stage, "start")
    )
    assert {ended.sandbox for ended in stage.function.exits} == {1}
    assert_lived_until_shutdown(stage)


def assert_lived_until_shutdown(stage: Stage) -> None:
    """In every sandbox the extension ended by itself, with status 0, and only after SHUTDOWN."""
    crashes = [
        record
        for kind in ("runtimeDone", "report", "extension")
        for record in records(stage, kind)
        if str(record.get("errorType", "")).startswith("Extension.")
    ]
    assert crashes == []
    ends = [each for each in stage.function.exits if each.kind == "extension"]
    assert [(each.returncode, each.killed) for each in ends] == [(0, False)] * len(ends)
    assert {each.sandbox for each in ends} == {each.sandbox for each in stage.function.exits}


def assert_arrived(stage: Stage, intake: Intake, *, lost: AbstractSet[str] = frozenset()) -> None:
    """Every invocation's span arrived, once, and nothing was lost but for these reasons."""
    assert Counter(invocation_id(span) for span in invocations(intake)) == Counter(started(stage))
    assert stage.lost.keys() == lost


def assert_accounted_for(stage: Stage, intake: Intake) -> None:
    """Every invocation's span arrived, or the SHUTDOWN line tells of a loss and its reason."""
    arrived = {invocation_id(span) for span in invocations(intake)}
    missing = [each for each in started(stage) if each not in arrived]
    assert len(missing) <= stage.lost.total(), (missing, stage.own_lines)


def assert_no_line_says(stage: Stage, *secrets: str) -> None:
    """None of the texts is in any line of the extension's."""
    written = "".join(line.text for line in stage.lines if line.source == "extension")
    assert [secret for secret in secrets if secret in written] == []


def names_fault(stage: Stage, kind: str = "RuntimeError") -> bool:
    """Tell whether a line names this kind of error, as its cause or among the counts."""
    return any(kind in line.text for line in stage.lines if line.source == "extension")


def invocations(intake: Intake) -> list[Span]:
    """Return the spans of invocations in the order in which they arrived."""
    return [span for span in intake.spans if span.kind == "SERVER"]


def invocation_id(span: Span) -> str:
    """Return the request id of an invocation's span."""
    return str(span.attributes["faas.invocation_id"])


def started(stage: Stage) -> Sequence[str]:
    """Return the ids of all requests that were begun, as the platform has it."""
    return [record["requestId"] for record in records(stage, "start")]


def records(stage: Stage, kind: str) -> list[dict[str, Any]]:
    """Return the records of all platform events of one type, whichever subscriber got them."""
    return [
        event.record
        for event in stage.function.events
        if event.type == f"platform.{kind}" and isinstance(event.record, dict)
    ]


def messages(span: Span) -> list[str]:
    """Return the log lines that a span carries."""
    logged = [event.attributes for event in span.events if event.name == "log"]
    return [str(attributes.get("log.message", "")) for attributes in logged]
