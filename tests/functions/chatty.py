"""A function that writes as many DEBUG lines as its payload says, and may fail then."""

from __future__ import annotations

import sys
import time
from typing import Any

LINES_AT_ONCE = 1000


def handler(event: dict[str, Any], context: Any) -> None:
    """Write `details` lines of JSON, with a pause before each thousand, and one of level INFO."""
    count: int = event["details"]
    for first in range(0, count, LINES_AT_ONCE):
        numbers = range(first, min(first + LINES_AT_ONCE, count))
        time.sleep(event.get("pause", 0))
        sys.stdout.write(
            "".join(f'{{"level": "DEBUG", "message": "step {number}"}}\n' for number in numbers)
        )
    print('{"level": "INFO", "message": "done"}', flush=True)
    if event.get("fail"):
        raise ValueError("the payload asks for it")
