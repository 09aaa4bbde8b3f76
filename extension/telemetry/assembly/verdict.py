"""PURE: did this invocation fail, and of what?

The platform says `success` when the handler raised and the runtime caught it, so the runtime's
own report in the log decides there; and it calls death by memory by several names.
"""

from __future__ import annotations

from extension.frozen import Frozen
from extension.telemetry.assembly.finished import Invocation
from extension.telemetry.reading.handler_errors import EXIT_ERROR

OUT_OF_MEMORY = "Runtime.OutOfMemory"


class Verdict(Frozen):
    """The outcome: `inferred` if the platform did not say so but the log did."""

    failed: bool = False
    error_type: str = ""
    description: str = ""
    inferred: bool = False


def judge(invocation: Invocation) -> Verdict:
    """Return how the invocation ended; the platform's word first, then the log's."""
    if invocation.status not in ("success", ""):
        kind = _platform_error(invocation)
        return Verdict(failed=True, error_type=kind, description=kind)
    if invocation.error:
        left = invocation.error.error
        return Verdict(failed=True, error_type=left.type, description=left.message, inferred=True)
    return Verdict()


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
