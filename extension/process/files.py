"""Opens files that a user has named, which may be anything.

Built-in modules only.
"""

from __future__ import annotations


def open_without_waiting(path: str, flags: int) -> int:
    """Open a file, as `opener` of `open`; a pipe would wait for its other end."""
    import posix  # noqa: PLC0415  # built in, unlike os, and only where a file is named

    return posix.open(path, flags | posix.O_NONBLOCK)
