"""Every field of the last line is documented, and exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from extension.settings.sdk_variables import SIGNALS
from extension.telemetry.health import Health
from extension.telemetry.reading.filters import FilterReason
from extension.telemetry.receiver.counts import ReceiverCounts

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "operation.md"
BLOCK = re.compile(r"<!-- last line -->\n(.*)<!-- /last line -->", re.DOTALL)
COUNTED = re.compile(r'\b_?(?:health\.|counts\.|_)(dropped|filtered|cut|counts)\["(\w+)"\]')
HANDED_ON = re.compile(r'(?:on_dropped|_count_drops)\([^"\n]*"(\w+)"|^ +reason = "(\w+)"$', re.M)


def documented() -> set[str]:
    """Return the fields in the first column."""
    block = BLOCK.search(DOCUMENT.read_text())
    assert block is not None
    first = [line.split("|")[1] for line in block[1].splitlines()]
    return {field for cell in first for field in re.findall(r"`([^`]+)`", cell)}


def source() -> str:
    """Return what may count something."""
    return "\n".join(each.read_text() for each in (ROOT / "extension").rglob("*.py"))


def test_each_count_of_its_own_is_documented() -> None:
    """Those that are no reasons; every one, if there is something to count."""
    health = Health()
    for name, value in vars(health).items():
        if isinstance(value, int):
            setattr(health, name, 1)
    health.accepted.update(dict.fromkeys((*SIGNALS, "events"), 1))
    assert {*health.summary(), "unsent"} <= documented()


def test_each_group_of_what_the_sdk_sent_is_documented() -> None:
    """By signal, or by reason."""
    text = DOCUMENT.read_text()
    counts = ReceiverCounts()
    for value in vars(counts).values():
        value["x"] = 1
    for field in counts.summary():
        assert f"{field.removesuffix('.x')}." in text


def test_each_reason_is_documented() -> None:
    """Where it is counted, its name is a constant."""
    fields = {f"filtered.{reason}" for reason in get_args(FilterReason)}
    for group, reason in COUNTED.findall(source()):
        fields.add(f"{'cut' if group == 'counts' else group}.{reason}")
    assert len(fields) > 12
    assert fields <= documented()
    reasons = {one or other for one, other in HANDED_ON.findall(source())}
    assert {"buffer_full", "rejected", "bad_item"} <= reasons
    assert reasons <= {field.partition(".")[2] for field in documented()}


def test_each_documented_reason_is_counted() -> None:
    """None has been renamed."""
    text = source()
    for field in documented():
        group, _, reason = field.partition(".")
        if group in {"dropped", "filtered", "cut"}:
            assert f'"{reason}"' in text
