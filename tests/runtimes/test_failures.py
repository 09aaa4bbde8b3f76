"""Which failures of which runtime are seen: the table of the documentation, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace.status import StatusCode

from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.otlp.spans import SpanBuilder
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.platform_events import JsonEvent
from tests.runtimes.cases import CASES, INITS_TELL, REQUEST, Case
from tests.runtimes.table import PAGE, page


def span(*deliveries: Sequence[JsonEvent], concurrent: bool = False) -> ReadableSpan:
    """Return the span of the invocation that these deliveries tell of."""
    return next(each for each in spans(*deliveries, concurrent=concurrent) if each.name == "shop")


def spans(*deliveries: Sequence[JsonEvent], concurrent: bool = False) -> list[ReadableSpan]:
    """Return all that these deliveries tell of."""
    into = Assembler(ids=SequentialIds(), concurrent=concurrent)
    builder = SpanBuilder(
        ids=SequentialIds(), identity=ResourceIdentity(function_name="shop", account_id="")
    )
    finished = assemble(into, deliveries, concurrent=concurrent)
    return [built for each in finished for built in builder.build(each)]


def events(case: Case, *more: Any) -> list[JsonEvent]:
    """Return the invocation of a case, on demand."""
    seen = {"errorType": case.platform_error} if case.platform_error else {}
    if case.during == "init":
        return [
            *broken_init(case, 0.0, *more, phase="init"),
            *broken_init(case, 0.5, *more, phase="invoke"),
            given.start(REQUEST, 1),
            given.done(REQUEST, 1, status=case.status, **seen),
            given.report(REQUEST, 2.1, status=case.status),
        ]
    return [
        given.start(REQUEST, 1),
        *(given.line(line, 1.5) for line in (*case.lines, *more)),
        given.done(REQUEST, 2, status=case.status, **seen),
        given.report(REQUEST, 2.1, status=case.status),
    ]


def broken_init(case: Case, begin: float, *more: Any, phase: str) -> list[JsonEvent]:
    """Return an initialization that ends with its process."""
    start, ready, report = given.init(begin, 0.4, phase=phase)
    for end in (ready, report):
        end["record"] |= {"status": "error", "errorType": case.platform_error}
    lines = [given.line(line, begin + 0.2) for line in (*case.lines, *more)]
    return [start, *lines, ready, report]


def exceptions(of: ReadableSpan) -> list[Any]:
    """Return type and message of each exception of the span."""
    seen = [event.attributes or {} for event in of.events if event.name == "exception"]
    return [(each["exception.type"], each.get("exception.message", "")) for each in seen]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case: Case) -> None:
    """Status, type and message of the span, and the exception on it."""
    seen = span(events(case))
    attributes = seen.attributes or {}
    if case.seen in ("not seen", "no failure"):
        assert seen.status.status_code is StatusCode.UNSET
        assert "error.type" not in attributes
        assert exceptions(seen) == []
        return
    assert seen.status.status_code is StatusCode.ERROR
    assert attributes["error.type"] == case.error_type
    if case.seen == "platform":
        assert seen.status.description == case.error_type
        assert exceptions(seen) == []
    else:
        assert seen.status.description == case.message
        assert exceptions(seen) == [(case.error_type, case.message)]


@pytest.mark.parametrize("case", INITS_TELL, ids=lambda case: case.name)
def test_init(case: Case) -> None:
    """The init that failed and its repetition are spans that say why."""
    inits = [each for each in spans(events(case)) if each.name == "init"]
    assert [(each.attributes or {})["error.type"] for each in inits] == [case.error_type] * 2
    assert [each.status.description for each in inits] == [case.message] * 2
    assert [exceptions(each) for each in inits] == [[(case.error_type, case.message)]] * 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_the_function_writes_afterwards(case: Case) -> None:
    """A report with a mark stays one; what has the shape alone does not."""
    seen = span(events(case, "one more line\n"))
    if case.seen in ("last line", "misread"):
        assert seen.status.status_code is StatusCode.UNSET
        assert exceptions(seen) == []
    else:
        assert seen.status.status_code is span(events(case)).status.status_code


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cut_of_deliveries(case: Case) -> None:
    """However the events come, the verdict is the same."""
    seen = events(case)
    whole = span(seen)
    for cut in range(1, len(seen)):
        parts = span(seen[:cut], seen[cut:])
        assert parts.status.status_code is whole.status.status_code
        assert parts.status.description == whole.status.description


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.log_format == "JSON"], ids=lambda case: case.name
)
@pytest.mark.parametrize("status", ["success", "error"])
def test_managed_instances(case: Case, status: str) -> None:
    """The platform tells the handler's result; the runtime's line tells the type."""
    lines = [given.line({**each, "requestId": REQUEST} if isinstance(each, dict) else each, 1.5)
             for each in case.lines]  # fmt: skip
    failed = {"errorType": "Runtime.Unknown"} if status == "error" else {}
    end = given.platform("report", 1.5, requestId=REQUEST, status=status, **failed)
    seen = span([given.start(REQUEST, 1), end, *lines], concurrent=True)
    expected = StatusCode.ERROR if status == "error" else StatusCode.UNSET
    assert seen.status.status_code is expected
    if status == "error" and case.seen in ("seen", "last line", "misread"):
        assert (seen.attributes or {})["error.type"] == case.error_type
    if status == "success":
        assert exceptions(seen) == []


def test_the_documentation_has_this_table() -> None:
    """`python -m tests.runtimes.table` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()
