"""Works on orders from a queue or from EventBridge; knows nothing of tracing."""

import json
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one event; a message that cannot be handled is tried again."""
    failed = []
    for record in event.get("Records", ()):
        try:
            print("working on", order_of(json.loads(record["body"])))
        except (ValueError, KeyError):
            failed.append({"itemIdentifier": record["messageId"]})
    if "detail" in event:
        print("working on", event["detail"]["order"])
    return {"batchItemFailures": failed}


def order_of(body: dict[str, Any]) -> int:
    """Return the number of the order in a message, which a topic may have wrapped."""
    found: int = (json.loads(body["Message"]) if "TopicArn" in body else body)["order"]
    return found
