"""Requests of any origin, made to fit what AWS's endpoints take, before they wait for export.

One item that is too large would be refused with all that travels with it: it is cut and counted.
One whose time or whose ids AWS will hardly take travels alone: our clock may be wrong after a
freeze, so AWS has the last word. What is too much for one request becomes several. A request that
fits, as nearly all do, stays as it is, byte by byte.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from google.protobuf.message import DecodeError

from extension.process.clock import Clock
from extension.process.frozen import replace
from extension.telemetry.export.buffer import PendingItem, Signal
from extension.telemetry.export.request_limits import AWS, DAY_NS, HOUR_NS, UNLIMITED, Load
from extension.telemetry.health import Health
from extension.telemetry.otlp.aws_rules import RULES, Leaf, Rules
from extension.telemetry.otlp.shrink import shrink

MAX_RESOURCE_AND_SCOPE_BYTES = 16_000
MAX_SCOPE_BYTES = 8_000
MAX_AGE_NS = 14 * 24 * HOUR_NS - HOUR_NS
"""An hour less than AWS says: items wait, and the sandbox may be frozen meanwhile."""


class Fitting:
    """Makes requests of some signals fit; what is cut is counted."""

    def __init__(self, signals: Container[Signal], *, health: Health, clock: Clock) -> None:
        self._signals = signals
        self._health = health
        self._clock = clock

    def load(self, signal: Signal) -> Load | None:
        """Return what bounds a request of a signal, None for one without such bounds."""
        return Load(AWS[signal]) if signal in self._signals else None

    def fit(self, item: PendingItem) -> Iterable[PendingItem]:
        """Return what an item becomes; what cannot be read stays as it is, and travels alone."""
        if item.signal not in self._signals:
            return (item,)
        rules = RULES[item.signal]
        try:
            request = rules.request.FromString(item.body)
        except DecodeError:
            return (_alone(item),)
        changed = rules.prepare(request) + self._cut_envelopes(rules, request)
        leaves = list(rules.leaves(request))
        cut = sum(map(rules.cut, leaves)) if rules.may_be_large(item.body) else 0
        if cut:
            self._health.cut["oversize"] += cut
        likely, unlikely = self._by_chance(rules, leaves)
        if not unlikely and len(leaves) == rules.count(request):
            body = request.SerializePartialToString() if cut or changed else item.body
            whole = _item(item.signal, rules, request, body, leaves)
            limits = AWS[item.signal]
            if len(leaves) == 1 or limits.hold(whole.weight, whole.count, whole.times_ns):
                return (whole,)
        alone = (_alone(each) for each in _in_requests(item.signal, rules, unlikely))
        return chain(_in_requests(item.signal, rules, likely), alone)

    def _by_chance(
        self, rules: Rules, leaves: Sequence[Leaf]
    ) -> tuple[Sequence[Leaf], Sequence[Leaf]]:
        """Return the items that AWS takes, and those that it would refuse with all others."""
        now_ns = self._clock.now().wall_ns
        oldest_ns, newest_ns = now_ns - MAX_AGE_NS, now_ns + rules.ahead_ns
        unlikely = [
            leaf
            for leaf in leaves
            if not rules.is_valid(leaf.message)
            or (
                leaf.times_ns
                and (
                    leaf.times_ns[0] < oldest_ns
                    or leaf.times_ns[1] > newest_ns
                    or leaf.times_ns[1] - leaf.times_ns[0] > DAY_NS
                )
            )
        ]
        if not unlikely:
            return leaves, ()
        left_out = {id(leaf) for leaf in unlikely}
        return [leaf for leaf in leaves if id(leaf) not in left_out], unlikely

    def _cut_envelopes(self, rules: Rules, request: Any) -> int:
        """Make each pair of resource and scope fit."""
        cut = 0
        for group, scoped in rules.pairs(request):
            resource, scope = group.resource, scoped.scope
            if scope.ByteSize() > MAX_SCOPE_BYTES:
                shrink(scope, limit=MAX_SCOPE_BYTES, size=scope.ByteSize)
                cut += 1
            left = MAX_RESOURCE_AND_SCOPE_BYTES - scope.ByteSize()
            if resource.ByteSize() > left:
                shrink(resource, limit=left, size=resource.ByteSize)
                cut += 1
        if cut:
            self._health.cut["oversize"] += cut
        return cut


def _alone(item: PendingItem) -> PendingItem:
    """Return an item that fills a request, whatever its size."""
    return replace(item, weight=UNLIMITED)


def _item(
    signal: Signal, rules: Rules, request: Any, body: bytes, leaves: Iterable[Leaf]
) -> PendingItem:
    count = sum(leaf.number for leaf in leaves)
    times = [time_ns for leaf in leaves for time_ns in leaf.times_ns]
    return PendingItem(
        signal=signal,
        body=body,
        count=count,
        weight=rules.weight(request, body, count),
        times_ns=(min(times), max(times)) if times else (),
    )


def _in_requests(signal: Signal, rules: Rules, leaves: Iterable[Leaf]) -> Iterator[PendingItem]:
    """Yield requests with these leaves, as many in each as AWS takes."""
    load, request = Load(AWS[signal]), rules.request()
    together: list[Leaf] = []
    for leaf in leaves:
        alone = rules.request()
        _put(rules, alone, leaf, after=None)
        encoded = alone.SerializePartialToString()
        item = _item(signal, rules, alone, encoded, [leaf])
        if not load.takes(item):
            yield _item(signal, rules, request, request.SerializePartialToString(), together)
            load, request, together = Load(AWS[signal]), rules.request(), []
            load.takes(item)
        _put(rules, request, leaf, after=together[-1] if together else None)
        together.append(leaf)
    if together:
        yield _item(signal, rules, request, request.SerializePartialToString(), together)


def _put(rules: Rules, request: Any, leaf: Leaf, *, after: Leaf | None) -> None:
    """Put a leaf at the end of a request, into the envelopes of the one before if these fit."""
    groups = getattr(request, rules.groups)
    is_same = after is not None and after.scope_group is leaf.scope_group
    if not is_same:
        group = groups.add()
        group.resource.CopyFrom(leaf.resource_group.resource)
        group.schema_url = leaf.resource_group.schema_url
        scoped = getattr(group, rules.scopes).add()
        scoped.scope.CopyFrom(leaf.scope_group.scope)
        scoped.schema_url = leaf.scope_group.schema_url
    scoped = getattr(groups[-1], rules.scopes)[-1]
    getattr(scoped, rules.items).add().CopyFrom(leaf.message)
