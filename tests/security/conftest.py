"""The stage of every attack: a cache, a listener, an endpoint, a whole sandbox."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from simulator.intake import Intake
from tests.doubles import DictSource
from tests.fake_aws import FakeAws
from tests.running_cache import RunningCache
from tests.security.attacked_listener import AttackedListener

TOKEN = "the-session-token"
VALUE = "the-value-of-the-secret"


@pytest.fixture
async def cache() -> AsyncIterator[RunningCache]:
    """A cache that holds one secret, `n`."""
    source = DictSource(values={"n": VALUE})
    async with RunningCache({"AWS_SESSION_TOKEN": TOKEN}, open_source=lambda: source) as serving:
        yield serving


@pytest.fixture
async def listener() -> AsyncIterator[AttackedListener]:
    """The listener for telemetry, on loopback."""
    async with AttackedListener(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening


@pytest.fixture
async def intake() -> AsyncIterator[Intake]:
    """An OTLP endpoint on loopback."""
    async with Intake() as accepting:
        yield accepting


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    """Parameter Store and Secrets Manager on loopback."""
    async with FakeAws() as answering:
        yield answering
