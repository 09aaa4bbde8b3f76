"""The last resort when everything else is broken or off: answer events until SHUTDOWN.

An extension that exits, even with status 0, ends the function with it (Extension.Crash). So a
process whose other modules cannot be imported, or whose event loop has died, ends up here.
Built-in modules only, and nothing that could fail for lack of memory or files.
"""

from __future__ import annotations

import _socket
import time

from extension.platform import plain_http
from extension.platform.bootstrap import NEXT_PATH, Start, register

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
"""Between two failed calls; doubled each time."""

GONE_S = 10.0
"""After so many seconds without an API, or of final refusals, the sandbox no longer exists."""


def stop_listening(start: Start) -> None:
    """Refuse connections from now on; callers would wait for a response that never comes.

    The sockets are shut down, not closed: the objects that hold them may still close them, and a
    descriptor that is closed twice may belong to another file by then.
    """
    while start.listening:
        try:
            listener = _socket.socket(fileno=start.listening.pop())
        except OSError:
            continue  # closed already
        try:
            listener.shutdown(_socket.SHUT_RDWR)
        except OSError:
            continue  # shut down already
        finally:
            listener.detach()
    for raw in (*start.cache_sockets, *start.otlp_sockets, start.telemetry_socket):
        if raw is not None:
            raw.close()  # frees the descriptor, unless `opening` has taken it over


def answer_events(start: Start, environ: Mapping[str, str]) -> bool:
    """Call /next until SHUTDOWN, whatever fails, and ignore the events.

    Returns:
        False if it ended because there is no API that could announce SHUTDOWN.
    """
    if is_shutdown(start.held_event):
        _remove_mark(start, start.held_event)
        return True
    paused_s, pause_s = 0.0, FIRST_PAUSE_S
    while paused_s < GONE_S:
        is_final = False
        try:
            response = _next(start, environ)
            if is_shutdown(response.body):
                _remove_mark(start, response.body)
                return True
            if response.status == 200:
                paused_s, pause_s = 0.0, FIRST_PAUSE_S
                continue
            is_final = response.status in plain_http.FINAL_STATUSES
        except plain_http.RefusedError as error:
            is_final = error.is_final
        except ConnectionRefusedError:
            is_final = True
        except Exception:  # noqa: BLE001, S110  # an end before SHUTDOWN ends the function, too
            pass
        time.sleep(pause_s)  # noqa: TID251  # there is no event loop left to wait in
        paused_s = paused_s + pause_s if is_final else 0.0
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
    return False


def is_shutdown(event: bytes) -> bool:
    """Return whether a response of /next is the last event."""
    return b'"SHUTDOWN"' in event


def _next(start: Start, environ: Mapping[str, str]) -> plain_http.Response:
    """Request the next event, or read the response to a request that was sent already."""
    if not start.identifier:
        register(start, environ)
    pending, start.pending_next = start.pending_next, None
    if pending is not None:
        try:
            pending.settimeout(None)
            return plain_http.receive(pending)
        finally:
            pending.close()
    return plain_http.exchange(
        start.api_address,
        method="GET",
        path=NEXT_PATH,
        headers=start.identity,
        timeout_s=None,
    )


def _remove_mark(start: Start, event: bytes) -> None:
    """Remove the mark if the sandbox ends for good."""
    text = event.lower()
    if start.mark is not None and b'"timeout"' not in text and b'"failure"' not in text:
        start.mark.remove()
