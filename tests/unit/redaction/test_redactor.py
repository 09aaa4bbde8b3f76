"""Redaction by value: secrets that the cache has served are found in every form they take."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from extension.redaction.redactor import Redactor
from extension.redaction.secrets import leaves

PASSWORD = 's3cr3t/pä+ss w"ord&1'


def redactor(value: str = PASSWORD, *, name: str = "shop/db") -> Redactor:
    """Return a redactor that knows one secret."""
    knowing = Redactor()
    knowing.learn(name, value)
    return knowing


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz", "a longer text before it: "])
@pytest.mark.parametrize("after", ["", "y", "yz", " and after"])
@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        json.dumps(PASSWORD)[1:-1],
        json.dumps(PASSWORD, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(PASSWORD)[1:-1])[1:-1],
        quote(PASSWORD, safe=""),
        quote(PASSWORD),
        quote_plus(PASSWORD),
        re.sub("%..", lambda code: code[0].lower(), quote(PASSWORD, safe="")),
    ],
)
def test_every_form_is_found_anywhere(form: str, before: str, after: str) -> None:
    """Plain, JSON-escaped once or twice, URL-encoded: the name takes its place."""
    redacted = redactor().redact(before + form + after)
    assert redacted.text.startswith(before)
    assert "[REDACTED:shop/db]" in redacted.text
    assert "cr3t" not in redacted.text
    assert redacted.names == ("shop/db",)


def test_a_label_has_256_characters_of_a_name() -> None:
    """A name may be of any length; long names that begin alike are distinguished elsewhere."""
    labels = {
        number: redactor(name="n" * number).redact(PASSWORD).text for number in (256, 257, 2000)
    }
    assert set(labels.values()) == {f"[REDACTED:{'n' * 256}]"}


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("user", ["", "u", "us", "use", "user:"])
def test_base64_is_found_at_any_alignment(encode: Callable[[bytes], bytes], user: str) -> None:
    """A Basic header is the base64 of `user:password`: the password within it is found."""
    encoded = encode((user + PASSWORD + "!").encode()).decode()
    redacted = redactor().redact(f"Authorization: Basic {encoded}")
    assert "[REDACTED:shop/db]" in redacted.text
    decoded = redacted.text.removeprefix("Authorization: Basic ").split("[REDACTED:shop/db]")
    assert sum(map(len, decoded)) < len(encoded) / 2


def test_leaves_of_a_json_secret_are_hidden_by_their_keys() -> None:
    """A database secret: the password goes, host and user stay."""
    value = json.dumps(
        {
            "engine": "postgres-14.2x",
            "host": "db.shop.example.com",
            "port": 5432,
            "dbInstanceIdentifier": "shop-db-1234",
            "username": "shop_admin_1",
            "password": "hunter2-hunter2",
            "keys": [{"token": "tok_9f8e7d6c"}],
        }
    )
    knowing = redactor(value)
    text = "shop_admin_1:hunter2-hunter2@db.shop.example.com tok_9f8e7d6c"
    assert knowing.redact(text).text == (
        "shop_admin_1:[REDACTED:shop/db#password]@db.shop.example.com "
        "[REDACTED:shop/db#keys.0.token]"
    )


@pytest.mark.parametrize(
    "value",
    [
        "admin",
        "postgres",
        "us-east-1",
        "ap-southeast-2",
        "true",
        "00000000",
        "1234567",
        "Production",
        "",
        "{}",
        '{"password": "short"}',
    ],
)
def test_what_turns_up_by_chance_is_not_hidden(value: str) -> None:
    """Short values, words, regions: hiding them would blacken every log."""
    assert list(leaves(value)) == []


@pytest.mark.parametrize("value", ["aB3$xY9z", "12345678", "correcthorsebattery", "sk-abcd-1"])
def test_what_looks_like_a_secret_is_hidden(value: str) -> None:
    """Eight characters of some variety, or a long run of letters."""
    assert redactor(value).redact(f"x{value}y").text == "x[REDACTED:shop/db]y"


def test_nothing_known_changes_nothing() -> None:
    """Without secrets a text is what it was."""
    assert Redactor().redact("hello hunter2-hunter2").text == "hello hunter2-hunter2"


def test_several_secrets_in_one_line() -> None:
    """Each is replaced by its own name, neighbours too, and each name is counted once."""
    knowing = redactor("first-secret-1", name="a")
    knowing.learn("b", "second-secret-2")
    redacted = knowing.redact("first-secret-1second-secret-2first-secret-1")
    assert redacted.text == "[REDACTED:a][REDACTED:b][REDACTED:a]"
    assert redacted.names == ("a", "b")


def test_the_longer_secret_wins_where_two_begin() -> None:
    """A secret that is the beginning of another does not leave the rest of it behind."""
    knowing = redactor("abcdefgh1", name="short")
    knowing.learn("long", "abcdefgh1-and-more")
    assert knowing.redact("abcdefgh1-and-more").text == "[REDACTED:long]"


def test_of_secrets_that_overlap_nothing_is_left() -> None:
    """Where one secret ends within another, the rest of the other does not stay behind."""
    knowing = redactor("abcdefgh12345", name="a")
    knowing.learn("b", "12345xyzQRST")
    redacted = knowing.redact("<abcdefgh12345xyzQRST>")
    assert redacted.text == "<[REDACTED:a]>"
    assert redacted.names == ("a", "b")


@pytest.mark.parametrize(
    "key", ['a"b', "a\nb", "a\r\x1b[2Jb", "a\\b", "a b", "a\u2028b", "a\u202eb", "\ud800", "[a]"]
)
def test_a_label_breaks_no_line(key: str) -> None:
    """A key is as the author of the secret wrote it: what could forge or cut a line is left out."""
    knowing = redactor(json.dumps({key: "hunter2-hunter2"}))
    text = knowing.redact("hunter2-hunter2").text
    assert re.fullmatch(r"\[REDACTED:shop/db#[a-zA-Z0-9_]+\]", text)


def test_a_label_is_short() -> None:
    """A key of a thousand letters does not multiply what a line costs."""
    knowing = redactor(json.dumps({"k" * 10_000: "hunter2-hunter2"}))
    assert len(knowing.redact("hunter2-hunter2").text) < 300


def test_extra_expressions() -> None:
    """What the user names is hidden, too."""
    assert Redactor(extra=r"\d{16}").redact("card 4111111111111111").text == "card [REDACTED]"


def test_binary_secrets() -> None:
    """A binary secret is known by its text, where it has one."""
    knowing = Redactor()
    knowing.learn("key", b"\x00binary-secret-1")
    encoded = base64.b64encode(b"\x00binary-secret-1").decode()
    assert "[REDACTED:key]" in knowing.redact(encoded).text


def test_many_secrets_with_one_beginning() -> None:
    """Connection strings share half of their characters; each is found by what is its own."""
    knowing = Redactor()
    for number in range(300):
        knowing.learn(f"db-{number}", f"postgresql://user:pass-{number:04d}@host/db")
    text = "x postgresql://user:pass-0123@host/db y"
    assert knowing.redact(text).text == "x [REDACTED:db-123] y"


def test_a_secret_within_another_is_not_named() -> None:
    """At its beginning, in the middle or at its end: only the whole one stood there."""
    for within in ("abcdefgh1", "efgh1-and", "1-and-more"):
        knowing = redactor("abcdefgh1-and-more", name="whole")
        knowing.learn("within", within)
        redacted = knowing.redact("<abcdefgh1-and-more>")
        assert (redacted.text, redacted.names) == ("<[REDACTED:whole]>", ("whole",))
