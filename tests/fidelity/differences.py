"""Every difference from AWS's emulator that is meant, with its reason.

A row that differs without a reason fails the test, and so does a reason that explains no row.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


def _status_and_type(shown: str) -> str:
    error_type = re.search(r'"errorType": ?"([\w.]+)"', shown)
    return f"{shown[:3]} {error_type[1] if error_type else ''}"


def _without_reason(shown: str) -> str:
    return re.sub(r'"shutdownReason":"\w+"', "", shown)


def _without_account(shown: str) -> str:
    return re.sub(r'"accountId":"\d+",', "", shown)


def _nothing(_: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why rows whose name fits may differ, and what of them must be the same all the same."""

    rows: str  # a pattern for "scenario: label"
    text: str
    essence: Callable[[str], str] = _nothing


class Reasons:
    """Explains rows, and remembers which reasons were of use."""

    def __init__(self, *reasons: Reason) -> None:
        self.all = reasons
        self._used: set[str] = set()

    @property
    def unused(self) -> list[str]:
        """The patterns that have not explained any difference yet."""
        return [reason.rows for reason in self.all if reason.rows not in self._used]

    def explain(self, row: str, *, emulator: str, simulator: str) -> str:
        """Return the reason for a difference; empty when there is none."""
        for reason in self.all:
            is_meant = reason.essence(emulator) == reason.essence(simulator)
            if emulator != simulator and is_meant and re.fullmatch(reason.rows, row):
                self._used.add(reason.rows)
                return reason.text
        return ""


KNOWN = Reasons(
    Reason(
        rows=r".*: (third next: SHUTDOWN|next \d until SHUTDOWN|SHUTDOWN.*|client waits)",
        text="the classic emulator has shutdown reasons of its own (SandboxTerminated, Timeout, "
        "ReleaseFail); Lambda's are spindown, timeout and failure",
        essence=_without_reason,
    ),
    Reason(
        rows=r"registering: register with (a body that is not JSON|a JSON list|events no list)",
        text="same status and errorType; the message is that of Go's JSON parser",
        essence=_status_and_type,
    ),
    Reason(
        rows=r"registering: register with the account feature",
        text="the emulator knows no account id",
        essence=_without_account,
    ),
    Reason(
        rows=r"telemetry: .*",
        text="the classic emulator has no Telemetry API; Lambda has",
    ),
    Reason(
        rows=r"(init error of an extension|exit of an extension before it .*): invocation .*",
        text="the classic emulator answers a failed init with an empty body",
    ),
    Reason(
        rows=r"(init error of .*|exit of an extension before it registers): processes",
        text="Lambda repeats a failed init inside the invocation; the emulator does not",
    ),
    Reason(
        rows=r"timeout of the function: invocation .*",
        text="the emulator answers a timeout in plain text; Lambda's Invoke API with JSON",
    ),
    Reason(
        rows=r"timeout while an extension works: invocation .*",
        text="the emulator takes the answer back; Lambda's caller has it already",
    ),
    Reason(
        rows=r"subscribing: subscribe (with|to|without destination).*",
        text="same status and errorType; the message is that of the emulator's JSON schema library",
        essence=_status_and_type,
    ),
    Reason(
        rows=r".*: event platform\.initStart",
        text="the emulator knows neither runtime version nor log stream",
    ),
    Reason(
        rows=r"events over .*: event (extension|function)( \(\d\))?",
        text="the emulator hands on plain lines; with JSON logs Lambda sends objects",
    ),
    Reason(
        rows=r"exit of an extension on Managed Instances: invocation .*",
        text="the emulator leaves out the errorMessage",
        essence=lambda shown: _status_and_type(f"... {shown}"),
    ),
)
