r"""The encodings of a line are undone, layer by layer, and what is found leads back to the line."""

from __future__ import annotations

import json

import pytest

from extension.redaction.undo import (
    _Plain,
    innermost,
    layers,
    undo,
)


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        (r"a\"b\'c\/d\\e", "a\"b'c/d\\e"),
        (r"\u00e4\u00E4\u{e4}\U000000e4\xe4", "ä" * 5),
        (r"\ud83d\ude00\u{1f600}\U0001F600", "😀" * 3),
        (r"\xc3\xa4\303\244", "ää"),
        ("%C3%A4%c3%a4 %E4%u00e4", "ää ää"),
        ("&amp;&lt;&#39;&#x27;&#228;&auml;&quot;", "&<''ää\""),
        (r"\t\0\e", "\t\0\x1b"),
        ("YWJj\nZGVm\r\nZ2hp", "YWJjZGVmZ2hp"),
        (r"C:\dir \q 100% &nope; &", r"C:\dir \q 100% &nope; &"),
        (r"\u12 \x1 %1 %zz &#; \uD800x", "\\u12 \\x1 %1 %zz &#; \ud800x"),
        ("&#1114111;&#1114112;", "\U0010ffff\ufffd"),
        (r"\u{E9 F1}\x{263a}", "éñ☺"),
        ("a&lpar;b&period;c&NewLine;", "a(b.c\n"),
        ("'it''s' \"a\"\"b\" 'it'\"'\"'s'", "'it's' \"a\"b\" 'it's'"),
        ("""{"a":"", "b": "", 'c': ''}""", """{"a":"", "b": "", 'c': ''}"""),
    ],
)
def test_each_kind_of_escape_is_undone(escaped: str, plain: str) -> None:
    """JSON, programming languages, URLs, HTML, SQL, line breaks; what is no escape stays."""
    layer = undo(escaped)
    assert (layer.text if layer else escaped) == plain


def test_layers_come_one_by_one() -> None:
    """JSON in JSON is undone once a layer."""
    twice = json.dumps(json.dumps('a"b'))
    assert [layer.text for layer in layers(twice)] == ['""a\\"b""', '"a"b"']
    assert innermost(twice) == '"a"b"'


def test_most_texts_have_no_layer() -> None:
    """A line without a backslash, a percent sign, an ampersand or a line break is left alone."""
    assert undo("a line of 17 words; it's plain <text>") is None


def test_places_lead_back_to_the_line() -> None:
    """Each character of the plain text comes from the escape that spells it."""
    line = r"ab\"c%C3%A4d&amp;\u00e4\n"
    layer = undo(line)
    assert layer is not None
    for plain, spelled in (("b", "b"), ('"', r"\""), ("äd", "%C3%A4d"), ("&ä", r"&amp;\u00e4")):
        begin = layer.text.index(plain)
        [(first, last)] = layer.origins([(begin, begin + len(plain))])
        assert line[first:last] == spelled


def test_undoing_makes_nothing_longer() -> None:
    """So no line can be made that grows."""
    for text in (r"\u0041" * 50, "%41" * 50, "&lt;" * 50, "\\\\" * 50, "\n" * 50):
        assert len(innermost(text)) < len(text)


@pytest.mark.parametrize(
    ("plain", "spelled"), [("bä", r"b\xc3\xa4\xc3\xb6"), ("öc", r"\xc3\xa4\xc3\xb6c")]
)
def test_an_escape_of_several_characters_is_hidden_whole(plain: str, spelled: str) -> None:
    """Half of it would be no escape any more, or one of something else."""
    line = r"a%20b\xc3\xa4\xc3\xb6c"
    layer = undo(line)
    assert layer is not None
    begin = layer.text.index(plain)
    [(first, last)] = layer.origins([(begin, begin + len(plain))])
    assert line[first:last] == spelled


def test_layers_are_bounded() -> None:
    """As many as are written by software; a line made to have more costs no more."""
    found = layers("%" + "25" * 9 + "41")
    assert [layer.text for layer in found][-1] == "%25252541"
    assert len(found) == 6
    assert innermost("%" + "25" * 5 + "41") == "A"


def test_few_escapes_are_remembered() -> None:
    """Short ones, so that no secret is among them, and not more than there is memory for."""
    remembered = _Plain()
    longest = "\\x41" * 3
    assert (remembered[longest], remembered[longest + "\\x41"]) == ("AAA", "AAAA")
    assert list(remembered) == [longest]
    for number in range(4106):
        assert remembered[f"&#{number + 1};"] == chr(number + 1)
    assert len(remembered) == 4096
