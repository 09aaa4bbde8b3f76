"""What the sandbox used while an invocation ran."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from extension.telemetry.otlp.instruments import INSTRUMENTS
from extension.telemetry.sandbox_usage import SandboxUsage

NET = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs
    lo: 9999 1 0 0 0 0 0 0 9999 1 0 0 0 0 0 0
  eth0: {received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0
  eth1: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0
"""
"""In some sandboxes an interface comes first, in others lo does."""


def write(proc: Path, *, ticks: int, received: int, sent: int) -> None:
    """Write what the kernel tells."""
    for folder in ("net", "sys/fs"):
        (proc / folder).mkdir(parents=True, exist_ok=True)
    (proc / "stat").write_text(f"cpu  {ticks} 0 50 99999 7 7 7 7 0 0\ncpu0 1 1 1 1\n")
    (proc / "net/dev").write_text(NET.format(received=received, sent=sent))
    (proc / "sys/fs/file-nr").write_text("96\t0\t9223372036854775807\n")
    (proc / "loadavg").write_text("0.10 0.20 0.30 1/34 4711\n")


def test_what_an_invocation_used(tmp_path: Path) -> None:
    """Differences of counters, and levels at its end."""
    measured: dict[str, float] = {}
    usage = SandboxUsage(measured.__setitem__, proc=tmp_path, temporary=tmp_path)
    write(tmp_path, ticks=100, received=1000, sent=500)
    usage.begin("r")
    write(tmp_path, ticks=125, received=1700, sent=800)
    swapped = (tmp_path / "net/dev").read_text().splitlines()
    swapped[2], swapped[3] = swapped[3], swapped[2]
    (tmp_path / "net/dev").write_text("\n".join(swapped))
    usage.end("r")
    assert measured.pop("lambda_dispatch.tmp_usage") > 0
    assert measured == {
        "faas.cpu_usage": 0.25,
        "faas.net_io": 1000,
        "lambda_dispatch.file_descriptors": 96,
        "lambda_dispatch.threads": 34,
    }
    assert set(measured) <= set(INSTRUMENTS)


def test_another_end_is_not_measured(tmp_path: Path) -> None:
    """An invocation that was overtaken, or reported twice."""
    measured: dict[str, float] = {}
    usage = SandboxUsage(measured.__setitem__, proc=tmp_path, temporary=tmp_path)
    usage.begin("r")
    usage.begin("s")
    usage.end("r")
    assert measured == {}
    usage.end("s")
    measured.clear()
    usage.end("s")
    assert measured == {}


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """A kernel that hides it, or writes it otherwise."""
    measured: dict[str, float] = {}
    usage = SandboxUsage(measured.__setitem__, proc=tmp_path, temporary=tmp_path / "none")
    (tmp_path / "stat").write_text("cpu who knows\n")
    (tmp_path / "loadavg").write_text("")
    usage.begin("r")
    usage.end("r")
    assert measured == {}
    usage.begin("r")
    write(tmp_path, ticks=100, received=1000, sent=500)
    usage.end("r")
    assert set(measured) == {"lambda_dispatch.file_descriptors", "lambda_dispatch.threads"}


def test_this_machine_tells_all_of_it() -> None:
    """The real /proc has every figure."""
    measured: dict[str, float] = {}
    usage = SandboxUsage(measured.__setitem__)
    usage.begin("r")
    usage.end("r")
    assert {"faas.cpu_usage", "lambda_dispatch.threads", "lambda_dispatch.tmp_usage"} <= set(
        measured
    )


def test_an_invocation_that_used_nothing_is_measured_too(tmp_path: Path) -> None:
    """A counter that went back is not: it began again."""
    measured: dict[str, float] = {}
    usage = SandboxUsage(measured.__setitem__, proc=tmp_path, temporary=tmp_path)
    write(tmp_path, ticks=100, received=1000, sent=500)
    usage.begin("r")
    write(tmp_path, ticks=100, received=0, sent=0)
    usage.end("r")
    assert measured["faas.cpu_usage"] == 0
    assert "faas.net_io" not in measured


def test_what_is_used_of_tmp_is_what_is_not_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bytes, with what only root may use."""
    measured: dict[str, float] = {}
    file_system = SimpleNamespace(f_blocks=10, f_bfree=4, f_bavail=3, f_bsize=1, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", {tmp_path: file_system}.__getitem__)
    usage = SandboxUsage(measured.__setitem__, proc=tmp_path / "none", temporary=tmp_path)
    usage.begin("r")
    usage.end("r")
    assert measured == {"lambda_dispatch.tmp_usage": 6 * 4096}
