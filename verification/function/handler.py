"""The function of the experiments: does what its event says."""

import json
import os
import time
import urllib.parse
import urllib.request
from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Print, read a secret, sleep, take memory, raise or exit, in this order."""
    if "print" in event:
        print(event["print"])
    answers = [fetch(event["secret"]) for _ in range(event.get("times", 1)) if "secret" in event]
    for secret, _ in answers:
        # A mistake that the redaction has to hide from what is exported.
        print(f"the password is {secret}")
    time.sleep(event.get("sleep", 0))
    taken = [bytes(1 << 20) for _ in range(event.get("megabytes", 0))]
    for block in taken:
        memoryview(block).tobytes()
    if "raise" in event:
        raise ValueError(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    return {
        "caches": [cache for _, cache in answers],
        "filler": "x" * event.get("filler", 0),
        "runtime_api": os.environ["AWS_LAMBDA_RUNTIME_API"],
    }


def fetch(name: str) -> tuple[str, str]:
    """Return a secret, and whether it came from the cache."""
    port = os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "2773")
    query = urllib.parse.urlencode({"secretId": name})
    token = os.environ.get("AWS_SESSION_TOKEN") or os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    request = urllib.request.Request(
        f"http://localhost:{port}/secretsmanager/get?{query}",
        headers={"X-Aws-Parameters-Secrets-Token": token},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        secret: str = json.load(answer)["SecretString"]
        return secret, answer.headers["X-Cache"]
