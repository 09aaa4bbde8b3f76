"""PURE: what belongs to invocations whose verdict is not known yet, by trace.

What has to make room is the oldest of the trace of which most waits.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from typing import Literal

from extension.process.frozen import Frozen
from extension.telemetry.assembly.finished import Finished, JoinedSpan
from extension.telemetry.reading.records import size

MAX_WAITING_BYTES = 4 * 1_048_576
ITEM_BYTES = 256
"""What waits besides its texts."""


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
        self.bytes = 0
        """Of all together."""

    @property
    def traces(self) -> Collection[int]:
        """Those of which anything waits now."""
        return self._waiting.keys()

    def has_sdk(self, trace_id: int) -> bool:
        """Tell whether spans of the SDK wait of a trace."""
        return any(
            isinstance(each.item, SdkPart) and each.item.signal == "traces"
            for each in self._waiting.get(trace_id, ())
        )

    def add(self, trace_id: int, waiting: Waiting) -> None:
        """Let something wait."""
        self._waiting.setdefault(trace_id, deque()).append(waiting)
        self._bytes[trace_id] += waiting.bytes
        self.bytes += waiting.bytes

    def take(
        self, trace_id: int, *, is_wanted: Callable[[Waiting], bool] = lambda _: True
    ) -> Sequence[Waiting]:
        """Give some of a trace away, in the order in which it came."""
        taken: list[Waiting] = []
        left: deque[Waiting] = deque()
        for each in self._waiting.get(trace_id, ()):
            (taken if is_wanted(each) else left).append(each)
        self._free(trace_id, sum(each.bytes for each in taken))
        self._keep(trace_id, left)
        return taken

    def pop_oldest(self) -> tuple[int, Item]:
        """Give the oldest away of the trace of which most waits."""
        [(trace_id, _)] = self._bytes.most_common(1)
        oldest = self._waiting[trace_id].popleft()
        self._free(trace_id, oldest.bytes)
        self._keep(trace_id, self._waiting[trace_id])
        return trace_id, oldest.item

    def _free(self, trace_id: int, number: int) -> None:
        self._bytes[trace_id] -= number
        self.bytes -= number

    def _keep(self, trace_id: int, left: deque[Waiting]) -> None:
        if left:
            self._waiting[trace_id] = left
        else:
            self._waiting.pop(trace_id, None)
            del self._bytes[trace_id]


def is_detail(item: Item) -> bool:
    """Tell whether something is log records below the detail level."""
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
