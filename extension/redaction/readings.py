"""PURE: all that a text may stand for, when its encodings are undone in any order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from extension.redaction.undo import ROUNDS, Layer, may_have_layers, undo
from extension.redaction.unpack import may_be_packed, unpack

MOST_READINGS = 16
"""Of one text: each costs as much as the text itself."""


def readings(text: str) -> Iterator[tuple[Layer, ...]]:
    """Yield the layers that lead to each reading, the outermost first; no two lead to the same."""
    if not may_have_layers(text) and not may_be_packed(text):
        return  # nearly every line
    waiting: deque[tuple[str, tuple[Layer, ...]]] = deque([(text, ())])
    seen = {text}
    while waiting:
        text, above = waiting.popleft()
        for layer in (undo(text), unpack(text)):
            if layer is None or layer.text in seen or len(seen) > MOST_READINGS:
                continue
            seen.add(layer.text)
            layers = (*above, layer)
            yield layers
            if len(layers) < ROUNDS:
                waiting.append((layer.text, layers))
