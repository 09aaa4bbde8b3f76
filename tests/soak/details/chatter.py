"""One invocation that writes DEBUG lines without end: where each of them went, and what it cost."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from simulator.intake import Intake
from simulator.local_lambda import LocalLambda
from tests.launchers import patient_to_the_last
from tests.sandbox import running

PAUSE_S = 0.2
"""For each thousand lines: five times as fast as a million in fifteen minutes."""

GROWTH_KIB = 40 * 1024
"""More than all lines that may wait, far less than a million of them."""

LIMIT_S = 900.0
OUTPUT_BYTES = 2**30

SETTINGS = {
    "DISPATCH_SIGNALS": "traces,logs",
    "DISPATCH_DETAIL_LEVEL_MIN": "INFO",
    "DISPATCH_SAMPLE_RATIO": "0.1",
}


class Outcome(NamedTuple):
    """What became of the details of one invocation, and the most memory before and after it."""

    details: int
    status: str
    sent: int
    last_sent: int
    not_needed: int
    made_room: int
    dropped_by_platform: range
    """Its own notices may be among those that it dropped."""
    kib_before: int
    kib_after: int

    @property
    def problems(self) -> list[str]:
        """What is not as it has to be."""
        known = self.sent + self.not_needed + self.made_room
        is_failure = self.status != "success"
        found = {
            f"{self.details - known} lines are not accounted for": self.details - known
            not in self.dropped_by_platform,
            f"memory grew from {self.kib_before} to {self.kib_after} KiB": self.kib_after
            > self.kib_before + GROWTH_KIB,
            f"{self.sent} details of a success were sent": bool(self.sent) and not is_failure,
            f"{self.not_needed} details of a failure were left out": bool(self.not_needed)
            and is_failure,
            "no details of a failure were sent": is_failure and not self.sent,
        }
        return [problem for problem, is_so in found.items() if is_so]


async def chatter(details: int, *, fails: bool) -> Outcome:
    """Invoke the function, whose sandbox is new, and look where its lines are."""
    async with Intake() as intake:
        with TemporaryDirectory() as folder:
            async with running(
                Path(folder),
                environment={"DISPATCH_POST_URI": intake.url, **SETTINGS},
                launch=patient_to_the_last,
                handler="chatty.handler",
                timeout_s=LIMIT_S,
                output_limit_bytes=OUTPUT_BYTES,
            ) as stage:
                await stage.invoke({"details": 0})
                before = _most_kib(stage.function)
                payload = {"details": details, "fail": fails, "pause": PAUSE_S}
                [answer] = await stage.invoke(payload)
                after = _most_kib(stage.function)
        numbers = [int(found[1]) for each in intake.logs if (found := _step(str(each.body)))]
        counts = stage.final_counts
        return Outcome(
            details=details,
            status=answer.status,
            sent=len(numbers),
            last_sent=max(numbers, default=-1),
            not_needed=counts["filtered.details"],
            made_room=counts["dropped.held_lines"],
            dropped_by_platform=_dropped(stage.function),
            kib_before=before,
            kib_after=after,
        )


def _step(text: str) -> re.Match[str] | None:
    return re.fullmatch(r"step (\d+)", text)


def _dropped(function: LocalLambda) -> range:
    """Return how many lines the platform may have dropped."""
    notices: list[Any] = [
        each.record for each in function.events if each.type == "platform.logsDropped"
    ]
    records = sum(each["droppedRecords"] for each in notices)
    return range(records - len(notices), records + 1)


def _most_kib(function: LocalLambda) -> int:
    """Return the most memory that the extension has used so far."""
    for pid in function.pids:
        process = Path(f"/proc/{pid}")
        if b"extension.__main__" in (process / "cmdline").read_bytes():
            lines = (process / "status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    raise ProcessLookupError("no extension among the processes of the sandbox")
