"""The forms of a secret: what no undoing of escapes leads back to."""

from __future__ import annotations

import base64

import pytest

from extension.redaction.forms import MIN_LENGTH, forms


def common_part(raw: bytes, *, before: int) -> bytes:
    """Return what base64 has of bytes whatever stands before and behind them."""
    low = base64.b64encode(b"\0" * before + raw + b"\0" * 3)
    high = base64.b64encode(b"\xff" * before + raw + b"\xff" * 3)
    return bytes(each for each, other in zip(low, high, strict=True) if each == other).rstrip(b"=")


@pytest.mark.parametrize("length", range(8, 15))
def test_base64_has_as_many_forms_as_alignments(length: int) -> None:
    """Each is all that depends on the secret alone, in both alphabets where they differ."""
    for raw in (bytes(range(65, 65 + length)), b"~?" * length):
        found = [form for form in forms(raw.decode()) if raw not in form]
        for before, form in enumerate(found):
            standard = common_part(raw, before=before)
            safe = standard.replace(b"+", b"-").replace(b"/", b"_")
            assert form == tuple(dict.fromkeys((standard, safe)))
        assert len(found) == 3


@pytest.mark.parametrize(("value", "is_plain"), [("abcdefgh", True), ("abcdefg", False)])
def test_no_form_is_so_short_that_it_turns_up_by_chance(value: str, is_plain: bool) -> None:
    """The base64 of a short value may still be long enough."""
    found = [*forms(value)]
    assert ((value.encode(),) in found) == is_plain
    assert min(len(each) for form in found for each in form) >= MIN_LENGTH


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("one two three", [b"one two three", b"one+two+three"]),
        (r"hunter2\"hunter2", [rb"hunter2\"hunter2", b'hunter2"hunter2']),
        ("hunter2-\\", [b"hunter2-\\", b"hunter2-"]),
    ],
)
def test_a_text_is_found_as_it_is_and_as_a_line_without_escapes_has_it(
    value: str, plain: list[bytes]
) -> None:
    """With the plus signs of HTML's forms, without what looks like escapes, without a last one."""
    assert [form for form in forms(value) if form[0] in plain] == [(each,) for each in plain]


def test_bytes_are_found_in_hexadecimal_and_in_each_text_that_they_are_shown_as() -> None:
    """As UTF-8 with a mark for what is none, as Latin-1, and as escapes show them."""
    raw = b"abcdefgh\xff-\xc3\xa4"
    found = [each for form in forms(raw) for each in form]
    assert {raw.hex().encode(), raw.hex().upper().encode()} <= set(found)
    texts = "abcdefgh\xff-\xe4", "abcdefgh\xff-\xc3\xa4", "abcdefgh\ufffd-\xe4"
    assert {text.encode() for text in texts} <= set(found)


@pytest.mark.parametrize(("kinds", "is_shown"), [(8, True), (7, False)])
def test_bytes_of_few_characters_are_not_looked_for_as_broken_text(
    kinds: int, is_shown: bool
) -> None:
    """A row of replacement characters is what any bytes look like."""
    raw = bytes(range(97, 97 + kinds - 1)) + b"\xff" * 8
    broken = raw.decode("utf-8", "replace").encode()
    assert any(broken in form for form in forms(raw)) == is_shown
