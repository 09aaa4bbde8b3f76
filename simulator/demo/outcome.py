"""One invocation of the demo, and what it amounted to in a line, a title, a surprise, GETs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text

from simulator.demo.waterfall import Get
from simulator.report.axis import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from simulator.aws.proxy import AwsCall
    from simulator.invocation import Status
    from simulator.local_lambda import Answer
    from simulator.telemetry.events import Event

HEADING = f"{'':>3}  {'event':<16}{'status':<9}{'took':>9}{'+ extensions':>14}"
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One invocation of the demo: its payload, what came back, and the AWS calls meanwhile."""

    number: int
    payload: Mapping[str, object]
    expected: Status
    answer: Answer
    aws_calls: Sequence[AwsCall]

    @property
    def title(self) -> str:
        """For example `3 · {"fail": true} · error ValueError`."""
        error_type = (self.answer.error or {}).get("errorType", "")
        status = f"{self.answer.status} {error_type}".rstrip()
        parts = [str(self.number), json.dumps(self.payload), status]
        return " · ".join([*parts, "cold start"] if self.answer.cold_start else parts)

    @property
    def line(self) -> Text:
        """The invocation as a row under HEADING."""
        took = duration(round(self.answer.duration_ms * _NS_PER_MS))
        held = duration(round(self.answer.after_response_ms * _NS_PER_MS))
        style = "green" if self.answer.status == "success" else "red"
        text = Text.assemble(
            f"{self.number:>3}  {json.dumps(self.payload):<16}",
            (f"{self.answer.status:<9}", style),
            f"{took:>9}{'+ ' + held:>14}   ",
            ("cold start" if self.answer.cold_start else "", "yellow"),
        )
        text.rstrip()
        return text

    @property
    def surprise(self) -> str:
        """How the invocation ended differently than meant; empty when it did not."""
        if self.answer.status == self.expected:
            return ""
        error = self.answer.error or {}
        reason = ": ".join(filter(None, (error.get("errorType"), error.get("errorMessage"))))
        return (
            f"  {self.number}  {self.answer.status} instead of {self.expected}  {reason}".rstrip()
        )

    def gets(self) -> Iterator[Get]:
        """What the function says of its GETs, with the AWS calls that each of them needed."""
        if self.answer.status != "success":
            return
        for get in json.loads(self.answer.payload)["gets"]:
            yield Get(
                invocation=self.number,
                name=get["name"],
                cache=get["cache"],
                ms=get["ms"],
                aws_calls=sum(call.name == get["name"] for call in self.aws_calls),
            )


def trace_ids(events: Iterable[Event]) -> dict[str, str]:
    """The trace id of each request id, from the platform's own `platform.start` events."""
    found = {}
    for event in events:
        if event.type == "platform.start":
            record = cast("dict[str, Any]", event.record)
            root = record["tracing"]["value"].partition("Root=")[2].partition(";")[0]
            found[record["requestId"]] = root.removeprefix("1-").replace("-", "")
    return found


def undelivered(extension_lines: Iterable[str]) -> int | None:
    """How many items never got away, by what the extension sums up at each SHUTDOWN.

    None when it summed up nothing: then it is unknown.
    """
    sums = [json.loads(line) for line in extension_lines if '"message": "telemetry"' in line]
    if not sums:
        return None
    lost: int = sum(
        count
        for counts in sums
        for name, count in counts.items()
        if name in {"unsent", "rejected_by_endpoint"} or name.startswith("dropped.")
    )
    return lost
