"""Which parts of a secret are hidden, and what is left readable for a reason."""

from __future__ import annotations

import base64
import json

import pytest
from botocore.loaders import create_loader

from extension.redaction.redactor import Redactor
from extension.redaction.secrets import leaves

PASSWORD = "Nest3dPassw0rd-xyz"


def hidden(value: str | bytes, *, strict: bool = False) -> list[str | bytes]:
    """Return the parts of a secret that are hidden."""
    return [leaf for _, leaf in leaves(value, strict=strict)]


@pytest.mark.parametrize("outer", ["{}\n", " {}", "\r\n{}\t", "{}\u00a0"])
def test_white_space_around_a_secret_is_no_part_of_it(outer: str) -> None:
    """`echo key | aws …` ends in a line feed, which callers strip."""
    assert hidden(outer.format(PASSWORD)) == [PASSWORD]
    assert hidden(json.dumps({"key": outer.format(PASSWORD)})) == [PASSWORD]


@pytest.mark.parametrize(
    "value",
    [
        {"database": {"host": "h", "password": PASSWORD}},
        {"user": {"name": "n", "password": PASSWORD}},
        {"host": [{"password": PASSWORD}]},
        {"database": json.dumps({"password": PASSWORD})},
        {"database": json.dumps([PASSWORD])},
        {"host": f" {json.dumps(PASSWORD)}"},
    ],
)
def test_open_keys_open_their_own_text_alone(value: object) -> None:
    """What is nested under `database` or `user` is looked through."""
    assert hidden(json.dumps(value)) == [PASSWORD]


@pytest.mark.parametrize(
    "value",
    [
        json.dumps(PASSWORD),
        json.dumps({"config": json.dumps({"password": PASSWORD})}),
        json.dumps(json.dumps({"config": json.dumps([json.dumps(PASSWORD)])})),
    ],
)
def test_json_in_texts_is_looked_through(value: str) -> None:
    """A secret that is a JSON string, and JSON in JSON's texts, however deep."""
    assert hidden(value) == [PASSWORD]


def test_json_that_never_ends_ends() -> None:
    """Texts in texts are looked through to a depth, and hidden as a whole there."""
    value = PASSWORD
    for _ in range(11):
        value = json.dumps(value)
    assert hidden(value) == [PASSWORD]
    assert hidden("[" * 100_000 + PASSWORD)


@pytest.mark.parametrize(
    "value",
    [
        f"postgres://app:{PASSWORD}@h/db",
        f"postgresql+psycopg://app:{PASSWORD}@h:5432/db?sslmode=require&who=a@b",
        f"mongodb+srv://app:{PASSWORD}@cluster0.example.net/shop?retryWrites=true",
        f"mongodb://app:{PASSWORD}@h1:27017,h2:27017/shop",
        f"redis://:{PASSWORD}@h:6379/0",
        f"amqp://guest:{PASSWORD}@h:5672/%2f",
        f"app:{PASSWORD}@tcp(h:3306)/shop?parseTime=true",
        f"jdbc:postgresql://h/db?user=app&password={PASSWORD}",
        f"jdbc:sqlserver://h:1433;databaseName=d;user=app;password={PASSWORD};encrypt=true",
        f"Server=tcp:h,1433;Database=d;User ID=app;Password={PASSWORD};Encrypt=True",
        f"Server=h;Uid=app;Pwd='{PASSWORD}'",
        f"host=h port=5432 dbname=d user=app password={PASSWORD} sslmode=require",
        f"host=h password = '{PASSWORD}'",
        f"DefaultEndpointsProtocol=https;AccountName=n;AccountKey={PASSWORD};EndpointSuffix=c",
        f"Endpoint=sb://n.example.net/;SharedAccessKeyName=k;SharedAccessKey={PASSWORD}",
        f"https://hooks.example.com/x?token={PASSWORD}",
        f"https://{PASSWORD}@errors.example.com/17",
    ],
)
def test_the_password_in_a_connection_string_is_hidden_alone(value: str) -> None:
    """Drivers put it into their errors without the rest; the whole is hidden, too."""
    for key in ("url", "database", "host"):
        redactor = Redactor()
        redactor.learn("dsn", json.dumps({key: value}))
        assert (
            redactor.redact(f"failed for {PASSWORD!r}").text == f"failed for '[REDACTED:dsn#{key}]'"
        )
        assert redactor.redact(f"<{value}>").text == f"<[REDACTED:dsn#{key}]>"


