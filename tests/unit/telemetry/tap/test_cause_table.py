"""docs/tap.md lists what is read of each event."""

from __future__ import annotations

from tests.cause_table import BLOCK, DOCUMENT, table


def test_every_source_is_documented() -> None:
    """The table has the sources, spans and attributes as the code makes them.

    Written by `.venv/bin/python -m tests.cause_table`.
    """
    block = BLOCK.search(DOCUMENT.read_text())
    assert block is not None
    assert block[1] == table()
