"""What a reset leaves as it is: the virtual machine around a sandbox, with its /tmp and its CPU.

On Lambda a timeout, a crash or a failed init ends all processes and starts them again in the same
virtual machine. So what they have written to /tmp is still there, and the CPU is the function's
share: more of it is given to the first init alone.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from simulator.sandbox.cpu_share import open_share, share_of
from simulator.sandbox.private_tmp import PrivateTmp, visible_entries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from simulator.settings import FunctionSettings


class MicroVm:
    """Starts the processes of a sandbox, and of those that follow it after resets."""

    def __init__(self, settings: FunctionSettings) -> None:
        self._share_of_a_core = share_of(settings.memory_mb)
        self._share = open_share(settings)
        self._tmp = PrivateTmp(visible_entries(settings))

    @property
    def has_private_tmp(self) -> bool:
        """Whether /tmp is the sandbox's own; otherwise it is the machine's."""
        return self._tmp.is_private

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        stdout: int,
        stderr: int,
        pass_fds: Sequence[int],
    ) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own; raises OSError when it cannot be executed."""
        process = self._tmp.run(
            subprocess.Popen,
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=tuple(pass_fds),
            env=dict(environment),
            cwd=folder.absolute(),
            start_new_session=True,
        )
        if self._share is not None:
            self._share.add(process.pid)
        return process

    def end_boost(self) -> None:
        """From now on all processes together get the CPU of the function's memory size."""
        if self._share is not None:
            self._share.begin(self._share_of_a_core)

    def freeze(self) -> None:
        """Note that all processes are being stopped."""
        if self._share is not None:
            self._share.freeze()

    def thaw(self) -> None:
        """Note that all processes go on."""
        if self._share is not None:
            self._share.thaw()

    async def close(self) -> None:
        """Leave nothing behind, once all processes have ended."""
        if self._share is not None:
            await self._share.close()
        self._tmp.close()
