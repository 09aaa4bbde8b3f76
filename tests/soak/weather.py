"""What goes wrong, drawn from a seed: the same seed draws the same faults again.

Which request of the extension's meets which of them depends on the machine's pace all the same.
"""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass, replace
from random import Random  # noqa: TID251  # repeatable from a seed, which os.urandom is not
from typing import Any

from simulator.intake.replies import GARBAGE, RESET, RESET_IN_BODY, Answer, Raw, Reply
from simulator.invocation import Status
from simulator.settings import Faults

LATE_ANSWER_S = 4.0
"""Beyond the export timeout of the soak: the data is taken, the acknowledgement comes too late."""

LISTENERS_LOST_ACKNOWLEDGEMENTS = 2
"""In each sandbox: the platform sends those batches again."""

PLATFORM_EVENTS = ("platform.start", "platform.runtimeDone", "platform.report", "function")

WELL = "ok"
ANSWERS: dict[str, tuple[float, Answer]] = {
    WELL: (85, Reply()),
    "503": (2, Reply(status=503)),
    "429": (2, Reply(status=429, headers={"Retry-After": "30"})),
    "401": (1, Reply(status=401)),
    "400": (1, Reply(status=400)),
    "late": (0.5, Reply(delay_s=LATE_ANSWER_S)),
    "late refusal": (0.5, Reply(status=503, delay_s=LATE_ANSWER_S)),
    "reset": (2, RESET),
    "reset in mid-body": (1, RESET_IN_BODY),
    "garbage": (1, GARBAGE),
    "lost acknowledgement": (3, Raw(reset=True, accepts=True)),
}
"""Weights, and what the endpoint does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One invocation: what the function is asked to do, and what its caller must get."""

    payload: dict[str, Any]
    status: Status


class Weather:
    """Draws one thing after the other; `drawn` counts them by name.

    `recovers`: the endpoint is well after each failure. What waits while it fails stays in the
    memory of a process, so where that is judged no outage is longer than all before it by chance.
    """

    def __init__(self, seed: int, *, deaths: float, recovers: bool = False) -> None:
        self.drawn: Counter[str] = Counter()
        self._random = Random(seed)
        self._deaths = deaths
        self._recovers = recovers
        self._was_well = True
        # The endpoint is asked at its own pace, so it must not disturb the other draws.
        self._endpoint = Random(seed + 1)

    def step(self) -> Step:
        """Draw an invocation; a death takes the sandbox with it."""
        lines = [f"line {number}" for number in range(self._random.choice((0, 0, 1, 3, 200)))]
        if self._random.random() < self._deaths:
            return self._death(lines)
        if self._random.random() < 0.03:
            self.drawn["handler raises"] += 1
            return Step(payload={"print": lines, "raise": "on purpose"}, status="error")
        return Step(payload={"print": lines}, status="success")

    def faults(self) -> Faults:
        """Draw what the platform does wrong with the next invocation."""
        return replace(self._fault(), lost_acknowledgements=LISTENERS_LOST_ACKNOWLEDGEMENTS)

    def gap_s(self) -> float:
        """Draw how long the sandbox is frozen before the next invocation."""
        kind = self._pick({"": 85, "pause": 13, "idle": 1.5, "night": 0.5})
        longest = {"": 0.0, "pause": 30.0, "idle": 600.0, "night": 36_000.0}[kind]
        return self._random.uniform(0, longest)

    def answer(self) -> tuple[str, Answer]:
        """Draw what the endpoint does with a request."""
        weights = [weight for weight, _ in ANSWERS.values()]
        [name] = self._endpoint.choices(list(ANSWERS), weights)
        if self._recovers and not self._was_well:
            name = WELL
        self._was_well = name == WELL
        self.drawn[f"endpoint: {name}"] += 1
        return name, ANSWERS[name][1]

    def _fault(self) -> Faults:
        kind = self._pick({"": 94, "duplicate": 3, "late": 2, "missing": 1, "slow": 0.5})
        event = self._random.choice(PLATFORM_EVENTS)
        match kind:
            case "duplicate":
                return Faults(duplicate=frozenset({event}))
            case "late":
                return Faults(late=frozenset({event}))
            case "missing":
                return Faults(missing=frozenset({event}))
            case "slow":
                return Faults(listener_delay_s=0.05)
        return Faults()

    def _death(self, lines: list[str]) -> Step:
        kind = self._pick({"times out": 1, "exits": 1, "crashes": 1})
        match kind:
            case "times out":
                return Step(payload={"print": lines, "sleep": 60}, status="timeout")
            case "exits":
                return Step(payload={"print": lines, "exit": 1}, status="error")
        return Step(payload={"print": lines, "kill": signal.SIGSEGV}, status="error")

    def _pick(self, weights: dict[str, float]) -> str:
        [name] = self._random.choices(list(weights), list(weights.values()))
        if name:
            self.drawn[name] += 1
        return name
