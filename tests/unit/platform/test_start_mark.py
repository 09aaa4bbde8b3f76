"""The mark of a first start: it only decides when /next is requested."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extension.platform.start_mark import StartMark, lent_s

ENVIRON = {
    "AWS_LAMBDA_FUNCTION_NAME": "shop",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
}
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The /tmp of the sandbox."""
    monkeypatch.setattr("extension.platform.start_mark.FOLDER", str(tmp_path))
    return tmp_path


def mark(**changes: str) -> StartMark:
    """Return the mark as a start finds it."""
    return StartMark({**ENVIRON, **changes}, extension_name="lambda-dispatch")


def marked(folder: Path) -> Path:
    """Leave a mark, and return its file."""
    mark().leave()
    [file] = folder.iterdir()
    return file


def test_the_second_start_is_a_repeated_one(folder: Path) -> None:
    """The mark is an empty file that only our user can read."""
    assert not mark().is_repeated
    file = marked(folder)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"", 0o600)
    assert (mark().is_repeated, mark().timeout_ms) == (True, 0)


def test_it_is_removed_when_the_sandbox_ends(folder: Path) -> None:
    """The next start is a first one."""
    marked(folder)
    mark().remove()
    assert not mark().is_repeated


def test_a_file_of_another_user_is_no_mark(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it removed, or written to."""
    file = marked(folder)
    found = mark()
    status = [*os.lstat(file)]
    status[4] += 1  # its user
    with monkeypatch.context() as patched:
        patched.setattr("extension.platform.start_mark.os.lstat", lambda _: os.stat_result(status))
        assert not mark().is_repeated
        found.note_timeout(3000)
        found.remove()
    assert (found.timeout_ms, file.read_bytes()) == (0, b"")


@pytest.mark.parametrize(
    "other",
    [
        {"AWS_LAMBDA_FUNCTION_NAME": "other"},
        {"AWS_LAMBDA_FUNCTION_VERSION": "2"},
        {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9002"},
    ],
)
def test_another_sandbox_has_another_mark(folder: Path, other: dict[str, str]) -> None:
    """On a developer's machine many share one /tmp."""
    marked(folder)
    assert not mark(**other).is_repeated
    assert not StartMark(ENVIRON, extension_name="second").is_repeated


def test_the_longest_timeout_that_lambda_has_is_kept(folder: Path) -> None:
    """It is 15 minutes; a shorter one is, too."""
    marked(folder)
    mark().note_timeout(1)
    assert mark().timeout_ms == 1
    mark().remove()
    marked(folder)
    mark().note_timeout(900_000)
    assert mark().timeout_ms == 900_000


def test_the_timeout_of_the_function_is_kept_once(folder: Path) -> None:
    """The first invocation shows it; in later ones less time may be left."""
    marked(folder)
    first = mark()
    first.note_timeout(3000)
    first.note_timeout(2000)
    assert mark().timeout_ms == 3000
    again = mark()
    again.note_timeout(1)
    assert mark().timeout_ms == 3000


@pytest.mark.parametrize("milliseconds", [0, -1, 900_001, DAY_MS])
def test_an_implausible_timeout_is_not_kept(folder: Path, milliseconds: int) -> None:
    """The platform may have another clock; the next invocation shows the timeout."""
    marked(folder)
    found = mark()
    found.note_timeout(milliseconds)
    assert (found.timeout_ms, mark().timeout_ms) == (0, 0)
    found.note_timeout(3000)
    assert mark().timeout_ms == 3000


@pytest.mark.parametrize("text", [b"x", b"-1", b"9" * 5000, b"\xff", b"1e3", b"\xd9\xa3"])
def test_other_contents_are_ignored(folder: Path, text: bytes) -> None:
    """The function can write to it."""
    marked(folder).write_bytes(text)
    assert (mark().is_repeated, mark().timeout_ms) == (True, 0)


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe"])
def test_no_other_kind_of_file_is_used(folder: Path, kind: str) -> None:
    """The target of a link is neither read, written nor removed, and a pipe does not block."""
    file, target = marked(folder), folder / "target"
    file.unlink()
    if kind in ("link", "dangling"):
        file.symlink_to(target)
    if kind == "link":
        target.write_text("5000")
    if kind == "folder":
        file.mkdir()
    if kind == "pipe":
        os.mkfifo(file)
    found = mark()
    found.leave()
    found.note_timeout(3000)
    found.remove()
    assert (found.is_repeated, found.timeout_ms) == (False, 0)
    assert file.is_symlink() or file.exists()
    assert not target.exists() or target.read_text() == "5000"


def test_without_a_writable_folder_there_is_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then only the budget limits a repeated start."""
    monkeypatch.setattr("extension.platform.start_mark.FOLDER", "/nonexistent")
    mark().leave()
    mark().remove()
    assert not mark().is_repeated


def test_a_name_that_cannot_be_a_file_name(folder: Path) -> None:
    """The mark stays in its folder, and its name is not too long."""
    odd = {"AWS_LAMBDA_FUNCTION_NAME": "../../" + "ä" * 500}
    mark(**odd).leave()
    assert mark(**odd).is_repeated
    [file] = folder.iterdir()
    assert file.name.isascii()
    assert max(map(len, file.name.removeprefix(".").split("-"))) == 48


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_takes_its_place_meanwhile_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Between the look at it and its use: a link is not followed, and a pipe does not block."""
    file, target = marked(folder), folder / "target"
    file.unlink()
    target.write_text("5000")
    if kind == "link":
        file.symlink_to(target)
    elif kind == "folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    monkeypatch.setattr(StartMark, "_is_ours", lambda _: True)
    found = mark()
    found.note_timeout(3000)
    assert target.read_text() == "5000"
    assert mark().timeout_ms == 0


def test_no_file_stays_open(folder: Path) -> None:
    """It would be one descriptor less for the sandbox's life."""
    before = len([*Path("/proc/self/fd").iterdir()])
    marked(folder)
    mark().note_timeout(3000)
    assert mark().timeout_ms == 3000
    assert len([*Path("/proc/self/fd").iterdir()]) == before


@pytest.mark.parametrize(
    ("left_s", "timeout_ms", "lent"),
    [
        (3.0, 3000, 1.5),
        (2.0, 3000, 0.5),
        (1.4, 3000, 0.0),
        (-9.0, 3000, 0.0),
        (600.0, 600_000, 2.0),
        (3.0, 0, 1.5),
        (-9.0, 0, 0.0),
    ],
)
def test_an_invocation_lends_time_until_half_of_its_timeout(
    left_s: float, timeout_ms: int, lent: float
) -> None:
    """However late it is seen; if the timeout is not known, half of what is left."""
    assert lent_s(left_s, timeout_ms=timeout_ms) == pytest.approx(lent)
