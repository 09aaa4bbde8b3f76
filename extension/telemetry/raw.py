"""The JSON format: the platform's events as they came, a JSON array a POST.

The contract of AWS's own sample extension, for endpoints written for it. The invocations are still
assembled, for they decide when to export.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from extension.process.waits import Budget
from extension.telemetry.encoder import Encoder
from extension.telemetry.export.buffer import REQUEST_BYTES, PendingItem, Signal, split
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.reading.cut_lines import CutLines
from extension.telemetry.reading.records import has_marker
from extension.telemetry.reading.redact import Redact, redact_json

CONTENT_TYPE = "application/json"


class RawEncoder(Encoder):
    """Passes events on as they are."""

    def __init__(self, *, redact: Redact) -> None:
        self._redact = redact
        self._cut_lines = CutLines()

    def encode_events(self, events: Sequence[Any]) -> list[PendingItem]:
        """Return each event, less our own lines."""
        whole = (self._without_cuts(item) for item in events if not _is_own(item))
        clean = (redact_json(item, self._redact) for item in whole)
        texts = [json.dumps(item, ensure_ascii=False, allow_nan=False).encode() for item in clean]
        return [
            PendingItem(signal="events", body=b",".join(part), count=len(part))
            for part in split(texts, max_bytes=REQUEST_BYTES)
        ]

    def _without_cuts(self, item: Any) -> Any:
        """Return an event without what is around a cut, if it is a line that was cut."""
        kind = item.get("type") if isinstance(item, dict) else None
        if kind not in ("function", "extension"):
            return item
        record = self._cut_lines.clean(item.get("record"), stream=kind)
        return item if record is item.get("record") else {**item, "record": record}


class RawExporter:
    """Posts events as one JSON array."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def export(self, signal: Signal, bodies: Sequence[bytes], *, budget: Budget) -> Outcome:
        """Send one batch within the budget; never raises for what the endpoint does."""
        body = b"[" + b",".join(bodies) + b"]"
        return await self._post.send(signal, body, content_type=CONTENT_TYPE, budget=budget)


def _is_own(item: Any) -> bool:
    is_extensions = isinstance(item, dict) and item.get("type") == "extension"
    return is_extensions and has_marker(item.get("record"))
