"""A function that asks for a value and does not wait: while it is loaded, and as it returns."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from handler import fetch  # type: ignore[import-not-found]  # beside it in the function's folder

PATH = os.environ["EARLY_PATH"]
threads = ThreadPoolExecutor()
asked = [threads.submit(fetch, PATH)]


def handler(event: dict[str, Any], _context: object) -> object:
    """Return what was asked for before, unless the event says to ask and to leave."""
    if "leave" in event:
        asked.append(threads.submit(fetch, event["leave"]))
        return None
    return asked[-1].result()
