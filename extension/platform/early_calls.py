"""Right after /register: subscribe to telemetry and, on a repeated start, request /next.

The platform accepts a subscription only between registering and /next. Of /next only the request is
sent here; the response, the next event, is read by `extensions_api`, or by `survive` if everything
else is broken. Built-in modules only.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

from extension.platform import plain_http
from extension.platform.bootstrap import NEXT_PATH, Start
from extension.platform.start_mark import StartMark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TELEMETRY_PATH = "/2022-07-01/telemetry"

SUBSCRIBE_S = 1.0
"""Limit for all attempts to subscribe together; one takes a millisecond."""

SCHEMA_VERSIONS = ("2025-01-29", "2022-12-13", "2022-07-01")
"""Newest first; an older platform refuses a version that it does not know with 400."""

EVENT_TYPES = ("platform", "function", "extension")

MAX_BYTES = 1_048_576
"""The maximum that the platform allows: a larger record comes in two parts."""

BUFFERING = f'{{"maxItems":1000,"maxBytes":{MAX_BYTES},"timeoutMs":25}}'
"""`timeoutMs` is the minimum of the platform: an invocation is held for its last events."""

NO_TELEMETRY_API = "this platform has no Telemetry API"


def make(start: Start, environ: Mapping[str, str]) -> None:
    """Make the calls; never raises, `start.problems` says what failed."""
    start.mark = StartMark(environ, extension_name=start.extension_name)
    start.mark.leave()
    # Managed Instances do not wait for us, and drop deliveries that are not accepted at once.
    if start.telemetry_socket is not None and start.receives_invoke:
        try:
            start.is_subscribed = subscribe(start, event_types(environ))
        except (OSError, ValueError) as error:
            start.problems.append(("telemetry", f"subscription failed: {error}"))
    if start.mark.is_repeated:
        try:
            request_next(start)
        except (OSError, ValueError):
            return  # the life cycle requests it again, and reports the failure


def subscribe(start: Start, types: tuple[str, ...]) -> bool:
    """Subscribe the bound port to telemetry; False if this platform has none (202 or 404).

    Raises:
        OSError: the API could not be reached, or did not respond.
        ValueError: the subscription was refused in every schema version.
    """
    assert start.telemetry_socket is not None
    refusal, end_s = "", start.elapsed_s + SUBSCRIBE_S
    for version in SCHEMA_VERSIONS:
        response = plain_http.exchange(
            start.api_address,
            method="PUT",
            path=TELEMETRY_PATH,
            headers={**start.identity, "Content-Type": "application/json"},
            body=_subscription(version, types, port=start.telemetry_socket.getsockname()[1]),
            timeout_s=max(end_s - start.elapsed_s, 0.05),
        )
        if response.status == 200:
            return True
        if response.status in {202, 404}:
            start.problems.append(("telemetry", NO_TELEMETRY_API))
            return False
        refusal = f"status {response.status} {response.error_type}"
        if response.status != 400:
            break
    raise ValueError(refusal)


def request_next(start: Start) -> None:
    """Request /next, and keep the connection for the response; raises OSError or ValueError."""
    address = start.api_address
    connection = plain_http.connect(address, timeout_s=SUBSCRIBE_S)
    try:
        connection.sendall(
            plain_http.request(address, method="GET", path=NEXT_PATH, headers=start.identity)
        )
    except OSError:
        connection.close()
        raise
    start.pending_next = connection


def event_types(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Read which events are wanted, by the rule of `settings.config`: too heavy to import yet."""
    chosen = {each.strip().lower() for each in environ.get("DISPATCH_EVENTS", "").split(",")} - {""}
    if not chosen or not chosen <= set(EVENT_TYPES):
        return EVENT_TYPES
    return tuple(each for each in EVENT_TYPES if each in chosen)


def _subscription(version: str, types: tuple[str, ...], *, port: int) -> bytes:
    listed = ",".join(f'"{each}"' for each in types)
    destination = f'{{"protocol":"HTTP","URI":"http://sandbox.localdomain:{port}"}}'
    return (
        f'{{"schemaVersion":"{version}","types":[{listed}],"buffering":{BUFFERING},'
        f'"destination":{destination}}}'
    ).encode()
