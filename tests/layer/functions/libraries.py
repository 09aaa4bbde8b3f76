"""A function with libraries of its own, in other versions than the extension's."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import boto3


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Say which versions are imported here, and what the cache answers."""
    port = os.environ["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"]
    token = {"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]}
    with urlopen(Request(f"http://localhost:{port}{event['path']}", headers=token)) as answer:
        value = json.load(answer)["Parameter"]["Value"]
    return {"aiohttp": aiohttp.__version__, "boto3": boto3.__version__, "value": value}
