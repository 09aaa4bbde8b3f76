"""The stage of every failure: the function, the extension beside it, and an endpoint."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from simulator.intake import Intake
from tests.fake_aws import FakeAws
from tests.launchers import Launch, from_layer, patient, patient_to_the_last
from tests.layer.built import layer_tree
from tests.sandbox import Stage, running
from tests.wall_clock import WallClock

__all__ = ["layer_tree"]

Run = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture(params=os.environ.get("LAUNCH", "source").split(","))
def launch(request: pytest.FixtureRequest) -> Launch:
    """How the extension is started: from source; LAUNCH=source,layer tries a built layer, too.

    Tests that break something inside it always start it from source.
    """
    if request.param == "layer":
        return from_layer(request.getfixturevalue("layer_tree"))
    assert request.param == "source"
    return patient


@pytest.fixture
def run(tmp_path: Path, launch: Launch) -> Run:
    """Start the function: `run(environment={…}, **settings)`."""
    return partial(running, tmp_path, launch=launch)


@pytest.fixture
def run_broken(tmp_path: Path) -> Run:
    """Start the function with an extension from source: `run_broken(launch=sabotaged(…), …)`."""
    return partial(running, tmp_path)


@pytest.fixture
def run_patient(tmp_path: Path) -> Run:
    """Start the function with an extension that surely gets the platform's last events."""
    return partial(running, tmp_path, launch=patient_to_the_last)


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    """The wall clock of extensions that are started with `launch=clock.launch`."""
    return WallClock(tmp_path / "clock")


@pytest.fixture
async def intake() -> AsyncIterator[Intake]:
    """An OTLP endpoint on loopback."""
    async with Intake() as accepting:
        yield accepting


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    """Parameter Store and Secrets Manager on loopback, with one secret."""
    async with FakeAws() as answering:
        answering.put_secret("shop/key", "open sesame")
        yield answering
