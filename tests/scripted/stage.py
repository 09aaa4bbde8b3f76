"""Files for a run: scripted actors as executables, a function, and a folder for what they note."""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.scripted import actor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.scripted.steps import Step

ECHO = """
def handler(event, context):
    return event
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The folders of one run.

    Attributes:
        extensions: One executable for each scripted extension.
        function: handler.py and, where the runtime is scripted, the executable `runtime`.
        notes: One file for each actor, a JSON object for each observation.
    """

    extensions: Path
    function: Path
    notes: Path
    python: str = sys.executable

    @classmethod
    def build(
        cls,
        folder: Path,
        *,
        extensions: Mapping[str, Sequence[Step]] | None = None,
        runtime: Sequence[Step] | None = None,
        source: str = ECHO,
        python: str = sys.executable,
    ) -> Stage:
        """Write everything below `folder`; anybody may read and write it."""
        stage = cls(
            extensions=folder / "extensions",
            function=folder / "function",
            notes=folder / "notes",
            python=python,
        )
        for each in (folder, stage.extensions, stage.function, stage.notes):
            each.mkdir(exist_ok=True)
            each.chmod(0o777)
        for name, steps in (extensions or {}).items():
            stage.add_extension(name, steps)
        if runtime is not None:
            stage._write_actor(stage.function / "runtime", "runtime", runtime)
        (stage.function / "handler.py").write_text(source)
        return stage

    @property
    def runtime(self) -> tuple[str, ...]:
        """The command of the scripted runtime."""
        return (str(self.function / "runtime"),)

    def add_extension(self, name: str, steps: Sequence[Step]) -> Path:
        """Write a scripted extension; returns its executable."""
        path = self.extensions / name
        self._write_actor(path, name, steps)
        return path

    def add_program(self, name: str, text: str) -> Path:
        """Write an extension that is any other program; returns its executable."""
        path = self.extensions / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def note(self, label: str) -> None:
        """Note something in the test's own name, for actors that wait for it."""
        line = {"actor": "test", "label": label, "time": 0}
        (self.notes / "test.ndjson").write_text(json.dumps(line) + "\n")

    def observations(self) -> list[dict[str, Any]]:
        """Return all notes in the order of their times."""
        lines = [seen for path in self.notes.glob("*.ndjson") for seen in actor.read_notes(path)]
        return sorted(lines, key=lambda line: float(line["time"]))

    def labels(self, actor: str = "") -> list[str]:
        """Return what was noted, by label, of all actors or of one."""
        return [seen["label"] for seen in self.observations() if actor in {"", seen["actor"]}]

    def seen(self, label: str) -> dict[str, Any]:
        """Return the first note with this label."""
        return next(seen for seen in self.observations() if seen["label"] == label)

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Return the telemetry events that listeners got, all or one type."""
        batches = [seen for seen in self.observations() if seen["label"] == "telemetry"]
        events = [event for batch in batches for event in json.loads(batch["body"])]
        return [event for event in events if name in {"", event["type"]}]

    def _write_actor(self, path: Path, name: str, steps: Sequence[Step]) -> None:
        source = inspect.getsource(actor)
        call = f"act({name!r}, {str(self.notes)!r}, json.loads({json.dumps(list(steps))!r}))"
        path.write_text(f"#!{self.python}\n{source}\n\n{call}\n")
        path.chmod(0o755)
