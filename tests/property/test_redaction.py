"""Random secrets in random texts never get through."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

from hypothesis import assume, example, given
from hypothesis import strategies as st

from extension.redaction.readings import readings
from extension.redaction.redactor import Redactor
from extension.redaction.secrets import leaves
from extension.redaction.undo import Layer, layers

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=60)
FORMS: list[Callable[[str], str]] = [
    lambda secret: secret,
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    lambda secret: quote(secret, safe=""),
    quote_plus,
    lambda secret: base64.b64encode(secret.encode()).decode(),
]


@given(TEXTS, TEXTS, SECRETS, st.sampled_from(FORMS))
def test_no_form_of_a_secret_gets_through(
    before: str, after: str, secret: str, form: Callable[[str], str]
) -> None:
    """Wherever it stands and however it is spelled, its name stands there instead."""
    assume(list(leaves(secret)) == [("", secret)])
    knowing = Redactor()
    knowing.learn("name", secret)
    spelled = form(secret)
    assume(len(spelled.rstrip("=")) >= 8)
    redacted = knowing.redact(before + spelled + after)
    assert spelled.rstrip("=") not in redacted.text.replace("[REDACTED:name]", "\0")
    assert redacted.names == ("name",)


@given(st.lists(SECRETS, max_size=5), TEXTS)
def test_texts_without_secrets_are_untouched(secrets: list[str], text: str) -> None:
    """What holds no secret in any form leaves as it came."""
    knowing = Redactor()
    for number, secret in enumerate(secrets):
        knowing.learn(str(number), secret)
    if not knowing.redact(text).names:
        assert knowing.redact(text).text == text


OTHERS = {f"other-{number}": f"an-other{number:03}-se!cret" for number in range(40)}
"""More than are searched for one by one."""


@given(
    st.lists(st.tuples(TEXTS, st.integers(0, 3), st.sampled_from(FORMS), TEXTS), max_size=6),
    st.lists(SECRETS, min_size=4, max_size=4),
    st.sampled_from([{}, OTHERS]),
)
@example(
    [("", 0, FORMS[0], "\n"), ("x", 1, FORMS[0], "x\n")],
    ["pass\u00e4ord-1", "a b c d e", "", ""],
    {},
)
@example([("", 0, FORMS[0], "\n")], ["Stop 12 - " * 30, "", "", ""], {})
@example([("", 0, FORMS[0], "\n")], ["abcde12\n", "", "", ""], {})
@example([("x", 0, FORMS[0], "x")], ["a1!b", "", "", ""], {})
@example([("[", 0, FORMS[0], "]")], ["1 2 3 4 5 6 7 8 9", "", "", ""], {})
@example(
    [("", 0, FORMS[0], ""), ("", 1, FORMS[0], "")],
    ["1-2-3-4-5x", "an-other000-se!cret", "", ""],
    OTHERS,
)
def test_texts_that_are_searched_together_are_suspects_where_they_hold_a_secret(
    lines: list[tuple[str, int, Callable[[str], str], str]],
    secrets: list[str],
    others: dict[str, str],
) -> None:
    """None is missed, however many secrets are known, one of few characters in strict mode."""
    knowing = Redactor(strict=True)
    for name, value in {**dict(zip("abcd", secrets, strict=True)), **others}.items():
        knowing.learn(name, value)
    texts = [before + form(secrets[at]) + after for before, at, form, after in lines]
    suspects = knowing.suspects(texts)
    for at, text in enumerate(texts):
        assert at in suspects or not knowing.redact(text).names


def test_nearly_all_lines_are_no_suspects() -> None:
    """Words, times, paths, URLs, ids, quotes and ends of lines are nothing to look at closely."""
    knowing = Redactor()
    for number in range(100):
        knowing.learn(str(number), f"{number:03}TokenOfManyLetters{number:03}")
    lines = [
        "[INFO]\t2026-01-01T12:00:01.000Z\tpaid 17 items, [1, 2]\n",
        "done\n",
        "two\nlines\n",
        "GET https://shop.example.com/orders/1047/items?q=a%20b&c=%C3%A4\n",
        "read /var/task/app/handlers/orders.py, 42 % done\n",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736, \\'paid\\'\n",
        "hidden: 000TokenOfMany%4Cetters000\n",
    ]
    assert list(knowing.suspects(lines)) == [6]


ESCAPES = st.lists(
    st.one_of(
        st.sampled_from(list("\\%&#;ux0123456789abcdefABCDEF{}nrt\"' \n\ré\ud800😀")),
        st.sampled_from(["\\u", "\\x", "\\0", "\\U", "\\u{", "%u", "&#", "&#x", "&amp", "\\ud83d"]),
    ),
    max_size=60,
).map("".join)


@given(ESCAPES)
def test_whatever_looks_like_escapes_is_undone_without_a_fault(text: str) -> None:
    """No text raises, each layer is shorter than the one above, and places stay within the text."""
    above = text
    for layer in layers(text):
        assert len(layer.text) < len(above)
        assert "".join(layer.escaped) == above
        spans = [(at, at + 1) for at in range(len(layer.text))]
        for begin, end in layer.origins(spans):
            assert 0 <= begin < end <= len(above)
        above = layer.text


PACKED = st.lists(
    st.one_of(
        st.binary(min_size=8, max_size=30).map(lambda raw: raw.hex()),
        st.binary(min_size=8, max_size=30).map(lambda raw: raw.hex(" ")),
        st.binary(min_size=8, max_size=30).map(lambda raw: str(list(raw))),
        st.binary(min_size=8, max_size=30).map(lambda raw: base64.b64encode(raw).decode()),
        TEXTS.map(lambda text: base64.b64encode(text.encode()).decode()),
        st.text("0123456789abcdefXYZ,-+/=_: []", max_size=40),
        ESCAPES,
    ),
    max_size=6,
).map("".join)


@example("000000000000000001010801080108010801080108000001")  # UTF-16 that is longer as UTF-8
@given(PACKED)
def test_whatever_looks_encoded_is_read_without_a_fault(text: str) -> None:
    """No text raises, and what is found in any reading stands somewhere in the text."""
    together, below = readings(text)
    assert together == "\n".join([text, *(layer.text for layer in below)])
    for layer in below:
        spans = [(at, at + 1) for at in range(len(layer.text))]
        for each in _upwards(layer):
            assert "".join(each.escaped) == (each.above.text if each.above else text)
            spans = list(each.origins(spans))
        assert all(0 <= begin < end <= len(text) for begin, end in spans)


def _upwards(layer: Layer | None) -> Iterator[Layer]:
    while layer:
        yield layer
        layer = layer.above


@given(ESCAPES, ESCAPES, ESCAPES)
def test_a_secret_that_looks_like_escapes_is_found_among_escapes(
    before: str, secret: str, after: str
) -> None:
    """As it is written; learning and forgetting it raises nothing."""
    assume(list(leaves(secret)) == [("", secret)])
    knowing = Redactor(most_loose=1)
    knowing.learn("name", secret)
    redacted = knowing.redact(before + secret + after)
    assert "name" in redacted.names
    assert secret not in redacted.text
    knowing.learn("other", "another-secret-1")
    assert knowing.redact(secret).names == ()


SPELLINGS = (
    PACKED
    | TEXTS
    | st.builds(
        lambda form, text: form(text),
        st.sampled_from(FORMS),
        PACKED.map(lambda text: text.encode("utf-8", "replace").decode()),
    )
)
"""Texts that are encoded, twice too, and texts that only look so."""


@given(st.lists(SPELLINGS, min_size=1, max_size=4), st.integers(0), st.integers(0), st.integers(0))
@example(["%2541bcdefg=''", "x"], 0, 2, 0)
@example(["abcdefg\\", "x"], 0, 0, 0)
@example(["%5Cabcdefg%5C", "x"], 0, 1, 0)
@example(["abc%2C%00%2Cdefgh", "ijklm%4Enop"], 1, 1, 0)
@example(["x", "''abcdefgh"], 1, 0, 0)
def test_what_a_close_look_finds_makes_a_text_a_suspect(
    texts: list[str], which: int, reading: int, begin: int
) -> None:
    """Wherever a secret stands in what an encoded text may stand for, and whatever is beside it."""
    text = texts[which % len(texts)]
    read_as = [text, *(layer.text for layer in readings(text)[1])]
    secret = read_as[reading % len(read_as)]
    secret = secret[begin % (len(secret) + 1) :][:20]
    knowing = Redactor(strict=True)
    knowing.learn("name", secret)
    suspects = knowing.suspects(texts)
    for at, each in enumerate(texts):
        assert at in suspects or not knowing.redact(each).names
