"""An endpoint in bad weather that remembers which of its acknowledgements it lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from aiohttp import web

from simulator.intake import Intake, IntakeRequest
from simulator.intake.decoder import decode_traces
from simulator.intake.otlp import Span
from simulator.intake.replies import Answer
from tests.soak.weather import Weather

LOST = frozenset({"late", "lost acknowledgement"})
"""Answers that take the data without the sender's getting to know."""

REFUSED = "400"
"""The answer after which a sender must not try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An answer, and whom to tell that its sender went away before it was written."""

    answer: Answer
    on_gone: Callable[[], None]

    @property
    def accepts(self) -> bool:
        """Whether the data is taken."""
        return self.answer.accepts

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer; on a machine that stalls, a sender's patience may be over by then."""
        response = await self.answer.send(request)
        if request.transport is None or request.transport.is_closing():
            self.on_gone()
        return response


@dataclass
class Endpoint:
    """`respond` is for the intake; `refused` is what it will never get."""

    intake: Intake
    weather: Weather
    refused: list[Span] = field(default_factory=list)
    _batches: list[int] = field(default_factory=list)
    """Where each begins in the intake's list."""
    _unknown: set[int] = field(default_factory=set)
    """Those that were taken without the sender's getting to know."""

    def respond(self, request: IntakeRequest) -> Answer:
        """Draw an answer and note where in the intake's list the batch will begin."""
        name, answer = self.weather.answer()
        if name == REFUSED:
            self.refused += decode_traces(request.body)
        number = len(self._batches)
        if name in LOST:
            self._unknown.add(number)
        if not answer.accepts:
            return answer
        self._batches.append(len(self.intake.spans))
        watched: Any = Watched(answer=answer, on_gone=lambda: self._unknown.add(number))
        return watched  # type: ignore[no-any-return]  # it is one by its methods

    def arrivals(self) -> Iterator[tuple[Span, bool]]:
        """Yield every span that was taken, and whether its sender could know."""
        bounds = [*self._batches, len(self.intake.spans)]
        for number, (begin, end) in enumerate(pairwise(bounds)):
            for span in self.intake.spans[begin:end]:
                yield span, number not in self._unknown
