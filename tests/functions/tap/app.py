"""A function that answers what it was sent, in the size and the way it is asked for."""

import hashlib
import json
import os
import time

if "BROKEN" in os.environ:
    raise ValueError("no settings")


def handler(event: dict[str, object], context: object) -> object:
    """Return the hash of the event, and as much text as it asks for."""
    if event.get("do") == "raise":
        raise ValueError("no stock " * int(str(event.get("times", 1))))
    if event.get("do") == "exit":
        os._exit(3)
    if event.get("do") == "sleep":
        time.sleep(60)
    if event.get("do") == "where":
        return os.environ["AWS_LAMBDA_RUNTIME_API"]
    text = json.dumps(event, sort_keys=True)
    return {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "text": "x" * int(str(event.get("size", 0))),
        "client_context": str(getattr(context, "client_context", None)),
    }
