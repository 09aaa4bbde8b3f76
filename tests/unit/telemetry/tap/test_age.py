"""How long what caused an invocation had waited."""

from __future__ import annotations

import pytest

from extension.telemetry.tap.age import age_ms
from extension.telemetry.tap.cause import cause_of
from tests.unit.telemetry.tap.samples import DIRECT, REST, SENT_NS, SQS, notification, sqs_record

S = 1_000_000_000


def test_the_age_is_the_time_since_it_was_accepted() -> None:
    """Of a request and of a message alike, in milliseconds."""
    assert age_ms(cause_of(REST), start_ns=SENT_NS + 12_500_000) == 12.5
    assert age_ms(cause_of(SQS), start_ns=SENT_NS + 90 * S) == 90_000


def test_a_batch_is_as_old_as_its_oldest_message() -> None:
    """Its layers included: what a topic took before the queue did."""
    late = sqs_record()
    late["attributes"]["SentTimestamp"] = str(SENT_NS // 1_000_000 + 5000)
    wrapped = {**late, "body": sqs_record(notification())["body"]}
    for records in ([late, sqs_record()], [late, wrapped]):
        assert age_ms(cause_of({"Records": records}), start_ns=SENT_NS + 10 * S) == 10_000


def test_what_has_no_time_has_no_age() -> None:
    """Nothing is assumed."""
    assert age_ms(cause_of(DIRECT), start_ns=SENT_NS) is None


@pytest.mark.parametrize(
    ("later_s", "age"),
    [
        (-1, 0),
        (-59, 0),
        (-61, None),
        (-3600, None),
        (365 * 86_400, 365 * 86_400_000),
        (400 * 86_400, None),
    ],
)
def test_clocks_differ_a_little_and_times_may_be_nonsense(
    later_s: int, *, age: float | None
) -> None:
    """A minute in the future is now; more than that, or before any retention, is no time."""
    assert age_ms(cause_of(REST), start_ns=SENT_NS + later_s * S) == age