def test_a_password_in_a_url_is_hidden_as_it_is_written_and_as_it_is() -> None:
    """The URL has it encoded, the driver uses it decoded."""
    redactor = Redactor()
    redactor.learn("dsn", "postgres://app:p%40ss%2Bword%21@h/db")
    for text in ("p%40ss%2Bword%21", "p@ss+word!"):
        assert redactor.redact(text).text == "[REDACTED:dsn]"


def test_names_in_a_connection_string_stay() -> None:
    """Host, user and database are no secrets."""
    redactor = Redactor()
    redactor.learn("dsn", f"postgres://shop_admin:{PASSWORD}@db.shop.example.com/shop_data")
    text = "connecting shop_admin to db.shop.example.com/shop_data"
    assert redactor.redact(text).text == text


def test_a_binary_secret_of_json_is_hidden_in_base64_as_a_whole() -> None:
    """The cache serves it in base64; its leaves are found in plain texts."""
    value = json.dumps({"password": PASSWORD, "port": 5432}).encode()
    assert hidden(value) == [PASSWORD, value.decode()]


@pytest.mark.parametrize("value", ["admin", "postgres", "us-east-1", "00000000", "12345678"])
def test_strict_hides_what_may_turn_up_by_chance(value: str) -> None:
    """Words, regions, few characters, and numbers in JSON."""
    assert hidden(value, strict=True) == [value]
    assert hidden(json.dumps({"host": value}), strict=True) == [value]
    if value.isdecimal():
        assert hidden(json.dumps({"pin": int(value)}), strict=True) in ([value], [])


def test_the_name_of_a_region_is_not_hidden() -> None:
    """Whichever of AWS's it is: half of all lines would have a hole."""
    partitions = create_loader().load_data("endpoints")["partitions"]
    regions = [region for partition in partitions for region in partition["regions"]]
    assert len(regions) > 30
    assert [region for region in regions if hidden(region)] == []


@pytest.mark.parametrize("value", ["abcd", "pass", "1234567", "päss"])
def test_strict_hides_short_values_everywhere(value: str) -> None:
    """Four characters and more are found wherever they stand, escaped or not, until forgotten."""
    redactor = Redactor(strict=True, most_loose=1)
    redactor.learn("pin", value)
    assert redactor.redact(f"é{value}{value}!").text == "é[REDACTED:pin][REDACTED:pin]!"
    assert redactor.redact(json.dumps(value)).text == '"[REDACTED:pin]"'
    redactor.learn("other", "another-secret")
    assert redactor.redact(value).text == value


def test_nothing_is_left_of_a_line_with_three_letters() -> None:
    """Values of three characters are hidden by no setting."""
    assert hidden("abc", strict=True) == []


CERTIFICATE = f"-----BEGIN CERTIFICATE-----\n{'c' * 64}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("kind", ["RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
@pytest.mark.parametrize("before", ["", CERTIFICATE * 50])
def test_a_private_key_in_a_long_text_is_found(kind: str, before: str) -> None:
    """Behind certificates, for instance, as a server takes both from one file."""
    lines = [base64.b64encode(bytes([number] * 48)).decode() for number in range(1, 120)]
    key = "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])
    redactor = Redactor()
    redactor.learn("bundle", before + key)
    for line in lines:
        assert redactor.redact(line).text == "[REDACTED:bundle]"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n"])
def test_a_private_key_is_hidden_line_by_line(end: str) -> None:
    """Each line that a function prints is a record of its own; so is the key without its frame."""
    lines = [base64.b64encode(bytes([number] * 48)).decode() for number in range(1, 26)]
    lines.append("Zm9vYmFyYmF6cXV4")
    frame = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    value = end.join([frame[0], *lines, frame[1], ""])
    redactor = Redactor()
    redactor.learn("key", json.dumps({"private_key": value}))
    for text in [*lines, "".join(lines), value.strip()]:
        assert redactor.redact(text).text == "[REDACTED:key#private_key]"
    assert redactor.redact(frame[0]).text == frame[0]


