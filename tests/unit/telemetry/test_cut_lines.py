"""A secret that the platform cuts in two leaves in neither half."""

from __future__ import annotations

import pytest

from extension.telemetry.reading.cut_lines import (
    MARK,
    CutLines,
)

SHORT, LONG = 261_120, 262_150
"""Bytes of a piece, by the quotas of CloudWatch Logs."""
SECRET = "hunter2-hunter2"


def pieces(line: str) -> list[str]:
    """Cut a line as the platform does."""
    return [line[at : at + LONG] for at in range(0, len(line), LONG)]


@pytest.mark.parametrize("before", range(LONG - len(SECRET) + 1, LONG, 3))
def test_no_half_of_a_secret_is_left(before: int) -> None:
    """Wherever the cut is; what is farther away stays."""
    cut_lines = CutLines()
    line = "x" * before + SECRET + "y" * LONG + "\n"
    first, second, third = (cut_lines.clean(each, stream="function") for each in pieces(line))
    assert first == "x" * (LONG - 4096) + MARK
    assert "hunter" not in first + second
    assert second.startswith(f"{MARK}y")
    assert second.endswith(f"y{MARK}")
    assert third == MARK
    assert cut_lines.clean("the next line", stream="function") == "the next line"


def test_the_pieces_may_be_wrapped_in_json() -> None:
    """Where the log format is JSON, each is the message of an object."""
    cut_lines = CutLines()
    first = cut_lines.clean({"level": "INFO", "message": "é" * (LONG // 2)}, stream="function")
    second = cut_lines.clean({"message": "z" * 4096 + "end"}, stream="function")
    assert first["message"].endswith(MARK)
    assert first["level"] == "INFO"
    assert second["message"] == f"{MARK}end"


@pytest.mark.parametrize(
    "record",
    [
        "short\n",
        "x" * (LONG - 1) + "\n",
        "x" * (LONG + 1),
        "x" * (SHORT - 1),
        {"a": 1},
        {"message": 1},
        {"message": "short"},
        7,
    ],
)
def test_whole_lines_are_as_they_came(record: object) -> None:
    """Those that end in a line break, too, and those that are longer or shorter than any piece."""
    assert CutLines().clean(record, stream="function") is record


def test_streams_are_apart() -> None:
    """An extension's line between the pieces is whole."""
    cut_lines = CutLines()
    cut_lines.clean("x" * LONG, stream="function")
    assert cut_lines.clean("a line", stream="extension") == "a line"
    assert cut_lines.clean("y" * 4096 + "end", stream="function") == f"{MARK}end"


def test_a_line_without_a_text_goes_on_with_none() -> None:
    """So the piece before it was the last, and what follows is whole."""
    cut_lines = CutLines()
    for record in ({"a": 1}, {"message": 1}, 7):
        cut_lines.clean("x" * LONG, stream="function")
        assert cut_lines.clean(record, stream="function") is record
        assert cut_lines.clean("a line", stream="function") == "a line"


def test_a_piece_may_have_few_characters() -> None:
    """Of four bytes each; one less is no piece."""
    piece = "😀" * (SHORT // 4)
    cut_lines = CutLines()
    for whole in ([], [piece[1:]], [{"message": piece[1:]}, {"message": 5}, "x"]):
        assert cut_lines.concerns(whole) is False
    assert cut_lines.concerns(["x", piece]) is True
    assert cut_lines.concerns([{"message": piece}]) is True
    assert cut_lines.clean(piece[1:], stream="function") == piece[1:]
    assert cut_lines.clean(piece, stream="function") == piece[:-4096] + MARK
    assert cut_lines.concerns(["what follows"]) is True
