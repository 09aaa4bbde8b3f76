"""PURE: the life of an invocation as a table, and what is waited for in each of its states.

**What comes in which order.** The platform reports a request in four events:

    INVOKE (of the Extensions API) ── start ── runtimeDone ── report
                                         └── lines ──┘

INVOKE reaches us by another way than the rest, so it comes before or after `start`. A delivery may
be repeated, and two deliveries may overtake each other: any event can come before any other, and
twice. `report` is generated only after every extension has called /next, so it comes with the next
invocation, at SHUTDOWN, or never; it is never waited for inside an invocation. Managed Instances
know no `runtimeDone`: there the report is the end.

**What may be lost.** Any of them: the platform drops records when a subscriber is slow
(`platform.logsDropped`), cuts a record over two deliveries, or ends the sandbox first.

**What is decided when.** The span goes out with the first fact that says how the request ended:
its runtimeDone, else its report, else that it is gone. It is *gone* when a later request was done,
where requests come one at a time, or when the sandbox ends. One verdict waits longer: a runtime
that exited may have run out of memory, which only the report says. The report adds the overhead,
a child of a span that has left. /next is held until the end is known (`AWAITED`), or `hold`
decides that it may have been lost.

The state an invocation is in and the fact that came in say the next state and what goes out. A pair
that is not in the table changes nothing, which is how a repeated delivery stays without effect. An
attempt that Lambda makes again under the same id is another invocation (`request_table`).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Literal


class State(Enum):
    """How far an invocation is."""

    EXPECTED = auto()
    """Something of it is known, its start is not."""
    DONE_EARLY = auto()
    """Its end came before its start."""
    REPORTED_EARLY = auto()
    """Its report came before its start."""
    RUNNING = auto()
    DYING = auto()
    """Its runtime exited; only the report says whether it ran out of memory."""
    ENDED = auto()
    """Its span is out, its report is not."""
    CLOSED = auto()


class Fact(Enum):
    """What may become known of an invocation."""

    START = auto()
    DONE = auto()
    EXITED = auto()
    """Its runtime is done because it exited, and nothing says yet whether memory ran out."""
    REPORT = auto()
    GONE = auto()
    """The sandbox ended, or went on to later requests: nothing more will come."""


class Output(Enum):
    """What goes out on a transition."""

    NOTHING = auto()
    SPAN = auto()
    OVERHEAD = auto()
    LEFTOVERS = auto()


Awaited = Literal["start", "end", "report", "nothing"]

AWAITED: dict[State, Awaited] = {
    State.EXPECTED: "start",
    State.RUNNING: "end",
    State.DONE_EARLY: "report",
    State.DYING: "report",
    State.ENDED: "report",
    State.REPORTED_EARLY: "nothing",
    State.CLOSED: "nothing",
}
"""What the platform has still to report; an invocation is over once that is no longer its end."""

TRANSITIONS: dict[tuple[State, Fact], tuple[State, Output]] = {
    (State.EXPECTED, Fact.START): (State.RUNNING, Output.NOTHING),
    (State.EXPECTED, Fact.DONE): (State.DONE_EARLY, Output.NOTHING),
    (State.EXPECTED, Fact.EXITED): (State.DONE_EARLY, Output.NOTHING),
    (State.EXPECTED, Fact.REPORT): (State.REPORTED_EARLY, Output.NOTHING),
    (State.EXPECTED, Fact.GONE): (State.CLOSED, Output.SPAN),
    (State.DONE_EARLY, Fact.START): (State.ENDED, Output.SPAN),
    (State.DONE_EARLY, Fact.REPORT): (State.REPORTED_EARLY, Output.NOTHING),
    (State.DONE_EARLY, Fact.GONE): (State.CLOSED, Output.SPAN),
    (State.REPORTED_EARLY, Fact.START): (State.CLOSED, Output.SPAN),
    (State.REPORTED_EARLY, Fact.GONE): (State.CLOSED, Output.SPAN),
    (State.RUNNING, Fact.DONE): (State.ENDED, Output.SPAN),
    (State.RUNNING, Fact.EXITED): (State.DYING, Output.NOTHING),
    (State.DYING, Fact.REPORT): (State.CLOSED, Output.SPAN),
    (State.DYING, Fact.GONE): (State.CLOSED, Output.SPAN),
    # Managed Instances know no runtimeDone; elsewhere it was lost.
    (State.RUNNING, Fact.REPORT): (State.CLOSED, Output.SPAN),
    (State.RUNNING, Fact.GONE): (State.CLOSED, Output.SPAN),
    (State.ENDED, Fact.REPORT): (State.CLOSED, Output.OVERHEAD),
    (State.ENDED, Fact.GONE): (State.CLOSED, Output.LEFTOVERS),
}
