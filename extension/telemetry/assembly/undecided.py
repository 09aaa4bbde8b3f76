"""PURE: what belongs to invocations whose verdict is not known yet, by trace.

What has to make room is the oldest of the trace of which most waits.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from heapq import heapify, heappop, heappush
from typing import Literal

from extension.process.frozen import Frozen
from extension.telemetry.assembly.finished import Finished, JoinedSpan
from extension.telemetry.reading.records import size

MAX_WAITING_BYTES = 4 * 1_048_576
ITEM_BYTES = 256
"""What waits besides its texts."""

MANY_SIZES = 64
"""Sizes that traces had are thrown away from here on, when they are more than those they have."""


class SdkPart(Frozen):
    """What the SDK sent of one trace, or log records of none, as a request of its own."""

    signal: Literal["traces", "logs"]
    body: bytes
    count: int
    trace_id: int = 0
    tracestate: str = ""
    is_detail: bool = False
    """Whether it is log records below the detail level."""
    threshold: int | None = None
    """By which it was kept, if that has to be said."""


Item = Finished | SdkPart


class Waiting:
    """Something that waits, and how many verdicts there were when it came."""

    def __init__(self, item: Item, *, since: int) -> None:
        self.item = item
        self.since = since
        self.bytes = _size(item)
        self.request_id: str = getattr(item, "request_id", "")
        """Whose it is, empty for what only its trace is known of."""


class Undecided:
    """All that waits."""

    def __init__(self) -> None:
        self._waiting: dict[int, deque[Waiting]] = {}
        self._bytes: Counter[int] = Counter()
        self._sizes: list[tuple[int, int]] = []
        """A heap of negative sizes with their traces: those in `_bytes`, and some that were."""
        self.bytes = 0
        """Of all together."""

    @property
    def traces(self) -> Collection[int]:
        """Those of which anything waits now."""
        return self._waiting.keys()

    def has_sdk(self, trace_id: int) -> bool:
        """Return whether spans of the SDK wait of a trace."""
        return any(
            isinstance(each.item, SdkPart) and each.item.signal == "traces"
            for each in self._waiting.get(trace_id, ())
        )

    def add(self, trace_id: int, waiting: Waiting) -> None:
        """Let something wait."""
        self._waiting.setdefault(trace_id, deque()).append(waiting)
        self._resize(trace_id, waiting.bytes)

    def take(
        self, trace_id: int, *, is_wanted: Callable[[Waiting], bool] = lambda _: True
    ) -> Sequence[Waiting]:
        """Give some of a trace away, in the order in which it came."""
        taken: list[Waiting] = []
        left: deque[Waiting] = deque()
        for each in self._waiting.get(trace_id, ()):
            (taken if is_wanted(each) else left).append(each)
        if taken:
            self._keep(trace_id, left, freed=sum(each.bytes for each in taken))
        return taken

    def pop_oldest(self) -> tuple[int, Item]:
        """Give the oldest away of the trace of which most waits."""
        trace_id = self._largest()
        left = self._waiting[trace_id]
        oldest = left.popleft()
        self._keep(trace_id, left, freed=oldest.bytes)
        return trace_id, oldest.item

    def _largest(self) -> int:
        """Return the trace of the largest size that is still that of its trace."""
        while True:
            size, trace_id = self._sizes[0]
            if self._bytes.get(trace_id) == -size:
                return trace_id
            heappop(self._sizes)

    def _keep(self, trace_id: int, left: deque[Waiting], *, freed: int) -> None:
        if left:
            self._waiting[trace_id] = left
            self._resize(trace_id, -freed)
        else:
            del self._waiting[trace_id], self._bytes[trace_id]
            self.bytes -= freed

    def _resize(self, trace_id: int, number: int) -> None:
        self.bytes += number
        self._bytes[trace_id] += number
        heappush(self._sizes, (-self._bytes[trace_id], trace_id))
        if len(self._sizes) > 2 * len(self._bytes) + MANY_SIZES:
            self._sizes = [(-size, each) for each, size in self._bytes.items()]
            heapify(self._sizes)


def is_detail(item: Item) -> bool:
    """Return whether something is log records below the detail level."""
    return isinstance(item, SdkPart) and item.is_detail


def tracestate_of(item: Item) -> str:
    """Return what the SDK's spans say of sampling."""
    return item.tracestate if isinstance(item, SdkPart) else ""


def number_of(item: Item) -> int:
    """Return how many spans or records are lost with it."""
    return item.count if isinstance(item, SdkPart) else max(len(item.records), 1)


def _size(item: Item) -> int:
    if isinstance(item, SdkPart):
        return ITEM_BYTES + len(item.body)
    body = len(item.span.body) if isinstance(item, JoinedSpan) else 0
    return ITEM_BYTES + body + sum(map(size, item.records))
