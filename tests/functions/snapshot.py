"""A function that reads a secret while it is loaded, and never again."""

from __future__ import annotations

import json
import os
import urllib.request

from handler import fetch, handler  # type: ignore[import-not-found]  # beside it in the folder

asked = urllib.request.Request(
    os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
    headers={"Authorization": os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]},
)
with urllib.request.urlopen(asked) as answer:
    os.environ["AWS_SESSION_TOKEN"] = json.load(answer)["Token"]
secret = json.loads(fetch(os.environ["EARLY_PATH"])[2])["SecretString"]
print(f"loaded with {secret} by {os.environ['AWS_SESSION_TOKEN']}")

__all__ = ["handler"]
