"""What tests ask of a function that has run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.settings import FunctionSettings
from tests.sandbox import GENEROUS

if TYPE_CHECKING:
    from simulator.local_lambda import LocalLambda
    from simulator.telemetry.events import Event
    from tests.scripted.stage import Stage


def settings_for(stage: Stage, **changes: Any) -> FunctionSettings:
    """Return settings for the function and extensions of a stage, generous with time.

    No limit is near what a test does, however slow the machine; who tests one says so.
    """
    scripted = {"runtime": stage.runtime} if (stage.function / "runtime").exists() else {}
    chosen = {**GENEROUS, "extensions": stage.extensions, **scripted, **changes}
    return FunctionSettings(code=stage.function, **chosen)


def types_of(function: LocalLambda, *, platform_only: bool = True) -> list[str]:
    """Return the types of all events in order, without the prefix `platform.`."""
    return [
        event.type.removeprefix("platform.")
        for event in function.events
        if event.category == "platform" or not platform_only
    ]


def events_of(function: LocalLambda, name: str) -> list[Event]:
    """Return all events of one type."""
    return [event for event in function.events if event.type == name]


def records_of(function: LocalLambda, name: str) -> list[dict[str, Any]]:
    """Return the records of all platform events of one type."""
    events = events_of(function, f"platform.{name}")
    return [event.record for event in events if isinstance(event.record, dict)]


def lines_of(function: LocalLambda, source: str) -> list[str]:
    """Return the lines that the function or the extensions printed."""
    return [str(event.record) for event in events_of(function, source)]


def body_of(seen: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON body an actor noted."""
    body: dict[str, Any] = json.loads(seen["body"])
    return body


def state_of(pid: int) -> str:
    """Return the kernel's letter for the state of a process: T is stopped; empty: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
