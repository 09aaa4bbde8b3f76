"""A local Lambda with a built layer beside the function, AWS and an OTLP intake on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from simulator.aws import LocalAws
from simulator.intake import Intake
from simulator.local_lambda import LocalLambda
from simulator.sandbox.output import OutputLine
from simulator.settings import FunctionSettings
from tests.layer.built import LayerTree
from tests.sandbox import GENEROUS, free_port

PARAMETER = "/systemsmanager/parameters/get?name=%2Fgreeting"


@dataclass
class Stage:
    """What is running, and what the extension wrote."""

    function: LocalLambda
    intake: Intake
    lines: list[OutputLine] = field(default_factory=list)

    @property
    def extension(self) -> Path:
        """The extension's process in /proc."""
        [found] = [pid for pid in self.function.pids if b"start.py" in command(pid)]
        return Path("/proc") / str(found)

    @property
    def interpreter(self) -> str:
        """The program that the extension's process runs, as its mount namespace names it."""
        return os.readlink(self.extension / "exe")  # noqa: PTH115  # nothing that is here to resolve

    @property
    def clean(self) -> bool:
        """Whether every extension ended by itself with status 0."""
        exits = [each for each in self.function.exits if each.kind == "extension"]
        return bool(exits) and all(each.returncode == 0 and not each.killed for each in exits)


def command(pid: int) -> bytes:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@asynccontextmanager
async def staged(
    extensions: Path, *, environment: dict[str, str], **settings: Any
) -> AsyncIterator[Stage]:
    """Run a function beside the layer; the parameter /greeting is "hello"."""
    async with LocalAws() as aws, Intake() as intake:
        await aws.put_parameter("/greeting", value="hello")
        chosen = FunctionSettings(
            extensions=extensions,
            environment={
                **aws.environment,
                "DISPATCH_POST_URI": intake.url,
                "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port()),
                **environment,
            },
            **{**GENEROUS, **settings},
        )
        lines: list[OutputLine] = []
        async with LocalLambda(chosen, on_line=lines.append) as function:
            yield Stage(function, intake, lines)


def read_only_opt(layer: LayerTree, folder: Path) -> Path:
    """Return a folder with a launcher that starts the layer's as Lambda would.

    In a mount namespace of its own: the layer read-only at /opt, this Python at /var/lang, and
    no rights, no HOME. Root becomes nobody; everybody else is root in a namespace of users only.
    """
    privileged = os.geteuid() == 0
    unshare = ["unshare", "--mount", *([] if privileged else ["--user", "--map-root-user"])]
    nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs"
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "true"], check=False).returncode
    ):
        pytest.skip("no mount namespace can be made here")
    if privileged and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    launcher = folder / "extensions/lambda-dispatch"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(
        "#!/bin/sh\n"
        'if [ "$1" != inside ]; then\n'
        f'    exec {" ".join(unshare)} "$0" inside\n'
        "fi\nset -e\n"
        f"mount --bind {layer.root} /opt\nmount -o remount,bind,ro /opt\n"
        "mount -t tmpfs none /var\nmkdir /var/lang\n"
        f"mount --bind {sys.base_prefix} /var/lang\nmount -o remount,bind,ro /var/lang\n"
        f"exec {nobody if privileged else ''} env -u HOME /opt/extensions/lambda-dispatch\n"
    )
    launcher.chmod(0o755)
    return launcher.parent
