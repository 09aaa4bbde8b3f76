"""PURE: did this invocation or initialization fail, and of what?

The platform says `success` when the handler raised and the runtime caught it, so the runtime's
own report decides there, in the log or to the Runtime API; it calls death by memory by several
names; and it has one name for all exceptions of a kind of sandbox, where the report names the
exception's own.
"""

from __future__ import annotations

from extension.process.frozen import Frozen
from extension.telemetry.assembly.finished import Invocation
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.handler_errors import EXIT_ERROR
from extension.telemetry.reading.records import Record

OUT_OF_MEMORY = "Runtime.OutOfMemory"
GENERAL = {EXIT_ERROR, "Runtime.Unknown", "error", "failure"}
"""What the platform calls failures whose cause it does not know."""


class Verdict(Frozen):
    """The outcome: `inferred` if the platform did not say so but the log did."""

    failed: bool = False
    error_type: str = ""
    description: str = ""
    inferred: bool = False


def judge(invocation: Invocation) -> Verdict:
    """Return how the invocation ended: by the platform's word, then the runtime's, then the SDK's.

    A response that is an error, such as a status of 500, has a type and no description.
    """
    tapped = invocation.tapped
    reported = invocation.error.error if invocation.error else None
    left = reported or (invocation.sdk.error if invocation.sdk else None)
    if invocation.status not in ("success", ""):
        return _explained(_platform_error(invocation), left)
    if left:
        return Verdict(
            failed=True,
            error_type=left.type,
            description=left.message or left.type,
            inferred=reported is not None and not (tapped and tapped.error),
        )
    if tapped and tapped.error_type:
        return Verdict(failed=True, error_type=tapped.error_type)
    return Verdict()


def judge_initialization(done: Initialization) -> Verdict:
    """Return how an init or a restore ended; the runtime's report says why."""
    if not done.failed:
        return Verdict()
    line: Record | None = done.report_of_failure
    left = done.reported or (line.error if line else None)
    return _explained(done.error_type or done.status, left)


def _explained(kind: str, left: HandlerError | None) -> Verdict:
    """Name the cause where the platform has only a general word and the runtime reports one."""
    if left and kind in GENERAL:
        return Verdict(failed=True, error_type=left.type, description=left.message or left.type)
    return Verdict(failed=True, error_type=kind, description=kind)


def _platform_error(invocation: Invocation) -> str:
    report = invocation.report
    kind = invocation.error_type or (report.error_type if report else "") or invocation.status
    used_up = (
        report is not None
        and report.max_memory_used_mb is not None
        and report.max_memory_used_mb == report.memory_size_mb
    )
    ran_out = used_up or invocation.out_of_memory
    return OUT_OF_MEMORY if kind == EXIT_ERROR and ran_out else kind
