"""What a run from the command line leaves at AWS, as lines for a person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.aws.endpoints.accepted import Exchange
    from simulator.aws.endpoints.account import Account


def summary(account: Account) -> Iterator[str]:
    """Yield what was accepted, then each kind of refusal with its number."""
    points = sum(accepted.point_count for accepted in account.accepted)
    counts = [f"{len(account.spans)} spans", f"{len(account.logs)} log records", f"{points} points"]
    yield ", ".join([*counts, f"{len(account.bucket.objects)} objects in {account.bucket.name}"])
    for why, count in Counter(map(_why, account.refused)).items():
        yield f"{count} × {why}"


def _why(exchange: Exchange) -> str:
    what = f"{exchange.service} {exchange.operation}"
    if not exchange.status:
        return f"{what}: no answer"
    first_line, *_ = exchange.message.splitlines() or [""]
    return f"{what}: {exchange.status} {exchange.error}: {first_line}"
