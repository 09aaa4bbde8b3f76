"""PURE: the secrets of this process itself, as its environment has them.

`print(os.environ)` is the commonest leak of all: the function has the same variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from extension.redaction.connection_strings import basic_password, passwords
from extension.redaction.url_keys import keys_in_url

CREDENTIALS = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",  # what it was called before, and what is used where it is unset
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)

HEADERS = re.compile(r"DISPATCH_POST_HEADERS|OTEL_EXPORTER_OTLP_(?:[A-Z]+_)?HEADERS")
URIS = re.compile(
    r"DISPATCH_[A-Z]+_URI|OTEL_EXPORTER_OTLP_(?:[A-Z]+_)?ENDPOINT|(?i:https?|all)_(?i:proxy)"
)

OPEN_HEADERS = re.compile(
    r"^(?:accept|content-|host$|user-agent$)|(?:dataset|tenant|org|orgid|project|stream|index"
    r"|version|region|environment|service|source|host|name)$",
    re.IGNORECASE,
)
"""Headers that say whose data it is or where it goes: their values are in every line of a log."""


def own_secrets(environ: Mapping[str, str], *, strict: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the name of each secret in the environment, and its value.

    The name of a header follows that of its variable. References to secrets are none themselves.
    """
    for name in CREDENTIALS:
        if value := environ.get(name):
            yield name, value
    for name, value in environ.items():
        if HEADERS.fullmatch(name):
            yield from _in_headers(name, value, strict=strict)
        elif URIS.fullmatch(name):
            keys = (each for key in keys_in_url(value) for each in (key, unquote(key)))
            secrets = dict.fromkeys((*passwords(value), *keys))
            yield from ((name, secret) for secret in secrets if "${" not in secret)


def _in_headers(variable: str, text: str, *, strict: bool) -> Iterator[tuple[str, str]]:
    for pair in text.split(","):
        header, _, value = pair.partition("=")
        name, value = header.strip(), unquote(value.strip())
        if "${" in value or (OPEN_HEADERS.search(name) and not strict):
            continue
        scheme, _, credential = value.partition(" ")
        credential = credential.strip() or scheme
        yield f"{variable}#{name}", credential
        if scheme.lower() == "basic":
            yield f"{variable}#{name}", basic_password(credential)
