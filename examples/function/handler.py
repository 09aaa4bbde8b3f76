"""Read a parameter and a secret through the extension's cache, and log a JSON and a text line."""

import hmac
import json
import logging
import os
import time
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

CACHE = f"http://localhost:{os.environ.get('PARAMETERS_SECRETS_EXTENSION_HTTP_PORT', '2773')}"
logger = logging.getLogger()
logger.setLevel(logging.INFO)


def get(path: str, **query: str) -> tuple[Any, dict[str, Any]]:
    """What the cache answers, and how it came: name, X-Cache and milliseconds."""
    # Read here, not at the top: a sandbox restored from a snapshot has another token.
    token = {"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]}
    started = time.perf_counter()
    with urlopen(Request(f"{CACHE}{path}?{urlencode(query)}", headers=token), timeout=5) as answer:
        found = json.load(answer)
    ms = round((time.perf_counter() - started) * 1000, 1)
    return found, {"name": next(iter(query.values())), "cache": answer.headers["X-Cache"], "ms": ms}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Greet and sign the greeting; `{"fail": true}` raises, `{"sleep": 10}` takes ten seconds."""
    parameter, parameter_get = get("/systemsmanager/parameters/get", name="/demo/greeting")
    secret, secret_get = get("/secretsmanager/get", secretId="demo/api-key")
    greeting = parameter["Parameter"]["Value"]
    caches = {one["name"]: one["cache"] for one in (parameter_get, secret_get)}
    print(json.dumps({"level": "INFO", "message": "settings read", **caches}))
    logger.info("greeting with %r", greeting)
    time.sleep(event.get("sleep", 0))
    if event.get("fail"):
        raise ValueError("the event asked for a failure")
    # The secret is used; neither the log nor the answer ever holds it.
    signature = hmac.digest(secret["SecretString"].encode(), greeting.encode(), "sha256").hex()
    return {"greeting": greeting, "signature": signature, "gets": [parameter_get, secret_get]}
