"""An endpoint in bad weather that remembers which of its acknowledgements it lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from simulator.intake import Intake, IntakeRequest
from simulator.intake.decoder import decode_traces
from simulator.intake.otlp import Span
from simulator.intake.replies import Answer
from tests.soak.weather import Weather

LOST = frozenset({"late", "lost acknowledgement"})
"""Answers that take the data without the sender's getting to know."""

REFUSED = "400"
"""The answer after which a sender must not try again."""


@dataclass
class Endpoint:
    """`respond` is for the intake; `refused` is what it will never get."""

    intake: Intake
    weather: Weather
    refused: list[Span] = field(default_factory=list)
    _batches: list[tuple[int, bool]] = field(default_factory=list)

    def respond(self, request: IntakeRequest) -> Answer:
        """Draw an answer and note where in the intake's list the batch will begin."""
        name, answer = self.weather.answer()
        if name == REFUSED:
            self.refused += decode_traces(request.body)
        if answer.accepts:
            self._batches.append((len(self.intake.spans), name not in LOST))
        return answer

    def arrivals(self) -> Iterator[tuple[Span, bool]]:
        """Yield every span that was taken, and whether its sender could know."""
        bounds = [*(begin for begin, _ in self._batches), len(self.intake.spans)]
        for (begin, is_acknowledged), end in zip(self._batches, bounds[1:], strict=True):
            for span in self.intake.spans[begin:end]:
                yield span, is_acknowledged
