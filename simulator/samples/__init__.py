"""Sample events by name: one of each kind that Lambda's event sources send, as JSON files."""

from __future__ import annotations

import json
from pathlib import Path

_FOLDER = Path(__file__).parent


def sample_names() -> list[str]:
    """Return the names, sorted: those of the files."""
    return sorted(path.name.removesuffix(".json") for path in _FOLDER.glob("*.json"))


def sample_event(name: str) -> object:
    """Return the event of this name; raises KeyError without one."""
    if name not in sample_names():
        raise KeyError(name)
    return json.loads((_FOLDER / f"{name}.json").read_bytes())
