"""PURE: what may happen to an invocation, as a table.

The state it is in and the fact that came in say the next state and what goes out. A pair that is
not in the table changes nothing, which is how a delivery that the platform repeats stays without
effect.
"""

from __future__ import annotations

from enum import Enum, auto


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
    """Its runtime exited; only the report tells whether for want of memory."""
    ENDED = auto()
    """Its span is out, its report is not."""
    CLOSED = auto()


class Fact(Enum):
    """What may become known of an invocation."""

    START = auto()
    DONE = auto()
    EXITED = auto()
    """Its runtime is done because it exited; the sandbox goes the same way."""
    REPORT = auto()
    GONE = auto()
    """The sandbox ended, or went on to later requests: nothing more will come."""


class Output(Enum):
    """What goes out on a transition."""

    NOTHING = auto()
    SPAN = auto()
    OVERHEAD = auto()
    LEFTOVERS = auto()


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
