"""The token in a file, outside Lambda."""

from __future__ import annotations

from pathlib import Path

import pytest

from extension.parameters.token_file import token_file
from extension.process.log import Log
from tests.doubles import LogLines, ManualClock


class Bench:
    """A file with a token, and what the log says when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = LogLines()

    def tokens(self, *, bound: bool = False, named: bool = True) -> list[bytes]:
        """Return what is read of the file."""
        environ = {"DISPATCH_TOKEN_FILE": str(self.path)} if named else {}
        log = Log(clock=ManualClock(), sink=self.lines)
        return token_file(environ, bound=bound, log=log)()

    def write(self, token: str, *, mode: int = 0o600) -> None:
        """Replace the file."""
        self.path.write_text(token)
        self.path.chmod(mode)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A file that is not there yet."""
    return Bench(tmp_path / "token")


def test_without_a_file_there_is_no_token_and_no_line(bench: Bench) -> None:
    """Callers have the session token."""
    assert bench.tokens(named=False) == []
    assert bench.lines.messages == []


def test_a_file_is_read_for_each_request(bench: Bench) -> None:
    """So that it can be replaced while the cache runs."""
    bench.write("one\n")
    log = Log(clock=ManualClock(), sink=bench.lines)
    read = token_file({"DISPATCH_TOKEN_FILE": str(bench.path)}, bound=False, log=log)
    assert read() == [b"one"]
    bench.write("two")
    assert read() == [b"two"]
    bench.path.unlink()
    assert read() == []
    assert bench.lines.messages == []


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "No such file or directory"),
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xff\xfe", "its content is no text, or too short"),
    ],
)
def test_a_file_without_a_token_is_reported(
    bench: Bench, content: bytes | None, cause: str
) -> None:
    """Every GET would be refused; the line says what to look at."""
    if content is not None:
        bench.path.write_bytes(content)
    assert bench.tokens() == []
    assert bench.lines.messages == ["the token file has no token"]
    assert [line["cause"] for line in bench.lines.parsed] == [cause]


def test_a_folder_in_place_of_the_token_file_is_named(bench: Bench) -> None:
    """As a container's mount makes one where there was no file."""
    bench.path.mkdir()
    assert bench.tokens() == []
    assert [line["cause"] for line in bench.lines.parsed] == ["Is a directory"]


@pytest.mark.parametrize(
    ("token", "bound", "counts"),
    [("x", False, True), ("x" * 15, True, False), ("x" * 16, True, True)],
)
def test_other_machines_need_a_long_token(
    bench: Bench, token: str, bound: bool, counts: bool
) -> None:
    """One of fewer than sixteen characters can be guessed."""
    bench.write(token)
    assert bench.tokens(bound=bound) == [token.encode()] * counts


@pytest.mark.parametrize(
    ("mode", "is_reported"),
    [(0o600, False), (0o700, False), (0o604, True), (0o640, True), (0o620, True), (0o601, True)],
)
def test_a_file_that_others_can_use_is_reported(bench: Bench, mode: int, is_reported: bool) -> None:
    """It is used nevertheless."""
    bench.write("token", mode=mode)
    assert bench.tokens() == [b"token"]
    said = ["others can read the token file: chmod 600"]
    assert bench.lines.messages == (said if is_reported else [])
