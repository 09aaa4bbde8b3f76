"""Many texts are looked at together; each that may have anything encoded is told by its place."""

from __future__ import annotations

import pytest

from extension.redaction.encoded import Together
from extension.redaction.readings import readings
from extension.redaction.undo import may_have_layers
from extension.redaction.unpack import may_be_packed

ESCAPED = [
    "a\\b", "100%", "a &b; c", "it''s", 'a""b', "a'\"'\"'b", "a\rb", "a\nb", "\na", "\r", "a\r\n",
    "a\n\n",
]  # fmt: skip
RUNS = ["a" * 16, "é" + "b+/_" * 4]
LISTS = [
    "de ad be ef 01 02 03 04", "xde-ad-be-ef-01-02-03-04",
    "DE:AD:BE:EF:01:02:03:04", "1,2,3,4,5,6,7,8", "8, 7, 6, 5, 4, 3, 2, 1", "[1 2 3 4 5 6 7 8]",
    "[0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0x8]", "[       ",
]  # fmt: skip
PLAIN = [
    "", "a", "it's", 'a "b"', "a;b", "a" * 15, "aaaaaaa-" * 4, "YWI-" * 5, "de ad be ef 01 02 03",
    "1,2,3,4,5,6,7", "[1 2 3 4 5 6 7]", "[x 1 2 3 4 5 6 7 8]", "1 2 3 4 5 6 7 8", "é",
]  # fmt: skip


@pytest.mark.parametrize("text", ESCAPED)
def test_what_may_hold_an_escape_is_looked_at(text: str) -> None:
    """By itself and among others, at either end and between two."""
    assert Together([text]).escaped() == {0}
    assert Together(["é", text, "é\n"]).escaped() == {1}
    assert Together([text, "a\n", text]).escaped() == {0, 2}


@pytest.mark.parametrize("text", LISTS)
def test_what_may_be_a_list_is_looked_at(text: str) -> None:
    """Pairs and lists, as soon as they are eight bytes or so."""
    assert may_be_packed(text)
    assert may_be_packed(f"é {text}")
    assert Together([text]).with_lists() == {0}
    assert Together(["é", text, "é"]).with_lists() == {1}
    assert Together([text, "a\n", text]).with_lists() == {0, 2}
    assert Together(["é", ""] * 20 + [text] + ["é"] * 20).with_lists() == {40}


@pytest.mark.parametrize("text", RUNS)
def test_what_may_be_base64_or_hexadecimal_is_looked_at(text: str) -> None:
    """As soon as it is a dozen bytes or so, wherever it stands."""
    assert may_be_packed(text)
    assert Together([text]).has_runs
    assert Together(["é", text, "é"]).has_runs


def test_what_looks_encoded_counts_where_it_stands_for_something() -> None:
    """A path and an id are base64 and hexadecimal of nothing that can be read."""
    texts = ["é", "/var/task/app/handlers/orders", "4bf92f3577b34da6a3ce929d0e0e4736"]
    readable = ["dGhlIHBhc3N3b3Jk", "x=7468652070617373776f7264"]
    together = Together([*texts, *readable, *texts, *readable])
    assert together.of_characters(together.packed()) == {3, 4, 8, 9}
    assert Together(texts).packed() == []


@pytest.mark.parametrize("text", PLAIN)
def test_other_texts_are_not(text: str) -> None:
    """Looking closely costs more than anything else does for a line."""
    assert not may_have_layers(text)
    assert not may_be_packed(text)
    assert readings(text) == (text, [])
    for together in (Together([text]), Together([text, text, text + "\n"])):
        assert not together.has_runs
        assert together.escaped() == together.with_lists() == set()


@pytest.mark.parametrize("text", [each for each in ESCAPED if "\n" not in each])
def test_one_text_tells_whether_it_may_have_layers(text: str) -> None:
    """As those do that are looked at together."""
    assert may_have_layers(text)


def test_an_ampersand_is_no_escape_without_a_semicolon() -> None:
    """`a & b` has nothing to undo."""
    assert not may_have_layers("a & b")


def test_two_texts_make_no_escape_or_run_together() -> None:
    """What ends one has nothing to do with what begins the next."""
    texts = ["a" * 8, "a" * 8, "it'", "'s", 'a"', '"b', "de ad be ef", "01 02 03 04"]
    together = Together(texts)
    assert not together.has_runs
    assert together.escaped() == together.with_lists() == set()


def test_a_place_is_in_the_text_that_it_is_counted_into() -> None:
    """In characters, of which the one between two texts belongs to the first."""
    together = Together(["ab", "", "éé"])
    assert [together.of_characters([at]) for at in range(6)] == [{0}, {0}, {0}, {1}, {2}, {2}]
    assert together.of_characters([]) == set()
