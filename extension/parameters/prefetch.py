"""What is fetched before the first GET: reading the list, and fetching it within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from extension.parameters.answer import Served
from extension.aws.errors import UpstreamError
from extension.parameters.keys import Key, ParameterKey, SecretKey
from extension.parameters.request import Query
from extension.process.log import Log

PREFETCH_S = 2.0
"""Most that init is held: what is not there by then arrives later, or with its first GET."""

KINDS: dict[str, Callable[[str], Key]] = {
    "ssm": lambda name: ParameterKey(name, decrypt=False),
    "ssm+decrypt": lambda name: ParameterKey(name, decrypt=True),
    "secretsmanager": SecretKey,
}

SHOWN_CHARACTERS = 80
"""How much of an entry a warning repeats."""


def read_list(text: str) -> tuple[list[Key], list[str]]:
    """Return the keys of a comma list such as `ssm:/a,ssm+decrypt:/b`, and what is none."""
    keys: dict[Key, None] = {}
    unusable = []
    for item in filter(None, (each.strip() for each in text.split(","))):
        kind, _, name = item.partition(":")
        make = KINDS.get(kind.strip().lower())
        if make is None or not name.strip():
            unusable.append(item[:SHOWN_CHARACTERS])
        else:
            keys[make(name.strip())] = None
    return list(keys), unusable


async def prefetch(
    keys: Sequence[Key], *, get: Callable[[Query], Awaitable[Served]], log: Log
) -> None:
    """Fetch all keys at once; what fails or takes too long is a warning."""
    if not keys:
        return
    fetched = {asyncio.ensure_future(get(Query(key=key))): key for key in keys}
    done, late = await asyncio.wait(fetched, timeout=PREFETCH_S)
    for task in late:
        task.cancel()  # the flight itself goes on and fills the cache
    for task in done:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            code = error.code if isinstance(error, UpstreamError) else type(error).__name__
            log.warning("prefetch failed", name=fetched[task].name, code=code)
    if late:
        log.warning("prefetch goes on behind init", unfinished=len(late), after_s=PREFETCH_S)
