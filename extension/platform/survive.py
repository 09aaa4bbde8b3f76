"""What is left when everything else broke, or is switched off: answer events until SHUTDOWN.

An extension that exits, even with status 0, takes the function down with it (Extension.Crash).
So a process whose other modules cannot be imported, or whose event loop died, ends here instead.
Built-in modules only, and nothing that can fail for lack of memory or files.
"""

from __future__ import annotations

import time

from extension.platform import plain_http
from extension.platform.bootstrap import FINAL, NEXT_PATH, Boot, RefusedError, register

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
"""Between two failed calls, twice as long each time."""

GONE_S = 10.0
"""After so long without an API, or with the same final refusal, there is no sandbox any more."""


def answer_events(booted: Boot, environ: Mapping[str, str]) -> bool:
    """Call /next until SHUTDOWN, whatever happens; do nothing with the events.

    Returns:
        False if it ended because nothing is there that could announce SHUTDOWN.
    """
    paused_s, pause_s = 0.0, FIRST_PAUSE_S
    while paused_s < GONE_S:
        is_final = False
        try:
            answer = _next(booted, environ)
            if b'"SHUTDOWN"' in answer.body:
                _forget_the_start(booted, answer.body)
                return True
            if answer.status == 200:
                paused_s, pause_s = 0.0, FIRST_PAUSE_S
                continue
            is_final = answer.status in FINAL
        except RefusedError as error:
            is_final = error.is_final
        except ConnectionRefusedError:
            is_final = True
        except (OSError, ValueError, MemoryError):
            pass
        time.sleep(pause_s)  # noqa: TID251  # there is no event loop left to wait in
        paused_s = paused_s + pause_s if is_final else 0.0
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
    return False


def _next(booted: Boot, environ: Mapping[str, str]) -> plain_http.Answer:
    """Ask for the next event, or read the answer to a request that is under way."""
    if not booted.identifier:
        register(booted, environ)
    asked, booted.asked = booted.asked, None
    if asked is not None:
        try:
            asked.settimeout(None)
            return plain_http.receive(asked)
        finally:
            asked.close()
    return plain_http.exchange(
        booted.address,
        method="GET",
        path=NEXT_PATH,
        headers=booted.identity,
        timeout_s=None,
    )


def _forget_the_start(booted: Boot, event: bytes) -> None:
    """Remove the mark where the sandbox ends for good."""
    told = event.lower()
    if booted.mark is not None and b'"timeout"' not in told and b'"failure"' not in told:
        booted.mark.remove()
