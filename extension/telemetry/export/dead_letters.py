"""Stores in a bucket what would otherwise be dropped, bounded in size and in time.

What is lost comes in as items with a reason, is joined to one OTLP request a file, and waits until
a flush has time for it. A file is joined once and keeps its key, so a PUT that is repeated after a
lost answer replaces the same file. What S3 refuses, or what exceeds the bound, is dropped and
counted under the reason for which it came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from extension.process.clock import Clock
from extension.process.frozen import Frozen
from extension.process.ids import Ids, draw
from extension.process.log import Log
from extension.process.waits import Budget
from extension.telemetry.export.buffer import PendingItem, Signal
from extension.telemetry.export.outcome import Circuit, Outcome
from extension.telemetry.export.s3_location import key_of
from extension.telemetry.health import Health

FILE_BYTES = 1_048_576
"""Largest file before compression; a larger item is alone."""

AT_ONCE = 4
"""PUTs at the same time."""

LAST_ATTEMPTS = 3
"""After failures when the sandbox ends; a second attempt usually meets another server of S3."""

ITEM_BYTES = 256
"""What an item that waits takes besides its body."""

Put = Callable[[str, bytes, Budget], Awaitable[Outcome]]
"""`await put(key, body, budget)` stores one request; whatever S3 does is an outcome."""


class Lost(NamedTuple):
    """An item that would be dropped, and why."""

    item: PendingItem
    reason: str


class DeadLetter(Frozen):
    """One file: its key, and what is in it."""

    key: str
    lost: tuple[Lost, ...]

    @property
    def body(self) -> bytes:
        """The request."""
        return b"".join(each.item.body for each in self.lost)

    @property
    def count(self) -> int:
        """How many spans, records or points are in it."""
        return sum(each.item.count for each in self.lost)


class DeadLetters:
    """Keeps at most `max_bytes` of what was lost until `store` has put it into the bucket."""

    def __init__(
        self,
        *,
        put: Put,
        prefix: str,
        max_bytes: int,
        ids: Ids,
        health: Health,
        clock: Clock,
        log: Log,
    ) -> None:
        self._put = put
        self._prefix = prefix
        self._max_bytes = max_bytes
        self._ids = ids
        self._health = health
        self._clock = clock
        self._log = log
        self._circuit = Circuit(draw)
        self._lost: deque[Lost] = deque()
        self._letters: deque[DeadLetter] = deque()
        self._size = 0
        self._is_storing = False

    @property
    def may_try(self) -> bool:
        """Whether anything waits and S3 is worth a try now."""
        waits = bool(self._lost or self._letters)
        return waits and not self._is_storing and self._circuit.allows(self._clock.now())

    def on_dropped(self, items: Sequence[PendingItem], reason: str) -> None:
        """Keep what would be dropped; beyond the bound the oldest is dropped."""
        for item in items:
            if _size(item) > self._max_bytes:
                self._drop(Lost(item, reason))
                continue
            self._lost.append(Lost(item, reason))
            self._size += _size(item)
        # What is being stored now cannot be dropped; it is a few files.
        while self._size > self._max_bytes and (self._letters or self._lost):
            self._drop_oldest()

    def on_ended(self, items: Sequence[PendingItem]) -> None:
        """Keep what is unsent when the sandbox ends, whatever the bound: it takes no more memory
        here than where it was."""
        self._lost += [Lost(item, "unsent") for item in items]
        self._size += sum(map(_size, items))

    def on_arrived(self, items: Sequence[PendingItem]) -> None:
        """Forget what had been dropped while it was under way: the endpoint took it after all."""
        found = {id(each.item) for each in self._lost} & {id(item) for item in items}
        self._lost = deque(each for each in self._lost if id(each.item) not in found)
        self._size -= sum(_size(item) for item in items if id(item) in found)
        counted = sum(item.count for item in items if id(item) not in found)
        if counted:
            self._health.dropped["buffer_full"] -= counted

    async def store(self, budget: Budget, *, whatever_the_circuit: bool = False) -> None:
        """Store what waits, within the budget; what remains waits for the next time.

        With `whatever_the_circuit` there is none, and S3 is asked again after a failure.
        """
        attempts = LAST_ATTEMPTS if whatever_the_circuit else 0
        if self._is_storing or not (self.may_try or whatever_the_circuit):
            return
        self._is_storing = True
        try:
            self._seal()
            while self._letters and budget.left_s > 0:
                batch = [self._letters.popleft() for _ in range(min(AT_ONCE, len(self._letters)))]
                if await self._store(batch, budget):
                    continue
                if not attempts:
                    return
                attempts -= 1
        finally:
            self._is_storing = False

    def close(self) -> None:
        """Count what was not stored: there is no later."""
        for letter in self._letters:
            for lost in letter.lost:
                self._drop(lost)
        for lost in self._lost:
            self._drop(lost)
        self._letters.clear()
        self._lost.clear()
        self._size = 0

    async def _store(self, batch: list[DeadLetter], budget: Budget) -> bool:
        """Store some files at once; return whether S3 is worth the next ones."""
        budgets = [Budget(budget.left_s, clock=self._clock) for _ in batch]
        outcomes: list[Outcome | None] = [None] * len(batch)

        async def put(place: int) -> None:
            letter = batch[place]
            outcomes[place] = await self._put(letter.key, letter.body, budgets[place])

        try:
            await asyncio.gather(*map(put, range(len(batch))))
        finally:
            budget.left_s = min(each.left_s for each in budgets)
            goes_on = True
            for letter, outcome in zip(reversed(batch), reversed(outcomes), strict=True):
                goes_on &= self._settle(letter, outcome)
        return goes_on

    def _settle(self, letter: DeadLetter, outcome: Outcome | None) -> bool:
        """Take the outcome of one PUT; return whether S3 took the file."""
        if outcome is None:  # cancelled
            self._letters.appendleft(letter)
            return False
        self._circuit.learn(outcome, self._clock.now())
        if outcome.kind == "kept":
            self._letters.appendleft(letter)
            self._log.warning("dead letters wait", cause=outcome.cause, items=letter.count)
            return False
        self._size -= sum(_size(each.item) for each in letter.lost)
        if outcome.kind == "accepted":
            self._health.dead_letters += letter.count
            return True
        self._log.warning(
            "dead letters refused", cause=outcome.cause, said=outcome.said, items=letter.count
        )
        for lost in letter.lost:
            self._drop(lost)
        return True

    def _seal(self) -> None:
        """Join what waits to files: of one signal each, in the order in which it was lost."""
        by_signal: dict[Signal, list[Lost]] = {}
        for lost in self._lost:
            by_signal.setdefault(lost.item.signal, []).append(lost)
        self._lost.clear()
        for signal, losses in by_signal.items():
            for group in _groups(losses):
                unique = f"{self._ids.trace_id():032x}"
                now_ns = self._clock.now().wall_ns
                key = key_of(self._prefix, signal, now_ns=now_ns, unique=unique)
                self._letters.append(DeadLetter(key=key, lost=tuple(group)))

    def _drop_oldest(self) -> None:
        """Drop the oldest file that is not being stored, else the oldest item."""
        if self._letters:
            losses: tuple[Lost, ...] = self._letters.popleft().lost
        else:
            losses = (self._lost.popleft(),)
        for lost in losses:
            self._size -= _size(lost.item)
            self._drop(lost)

    def _drop(self, lost: Lost) -> None:
        self._health.dropped[lost.reason] += lost.item.count


def _size(item: PendingItem) -> int:
    return len(item.body) + ITEM_BYTES


def _groups(losses: Sequence[Lost]) -> list[list[Lost]]:
    groups: list[list[Lost]] = []
    left = 0
    for lost in losses:
        if not groups or len(lost.item.body) > left:
            groups.append([])
            left = FILE_BYTES
        groups[-1].append(lost)
        left -= len(lost.item.body)
    return groups
