"""Whether an invocation or an initialization failed, and what of."""

from __future__ import annotations

import pytest

from extension.process.clock import NS_PER_S
from extension.process.frozen import replace
from extension.telemetry.assembly.finished import Invocation, TimedError
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.keeping import deserves_details, reason_to_keep
from extension.telemetry.assembly.verdict import Verdict, judge, judge_initialization
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.events import Report
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.sdk_spans import SdkSpan
from extension.telemetry.reading.xray import TraceContext
from extension.telemetry.tap.answer import Answer
from extension.telemetry.tap.tapped import Tapped

CONTEXT = TraceContext(trace_id=1, span_id=2)
FINE = Invocation(context=CONTEXT, request_id="r", start_ns=0, end_ns=1_000_000, status="success")
RAISED = HandlerError(type="ValueError", message="no stock")
LEFT = TimedError(time_ns=1, error=RAISED)
EXIT = replace(FINE, status="error", error_type="Runtime.ExitError")


def report(**fields: object) -> Report:
    """Return a report."""
    return Report(time_ns=1, request_id="r", **fields)  # type: ignore[arg-type]


def failure(kind: str, description: str = "") -> Verdict:
    """Return a failure that the platform tells."""
    return Verdict(failed=True, error_type=kind, description=description or kind)


@pytest.mark.parametrize(
    ("invocation", "verdict"),
    [
        (FINE, Verdict()),
        (replace(FINE, status=""), Verdict()),
        (replace(FINE, status="timeout"), failure("timeout")),
        (replace(FINE, status="failure", error=LEFT), failure("ValueError", "no stock")),
        (replace(FINE, status="timeout", error=LEFT), failure("timeout")),
        (replace(FINE, status="error", error_type="Runtime.Unknown", error=LEFT),
         failure("ValueError", "no stock")),
        (replace(FINE, status="error", report=report(error_type="Sandbox.Timedout")),
         failure("Sandbox.Timedout")),
        (replace(FINE, status="error", report=report()), failure("error")),
        (replace(FINE, error=LEFT), replace(failure("ValueError", "no stock"), inferred=True)),
        (replace(FINE, error=replace(LEFT, error=HandlerError(type="E"))),
         replace(failure("E"), inferred=True)),
        (replace(EXIT, error=replace(LEFT, error=HandlerError(type="E"))), failure("E")),
    ],
)  # fmt: skip
def test_the_platforms_word_goes_first(invocation: Invocation, verdict: Verdict) -> None:
    """Where it has only a general one, what the runtime reported says more."""
    assert judge(invocation) == verdict


@pytest.mark.parametrize(
    ("invocation", "kind"),
    [
        (EXIT, "Runtime.ExitError"),
        (replace(EXIT, out_of_memory=True), "Runtime.OutOfMemory"),
        (replace(EXIT, report=report(max_memory_used_mb=128, memory_size_mb=128)),
         "Runtime.OutOfMemory"),
        (replace(EXIT, report=report(max_memory_used_mb=127, memory_size_mb=128)),
         "Runtime.ExitError"),
        (replace(EXIT, report=report()), "Runtime.ExitError"),
        (replace(EXIT, status="timeout", error_type="", out_of_memory=True), "timeout"),
    ],
)  # fmt: skip
def test_an_exit_is_explained_by_memory_that_ran_out(invocation: Invocation, kind: str) -> None:
    """By the log, or by a report in which all of it was used."""
    assert judge(invocation).error_type == kind


def phase(**fields: object) -> Initialization:
    """Return an init that failed."""
    whole = {"status": "error", **fields}
    return Initialization(kind="init", context=CONTEXT, start_ns=0, end_ns=1, **whole)  # type: ignore[arg-type]


def test_an_initialization_fails_by_the_platforms_word() -> None:
    """What the runtime reported says why, to the Runtime API before what stands in the log."""
    line = Record(
        time_ns=1, observed_ns=1, stream="function", body="x", evidence="mark", error=RAISED
    )
    other = HandlerError(type="ImportError", message="")
    assert judge_initialization(phase(status="success", reported=other)) == Verdict()
    assert judge_initialization(phase()) == failure("error")
    assert judge_initialization(phase(error_type="Runtime.X")) == failure("Runtime.X")
    assert judge_initialization(phase(error_type="Runtime.X", records=(line,))) == failure(
        "Runtime.X"
    )
    assert judge_initialization(phase(records=(line,))) == failure("ValueError", "no stock")
    assert judge_initialization(phase(records=(line,), reported=other)) == failure("ImportError")


@pytest.mark.parametrize(
    ("invocation", "slow_ms", "reason"),
    [
        (FINE, 0, ""),
        (FINE, 1, ""),
        (replace(FINE, end_ns=1_000_001), 1, "slow"),
        (replace(FINE, end_ns=1_000_001), 0, ""),
        (replace(FINE, cold_start=True), 1, "cold"),
        (replace(FINE, end_ns=1_000_001, cold_start=True), 1, "slow"),
        (replace(FINE, incomplete=True), 0, "failed"),
        (replace(FINE, out_of_memory=True), 0, "failed"),
        (replace(FINE, status="timeout", cold_start=True), 0, "failed"),
    ],
)
def test_what_failed_was_slow_or_cold_is_worth_more(
    invocation: Invocation, slow_ms: int, reason: str
) -> None:
    """In this order; a cold start alone needs no details."""
    assert reason_to_keep(invocation, slow_ms=slow_ms) == reason
    assert deserves_details(invocation, slow_ms=slow_ms) == (reason in ("failed", "slow"))


def test_no_invocation_is_slow_unless_it_is_said_from_when() -> None:
    """However long it takes."""
    longest = replace(FINE, end_ns=900 * NS_PER_S)
    assert reason_to_keep(longest) == ""
    assert not deserves_details(longest)


def test_an_error_that_was_posted_is_not_inferred() -> None:
    """Nor is one of the SDK's span; one that a line tells is, whatever else was copied."""
    told = replace(FINE, error=LEFT, tapped=Tapped(error=RAISED))
    assert judge(told) == failure("ValueError", "no stock")
    assert judge(replace(FINE, error=LEFT, tapped=Tapped())).inferred
    span = SdkSpan(request_id="r", trace_id=1, span_id=2, body=b"", error=RAISED)
    assert judge(replace(FINE, sdk=span)) == failure("ValueError", "no stock")
    assert judge(replace(FINE, sdk=replace(span, error=None))) == Verdict()


def test_a_response_may_be_an_error() -> None:
    """It has a type and no description."""
    for status, failed in ((500, True), (499, False)):
        tapped = Tapped(answer=Answer(status_code=status))
        verdict = judge(replace(FINE, tapped=tapped))
        assert verdict == (Verdict(failed=True, error_type="500") if failed else Verdict())
