"""How a thread that imports gives way to the function and to the event loop.

Built-in modules only: a repeated start needs it before anything else is imported.
"""

from __future__ import annotations

import _thread
import os
import sys

NICE = 10
"""The thread's priority: the function gets nine tenths of the CPU."""

SWITCH_S = 0.0005
"""How long the thread keeps the interpreter while another one wants it, a tenth of Python's own
value. With 1/14 of a core that is 7 ms, and requesting /next takes several turns."""


def give_way() -> None:
    """Lower the priority of this thread; Linux has priorities per thread, unlike POSIX."""
    sys.setswitchinterval(SWITCH_S)
    try:
        os.setpriority(os.PRIO_PROCESS, _thread.get_native_id(), NICE)
    except OSError:
        return
