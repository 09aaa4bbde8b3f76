"""A fake AWS, and caches in front of it, for the black-box cases of the localhost cache."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, Loader

from extension.aws import clients, roles
from tests.fake_aws import FakeAws
from tests.running_cache import RunningCache
from tests.waiting import PATIENCE_S

Serve = Callable[..., Awaitable[RunningCache]]


@functools.cache
def _parsed(path: str) -> Any:
    return JSONFileLoader().load_file(path)


class _ParsedOnce(JSONFileLoader):  # type: ignore[misc]  # botocore is without types
    """Shares botocore's models between the sessions of all caches, as the clients of one do."""

    def load_file(self, file_path: str) -> Any:
        """Return what a file says."""
        return _parsed(file_path)


@pytest.fixture(scope="package", autouse=True)
def _models_are_parsed_once() -> Iterator[None]:
    """Parsing them is most of what building a client costs, and these tests build a thousand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "FILE_LOADER_CLASS", _ParsedOnce)
        yield


@pytest.fixture(autouse=True)
def _connections_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake that is there is reached, however slow the machine; one that is not refuses."""
    for module in (clients, roles):
        monkeypatch.setattr(module, "CONNECT_S", PATIENCE_S)


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    """A fake AWS with one value of each kind."""
    async with FakeAws() as fake:
        fake.put_parameter("/a/b", "v")
        fake.put_parameter("/a/secure", "plaintext", Type="SecureString")
        fake.put_secret("n", "s")
        yield fake


@pytest.fixture
async def serve(aws: FakeAws) -> AsyncIterator[Serve]:
    """Return what starts a cache, given further variables as keywords."""
    async with AsyncExitStack() as stack:

        async def start(*, opened: bool = True, **variables: str) -> RunningCache:
            cache = RunningCache(aws.environment | variables, opened=opened)
            return await stack.enter_async_context(cache)

        yield start


@pytest.fixture
async def cache(serve: Serve) -> RunningCache:
    """A cache with default settings."""
    return await serve()
