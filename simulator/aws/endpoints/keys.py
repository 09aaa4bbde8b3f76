"""The access keys that AWS knows: valid ones, and those that have expired."""

from __future__ import annotations

from dataclasses import dataclass, field

_ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """One key of the function's role; without `token` it is a permanent one."""

    key_id: str = "AKIDLOCALEXAMPLE"
    secret: str = field(default="local-secret-access-key", repr=False)
    token: str = field(default="local-session-token", repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The variables in which an SDK finds this key."""
        variables = {"AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": self.secret}
        return variables | ({"AWS_SESSION_TOKEN": self.token} if self.token else {})


class Keyring:
    """Keys by id. `rotate` ends all keys and makes another the valid one."""

    def __init__(self, *keys: AccessKey) -> None:
        self._known = {key.key_id: key for key in keys}
        self._expired: set[str] = set()

    def find(self, key_id: str) -> AccessKey | None:
        """Return the key of that id, expired or not."""
        return self._known.get(key_id)

    def is_expired(self, key: AccessKey) -> bool:
        """Return whether AWS no longer takes the key."""
        return key.key_id in self._expired

    def add(self, key: AccessKey) -> None:
        """Make one more key valid."""
        self._known[key.key_id] = key
        self._expired.discard(key.key_id)

    def expire(self, *key_ids: str) -> None:
        """End these keys; without any, all."""
        self._expired.update(key_ids or self._known)

    def rotate(self, key: AccessKey) -> None:
        """End all keys, and make this one valid."""
        self.expire()
        self.add(key)


def caller(role: str = "function-role") -> str:
    """Return the ARN of the signer, as AWS's messages have it."""
    return f"arn:aws:sts::{_ACCOUNT}:assumed-role/{role}/function"
