"""A function that does not get through its init."""

from __future__ import annotations

import time

time.sleep(60)


def handler(_event: object, _context: object) -> None:
    """Never called."""
