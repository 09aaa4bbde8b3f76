"""An endpoint in bad weather that remembers which of its acknowledgements it lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
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
    """An answer, and whom to tell on which connection it was asked for."""

    answer: Answer
    on_request: Callable[[object], None]

    @property
    def accepts(self) -> bool:
        """Whether the data is taken."""
        return self.answer.accepts

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Note the connection, and answer."""
        self.on_request(request.transport)
        return await self.answer.send(request)


@dataclass
class Endpoint:
    """`respond` is for the intake; `refused` is what it will never get.

    That an answer was written does not show that it was read: on a machine that stalls, a sender's
    patience may end at that moment. That another request follows on its connection does.
    """

    intake: Intake
    weather: Weather
    refused: list[Span] = field(default_factory=list)
    told: int = 0
    """How many of these their sender has read the refusal of."""
    _batches: list[int] = field(default_factory=list)
    """Where each begins in the intake's list."""
    _heard: set[int] = field(default_factory=set)
    """Those whose sender has read the answer."""
    _last: dict[object, Callable[[], None]] = field(default_factory=dict)
    """What it means for the last batch on each connection that the answer was read."""

    def respond(self, request: IntakeRequest) -> Answer:
        """Draw an answer and note where in the intake's list the batch will begin."""
        name, answer = self.weather.answer()
        on_read: Callable[[], None] | None = None
        if name == REFUSED:
            spans = decode_traces(request.body)
            self.refused += spans
            on_read = partial(self._tell, len(spans))
        if answer.accepts:
            if name not in LOST:
                on_read = partial(self._heard.add, len(self._batches))
            self._batches.append(len(self.intake.spans))
        watched: Any = Watched(answer=answer, on_request=partial(self._requested, on_read))
        return watched  # type: ignore[no-any-return]  # it is one by its methods

    def _tell(self, spans: int) -> None:
        self.told += spans

    def _requested(self, on_read: Callable[[], None] | None, connection: object) -> None:
        """Note a request on a connection: the answer before it was read."""
        if last := self._last.pop(connection, None):
            last()
        if on_read is not None:
            self._last[connection] = on_read

    def arrivals(self) -> Iterator[tuple[Span, bool]]:
        """Yield every span that was taken, and whether its sender has shown that it knows."""
        bounds = [*self._batches, len(self.intake.spans)]
        for number, (begin, end) in enumerate(pairwise(bounds)):
            for span in self.intake.spans[begin:end]:
                yield span, number in self._heard
