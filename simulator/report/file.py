"""The picture of a run as a file; what only this machine knows is not in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.report.render import Run, render_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.intake import Intake
    from simulator.report.cache_tap import CacheGet


def write_report(
    path: Path,
    *,
    intake: Intake,
    gets: Sequence[CacheGet],
    payloads: Mapping[str, str],
    code: Path,
) -> None:
    """Draw what has arrived; `payloads` by request id, `code` is the folder of the function.

    Raises SimulatorError when the file cannot be written.
    """
    run = Run(
        spans=intake.spans,
        logs=intake.logs,
        gets=gets,
        payloads=payloads,
        folders=_lambda_folders(code),
    )
    try:
        # An event may hold half a surrogate pair, which UTF-8 cannot.
        path.write_text(render_report(run), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise SimulatorError(f"{path} cannot be written: {error.strerror}") from None


def _lambda_folders(code: Path) -> dict[str, str]:
    """Folders of this machine that a traceback may name → what they are called in Lambda."""
    folders = {str(code.resolve()): "/var/task"}
    if sys.prefix != sys.base_prefix:
        folders[sys.prefix] = "/var/lang"
    return {str(Path.home()): "~"} | folders
