"""Moves all dead letters from the bucket to the endpoint, a few at once.

A file is deleted only after the endpoint has acknowledged all that is in it, so a run that was
interrupted is resumed by the next one. A file that cannot be sent stays, is named, and holds up no
other; only an endpoint or a bucket that takes nothing at all ends the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from extension.replay.files import (
    BucketError,
    DamagedError,
    DeadLetterFiles,
    GoneError,
    in_words,
    signal_of,
)
from extension.replay.sending import Sender

AT_ONCE = 4
"""Files under way at the same time."""

MOST_IN_A_ROW = 4
"""Files that fail one after the other, each after all its attempts, before the run ends."""


class Replay:
    """One run; `sent` and `left` count its files, `stopped` says why it ended early.

    `gone`: files that were in the list and are not there any more, as another run has sent them.
    """

    def __init__(
        self, files: DeadLetterFiles, sender: Sender, *, write: Callable[[str], object]
    ) -> None:
        self._files = files
        self._sender = sender
        self._write = write
        self._in_a_row = 0
        self.sent = 0
        self.left = 0
        self.gone = 0
        self.stopped = ""

    async def run(self) -> None:
        """Move all files.

        Raises:
            BucketError: the bucket cannot be listed.
        """
        keys = [key async for key in self._files.list_keys()]
        left = iter(keys)
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._move_some(left))
        self.left = len(keys) - self.sent - self.gone

    async def _move_some(self, keys: Iterator[str]) -> None:
        while not self.stopped:
            key = next(keys, None)
            if key is None:
                return
            problem = await self._move(key)
            self.sent += not problem
            self._write(f"{key}: {problem}\n" if problem else f"{key}\n")

    async def _move(self, key: str) -> str:
        """Send one file and delete it; return why not, empty if all went well."""
        signal = signal_of(key)
        if signal not in self._sender.signals:
            return f"left: no endpoint for {signal}"
        try:
            body, count = await self._files.read(key)
        except GoneError:
            self.gone += 1
            return "not there any more"
        except DamagedError as error:
            return f"left: {error}"
        except BucketError as error:
            self._fails(f"the bucket: {error}")
            return f"not read: {error}"
        outcome = await self._sender.send(signal, body, count)
        if outcome.kind == "unauthenticated":
            self.stopped = f"the endpoint refuses the credentials: {in_words(outcome)}"
        elif outcome.kind == "kept":
            self._fails(f"the endpoint: {in_words(outcome)}")
        else:
            self._in_a_row = 0
        if outcome.kind == "too_large":
            return f"left: too large for the endpoint: {in_words(outcome)}"
        if outcome.kind != "accepted":
            return f"not taken: {in_words(outcome)}"
        try:
            await self._files.delete(key)
        except BucketError as error:
            self.stopped = f"files are sent, but not deleted: {error}"
            return f"sent, not deleted: {error}"
        return ""

    def _fails(self, why: str) -> None:
        """Count a file that failed for a reason that the next one may share."""
        self._in_a_row += 1
        if self._in_a_row >= MOST_IN_A_ROW:
            self.stopped = self.stopped or why
