"""A function with the extension beside it in a local Lambda: the stage of end-to-end tests."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.answers import Answer
from simulator.local_lambda import LocalLambda
from simulator.sandbox.output import OutputLine
from simulator.settings import FunctionSettings
from tests.launchers import Launch, patient

FUNCTIONS = Path(__file__).parent / "functions"
LOWEST_PORT, EPHEMERAL_PORTS = 10_000, 32_768
"""Between them lie ports that Linux gives only to programs that ask for one by its number."""

GENEROUS: Mapping[str, Any] = {
    "timeout_s": 60.0,
    "init_timeout_s": 60.0,
    "shutdown_timeout_s": 60.0,
}
"""Limits that nothing reaches, however slow the machine is; a test of a limit sets its own."""

FAREWELL = "telemetry"
"""The message of the line that telemetry writes at SHUTDOWN."""


@dataclass
class Stage:
    """The running function, and what the extension beside it wrote."""

    function: LocalLambda
    lines: list[OutputLine] = field(default_factory=list)

    async def invoke(self, *payloads: object) -> list[Answer]:
        """Invoke the function once for each payload, one after the other."""
        return [await self.function.invoke(payload) for payload in payloads]

    @property
    def own_lines(self) -> list[dict[str, Any]]:
        """The extension's lines, parsed."""
        return [json.loads(line.text) for line in self.lines if line.source == "extension"]

    @property
    def complaints(self) -> list[str]:
        """The messages of the extension's warnings and errors."""
        return [line["message"] for line in self.own_lines if line["level"] in ("WARN", "ERROR")]

    @property
    def causes(self) -> list[str]:
        """What the extension complained about."""
        return [str(line["cause"]) for line in self.own_lines if "cause" in line]

    @property
    def final_counts(self) -> Counter[str]:
        """The counts in the SHUTDOWN lines of all sandboxes together."""
        counts: Counter[str] = Counter()
        for line in self.own_lines:
            if line["message"] == FAREWELL:
                counts.update({key: each for key, each in line.items() if isinstance(each, int)})
        return counts

    @property
    def lost(self) -> Counter[str]:
        """What will never arrive, by reason, as the SHUTDOWN lines report it."""
        reasons = ("dropped.", "faults.", "unsent")
        final_counts = self.final_counts
        return Counter(
            {
                key: final_counts[key]
                for key in final_counts
                if key.startswith(reasons) and final_counts[key]
            }
        )


def free_port() -> int:
    """Return a port without a listener.

    None of those that the kernel hands out: it may give one that was just let go to the next
    process that asks for any.
    """
    while True:
        port = LOWEST_PORT + int.from_bytes(os.urandom(2)) % (EPHEMERAL_PORTS - LOWEST_PORT)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@asynccontextmanager
async def running(
    folder: Path, *, environment: Mapping[str, str], launch: Launch = patient, **settings: Any
) -> AsyncIterator[Stage]:
    """Run the test function with the extension, on a free cache port."""
    extensions = folder / "extensions"
    launch(extensions)
    port = {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port())}
    chosen = FunctionSettings(
        extensions=extensions,
        environment={**port, **environment},
        **{"code": FUNCTIONS, **GENEROUS, **settings},
    )
    lines: list[OutputLine] = []
    async with LocalLambda(chosen, on_line=lines.append) as function:
        yield Stage(function, lines)
