"""Right after /register: subscribe to telemetry and, on a repeated start, request /next.

The platform accepts a subscription until init ends: when the runtime and all extensions have asked
for /next. A start is not held for the answer: what is not settled here is left to
`late_subscription`. Of /next only the request is sent here; the response, the next event, is read
by `extensions_api`, or by `survive` if everything else is broken. Built-in modules only.

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
"""How long a start waits for the answer to all attempts together; one takes a millisecond."""

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
    if start.telemetry_socket is not None:
        # Managed Instances do not wait for us, and drop deliveries that are not accepted at once.
        start.subscribes_late = not start.receives_invoke or not _is_settled(start, environ)
    if start.mark.is_repeated:
        try:
            request_next(start)
        except (OSError, ValueError):
            return  # the life cycle requests it again, and reports the failure


def _is_settled(start: Start, environ: Mapping[str, str]) -> bool:
    """Subscribe, and return whether the outcome is known."""
    try:
        start.is_subscribed = subscribe(start, event_types(environ), versions=SCHEMA_VERSIONS)
    except OSError:
        return False
    except ValueError as error:
        report_refusal(start, error)
    return True


def subscribe(start: Start, types: tuple[str, ...], *, versions: tuple[str, ...]) -> bool:
    """Subscribe the bound port to telemetry; False if this platform has none (202 or 404).

    Raises:
        OSError: the API could not be reached, has failed, or has not responded yet: then the
            connection is kept in `start.pending_subscription`.
        ValueError: the subscription was refused in every schema version.
    """
    end_s = start.elapsed_s + SUBSCRIBE_S
    *newer, oldest = versions

    def ask(version: str) -> plain_http.Response:
        request = _request(start, types, version=version)
        return _exchange(start, request, timeout_s=max(end_s - start.elapsed_s, 0.05))

    for version in newer:
        response = ask(version)
        if response.status != 400:
            return is_accepted(start, response)
    return is_accepted(start, ask(oldest))


def _exchange(start: Start, request: bytes, *, timeout_s: float) -> plain_http.Response:
    connection = plain_http.connect(start.api_address, timeout_s=timeout_s)
    try:
        connection.sendall(request)
        return plain_http.receive(connection)
    except TimeoutError:
        start.pending_subscription = connection
        raise
    except ValueError as error:  # closed without a response, or it is not HTTP
        raise OSError(str(error)) from None
    finally:
        if start.pending_subscription is not connection:
            connection.close()


def is_accepted(start: Start, response: plain_http.Response) -> bool:
    """Return whether a response accepts the subscription; raises as `subscribe` does."""
    if response.status == 200:
        return True
    if response.status in {202, 404}:
        start.problems.append(("telemetry", NO_TELEMETRY_API))
        return False
    answer = f"status {response.status} {response.error_type}"
    if response.status in plain_http.FINAL_STATUSES:
        raise ValueError(answer)
    raise OSError(answer)


def report_refusal(start: Start, error: Exception) -> None:
    """Keep the reason why telemetry is switched off."""
    start.problems.append(("telemetry", f"subscription failed: {error}"))


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
    start.pending_next, start.has_requested_next = connection, True


def event_types(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Read which events are wanted, by the rule of `settings.config`: too heavy to import yet."""
    chosen = {each.strip().lower() for each in environ.get("DISPATCH_EVENTS", "").split(",")} - {""}
    if not chosen or not chosen <= set(EVENT_TYPES):
        return EVENT_TYPES
    return tuple(each for each in EVENT_TYPES if each in chosen)


def _request(start: Start, types: tuple[str, ...], *, version: str) -> bytes:
    assert start.telemetry_socket is not None
    port = start.telemetry_socket.getsockname()[1]
    return plain_http.request(
        start.api_address,
        method="PUT",
        path=TELEMETRY_PATH,
        headers={"Connection": "close", **start.identity, "Content-Type": "application/json"},
        body=_subscription(version, types, port=port),
    )


def _subscription(version: str, types: tuple[str, ...], *, port: int) -> bytes:
    listed = ",".join(f'"{each}"' for each in types)
    destination = f'{{"protocol":"HTTP","URI":"http://sandbox.localdomain:{port}"}}'
    return (
        f'{{"schemaVersion":"{version}","types":[{listed}],"buffering":{BUFFERING},'
        f'"destination":{destination}}}'
    ).encode()
