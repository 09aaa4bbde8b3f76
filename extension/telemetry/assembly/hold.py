"""PURE: how long /next is held back for the end of one invocation.

While we hold it, the sandbox is not frozen and what the platform sends reaches us; each moment
after the response is billed. The end may be lost, so every wait has a bound of its own:

- no word of the request at all: its telemetry is not coming (`START_PATIENCE_S`);
- a sign that events were lost, an unreadable delivery or `platform.logsDropped`, and no end after
  it: the end may have been among them (`LOSS_PATIENCE_S`);
- silence after the last line of the function or event of the platform: the function works and says
  nothing, or the end was lost without a sign. Whatever else runs in the sandbox may go on writing
  and posting after that end, since a sandbox is not frozen while we hold it: that does not count.
  The silence that is borne grows with the durations seen, and stays far below the deadline of a
  long function (`quiet_patience_s`);
- the function's deadline, less a reserve that is the user's.

An invocation that is let go too early loses nothing: what comes later is exported then.
"""

from __future__ import annotations

from collections.abc import Collection

from extension.platform.events import DEADLINE_RESERVE_S
from extension.process.clock import Instant
from extension.telemetry.assembly.transitions import Awaited

START_PATIENCE_S = 2.0
"""Without any word of this request for so long, its telemetry is not coming."""

LOSS_PATIENCE_S = 1.5
"""After a sign of loss: deliveries come every 25 ms, and once more after a failed attempt."""

UNKNOWN_QUIET_S = 10.0
"""How long a silent function is waited for, before any of its durations is known."""

LEAST_QUIET_S = 2.0
"""However short the function usually takes: one that is slow is likelier than a lost end."""

LONGEST_QUIET_S = 60.0
"""No silence is borne for longer, however long the function usually takes."""

QUIET_TIMES = 1.5
"""So many times the longest duration seen: most invocations are like those before them."""


def quiet_patience_s(durations_s: Collection[float]) -> float:
    """Return the longest silence to bear, by the durations of the last invocations."""
    if not durations_s:
        return UNKNOWN_QUIET_S
    return min(max(max(durations_s) * QUIET_TIMES, LEAST_QUIET_S), LONGEST_QUIET_S)


class Hold:
    """One invocation's hold."""

    def __init__(self, *, deadline_ms: int, began: Instant, quiet_s: float) -> None:
        self._deadline_ms = deadline_ms
        self._began = began
        self._quiet_s = quiet_s

    def left_s(
        self, now: Instant, *, awaited: Awaited, heard: Instant | None, lost: Instant | None
    ) -> float:
        """Return the seconds to go on waiting; not positive: let go.

        `heard` is when the function or the platform was heard last, `lost` when something of the
        platform's was lost, None if an end was reported since.
        """
        if awaited not in ("start", "end"):
            return 0.0
        until_deadline = now.until_ms(self._deadline_ms) - DEADLINE_RESERVE_S
        if awaited == "start":
            patience = START_PATIENCE_S - now.since(self._began)
        else:
            patience = self._quiet_s - now.since(self._later(heard))
        if lost is not None:
            patience = min(patience, LOSS_PATIENCE_S - now.since(self._later(lost)))
        return min(until_deadline, patience)

    def _later(self, heard: Instant | None) -> Instant:
        return self._began if heard is None else max(self._began, heard)
