"""The kinds of values that a variable may have: how each is parsed and, in words, what it takes.

A bad value raises: `variable` uses the default in its place, or what the error says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from extension.process.frozen import Frozen

T = TypeVar("T")

REGION = "[a-z]{2,8}(?:-[a-z]{1,16}){1,4}-[0-9]{1,2}"
"""The regions of every partition: `us-east-1`, `us-isob-east-1`, `eusc-de-east-1`. Nothing else
becomes part of a host name."""

MOST_REGIONS = 5
"""Regions with replicas of a secret: each has its share of the time that a GET may take."""


MOST_PEM_BYTES = 16_777_216
"""A bundle of all authorities has half a megabyte; a device has no end."""


class BadValueError(ValueError):
    """The text is not what the variable allows."""


class ReplacedError(BadValueError):
    """The text is not allowed, and something other than the default is used in its place."""

    def __init__(self, value: Any, *, consequence: str) -> None:
        super().__init__(consequence)
        self.value = value
        self.consequence = consequence


class Kind(Frozen, Generic[T]):
    """A parser and, in words, what it takes."""

    parse: Callable[[str], T]
    allowed: str
    secret: bool = False


def text(allowed: str = "any text") -> Kind[str]:
    """Any text."""
    return Kind(parse=str, allowed=allowed)


def pem_file() -> Kind[str]:
    """The path of a file that can be read and holds PEM."""

    def parse(raw: str) -> str:
        from extension.process.files import open_without_waiting  # noqa: PLC0415  # for few starts

        try:
            with open(raw, "rb", opener=open_without_waiting) as file:  # pathlib costs
                content = file.read(MOST_PEM_BYTES)
        except (OSError, ValueError) as error:
            raise BadValueError(raw) from error
        if b"-----BEGIN " not in (content or b""):
            raise BadValueError(raw)
        return raw

    return Kind(parse=parse, allowed="a PEM file that can be read")


def credential(allowed: str) -> Kind[str]:
    """Text that is never repeated in a message."""
    return Kind(parse=str, allowed=allowed, secret=True)


def switch() -> Kind[bool]:
    """A boolean in any of the usual spellings, upper or lower case."""

    def parse(raw: str) -> bool:
        match raw.lower():
            case "true" | "1" | "on" | "yes":
                return True
            case "false" | "0" | "off" | "no":
                return False
        raise BadValueError(raw)

    return Kind(parse=parse, allowed="true or false")


def whole(low: int, high: int | None = None, *, clamp: bool = False) -> Kind[int]:
    """A whole number of ASCII digits; above `high` it is clamped or refused."""

    def parse(raw: str) -> int:
        if not re.fullmatch(r"\+?[0-9]{1,18}", raw) or (value := int(raw)) < low:
            raise BadValueError(raw)
        if high is not None and value > high:
            if clamp:
                raise ReplacedError(high, consequence=f"is limited to {high}")
            raise BadValueError(raw)
        return value

    limit = f"{low} to {high}" if high is not None else f"{low} or more"
    return Kind(parse=parse, allowed=f"whole numbers {limit}")


def port(low: int = 1) -> Kind[int]:
    """A TCP port as `bootstrap` reads it, before this module can be imported; 0 may mean none."""

    def parse(raw: str) -> int:
        if not re.fullmatch("[0-9]{1,5}", raw) or not low <= int(raw) <= 65_535:
            raise BadValueError(raw)
        return int(raw)

    return Kind(parse=parse, allowed=f"whole numbers {low} to 65535")


def fraction(low: float, high: float) -> Kind[float]:
    """A decimal number."""

    def parse(raw: str) -> float:
        value = float(raw)
        if not low <= value <= high:
            raise BadValueError(raw)
        return value

    return Kind(parse=parse, allowed=f"{low:g} to {high:g}")


def fraction_or(word: str, low: float, high: float) -> Kind[float | None]:
    """A decimal number, or a word for None."""
    number = fraction(low, high)

    def parse(raw: str) -> float | None:
        return None if raw.lower() == word else number.parse(raw)

    return Kind(parse=parse, allowed=f"{number.allowed} or {word}")


def choice(*names: str) -> Kind[str]:
    """One of some names, in any case; the name as declared is the value."""

    def parse(raw: str) -> str:
        for name in names:
            if name.lower() == raw.lower():
                return name
        raise BadValueError(raw)

    return Kind(parse=parse, allowed=", ".join(names[:-1]) + " or " + names[-1])


def choices(*names: str) -> Kind[tuple[str, ...]]:
    """A comma list of some names, at least one; returned in the order declared."""
    one = choice(*names)

    def parse(raw: str) -> tuple[str, ...]:
        chosen = {one.parse(item.strip()) for item in raw.split(",") if item.strip()}
        if not chosen:
            raise BadValueError(raw)
        return tuple(name for name in names if name in chosen)

    return Kind(parse=parse, allowed="a comma list of " + ", ".join(names))


def pattern() -> Kind[str]:
    """A regular expression of Python's `re`."""

    def parse(raw: str) -> str:
        try:
            re.compile(raw)
        except (re.error, OverflowError, RecursionError) as error:
            raise BadValueError(raw) from error
        return raw

    return Kind(parse=parse, allowed="a regular expression")


