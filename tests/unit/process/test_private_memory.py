"""The memory of the process is its own: no core dump, no reading through /proc."""

from __future__ import annotations

import ctypes
import resource

import pytest

from extension.process.private_memory import PR_SET_DUMPABLE, keep_memory_private


class Kernel:
    """Takes calls; a broken one refuses them."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.calls: list[tuple[object, ...]] = []
        self._is_broken = is_broken

    def take(self, *arguments: object) -> int:
        """Note a call."""
        self.calls.append(arguments)
        if self._is_broken:
            raise OSError
        return 0


@pytest.mark.parametrize("is_broken", [False, True])
def test_dumps_and_reading_are_forbidden(
    monkeypatch: pytest.MonkeyPatch, *, is_broken: bool
) -> None:
    """Where either is impossible, the process goes on."""
    kernel = Kernel(is_broken=is_broken)

    class Library:
        prctl = staticmethod(kernel.take)

    monkeypatch.setattr(resource, "setrlimit", kernel.take)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library)
    keep_memory_private()
    assert kernel.calls == [(resource.RLIMIT_CORE, (0, 0)), (PR_SET_DUMPABLE, 0, 0, 0, 0)]
