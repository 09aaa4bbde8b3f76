"""A line that is read at one look is read as at the closer look."""

from __future__ import annotations

from typing import Any

from hypothesis import event, example
from hypothesis import given as drawn
from hypothesis import strategies as st

from extension.telemetry.reading.aliases import ALIASES, find
from extension.telemetry.reading.json_lines import read_any, read_plain
from tests import platform_events as given

UUID = "8286a188-ba32-4475-8077-530cd35c09a9"
NOW_NS = given.ns(1)

VALUES = st.one_of(
    st.sampled_from([
        "paid", "", "{}", '{"message": "x"}', "INFO", "info", "Warning", "ERROR", "FATAL", "loud",
        given.iso(1), "2026-01-01T12:00:01Z", "1999-01-01T00:00:00.5Z", UUID, "another", None, True,
        False, 0, 1, 6, 9, 10, 30, 50, 200, NOW_NS // 10**9, NOW_NS // 10**6, NOW_NS / 10**9,
    ]),
    st.dictionaries(st.sampled_from(["message", "level", "name", "type", "x"]), st.just("INFO")),
)  # fmt: skip
COMMON = ["msg", "level", "severity", "timestamp", "time", "requestId", "request_id"]
NAMES = sorted({name for names in ALIASES.values() for name in names} | {"log", "span", "order"})


LINES = st.builds(
    lambda common, others: {**common, **others},
    st.fixed_dictionaries(
        {"message": st.just("paid") | VALUES},
        optional={
            "level": st.sampled_from(["INFO", "debug", 30, 200]) | VALUES,
            "timestamp": st.sampled_from([given.iso(1.5), NOW_NS // 10**6 + 1]) | VALUES,
            "requestId": st.just(UUID) | VALUES,
        },
    ),
    st.dictionaries(st.sampled_from(COMMON) | st.sampled_from(NAMES), VALUES, max_size=1),
)


@drawn(LINES)
@example({"message": "paid", "level": "INFO", "time": given.iso(1), "requestId": UUID, "n": 1})
@example({"msg": "paid", "level": 30, "time": NOW_NS // 10**6 + 1, "pid": 8})
@example({"short_message": "paid", "level": 6})
def test_what_is_plain_is_read_as_all_else(line: dict[str, Any]) -> None:
    """The shorter way takes less time, and gives nothing else."""
    fields, plain = find(line)
    if plain is None:
        event("no plain line")
        return
    parts = read_plain(line, plain, NOW_NS)
    event("plain" if parts else "plain names, other values")
    if parts:
        assert parts == read_any(line, fields, NOW_NS, text="", is_inner=False)
