"""The line at SHUTDOWN: what was counted, and what was added to the invocations."""

from __future__ import annotations

from extension.telemetry.health import Health


def test_what_is_zero_is_left_out() -> None:
    """Except the invocations, and the time that was added to them."""
    assert Health().summary() == {"invocations": 0, "added_ms": 0}


def test_each_count_has_a_name() -> None:
    """Those by signal, reason or type are counted separately."""
    health = Health()
    health.invocations, health.finished = 3, 2
    health.accepted["traces"] = 4
    health.dropped["unsent"] = 5
    health.cut["values"] = 6
    health.filtered["level"] = 7
    health.faults["KeyError"] = 8
    health.dead_letters, health.failed_exports, health.platform_dropped = 9, 10, 11
    health.repeated_deliveries, health.leaks = 12, 13
    assert health.summary() == {
        "invocations": 3, "traces_accepted": 4, "dropped.unsent": 5, "cut.values": 6,
        "filtered.level": 7, "faults.KeyError": 8, "dead_letters": 9, "failed_exports": 10,
        "platform_dropped": 11, "repeated_deliveries": 12, "secret_leaks": 13, "added_ms": 0,
    }  # fmt: skip


def test_where_no_invocation_is_announced_their_ends_count() -> None:
    """On Managed Instances."""
    health = Health()
    health.finished = 2
    assert health.summary()["invocations"] == 2


def test_what_was_added_is_the_sum_of_all_holds() -> None:
    """In milliseconds; each hold is measured where metrics are wanted."""
    health, measured = Health(), list[float]()
    health.add_after_response(0.25)
    health.on_added = measured.append
    health.add_after_response(0.5)
    assert (health.summary()["added_ms"], measured) == (750, [0.5])
