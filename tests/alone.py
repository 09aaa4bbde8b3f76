"""The extension's process without a Lambda around it: the cache alone, on a free port."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.fake_accounts import FakeAccounts
from tests.fake_aws import FakeAws
from tests.launchers import Launch, from_source
from tests.sandbox import free_port
from tests.waiting import PATIENCE_S

TOKEN = "at-home"


class Alone:
    """`async with Alone(folder, aws, **variables) as alone`: serves until the end."""

    def __init__(
        self,
        folder: Path,
        aws: FakeAws | FakeAccounts,
        *,
        launch: Launch = from_source,
        **variables: str,
    ) -> None:
        self.port = free_port()
        self._launcher = launch(folder)
        self._environ = {
            **aws.environment,
            "PATH": os.environ["PATH"],
            "AWS_SESSION_TOKEN": TOKEN,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self.port),
            **variables,
        }

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            self._launcher, stdout=asyncio.subprocess.PIPE, env=self._environ
        )
        assert self._process.stdout is not None
        first: dict[str, Any] = json.loads(await self._process.stdout.readline())
        assert first["level"] == "INFO", first
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.kill()
        await self._process.communicate()

    def url(self, path: str) -> str:
        """Return where a path is."""
        return f"http://localhost:{self.port}{path}"

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    async def warm_up(self, path: str) -> None:
        """GET a path until it is there: clients are built, which takes long on a busy machine."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.get(path) != 200:
                pass

    async def get(self, path: str) -> int:
        """GET a path; return the status."""
        headers = {"X-Aws-Parameters-Secrets-Token": TOKEN}
        url = f"http://127.0.0.1:{self.port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers=headers) as answer,
        ):
            await answer.read()
            return answer.status
