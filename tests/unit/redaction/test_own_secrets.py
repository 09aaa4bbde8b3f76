"""The secrets of the process itself are hidden, too: `print(os.environ)` tells them."""

from __future__ import annotations

import base64
from urllib.parse import unquote

import pytest

from extension.bridge import hide_own_secrets
from extension.redaction.own_secrets import own_secrets
from extension.redaction.redactor import Redactor

BASIC = base64.b64encode(b"instance:pass-word-1234").decode()
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLE+token/of=many==",
    "AWS_SECURITY_TOKEN": "security-token-1",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token-1",
    "DISPATCH_POST_URI": "https://user:uri-password-1@otlp.example.com",
    "DISPATCH_POST_HEADERS": "api-key=key%2Dof%2Dvendor%2D1, x-honeycomb-dataset=shop-production",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer bearer-token-1",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"Authorization=Basic%20{BASIC}",
    "PATH": "/usr/local/bin:/usr/bin",
}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (ENVIRON["AWS_SECRET_ACCESS_KEY"], ("AWS_SECRET_ACCESS_KEY",)),
        (ENVIRON["AWS_SESSION_TOKEN"], ("AWS_SESSION_TOKEN",)),
        ("security-token-1", ("AWS_SECURITY_TOKEN",)),
        ("container-token-1", ("AWS_CONTAINER_AUTHORIZATION_TOKEN",)),
        ("uri-password-1", ("DISPATCH_POST_URI",)),
        ("key-of-vendor-1", ("DISPATCH_POST_HEADERS#api-key",)),
        ("key%2Dof%2Dvendor%2D1", ("DISPATCH_POST_HEADERS#api-key",)),
        ("bearer-token-1", ("OTEL_EXPORTER_OTLP_HEADERS#authorization",)),
        (BASIC, ("OTEL_EXPORTER_OTLP_LOGS_HEADERS#Authorization",)),
        ("pass-word-1234", ("OTEL_EXPORTER_OTLP_LOGS_HEADERS#Authorization",)),
        ("shop-production", ()),
        ("otlp.example.com", ()),
        (ENVIRON["AWS_ACCESS_KEY_ID"], ()),
        (ENVIRON["PATH"], ()),
    ],
)
def test_credentials_and_headers_are_hidden(text: str, names: tuple[str, ...]) -> None:
    """Each by the name of its variable and header; what says whose data it is stays."""
    redactor = Redactor()
    hide_own_secrets(redactor, ENVIRON)
    assert redactor.redact(f"<{text}>").names == names


def test_the_whole_environment_can_be_printed() -> None:
    """No secret of it is left."""
    redactor = Redactor(most_loose=0)
    hide_own_secrets(redactor, ENVIRON)
    for printed in (repr(ENVIRON), str(list(ENVIRON.items()))):
        left = redactor.redact(printed).text
        for name, value in own_secrets(ENVIRON):
            assert value not in left, name


@pytest.mark.parametrize("name", ["DISPATCH_POST_URI", "OTEL_EXPORTER_OTLP_ENDPOINT"])
@pytest.mark.parametrize(
    "key", ["ZaVnC4dhaV0mQx7Rk2pLw9Ts5Yb8Nc3Uf1==", "ZaVnC4dhaV0mQx7Rk2pL%3D%3D"]
)
@pytest.mark.parametrize("place", ["receiver/v1/otlp/{}", "{}/otlp", "otlp?{}", "otlp?code={}&v=1"])
def test_a_key_in_the_url_of_an_endpoint_is_hidden(name: str, key: str, place: str) -> None:
    """A function that prints its environment prints the key; the words beside it stay."""
    redactor = Redactor()
    uri = "https://collectors.example/" + place.format(key)
    hide_own_secrets(redactor, {name: uri})
    printed = redactor.redact(f"{name}={uri}, {unquote(key)}")
    assert printed.names == (name,)
    assert key not in printed.text
    assert unquote(key) not in printed.text
    assert "https://collectors.example/" in printed.text
    assert "otlp" in printed.text


@pytest.mark.parametrize(
    "uri", ["https://[h/x", "://", "?", "https://h/${ssm:/a}", "/", "h", "?=&"]
)
def test_a_url_that_is_none_raises_nothing(uri: str) -> None:
    """What it may be is decided where it is used."""
    assert list(own_secrets({"DISPATCH_POST_URI": uri})) == []


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_password_of_a_proxy_is_hidden(name: str, scheme: str) -> None:
    """Exports and the cache's requests go through it; some write it without a scheme."""
    redactor = Redactor()
    hide_own_secrets(redactor, {name: f"{scheme}user:pass-word-1234@proxy.internal:3128"})
    printed = redactor.redact(f"{name}={scheme}user:pass-word-1234@proxy.internal:3128")
    assert printed.names == (name,)
    assert "pass-word-1234" not in printed.text
    assert printed.text.endswith("@proxy.internal:3128")


def test_references_are_no_secrets() -> None:
    """Only what they stand for is, and that the cache knows."""
    environ = {"DISPATCH_POST_HEADERS": "authorization=Bearer ${secretsmanager:vendor/key}"}
    assert list(own_secrets(environ)) == []


def test_strict_hides_every_header() -> None:
    """Also those that say whose data it is."""
    environ = {"DISPATCH_POST_HEADERS": "x-dataset=shop-production"}
    assert list(own_secrets(environ, strict=True)) == [
        ("DISPATCH_POST_HEADERS#x-dataset", "shop-production")
    ]


@pytest.mark.parametrize("value", ["", ",", "=", "a", "authorization=Basic %%%", "a=Basic !"])
def test_headers_that_are_none_raise_nothing(value: str) -> None:
    """What they may be is decided where they are sent."""
    assert all(isinstance(each, str) for _, each in own_secrets({"DISPATCH_POST_HEADERS": value}))
