"""What can be asked for: one frozen key per parameter, secret or path.

PURE: no clock, no I/O. A key holds everything that changes AWS's answer and nothing else, so
two GETs share a cache entry exactly when AWS would be asked the same question. Tuples, for a hit
hashes and compares them; the fields of two kinds differ in number or type, so none is another's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Service(StrEnum):
    """The two services behind the cache, by the names AWS prints."""

    SSM = "SSM"
    SECRETS_MANAGER = "Secrets Manager"


class ParameterKey(NamedTuple):
    """One parameter; a selector (`:3`, `:label`) is part of the name, as SSM wants it."""

    name: str
    decrypt: bool = False

    @property
    def service(self) -> Service:
        """The service that is asked."""
        return Service.SSM


class SecretKey(NamedTuple):
    """One version of a secret; a stage that the caller sent is never dropped."""

    name: str
    version_id: str | None = None
    version_stage: str | None = None

    @property
    def service(self) -> Service:
        """The service that is asked."""
        return Service.SECRETS_MANAGER


class PathKey(NamedTuple):
    """All parameters under a path."""

    name: str
    recursive: bool = False
    decrypt: bool = False

    @property
    def service(self) -> Service:
        """The service that is asked."""
        return Service.SSM


Key = ParameterKey | SecretKey | PathKey
