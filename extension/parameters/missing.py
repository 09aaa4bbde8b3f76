"""What AWS does not have, known for a few seconds: a GET of it need not ask again.

PURE: the time is an argument. Only names are kept, and no other kind of refusal.
"""

from __future__ import annotations

from typing import NamedTuple

from cachetools import LRUCache

from extension.aws.errors import UpstreamError
from extension.parameters.keys import Key
from extension.process.clock import Instant

NOT_FOUND = frozenset({"ParameterNotFound", "ResourceNotFoundException"})


class StillMissingError(UpstreamError):
    """AWS said `age_s` seconds ago that there is no such value."""

    def __init__(self, error: UpstreamError, *, age_s: float = 0.0) -> None:
        super().__init__(
            error.code,
            message=error.message,
            service=error.service,
            request_id=error.request_id,
        )
        self.age_s = age_s


class _Refusal(NamedTuple):
    """What AWS said, and when."""

    error: StillMissingError
    """A copy: what was raised holds the frames that it came through."""
    at: Instant


class Missing:
    """The keys without a value: at most `size`, each for `ttl_s` seconds; with 0 none is kept."""

    def __init__(self, *, ttl_s: float, size: int) -> None:
        self._ttl_s = ttl_s
        self._refusals: LRUCache[Key, _Refusal] = LRUCache(maxsize=size)

    def note(self, key: Key, error: UpstreamError, *, now: Instant) -> None:
        """Keep an error, if it says that there is no value."""
        if self._ttl_s and error.code in NOT_FOUND:
            self._refusals[key] = _Refusal(StillMissingError(error), now)

    def forget(self, key: Key) -> None:
        """Forget a key, which has a value now."""
        if self._refusals:
            self._refusals.pop(key, None)

    def check(self, key: Key, *, now: Instant) -> None:
        """Raise StillMissingError if AWS said a moment ago that there is no value."""
        refusal = self._refusals.get(key)
        if refusal is None:
            return
        age_s = now.since(refusal.at)
        if age_s < self._ttl_s:
            raise StillMissingError(refusal.error, age_s=age_s)
        self.forget(key)
