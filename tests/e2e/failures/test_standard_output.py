"""Standard output that is closed or full neither delays the end nor changes the status."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.extensions_api import NEXT, ExtensionsApi, started
from tests.launchers import behind, from_source
from tests.waiting import until

FULL_DEVICE = "exec >/dev/full"
CLOSED = "exec >&-"
WITHOUT_READER = 'exec 3<>"$PIPE"; exec >"$PIPE"; exec 3>&-'
FULL_PIPE = 'exec 3<>"$PIPE"; exec >"$PIPE"; dd if=/dev/zero bs=65536 count=1 2>/dev/null'


@pytest.mark.parametrize("shell", [FULL_DEVICE, CLOSED, WITHOUT_READER, FULL_PIPE])
async def test_the_end_is_the_same(tmp_path: Path, shell: str) -> None:
    """Lines are lost, GETs and events are answered."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    environment = {"PIPE": str(pipe), "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "DEBUG"}
    launch = behind(from_source, shell=shell)
    async with ExtensionsApi().running() as api:
        address = f"{api.host}:{api.port}"
        async with started(launch, tmp_path, environment, api=address) as extension:
            await until(lambda: NEXT in api.asked)
            status, _ = await extension.get("/secretsmanager/get")
            assert status == 400
            api.invoke(timeout_s=60)
            await until(lambda: api.asked.count(NEXT) == 2)
            api.shut_down()
            assert await extension.end() == 0
            assert extension.output == []
