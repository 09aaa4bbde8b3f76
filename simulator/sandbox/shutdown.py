"""The end of a sandbox: SIGTERM to the runtime, SHUTDOWN to extensions, SIGKILL to the rest.

Budgets are those of the Lambda developer guide, "Shutdown phase"; the runtime's share of them is
that of AWS's own sandbox.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from simulator.clock import SECOND_NS
from simulator.invocation import Reason, Shutdown

if TYPE_CHECKING:
    from simulator.sandbox.processes import SandboxProcess
    from simulator.sandbox.sandbox import Sandbox

BUDGET_WITH_INTERNAL_ONLY_S = 0.5
RUNTIME_SHARE = 0.3
_MANAGED_FLUSH_S = 1.0


async def shut_down(sandbox: Sandbox, reason: Reason) -> None:
    """End all processes, and leave none behind even when cancelled."""
    sandbox.is_shutting_down = True
    sandbox.thaw()
    try:
        if sandbox.registry.extensions:  # without extensions there is no time for it
            await _end_in_order(sandbox, reason)
    finally:
        await asyncio.shield(_destroy(sandbox))


async def _end_in_order(sandbox: Sandbox, reason: Reason) -> None:
    is_external = any(extension.is_external for extension in sandbox.registry.extensions)
    settings = sandbox.settings
    budget_s = settings.shutdown_timeout_s if is_external else BUDGET_WITH_INTERNAL_ONLY_S
    until = asyncio.get_running_loop().time() + budget_s
    deadline_ns = sandbox.clock.now_ns() + int(budget_s * SECOND_NS)
    for process in sandbox.fleet.functions:
        process.signal_group(signal.SIGTERM)
        await _end_by(process, until - budget_s * (1 - RUNTIME_SHARE))
        process.drain()
    sandbox.hub.flush()
    if settings.is_managed:
        await sandbox.hub.drained(within_s=_MANAGED_FLUSH_S)
    sandbox.shutdown_event = Shutdown(reason=reason, deadline_ns=deadline_ns)
    await asyncio.gather(
        *(_end_extension(sandbox, process, until) for process in sandbox.fleet.extensions)
    )


async def _end_extension(sandbox: Sandbox, process: SandboxProcess, until: float) -> None:
    extension = sandbox.registry.external(process.name)
    if "SHUTDOWN" not in extension.events:
        await process.kill()
        return
    extension.release()
    await _end_by(process, until)


async def _end_by(process: SandboxProcess, until: float) -> None:
    try:
        async with asyncio.timeout_at(until):
            await process.wait()
    except TimeoutError:
        await process.kill()


async def _destroy(sandbox: Sandbox) -> None:
    await sandbox.fleet.destroy()
    sandbox.changes.close()
    await sandbox.hub.close()