def id_fields() -> Kind[tuple[str, ...]]:
    """The paths of two fields, of up to four names each, or none."""
    path = re.compile(r"[^\s.,]{1,64}(?:\.[^\s.,]{1,64}){0,3}")

    def parse(given: str) -> tuple[str, ...]:
        paths = tuple(each.strip() for each in given.split(","))
        if len(paths) != 2 or not all(map(path.fullmatch, paths)):
            raise BadValueError(given)
        return paths

    return Kind(parse=parse, allowed="two names of fields, such as trace_id,span_id")


def http_url() -> Kind[str]:
    """An absolute http or https URL; not repeated in a message, because it may carry a key."""

    def parse(raw: str) -> str:
        if not is_http_url(raw):
            raise ReplacedError("", consequence="is ignored: nothing is posted there")
        return raw

    return Kind(parse=parse, allowed="an http:// or https:// URL", secret=True)


def s3_uri() -> Kind[str]:
    """A bucket and what keys in it begin with."""

    def parse(raw: str) -> str:
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\x00-\x20?#]*)?", raw):
            raise ReplacedError("", consequence="is ignored: nothing is stored there")
        return raw

    return Kind(parse=parse, allowed="s3://BUCKET or s3://BUCKET/PREFIX")


def encryption() -> Kind[str]:
    """Server-side encryption of S3."""

    def parse(raw: str) -> str:
        if not re.fullmatch(r"AES256|aws:kms(:dsse)?(:[A-Za-z0-9:/_-]+)?", raw):
            raise BadValueError(raw)
        return raw

    return Kind(parse=parse, allowed="AES256, aws:kms or aws:kms:KEY")


def sigv4() -> Kind[str]:
    """What requests are signed for, or that they are not."""

    def parse(raw: str) -> str:
        if raw.lower() == "off":
            return "off"
        if not re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", raw):
            raise BadValueError(raw)
        return raw

    return Kind(parse=parse, allowed="SERVICE/REGION or off")


def log_group() -> Kind[str]:
    """The name of a CloudWatch log group; AWS keeps the names that begin with aws/."""

    def parse(raw: str) -> str:
        if not re.fullmatch(r"(?!aws/)[.\-_/#A-Za-z0-9]{1,512}", raw):
            raise BadValueError(raw)
        return raw

    return Kind(parse=parse, allowed="the name of a log group")


def external_id() -> Kind[str]:
    """An external id of STS, which its owner may take for a secret. A bad one stays: see below."""

    def parse(raw: str) -> str:
        if not re.fullmatch(r"[\w+=,.@:/-]{2,1224}", raw, re.ASCII):
            raise ReplacedError(raw, consequence="is sent as it is: AWS will refuse it")
        return raw

    return Kind(parse=parse, allowed="2 to 1224 letters, digits and +=,.@:/-_", secret=True)


def regions() -> Kind[tuple[str, ...]]:
    """A comma list of AWS regions, in the order in which they stand."""

    def parse(raw: str) -> tuple[str, ...]:
        names = [each.strip() for each in raw.split(",") if each.strip()]
        for number, name in enumerate(names, start=1):
            if not re.fullmatch(REGION, name):
                raise ReplacedError((), consequence=f"is ignored: entry {number} is no region")
        if not 1 <= len(names) <= MOST_REGIONS:
            raise ReplacedError((), consequence=f"is ignored: {len(names)} regions")
        return tuple(dict.fromkeys(names))

    return Kind(parse=parse, allowed=f"a comma list of 1 to {MOST_REGIONS} regions like eu-west-1")


def aws_endpoint() -> Kind[str]:
    """A URL in place of AWS's own. A bad one is kept: AWS must not be asked in its place."""

    def parse(raw: str) -> str:
        if not is_http_url(raw):
            raise ReplacedError(raw, consequence="switches off what would be asked there")
        return raw

    return Kind(parse=parse, allowed="an http:// or https:// URL")


def is_http_url(text: str) -> bool:
    """Return whether a text is an absolute http or https URL with a host that can exist."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    is_one_word = text.isprintable() and " " not in parts.netloc
    return is_one_word and parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
