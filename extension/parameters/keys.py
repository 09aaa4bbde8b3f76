"""What can be asked for: one frozen key per parameter, secret or path.

PURE: no clock, no I/O. A key holds everything that changes AWS's answer and nothing else, so
two GETs share a cache entry exactly when AWS would be asked the same question.
"""

from __future__ import annotations

from enum import StrEnum

from extension.frozen import Frozen


class Service(StrEnum):
    """The two services behind the cache, by the names AWS prints."""

    SSM = "SSM"
    SECRETS_MANAGER = "Secrets Manager"


class ParameterKey(Frozen, kw_only=False):
    """One parameter; a selector (`:3`, `:label`) is part of the name, as SSM wants it."""

    name: str
    decrypt: bool = False

    @property
    def service(self) -> Service:
        """The service that is asked."""
        return Service.SSM


class SecretKey(Frozen, kw_only=False):
    """One version of a secret; a stage that the caller sent is never dropped."""

    name: str
    version_id: str | None = None
    version_stage: str | None = None

    @property
    def service(self) -> Service:
        """The service that is asked."""
        return Service.SECRETS_MANAGER


class PathKey(Frozen, kw_only=False):
    """All parameters under a path."""

    name: str
    recursive: bool = False
    decrypt: bool = False

    @property
    def service(self) -> Service:
        """The service that is asked."""
        return Service.SSM


Key = ParameterKey | SecretKey | PathKey
