"""A signal that ends processes ends this one as SHUTDOWN does: with an export and a last line."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from simulator.intake import Intake
from tests import platform_events as given
from tests.extensions_api import NEXT, ExtensionsApi, started
from tests.launchers import patient
from tests.waiting import until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_what_was_gathered_leaves(tmp_path: Path, number: signal.Signals) -> None:
    """Lambda sends extensions none, but container tools and people do."""
    async with Intake() as intake, ExtensionsApi().running() as api:
        environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
        address = f"{api.host}:{api.port}"
        async with started(patient, tmp_path, environment, api=address) as extension:
            await until(lambda: NEXT in api.asked)
            api.invoke(timeout_s=60)
            await until(lambda: api.asked.count(NEXT) == 2)
            assert await api.deliver(given.start("r", 1), given.line("the last line", 2)) == 200
            extension.process.send_signal(number)
            assert await extension.end() == 0
    assert extension.messages[-1] == "telemetry"
    assert b"the last line" in b"".join(request.body for request in intake.requests)
