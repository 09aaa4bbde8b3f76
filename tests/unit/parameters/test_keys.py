"""The keys of the cache."""

from __future__ import annotations

from extension.parameters.keys import ParameterKey, PathKey, SecretKey


def test_keys_of_different_services_differ() -> None:
    """A parameter and a secret of one name are two entries."""
    parameter, path, secret = ParameterKey("a"), PathKey("a"), SecretKey("a")
    assert len({parameter, path, secret}) == 3
