"""A number with its noun, for what a person reads."""

from __future__ import annotations


def counted(count: int, noun: str, *, ending: str = "s") -> str:
    """Return "1 span", but "0 spans" and "2 spans"; `ending` is that of the plural."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{ending}"
