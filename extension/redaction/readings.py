"""PURE: all that a text may stand for, when its encodings are undone in any order."""

from __future__ import annotations

from collections.abc import Iterator

from extension.redaction.undo import ROUNDS, Layer, layers, undo
from extension.redaction.unpack import may_be_packed, unpack

MOST_READINGS = 16
"""Of one text: each costs as much as the text itself."""


def readings(text: str) -> list[Layer]:
    """Return the last layer above each reading; no two lead to the same."""
    escaped = layers(text)
    if may_be_packed(together(text, escaped)):
        return [*_in_any_order(text)]
    return escaped  # of nearly every line


def together(text: str, below: list[Layer]) -> str:
    """Return a text and its readings as one, for what is to be looked for in all of them.

    A line break is between two, so nothing that has none is found where they meet.
    """
    return "\n".join([text, *[layer.text for layer in below]]) if below else text


def _in_any_order(text: str) -> Iterator[Layer]:
    seen = {text}
    level: list[tuple[str, Layer | None]] = [(text, None)]
    for _ in range(ROUNDS):
        below: list[tuple[str, Layer | None]] = []
        for text, above in level:
            for layer in (undo(text, above=above), unpack(text, above=above)):
                if layer and layer.text not in seen and len(seen) <= MOST_READINGS:
                    seen.add(layer.text)
                    below.append((layer.text, layer))
                    yield layer
        level = below
