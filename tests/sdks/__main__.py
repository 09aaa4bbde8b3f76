"""What a function waits at its end, by what the endpoint does: `python -m tests.sdks [go …]`.

The figures are the durations of whole invocations that make a few spans and post them.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from simulator.intake.replies import Answer, Raw, Reply
from tests.sandbox import free_port
from tests.sdks.installed import why_not
from tests.sdks.stage import INTAKE, Visit, visit

LANGUAGES = ("python", "node", "java", "go")
SPANS, TIMES = 50, 40
UNAVAILABLE = Reply(status=503, headers={"Retry-After": "1"})
ANSWERS: Mapping[str, Callable[[], Answer]] = {
    "400": lambda: Reply(status=400),
    "429": lambda: Reply(status=429, headers={"Retry-After": "1"}),
    "503": lambda: UNAVAILABLE,
    "closes": Raw,
    "200 after 3 s": lambda: Reply(delay_s=3.0),
}


async def main(languages: Sequence[str]) -> None:
    """Print a table of milliseconds and requests."""
    for language in languages:
        if reason := why_not(language):
            print(f"{language}: {reason}")
            continue
        first, *others = await _visits(language, TIMES)
        usual = [each.answer.duration_ms for each in others]
        print(f"{language}: 200, first {first.answer.duration_ms:.0f} ms, then "
              f"median {statistics.median(usual):.1f} ms, largest {max(usual):.1f} ms, "
              f"{SPANS} spans more")  # fmt: skip
        for name, answer in ANSWERS.items():
            _, failed = await _visits(language, 2, answer=answer)
            print(f"{language}: {name}, {_said(failed)}")
        _, refused = await _visits(language, 2, endpoint=f"http://127.0.0.1:{free_port()}")
        print(f"{language}: refused, {_said(refused)}")


async def _visits(
    language: str, times: int, *, endpoint: str = INTAKE, answer: Callable[[], Answer] = Reply
) -> Sequence[Visit]:
    """Invoke a function some times; the endpoint succeeds the first time."""
    is_warm: list[bool] = []

    def respond(_: object) -> Answer:
        is_warm.append(True)
        return Reply() if len(is_warm) == 1 else answer()

    found = await visit(
        language, [{"spans": SPANS}] * times, folder=Path(), endpoint=endpoint, respond=respond,
        environment={"OTEL_METRICS_EXPORTER": "none"},
    )  # fmt: skip
    return found.each


def _said(seen: Visit) -> str:
    requests, kept = len(seen.posts), len(seen.spans)
    return (f"{seen.answer.status} after {seen.answer.duration_ms:.0f} ms, "
            f"{requests} requests, {kept} spans kept")  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or LANGUAGES))
