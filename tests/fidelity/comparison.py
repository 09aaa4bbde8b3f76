"""From two lists of observations to rows: same, or a difference with its reason."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fidelity.differences import Reasons
    from tests.fidelity.scenario import Scenario

_NEVER = "(did not happen)"
_HEADERS = re.compile(r"content-type|allow$|lambda-.*|x-content-type-options", re.IGNORECASE)
_MASKS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\b\d{13}\b"), "<ms>"),
    (re.compile(r'("durationMs":)[\d.]+'), r"\1<number>"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that was tried, and what came of it on each side."""

    scenario: str
    label: str
    emulator: str
    simulator: str
    reason: str = ""

    @property
    def is_same(self) -> bool:
        """Whether both sides showed the same."""
        return self.emulator == self.simulator


def compare(
    scenario: Scenario,
    emulator: list[dict[str, Any]],
    simulator: list[dict[str, Any]],
    *,
    reasons: Reasons,
) -> list[Row]:
    """Return one row for each label that either side has."""
    theirs, ours = _by_label(emulator), _by_label(simulator)
    rows = []
    for label in dict.fromkeys([*theirs, *ours]):
        sides = {
            "emulator": theirs.get(label, _NEVER),
            "simulator": ours.get(label, _NEVER),
        }
        reason = reasons.explain(f"{scenario.name}: {label}", **sides)
        rows.append(Row(scenario=scenario.name, label=label, reason=reason, **sides))
    return rows


def mask(text: str) -> str:
    """Return the text without what differs from run to run."""
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def _by_label(observations: list[dict[str, Any]]) -> dict[str, str]:
    shown = {"order of first steps": _order(observations), "processes": _starts(observations)}
    events = []
    for seen in observations:
        if seen["label"] == "telemetry":
            events += json.loads(seen["body"])
        elif seen["label"] != "starts":
            shown.setdefault(seen["label"], _answer(seen))  # later sandboxes only repeat it
    if events:
        shown["order of events"] = " ".join(event["type"] for event in events)
    for event in events:
        label = _unique(f"event {event['type']}", shown)
        shown[label] = mask(json.dumps(event["record"], separators=(",", ":"), sort_keys=True))
    return shown


def _order(observations: list[dict[str, Any]]) -> str:
    """Return who did something first: no runtime before all extensions have registered."""
    wanted = {"starts", "register client", "runtime next"}
    steps = [
        f"{seen['actor']} {seen['label']}"
        for seen in observations
        if seen["label"] in wanted and seen["actor"] in {"client", "runtime"}
    ]
    return ", ".join(dict.fromkeys(steps))


def _starts(observations: list[dict[str, Any]]) -> str:
    """Return how often each actor was started: once a sandbox."""
    counts = Counter(seen["actor"] for seen in observations if seen["label"] == "starts")
    return ", ".join(f"{actor} {count}" for actor, count in sorted(counts.items()))


def _unique(label: str, shown: Mapping[str, str]) -> str:
    if label not in shown:
        return label
    return next(
        f"{label} ({number})" for number in range(2, 1000) if f"{label} ({number})" not in shown
    )


def _answer(seen: dict[str, Any]) -> str:
    headers = {
        name.title(): mask(value)
        for name, value in sorted(seen.get("headers", {}).items())
        if _HEADERS.match(name)
    }
    parts = [str(seen.get("status", "")), json.dumps(headers) if headers else "", seen["body"]]
    return mask(" ".join(part for part in parts if part))
