"""Texts with escapes are undone together as each is alone, and are suspects where that fails."""

from __future__ import annotations

import pytest

from extension.redaction.redactor import Redactor

SECRET = "pa55word-of-12"


def suspects(*texts: str) -> list[int]:
    """Return which texts need a close look where a secret is known."""
    knowing = Redactor()
    knowing.learn("name", SECRET)
    return list(knowing.suspects(texts))


@pytest.mark.parametrize(
    "text", ["100%", "a\\nb", "q=%C3%A4", "a && b;", 'say ""', "it''s", "a\nb\n"]
)
def test_an_escape_alone_is_nothing_to_look_at(text: str) -> None:
    """Undone together with others, it is nothing that is known."""
    assert suspects(text, "x", text) == []


@pytest.mark.parametrize(
    "text", ["pa55%77ord-of-12", "pa55\\u0077ord-of-12", "pa55%2577ord-of-12\n"]
)
def test_a_secret_below_escapes_is_found(text: str) -> None:
    """In one layer or in several, in its own text only."""
    assert suspects("100%", text, "50%") == [1]
    assert suspects(text, "50%") == [0]


def test_a_text_that_ends_in_an_escape_is_looked_at_closely() -> None:
    """A backslash at its end stands for itself there, and for nothing where a text follows."""
    assert suspects("100%", "a\\") == [1]
    assert suspects("100%", "a%5C") == [1]


def test_a_text_that_holds_what_stands_between_texts_has_all_looked_at_closely() -> None:
    """Nothing tells any more which text is which."""
    assert suspects("100%", "a,%00,b", "x") == [0, 1]


def test_what_is_encoded_below_an_escape_is_looked_at_closely() -> None:
    """Base64 and lists of bytes that an escape has hidden."""
    base64, listed = "dGhlIHBh%633N3b3Jk", "[116%2C104,101,112,97,115,115,119]"
    assert suspects("100%", base64, listed, "50%") == [1, 2]
    assert suspects(base64, "50%") == [0]
