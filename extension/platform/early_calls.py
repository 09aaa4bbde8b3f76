"""What follows /register at once: subscribe to telemetry and, on a repeated start, ask for /next.

The platform takes a subscription between registering and /next alone. The request for /next is only
sent here; its answer, the next event, is read by `lambda_api`, or by `survive` if all else broke.
Built-in modules only.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

from extension.platform import plain_http
from extension.platform.bootstrap import NEXT_PATH, Boot
from extension.platform.start_mark import StartMark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TELEMETRY_PATH = "/2022-07-01/telemetry"

SUBSCRIBE_S = 1.0
"""Most that subscribing takes, in all schema versions together; it takes a millisecond."""

SCHEMA_VERSIONS = ("2025-01-29", "2022-12-13", "2022-07-01")
"""Newest first; an older platform refuses what it does not know with 400."""

EVENT_TYPES = ("platform", "function", "extension")

MAX_BYTES = 1_048_576
"""The largest that the platform allows: a record that is larger comes in two parts."""

BUFFERING = f'{{"maxItems":1000,"maxBytes":{MAX_BYTES},"timeoutMs":25}}'
"""The smallest delay that the platform allows: the last invocation's data waits for it."""

NO_TELEMETRY_API = "this platform has no Telemetry API"


def follow(booted: Boot, environ: Mapping[str, str]) -> None:
    """Do what must follow registering; never raises, `booted.problems` says what failed."""
    booted.mark = StartMark(environ, name=booted.name)
    booted.mark.leave()
    # Managed Instances have no INVOKE that waits for us, and drop what we do not take at once.
    if booted.telemetry is not None and booted.knows_invoke:
        try:
            booted.is_subscribed = subscribe(booted, event_types(environ))
        except (OSError, ValueError) as error:
            booted.problems.append(("telemetry", f"subscribing failed: {error}"))
    if booted.mark.is_repeated:
        try:
            ask(booted)
        except (OSError, ValueError):
            return  # the life cycle asks again, and reports it


def subscribe(booted: Boot, types: tuple[str, ...]) -> bool:
    """Ask for telemetry on the bound port; False where this platform has none (202 or 404).

    Raises:
        OSError: the API could not be reached, or does not answer.
        ValueError: the subscription was refused in every schema version.
    """
    assert booted.telemetry is not None
    refusal, end_s = "", booted.elapsed_s + SUBSCRIBE_S
    for version in SCHEMA_VERSIONS:
        answer = plain_http.exchange(
            booted.address,
            method="PUT",
            path=TELEMETRY_PATH,
            headers={**booted.identity, "Content-Type": "application/json"},
            body=_subscription(version, types, port=booted.telemetry.getsockname()[1]),
            timeout_s=max(end_s - booted.elapsed_s, 0.05),
        )
        if answer.status == 200:
            return True
        if answer.status in {202, 404}:
            booted.problems.append(("telemetry", NO_TELEMETRY_API))
            return False
        refusal = f"status {answer.status} {answer.error_type}"
        if answer.status != 400:
            break
    raise ValueError(refusal)


def ask(booted: Boot) -> None:
    """Ask for /next, and leave the connection for its answer; raises OSError or ValueError."""
    address = booted.address
    connection = plain_http.connect(address, timeout_s=SUBSCRIBE_S)
    try:
        connection.sendall(
            plain_http.request(address, method="GET", path=NEXT_PATH, headers=booted.identity)
        )
    except OSError:
        connection.close()
        raise
    booted.asked = connection


def event_types(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Read which events are wanted, as `config` does, which cannot be imported yet."""
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
