"""Parameters and secrets that settings name: what to prefetch, and references in place of values.

A prefetch list is `ssm:/a,ssm+decrypt:/b,secretsmanager:c`. A reference is `secretsmanager:name`,
`ssm:/path` (always decrypted) or an ARN of either, optionally followed by `#json.key`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from extension.aws.errors import UpstreamError
from extension.parameters.answer import Served
from extension.parameters.keys import Key, ParameterKey, SecretKey
from extension.parameters.request import Query
from extension.process.log import Log
from extension.settings.variable import as_shown

PREFETCH_S = 2.0
"""Longest that init waits; what is missing by then arrives later, or with its first GET."""


def read_list(text: str, *, decrypt: bool = False) -> tuple[list[Key], list[str]]:
    """Return the keys of a comma list such as `ssm:/a,ssm+decrypt:/b`, and the other entries.

    These are named by their place in the list, from 1, because one may be anything. `decrypt` is
    the value of withDecryption for a GET that does not contain it, and so for an entry `ssm:`.
    """
    kinds: dict[str, Callable[[str], Key]] = {
        "ssm": partial(ParameterKey, decrypt=decrypt),
        "ssm+decrypt": partial(ParameterKey, decrypt=True),
        "secretsmanager": SecretKey,
    }
    keys: dict[Key, None] = {}
    unusable = []
    items = filter(None, (each.strip() for each in text.split(",")))
    for number, item in enumerate(items, start=1):
        kind, _, name = item.partition(":")
        make = kinds.get(kind.strip().lower())
        if make is None or not name.strip():
            unusable.append(f"entry {number} = {as_shown(item)}")
        else:
            keys[make(name.strip())] = None
    return list(keys), unusable


async def prefetch(
    keys: Sequence[Key], *, get: Callable[[Query], Awaitable[Served]], log: Log
) -> None:
    """Fetch all keys at once; a failure or a delay is a warning."""
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
        log.warning("prefetch continues after init", unfinished=len(late), after_s=PREFETCH_S)


class BadReferenceError(ValueError):
    """The text is not a reference."""


class UnusableValueError(ValueError):
    """The value is not text, or has no such key."""


def read_reference(reference: str, *, fresh: bool) -> Query:
    """Return the query for a reference; `fresh` bypasses the cache.

    Raises:
        BadReferenceError: it has no known form.
    """
    target, _, json_key = reference.partition("#")
    return Query(key=_key(target), refresh=fresh, raw=True, json_key=json_key)


def _key(target: str) -> Key:
    kind, _, name = target.partition(":")
    if kind == "arn":
        service = target.split(":")[2:3]
        if service == ["secretsmanager"]:
            return SecretKey(target)
        if service == ["ssm"]:
            return ParameterKey(target, decrypt=True)
    elif kind == "secretsmanager" and name:
        return SecretKey(name)
    elif kind == "ssm" and name:
        return ParameterKey(name, decrypt=True)
    raise BadReferenceError("neither secretsmanager:NAME, ssm:NAME nor an ARN of these")
