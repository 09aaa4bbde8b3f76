"""What a run needs around it so that a picture can be made: an intake, our extension, the tap."""

from __future__ import annotations

import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.intake import Intake
from simulator.launcher import write_launcher
from simulator.report.cache_tap import CACHE_PORT, PORT_VARIABLE, CacheTap
from simulator.report.render import Run, render_report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from simulator.report.cache_tap import CacheGet
    from simulator.settings import FunctionSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Run `settings`, then ask for the report; `gets` stays empty beside foreign extensions."""

    settings: FunctionSettings
    intake: Intake
    gets: list[CacheGet] = field(default_factory=list)

    def report(self, payloads: Mapping[str, str]) -> str:
        """Return the page; `payloads` by request id."""
        return render_report(
            Run(
                spans=self.intake.spans,
                logs=self.intake.logs,
                gets=self.gets,
                payloads=payloads,
                folders=lambda_folders(self.settings.code),
            )
        )


@asynccontextmanager
async def record(settings: FunctionSettings) -> AsyncIterator[Recording]:
    """Open an intake for the telemetry; without extensions of the user's, add lambda-dispatch."""
    async with AsyncExitStack() as stack:
        intake = await stack.enter_async_context(Intake())
        environment = {**settings.environment, "DISPATCH_POST_URI": intake.url}
        if settings.extensions is not None:
            yield Recording(settings=replace(settings, environment=environment), intake=intake)
            return
        tap = await stack.enter_async_context(CacheTap(port=_cache_port(environment)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="extensions-")))
        write_launcher(folder, environment={PORT_VARIABLE: str(tap.cache_port)})
        environment[PORT_VARIABLE] = str(tap.port)
        yield Recording(
            settings=replace(settings, environment=environment, extensions=folder),
            intake=intake,
            gets=tap.gets,
        )


def lambda_folders(code: Path) -> dict[str, str]:
    """Folders of this machine that a traceback may name → what they are called in Lambda."""
    folders = {str(code.resolve()): "/var/task"}
    if sys.prefix != sys.base_prefix:
        folders[sys.prefix] = "/var/lang"
    return {str(Path.home()): "~"} | folders


def _cache_port(environment: Mapping[str, str]) -> int:
    wanted = environment.get(PORT_VARIABLE, "")
    return int(wanted) if wanted.isdecimal() and int(wanted) < 2**16 else CACHE_PORT
