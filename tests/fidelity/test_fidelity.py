"""AWS's own emulator judges the simulator, call by call."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fidelity.classic import CLASSIC
from tests.fidelity.differences import KNOWN
from tests.fidelity.emulator import why_not
from tests.fidelity.managed import MANAGED
from tests.fidelity.scenario import Scenario
from tests.fidelity.stages import compare_sides
from tests.fidelity.table import as_text, with_table

_PROBLEM = why_not()


@pytest.mark.skipif(bool(_PROBLEM), reason=f"AWS's emulator: {_PROBLEM}")
@pytest.mark.parametrize("scenario", CLASSIC + MANAGED, ids=lambda each: each.name)
async def test_a_scenario_looks_the_same_on_both_sides(scenario: Scenario) -> None:
    """Statuses, headers, bodies and order are the same, or the difference has its reason."""
    rows = await compare_sides(scenario)

    assert len(rows) > len(scenario.extensions)
    assert [row for row in rows if not (row.is_same or row.reason)] == [], as_text(rows)


def test_every_reason_is_documented() -> None:
    """The simulator's documentation tells each difference that is meant."""
    readme = (Path(__file__).parents[2] / "simulator/README.md").read_text()

    assert [reason.text for reason in KNOWN.all if reason.text not in readme] == []


def test_the_table_is_written_in_its_place() -> None:
    """What is around it stays, and writing it again changes nothing."""
    document = (Path(__file__).parents[2] / "simulator/README.md").read_text()
    table = (
        "| Scenario | Same | Different |\n|---|---|---|\n\n| Why rows differ | Rows |\n|---|---|"
    )
    written = with_table(document, f"{table}\n| because | 1 |")
    assert written.count("| because | 1 |") == written.count("| Scenario |") == 1
    assert with_table(written, f"{table}\n| because | 1 |") == written
    before, after = (each.partition("| Scenario |")[0] for each in (document, written))
    assert before == after
    assert written.endswith(document.rpartition("|\n")[2])


def test_a_reason_does_not_cover_what_must_stay_the_same() -> None:
    """Where only the wording may differ, another status or errorType is a difference."""
    refused = '400 {"errorType": "ValidationError", "errorMessage": "one"}'
    row = "subscribing: subscribe to nothing"

    reworded = refused.replace("one", "two")
    assert KNOWN.explain(row, emulator=refused, simulator=reworded)
    assert not KNOWN.explain(row, emulator=refused, simulator=reworded.replace("400", "403"))
    assert not KNOWN.explain(row, emulator=refused, simulator=reworded.replace("Valid", "Other"))
