"""A function in Python that fails in the way it is asked for."""

import logging
import os
import time

logger = logging.getLogger()


class OrderError(Exception):
    """What the function raises."""


def refuse(why: str) -> None:
    """Raise."""
    raise OrderError(why)


def handler(event: dict[str, str], context: object) -> str:
    """Do what the event says."""
    match event.get("do"):
        case "handled":
            try:
                refuse("handled")
            except OrderError:
                logger.exception("went on")
        case "raise":
            refuse("no stock")
        case "lines":
            logger.error("one\ntwo")
        case "exit":
            os._exit(3)
        case "sleep":
            time.sleep(60)
    return "done"
