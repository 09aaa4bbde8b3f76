"""What a run from the command line leaves at AWS, as lines for a person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from layer.commands import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.aws.endpoints.accepted import Exchange
    from simulator.aws.endpoints.account import Account


def summary(account: Account) -> Iterator[str]:
    """Yield what was accepted, then each kind of refusal with its number."""
    points = sum(accepted.point_count for accepted in account.accepted)
    objects = counted(len(account.bucket.objects), "object")
    counts = [
        counted(len(account.spans), "span"),
        counted(len(account.logs), "log record"),
        counted(points, "point"),
        f"{objects} in {account.bucket.name}",
    ]
    yield ", ".join(counts)
    for why, count in Counter(map(_why, account.refused)).items():
        yield f"{count} × {why}"


def _why(exchange: Exchange) -> str:
    what = f"{exchange.service} {exchange.operation}"
    if not exchange.status:
        return f"{what}: no answer"
    first_line, *_ = exchange.message.splitlines() or [""]
    return f"{what}: {exchange.status} {exchange.error}: {first_line}"