def test_a_text_about_private_keys_is_no_key() -> None:
    """Nothing is taken out of a text without a whole block."""
    for text in (
        "-----BEGIN PRIVATE KEY-----",
        "a PRIVATE KEY",
        "-----BEGIN PRIVATE KEY-----" * 900,
    ):
        assert hidden(text) == [text]


def test_a_token_that_is_a_key_is_hidden_and_in_no_label() -> None:
    """Some secrets map tokens to what they are for."""
    value = json.dumps({"tok_9f8e7d6c5b": "tenant-number-1", "client_x509_cert_url": "hunter2-9"})
    redactor = Redactor()
    redactor.learn("tokens", value)
    redacted = redactor.redact("tok_9f8e7d6c5b of tenant-number-1, client_x509_cert_url=hunter2-9")
    assert redacted.text == (
        "[REDACTED:tokens] of [REDACTED:tokens#*], "
        "client_x509_cert_url=[REDACTED:tokens#client_x509_cert_url]"
    )


LONE = "tr0ub4dor&3xY-9zQ"


@pytest.mark.parametrize(
    "secret",
    [
        f"Server=h;Database=d;User Id=u;Password={LONE};Encrypt=true",
        f"Server=h;Pwd='{LONE}';",
        f"host=h user=u password={LONE} dbname=d",
        f"DB_HOST=h\nDB_PASSWORD={LONE}\nX=1\n",
        f"db:\n  host: h\n  password: {LONE}\n",
        f"db.password: {LONE}",
        f'[db]\npassword = "{LONE}"',
        "<db><password>tr0ub4dor&amp;3xY-9zQ</password></db>",
        f"machine h login u password {LONE}",
        f"h:5432:db:app:{LONE}",
        f"Bearer {LONE}",
        f"Basic {base64.b64encode(f'u:{LONE}'.encode()).decode()}",
        base64.b64encode(json.dumps({"a": {"p": LONE}}).encode()).decode(),
        base64.b64encode(json.dumps({"p": LONE}, indent=1).encode()).decode(),
    ],
)
def test_a_password_in_a_file_of_settings_is_hidden_alone(secret: str) -> None:
    """Whatever a driver or client reads: an error of it has the password by itself."""
    assert LONE in hidden(secret)
    redactor = Redactor()
    redactor.learn("n", secret)
    assert LONE[-8:] not in redactor.redact(f"refused: {LONE}!").text


def test_the_last_part_of_a_webhook_is_hidden_alone() -> None:
    """It is what lets others post; a path of words is none."""
    assert "XXXXabcd1234efgh" in hidden("https://hooks.example.com/T000/B000/XXXXabcd1234efgh")
    assert hidden("https://api.example.com/a/path-of-some-words") == [
        "https://api.example.com/a/path-of-some-words"
    ]


@pytest.mark.parametrize(
    ("value", "is_hidden"),
    [
        (b"\xff\xfe\xfd\xfc\xfb\xfb\xfb\xfb", (True, True)),
        (b"\xff\xfe\xfd\xfc\xfc\xfc\xfc\xfc", (False, True)),
        (b"\xff\xfe\xfd\xfc\xfb\xfa\xf9", (False, False)),
    ],
)
def test_bytes_that_are_no_text_are_hidden_as_a_whole(
    value: bytes, is_hidden: tuple[bool, bool]
) -> None:
    """Eight bytes of five kinds; in strict mode eight bytes."""
    assert (hidden(value) == [value], hidden(value, strict=True) == [value]) == is_hidden


def test_bytes_that_are_a_text_are_hidden_once() -> None:
    """Only of JSON is the whole hidden beside its leaves."""
    assert hidden(PASSWORD.encode()) == [PASSWORD]


@pytest.mark.parametrize(
    ("value", "is_hidden"),
    [
        ("abcdE123", True),
        ("abcdE12", False),
        ("1a2a1a2b", False),
        ("1a2a1a3b", True),
        ("correcthors", False),
        ("correcthorse", True),
        ("CORRECTHORS", False),
        ("correcthorS", True),
        ("eu-central-1", False),
        ("eu-central-12", True),
    ],
)
def test_what_is_worth_hiding_is_known_by_its_characters(value: str, is_hidden: bool) -> None:
    """Eight of them, of five kinds; twelve of a word; no region."""
    assert bool(hidden(value)) == is_hidden


