"""Many invocations of a function that posts OTLP, with a freeze after each; nothing is lost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from simulator.intake import Intake
from tests.sandbox import free_port, running

SPANS = 5
"""Posted by each invocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What was acknowledged, and what arrived of it."""

    invocations: int
    acknowledged_records: int
    spans: int
    records: int
    lost: Counter[str]
    problems: list[str]


async def run(folder: Path, invocations: int, *, flush: str) -> Course:
    """Invoke the function one time after the other, and count what arrived in the end."""
    async with Intake() as intake:
        environment = {
            "DISPATCH_POST_URI": intake.url,
            "DISPATCH_OTLP_PORT": str(free_port()),
            "DISPATCH_SIGNALS": "traces,logs",
            "DISPATCH_FLUSH": flush,
        }
        handler = "posting.handler"
        async with running(folder, environment=environment, handler=handler) as stage:
            for number in range(invocations - 1):
                answer = await stage.function.invoke({"number": number})
                assert answer.status == "success", answer
            answer = await stage.function.invoke({"number": invocations - 1, "last": True})
        acknowledged = json.loads(answer.payload)
        names = Counter(span.name for span in intake.spans if span.name.startswith("work "))
        records = Counter(
            str(each.body) for each in intake.logs if str(each.body).startswith("record ")
        )
    wanted = {f"work {number} {order}" for number in range(invocations) for order in range(SPANS)}
    problems = [f"missing: {name}" for name in sorted(wanted - names.keys())[:5]]
    problems += [f"twice: {name}" for name, count in (names + records).items() if count > 1][:5]
    if acknowledged != len(records):
        problems.append(f"{acknowledged} records were acknowledged, {len(records)} arrived")
    if stage.lost:
        problems.append(f"lost: {dict(stage.lost)}")
    return Course(
        invocations=invocations,
        acknowledged_records=acknowledged,
        spans=names.total(),
        records=records.total(),
        lost=stage.lost,
        problems=problems,
    )
