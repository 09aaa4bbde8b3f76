"""lambda-dispatch as the extension of a function, from this checkout, with a tap on its cache."""

from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from simulator.launcher import write_launcher
from simulator.report.cache_tap import CACHE_PORT, PORT_VARIABLE, CacheTap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from simulator.settings import FunctionSettings

_EMPTY: Mapping[str, str] = MappingProxyType({})


@asynccontextmanager
async def beside_dispatch(
    settings: FunctionSettings, *, environment: Mapping[str, str] = _EMPTY
) -> AsyncIterator[tuple[FunctionSettings, CacheTap]]:
    """Yield settings with the extension, and the tap that notes each GET of the function.

    The function finds the port of its cache in its environment: a free one where the wanted is
    taken. `environment` is what the extension finds beside the settings' own.
    """
    with tempfile.TemporaryDirectory(prefix="extensions-") as folder:
        async with CacheTap(port=wanted_port(settings.environment)) as tap:
            own = {**environment, PORT_VARIABLE: str(tap.cache_port)}
            write_launcher(Path(folder), environment=own)
            variables = {**settings.environment, PORT_VARIABLE: str(tap.port)}
            yield replace(settings, extensions=Path(folder), environment=variables), tap


def wanted_port(environment: Mapping[str, str]) -> int:
    """Return the port that the function's variables give its cache; 0 takes any free one."""
    wanted = environment.get(PORT_VARIABLE, "")
    return int(wanted) if wanted.isdecimal() and int(wanted) < 2**16 else CACHE_PORT
