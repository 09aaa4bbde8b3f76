"""The function of the end-to-end tests: does what its payload says, with the standard library."""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PORT = os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "2773")


def handler(event: dict[str, Any], context: Any) -> object:
    """Print, fetch, wait, sleep, raise, die or exit, in this order, as the payload asks."""
    for text in event.get("print", []):
        print(text if isinstance(text, str) else json.dumps(text))
    for number in range(event.get("lines", 0)):
        print(f"line {number}")
    answers: list[Any] = [fetch(path) for path in event.get("get", [])]
    answers += fetch_at_once(event.get("get_at_once", []))
    for each in event.get("post", []):
        body = each["body"].replace("REQUEST_ID", context.aws_request_id)
        answers.append(post(**{**each, "body": body}))
    while "until" in event and not Path(event["until"]).exists():
        time.sleep(0.005)
    time.sleep(event.get("sleep", 0))
    if "raise" in event:
        raise ValueError(event["raise"])
    if "kill" in event:
        os.kill(os.getpid(), event["kill"])
    if "exit" in event:
        os._exit(event["exit"])
    return answers


def fetch_at_once(paths: list[str]) -> list[tuple[int, str, str]]:
    """Return the answers of GETs that are all under way together, each on its own connection."""
    if not paths:
        return []
    with ThreadPoolExecutor(len(paths)) as threads:
        return list(threads.map(fetch, paths))


def post(signal: str, body: str, content_type: str = "application/json") -> int:
    """Return the status of an OTLP request, 0 without an answer; a body of protobuf is base64."""
    port = os.environ["DISPATCH_OTLP_PORT"]
    content = body.encode() if content_type == "application/json" else base64.b64decode(body)
    request = urllib.request.Request(
        f"http://localhost:{port}/v1/{signal}", content, {"Content-Type": content_type}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0


def fetch(path: str) -> tuple[int, str, str]:
    """Return status, X-Cache and body of a GET; status 0 and the reason without an answer."""
    token = os.environ["AWS_SESSION_TOKEN"]
    request = urllib.request.Request(
        f"http://localhost:{PORT}{path}", headers={"X-Aws-Parameters-Secrets-Token": token}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers["X-Cache"] or "", answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, "", error.read().decode()
    except urllib.error.URLError as error:
        return 0, "", str(error.reason)
