"""PURE: all that a text may stand for, when its encodings are undone in any order."""

from __future__ import annotations

from collections.abc import Iterator

from extension.redaction.undo import ROUNDS, Layer, layers, undo
from extension.redaction.unpack import may_be_packed, unpack

MOST_READINGS = 16
"""Of one text: each costs as much as the text itself."""


def readings(text: str) -> tuple[str, list[Layer]]:
    """Return a text and its readings as one text, and the layer that leads to each reading.

    In the first, for what is looked for in all of them at once, a line break is between two. No two
    layers lead to the same reading.
    """
    below = layers(text)
    together = _together(text, below)
    if may_be_packed(together):
        below = [*_in_any_order(text)]
        together = _together(text, below)
    return together, below


def _together(text: str, below: list[Layer]) -> str:
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
