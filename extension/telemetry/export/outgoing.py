"""PURE: one item on its way to the endpoint."""

from __future__ import annotations

from typing import Any, Literal

from extension.frozen import Frozen

Signal = Literal["traces", "logs", "metrics", "events"]
"""What kind of item it is; `events` are the platform's own, for the JSON format."""


class Outgoing(Frozen):
    """An item as the encoder of its signal takes it; `size` is its estimated bytes on the wire."""

    signal: Signal
    item: Any
    size: int
