"""The README says what the code does."""

from __future__ import annotations

from tests.configuration_table import BLOCK, README, table


def test_every_setting_is_documented() -> None:
    """The configuration table has each variable, default, range and meaning as the code has them.

    Written anew by `.venv/bin/python -m tests.configuration_table`.
    """
    block = BLOCK.search(README.read_text())
    assert block is not None
    assert block[1] == table()
