"""Wall time that jumps, for the platform, the extension, or both.

The monotonic clocks stand still meanwhile, as they may when Lambda freezes a sandbox.
"""

from __future__ import annotations

from pathlib import Path

from simulator.local_lambda import LocalLambda
from tests.launchers import Launch, sabotaged


class WallClock:
    """`launch` starts an extension whose wall clock this is."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ahead_s = 0.0
        self.extension_jumps(0)

    @property
    def launch(self) -> Launch:
        """The working tree, under this clock."""
        return sabotaged("be_patient()", self.sabotage)

    @property
    def sabotage(self) -> str:
        """The call that puts an extension under this clock."""
        return f"follow_clock({str(self._file)!r})"

    def pass_by(self, function: LocalLambda, seconds: float) -> None:
        """Let time pass for both, as it does while the sandbox is frozen."""
        self.platform_jumps(function, seconds)
        self.extension_jumps(seconds)

    def platform_jumps(self, function: LocalLambda, seconds: float) -> None:
        """Set the clock by which events and deadlines are dated."""
        # Faults.clock_jump_s comes too late: at the thaw, when the deadline is made already.
        function._clock.jump(seconds)

    def extension_jumps(self, seconds: float) -> None:
        """Set the clock that the extension reads."""
        self._ahead_s += seconds
        # Always as long as before and in place: the extension has it open, and may read any time.
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(f"{self._ahead_s:<31}\n".encode())
