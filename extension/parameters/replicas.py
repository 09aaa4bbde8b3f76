"""Which regions are asked for a key, in which order: an ARN's own, or those with replicas.

PURE: the time is an argument. A region that failed for a reason that passes is asked last for a
while: not every GET of an outage waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from extension.aws.arns import region_of
from extension.parameters.keys import Key, SecretKey
from extension.process.clock import Instant

REST_S = 30.0
"""How long a region that failed is asked after the others."""


class Replicas:
    """`regions` have the replicas of each secret that is named, or whose ARN is in one of them.

    `own` is the region of the function.
    """

    def __init__(self, regions: Sequence[str], *, own: str) -> None:
        self._regions = tuple(regions)
        self.own = own
        self._failed_at: dict[str, Instant] = {}

    def order(self, key: Key, *, now: Instant) -> list[str]:
        """Return the regions to ask for a key, at least one."""
        region = region_of(key.name)
        if not isinstance(key, SecretKey) or not self._are_asked(region):
            return [region or self.own]
        return sorted(self._regions, key=lambda each: self._rests(each, now))

    def _are_asked(self, region: str) -> bool:
        return bool(self._regions) and (not region or region in self._regions)

    def _rests(self, region: str, now: Instant) -> bool:
        failed_at = self._failed_at.get(region)
        return failed_at is not None and now.since(failed_at) < REST_S

    def note_failure(self, region: str, *, now: Instant) -> None:
        """Note that a region failed for a reason that passes."""
        if region in self._regions:
            self._failed_at[region] = now

    def note_answer(self, region: str) -> None:
        """Note that a region answers."""
        self._failed_at.pop(region, None)
