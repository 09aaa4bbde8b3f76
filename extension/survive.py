"""What is left when everything else broke: answer events over plain sockets until SHUTDOWN.

An extension that exits, even with status 0, takes the function down with it (Extension.Crash).
So a process whose other rooms cannot be imported, or whose event loop died, ends here instead.
Rule of the room: built-in modules only, and nothing that can fail for want of memory or files.
"""

from __future__ import annotations

import time

from extension import plain_http
from extension.bootstrap import Boot, register

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NEXT_PATH = "/2020-01-01/extension/event/next"
PAUSE_S = 0.2
"""Between two failed calls; the sandbox is being frozen or torn down then."""


def answer_events(booted: Boot, environ: Mapping[str, str]) -> None:
    """Call /next until SHUTDOWN, whatever happens; do nothing with the events."""
    while True:
        try:
            if not booted.identifier:
                register(booted, environ)
            answer = plain_http.exchange(
                booted.api,
                method="GET",
                path=NEXT_PATH,
                headers={"Lambda-Extension-Identifier": booted.identifier},
                timeout_s=None,
            )
            if b'"SHUTDOWN"' in answer.body:
                return
            if answer.status != 200:
                time.sleep(PAUSE_S)  # noqa: TID251  # there is no event loop left to wait in
        except (OSError, ValueError, MemoryError):
            time.sleep(PAUSE_S)  # noqa: TID251  # likewise
