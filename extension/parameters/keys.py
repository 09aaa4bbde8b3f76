"""PURE: what a value is cached under: a parameter, a secret or a path, as AWS is asked for it."""

from __future__ import annotations

from typing import NamedTuple

from extension.aws.call import Service


class ParameterKey(NamedTuple):
    """One parameter; a selector (`:3`, `:label`) is part of the name, as in SSM's API."""

    name: str
    decrypt: bool = False
    role: str = ""

    @property
    def service(self) -> Service:
        """The service that has the value."""
        return Service.SSM


class SecretKey(NamedTuple):
    """One version of a secret; a stage that the caller sent is always part of the key."""

    name: str
    version_id: str | None = None
    version_stage: str | None = None
    role: str = ""

    @property
    def service(self) -> Service:
        """The service that has the value."""
        return Service.SECRETS_MANAGER


class PathKey(NamedTuple):
    """All parameters under a path."""

    name: str
    recursive: bool = False
    decrypt: bool = False
    role: str = ""

    @property
    def service(self) -> Service:
        """The service that has the value."""
        return Service.SSM


Key = ParameterKey | SecretKey | PathKey
"""Holds everything that changes AWS's answer, the role that asks included, and nothing else: two
GETs share a cache entry exactly if AWS would be asked the same question. Keys are tuples because
every hit hashes and compares them; the kinds differ in the number or types of their fields, so keys
of two kinds are never equal."""