def test_numbers_are_hidden_in_strict_mode_alone() -> None:
    """Four digits and more, as they are written; a truth is no number worth hiding."""
    value = json.dumps({"pin": 1234, "ratio": 0.25, "short": 123, "none": None})
    assert hidden(value, strict=True) == ["1234", "0.25"]
    assert hidden(value) == []


@pytest.mark.parametrize(
    ("password", "is_hidden"),
    [("pa$$-w1", (False, True)), ("pa$$-wo1", (True, True)), ("p$1", (False, False))],
)
def test_a_password_in_a_url_is_long_enough(password: str, is_hidden: tuple[bool, bool]) -> None:
    """Eight characters, or four in strict mode, for it is looked for in all lines."""
    url = f"postgres://app:{password}@h/db"
    assert (password in hidden(url), password in hidden(url, strict=True)) == is_hidden


@pytest.mark.parametrize(
    ("key", "is_token"),
    [
        ("abcdefgh1234", True),
        ("abcdefg1234", False),
        ("abcdefghi123", False),
        ("1234abcdefgh5", True),
    ],
)
def test_a_key_with_digits_is_a_token(key: str, is_token: bool) -> None:
    """Twelve characters with four digits: no person calls a thing so."""
    label = "*" if is_token else key
    assert list(leaves(json.dumps({"a": {key: PASSWORD}}))) == [
        *([("a", key)] if is_token else []),
        (f"a.{label}", PASSWORD),
    ]


@pytest.mark.parametrize("length", [15, 16])
def test_a_short_line_of_a_key_is_hidden_with_its_neighbours_alone(length: int) -> None:
    """The last line of a key may be a few characters that stand in any log."""
    lines = ["b" * 4 + "A1/+" * 15, "c" * length]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    assert hidden(key) == [key, "".join(lines), *lines[: 2 if length == 16 else 1]]


def test_a_key_of_one_line_is_hidden_with_its_frame_and_without() -> None:
    """Each once."""
    key = f"-----BEGIN PRIVATE KEY-----\n{'b2/+' * 16}\n-----END PRIVATE KEY-----"
    assert hidden(key) == [key, "b2/+" * 16]


@pytest.mark.parametrize(("texts", "is_found"), [(31, True), (32, True), (33, False)])
def test_texts_in_texts_are_looked_through_to_a_depth(texts: int, is_found: bool) -> None:
    """Below it a text is hidden as a whole: JSON in base64 in JSON, as nobody writes by hand."""
    value = PASSWORD
    for _ in range(texts):
        value = base64.b64encode(json.dumps({"": value}).encode()).decode()
    found = hidden(value)
    assert (PASSWORD in found) == is_found
    assert len(found) == min(texts, 32) + 1
    assert (PASSWORD in hidden(base64.b64decode(value).decode())) == is_found
    assert (PASSWORD in hidden(json.dumps(value))) == (texts < 32)


@pytest.mark.parametrize(
    "value", ['{"a": ', "[[", '"', "eyJhIjo", base64.b64encode(b'{"a').decode()]
)
def test_what_only_begins_like_json_is_a_text(value: str) -> None:
    """It is hidden as it is."""
    assert hidden(value + PASSWORD) == [value + PASSWORD]


def test_an_empty_object_in_base64_is_no_secret() -> None:
    """It has no keys that could hold one."""
    assert hidden("e30=") == []
    assert hidden("e30=", strict=True) == ["e30="]


def test_json_in_base64_that_is_no_object_is_a_text() -> None:
    """Only objects have keys; the bytes of a key may look like a number."""
    value = base64.b64encode(b"{").decode().rstrip("=") + PASSWORD
    assert hidden(value) == [value]


@pytest.mark.parametrize("value", [b"admin", b"us-east-1", b" ", b"", b"{}"])
def test_a_binary_secret_of_a_plain_word_hides_nothing(value: bytes) -> None:
    """As a text of it would."""
    assert list(leaves(value)) == []
