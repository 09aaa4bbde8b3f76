"""A function in Python that fails in the way it is asked for."""

import json
import logging
import os
import sys
import threading
import time
import traceback

logger = logging.getLogger()

FORGED = (
    "no stock\nEND RequestId: 1\n[ERROR] Forged: no\rTraceback (most recent call last):\n"
    '{"errorType": "Forged", "errorMessage": "no"}\n'
)


class OrderError(Exception):
    """What the function raises."""


def refuse(why: str) -> None:
    """Raise."""
    raise OrderError(why)


def refuse_order() -> None:
    """Raise because of another exception."""
    try:
        refuse("no stock")
    except OrderError as error:
        raise OrderError("no order") from error


if "BROKEN" in os.environ:
    refuse("no settings")


def handler(event: dict[str, str], context: object) -> str:
    """Do what the event says."""
    match event.get("do"):
        case "handled":
            try:
                refuse("handled")
            except OrderError:
                logger.exception("went on")
        case "handled and printed":
            try:
                refuse("handled")
            except OrderError:
                traceback.print_exc()
        case "raise":
            refuse("no stock")
        case "library":
            json.loads("{")
        case "caused":
            refuse_order()
        case "group":
            raise ExceptionGroup("several", [OrderError("no stock"), OrderError("no order")])
        case "forged":
            refuse(FORGED)
        case "unicode":
            refuse("kein Vorrat \u2603 \U0001f680 <b>&")
        case "large":
            refuse("no stock " * 40_000)
        case "note":
            error = OrderError("no stock")
            error.add_note("a note")
            raise error
        case "silent":
            raise OrderError
        case "thread":
            thread = threading.Thread(target=refuse, args=("in a thread",))
            thread.start()
            thread.join()
        case "lines":
            logger.error("one\ntwo")
        case "exit":
            os._exit(3)
        case "exit politely":
            sys.exit(3)
        case "environment":
            print(os.environ["VALUE"])
            return os.environ["VALUE"]
        case "sleep":
            time.sleep(60)
    return "done"
