"""What was begun against what arrived: every difference must have a reason that was reported."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from layer.commands import counted
from simulator.intake.otlp import Span
from simulator.telemetry.events import Event
from tests.sandbox import FAREWELL


@dataclass
class SandboxAccount:
    """One sandbox: the trace and span id of each request begun in it, and its last words."""

    begun: dict[str, tuple[str, str]] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def lost(self) -> Counter[str]:
        """What it says it lost, by reason."""
        return Counter(
            {name: count for name, count in self.summary.items() if name.startswith("dropped.")}
        ) + Counter({"unsent": self.summary.get("unsent", 0)})


@dataclass
class Ledger:
    """The accounts of one function's sandboxes, and every arrival of every span."""

    accounts: list[SandboxAccount]
    arrivals: dict[str, list[tuple[Span, bool]]]
    refused: list[Span]
    told: int
    """How many of them their sender is known to have read the refusal of."""

    def problems(self) -> list[str]:
        """Return what does not add up, a line for each."""
        return [*self._losses(), *self._faults(), *self._duplicates(), *self._foreign_ids()]

    @property
    def begun(self) -> int:
        """Invocations that were begun."""
        return sum(len(account.begun) for account in self.accounts)

    @property
    def missing(self) -> int:
        """Invocations whose span did not arrive."""
        return sum(len(self._missing(account)) for account in self.accounts)

    @property
    def repeated(self) -> int:
        """Spans that arrived more than once."""
        return sum(len(copies) > 1 for copies in self.arrivals.values())

    @property
    def lost(self) -> Counter[str]:
        """What the sandboxes said they lost."""
        return sum((account.lost for account in self.accounts), Counter())

    def _missing(self, account: SandboxAccount) -> list[str]:
        arrived = self._by_request
        return [request_id for request_id in account.begun if request_id not in arrived]

    @property
    def _by_request(self) -> dict[str, set[str]]:
        requests: dict[str, set[str]] = {}
        for span_id, copies in self.arrivals.items():
            span = copies[0][0]
            if span.kind == "SERVER":
                request_id = str(span.attributes["faas.invocation_id"])
                requests.setdefault(request_id, set()).add(span_id)
        return requests

    def _losses(self) -> Iterable[str]:
        refused = {str(span.attributes.get("faas.invocation_id")) for span in self.refused}
        summary = self.lost["dropped.rejected"]
        if not self.told <= summary <= len(self.refused):
            most = f"{self.told} to {len(self.refused)}"
            yield f"{counted(summary, 'span')} reported as rejected, but {most} were"
        for number, account in enumerate(self.accounts, 1):
            missing = [each for each in self._missing(account) if each not in refused]
            if not account.summary:
                lost = counted(len(missing), "span")
                yield f"sandbox {number}: no last words, and without {lost}"
            elif len(missing) > account.lost.total() - account.lost["dropped.rejected"]:
                yield f"sandbox {number}: {missing} are missing, but it said {account.summary}"

    def _faults(self) -> Iterable[str]:
        for number, account in enumerate(self.accounts, 1):
            for name in account.summary:
                if name.startswith("faults."):
                    yield f"sandbox {number}: a part of ours raised: {name}"

    def _duplicates(self) -> Iterable[str]:
        for span_id, copies in self.arrivals.items():
            if any(is_acknowledged for _, is_acknowledged in copies[:-1]):
                yield f"span {span_id} came again after its acknowledgement"
            if any(span != copies[0][0] for span, _ in copies):
                yield f"span {span_id} came in two versions"
        for request_id, spans in self._by_request.items():
            if len(spans) > 1:
                yield f"request {request_id} has {len(spans)} spans"

    def _foreign_ids(self) -> Iterable[str]:
        arrived = self._by_request
        for account in self.accounts:
            for request_id, (trace_id, span_id) in account.begun.items():
                for got in arrived.get(request_id, ()):
                    span = self.arrivals[got][0][0]
                    is_own = got != span_id and not _is_unreported(span)
                    if is_own or span.trace_id != trace_id:
                        yield f"request {request_id} has the ids {span.trace_id} {got}"


def balance(
    events: Iterable[Event],
    arrivals: Iterable[tuple[Span, bool]],
    *,
    refused: list[Span],
    told: int,
) -> Ledger:
    """Read the platform's own record of what happened, and hold the arrivals against it."""
    accounts: list[SandboxAccount] = []
    for event in events:
        match event.type:
            case "platform.initStart":
                accounts.append(SandboxAccount())
            case "platform.start":
                request_id, ids = _identity(event.record)
                accounts[-1].begun[request_id] = ids
            case "extension" if summary := _last_words(event.text or ""):
                accounts[-1].summary = summary
    spans: dict[str, list[tuple[Span, bool]]] = {}
    for span, is_acknowledged in arrivals:
        spans.setdefault(span.span_id, []).append((span, is_acknowledged))
    return Ledger(accounts=accounts, arrivals=spans, refused=refused, told=told)


def _identity(record: Any) -> tuple[str, tuple[str, str]]:
    header = dict(pair.split("=") for pair in record["tracing"]["value"].split(";"))
    trace_id = header["Root"].removeprefix("1-").replace("-", "")
    return record["requestId"], (trace_id, record["tracing"]["spanId"])


def _is_unreported(span: Span) -> bool:
    """Whether only INVOKE announced it: its id is our own, and SHUTDOWN ended it."""
    return "lambda_dispatch.incomplete" in span.attributes or span.status == "ERROR"


def _last_words(text: str) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(text)
    return line if line["message"] == FAREWELL else {}
