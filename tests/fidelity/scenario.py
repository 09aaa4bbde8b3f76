"""One run that both sides are put through.

Every call of a scenario is one row of the table; its label says what is tried.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.scripted.steps import Step, next_invocation, respond


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run of a function with extensions.

    Attributes:
        extensions: Steps of each external extension, by name.
        runtime: Steps of the runtime.
        payloads: The events to invoke the function with, one after the other.
        awaits: A label that must be noted before the sandbox is ended.
        reports: How many reports must have been delivered before, and with them all earlier events.
    """

    name: str
    extensions: dict[str, list[Step]] = field(default_factory=dict)
    runtime: list[Step]
    payloads: tuple[str, ...] = ('{"n":1}',)
    is_managed: bool = False
    timeout_s: int = 30
    awaits: str = ""
    reports: int = 0


SERVE_ONE: list[Step] = [
    next_invocation(),
    respond(),
    next_invocation("runtime next after the answer"),
]
