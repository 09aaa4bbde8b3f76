"""Whom an https endpoint has to be certified by."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from extension.process.authorities import Places
from extension.process.clock import SystemClock
from extension.process.imports import no_certificates
from extension.process.waits import Budget
from extension.settings.otlp import OtlpConfig
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.export.target import Target
from extension.telemetry.export.tls import (
    PEM,
    TlsContexts,
    TlsError,
    _as_file,
    _described,
    build_tls,
    is_narrow,
    needs_tls,
)
from simulator.intake import Intake
from tests.certificates import shake_hands, write_certificate, write_hashed


@pytest.fixture
def server(tmp_path: Path) -> ssl.SSLContext:
    """An endpoint whose certificate is in `tmp_path/certificate.pem`."""
    _, context = write_certificate(tmp_path)
    return context


def trusts(client: ssl.SSLContext, server: ssl.SSLContext) -> bool:
    """Tell whether the client accepts the server's certificate."""
    try:
        shake_hands(client, server)
    except ssl.SSLCertVerificationError:
        return False
    return True


def hashed(tmp_path: Path) -> Places:
    """Return places of which a folder has the server's certificate."""
    folder = write_hashed(tmp_path / "certificate.pem", tmp_path / "hashed")
    return Places(folders=(str(folder),), bundles=())


def other_and_bundle(tmp_path: Path) -> Places:
    """Return places with a folder of other authorities; the server's is in the bundle alone."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "0a1b2c3d.0").write_text("")
    return Places(folders=(str(other),), bundles=(str(tmp_path / "certificate.pem"),))


def test_an_authority_is_found_in_a_hashed_folder(server: ssl.SSLContext, tmp_path: Path) -> None:
    """And nothing was read of it until it was needed."""
    client = build_tls(OtlpConfig(), {}, places=hashed(tmp_path))
    assert client.get_ca_certs() == []
    assert trusts(client, server)
    assert len(client.get_ca_certs()) == 1


def test_without_such_a_folder_the_bundle_is_read(server: ssl.SSLContext, tmp_path: Path) -> None:
    """As a whole, and at once."""
    places = Places(folders=(), bundles=(str(tmp_path / "certificate.pem"),))
    client = build_tls(OtlpConfig(), {}, places=places)
    assert len(client.get_ca_certs()) == 1
    assert trusts(client, server)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a_users_choice_is_the_only_one(
    variable: str, server: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the image that knows the server is not asked."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other, _ = write_certificate(elsewhere)
    value = str(other if variable == "SSL_CERT_FILE" else elsewhere)
    monkeypatch.setenv(variable, value)  # OpenSSL reads the process's own
    client = build_tls(OtlpConfig(), {variable: value}, places=hashed(tmp_path))
    assert not trusts(client, server)
    assert not is_narrow(client)


def test_a_users_choice_counts_while_a_module_is_imported(
    server: ssl.SSLContext, tmp_path: Path
) -> None:
    """An import hides OpenSSL's variables in the process, perhaps beside another thread."""
    certificate = str(tmp_path / "certificate.pem")
    with no_certificates():
        client = build_tls(
            OtlpConfig(), {"SSL_CERT_FILE": certificate}, places=Places(folders=(), bundles=())
        )
    assert trusts(client, server)
    assert not is_narrow(client)


def test_a_chosen_file_without_certificates_is_no_error(tmp_path: Path) -> None:
    """Nobody is trusted then."""
    empty = tmp_path / "empty.pem"
    empty.touch()
    client = build_tls(OtlpConfig(), {"SSL_CERT_FILE": str(empty)})
    assert client.get_ca_certs() == []


def test_a_setting_of_the_endpoint_is_the_only_one(server: ssl.SSLContext, tmp_path: Path) -> None:
    """Likewise with OTEL_EXPORTER_OTLP_CERTIFICATE, as a path and as the text itself."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other, _ = write_certificate(elsewhere)
    for certificate in (str(other), other.read_text()):
        client = build_tls(OtlpConfig(certificate=certificate), {}, places=hashed(tmp_path))
        assert not trusts(client, server)
        assert not is_narrow(client)


@pytest.mark.parametrize("environ", [{"SSL_CERT_FILE": ""}, {"SSL_CERT_FILE": "/nonexistent.pem"}])
def test_an_unusable_file_of_authorities_is_not_used(
    environ: Mapping[str, str],
    server: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """OpenSSL would trust none then; the image's authorities are trusted as if it were unset."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert trusts(build_tls(OtlpConfig(), environ, places=hashed(tmp_path)), server)


def test_signals_with_the_same_settings_share_a_context(tmp_path: Path) -> None:
    """A context costs a start milliseconds, and connections are shared within one only."""
    certificate, _ = write_certificate(tmp_path)
    contexts = TlsContexts({})
    alike = [OtlpConfig(certificate=str(certificate), headers=each) for each in ("a=1", "a=2")]
    first, second = (contexts.find(each, {}) for each in alike)
    assert first is second
    assert contexts.find(OtlpConfig(certificate=certificate.read_text()), {}) is not first


@pytest.mark.parametrize(
    ("url", "proxy", "needed"),
    [
        ("https://h/", None, True),
        ("http://h/", None, False),
        ("http://h/", "http://p:1", False),
        ("http://h/", "HTTPS://p:1", True),
        ("https://h/", "http://p:1", True),
    ],
)
def test_the_proxy_may_be_what_has_to_be_trusted(
    url: str, proxy: str | None, *, needed: bool
) -> None:
    """Without a context it would never be."""
    assert needs_tls(url, proxy) is needed


async def test_a_bucket_is_trusted_as_the_endpoint_is(
    server: ssl.SSLContext, tmp_path: Path
) -> None:
    """By the bundle, where the folder of authorities does not know its own."""
    client = build_tls(OtlpConfig(), {}, places=other_and_bundle(tmp_path))
    sender = Post({}, clock=SystemClock())
    try:
        async with Intake(tls=server) as intake:
            answer = await sender.exchange(
                "PUT", f"{intake.url}/a", b"x", {}, alone=False, tls=client, proxy=None
            )
    finally:
        await sender.close()
    assert answer.status != 0


async def test_an_authority_of_the_bundle_alone_is_trusted_with_the_first_post(
    server: ssl.SSLContext, tmp_path: Path
) -> None:
    """Images get authorities of their own that way; the bundle is read once it is needed."""
    client = build_tls(OtlpConfig(), {}, places=other_and_bundle(tmp_path))
    async with Intake(tls=server) as intake:
        outcome = await post(intake.url, client)
    assert outcome.kind == "accepted"
    assert len(intake.requests) == 1


async def post(url: str, tls: ssl.SSLContext) -> Outcome:
    """Post one byte."""
    target = Target(url=url, headers={}, compression="none", timeout_s=10, tls=tls)
    post = Post({"traces": target}, clock=SystemClock())
    try:
        budget = Budget(10, clock=SystemClock())
        return await post.send("traces", [b"x"], content_type="text/plain", budget=budget)
    finally:
        await post.close()


def test_a_key_in_a_setting_never_reaches_another_program(tmp_path: Path) -> None:
    """OpenSSL reads it from memory, by a descriptor that closes with exec and right after."""
    write_certificate(tmp_path)
    with _as_file((tmp_path / "certificate.pem").read_text()) as path:
        descriptor = int(path.rpartition("/")[2])
        assert Path(path).read_text().startswith(PEM)
        assert not os.get_inheritable(descriptor)
    assert not Path(path).exists()


@pytest.mark.parametrize("as_text", [True, False])
def test_a_client_certificate_may_bring_its_key(tmp_path: Path, *, as_text: bool) -> None:
    """In one file, or in one text."""
    write_certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text((tmp_path / "certificate.pem").read_text() + (tmp_path / "key.pem").read_text())
    value = both.read_text() if as_text else str(both)
    places = Places(folders=(), bundles=())
    context = build_tls(OtlpConfig(client_certificate=value), {}, places=places)
    assert isinstance(context, ssl.SSLContext)


def test_a_client_certificate_may_have_its_key_elsewhere(tmp_path: Path) -> None:
    """In another file, or in another text; without the key it cannot be used."""
    write_certificate(tmp_path)
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    places = Places(folders=(), bundles=())
    for values in ((str(certificate), str(key)), (certificate.read_text(), key.read_text())):
        config = OtlpConfig(client_certificate=values[0], client_key=values[1])
        assert isinstance(build_tls(config, {}, places=places), ssl.SSLContext)
    with pytest.raises(TlsError, match="CLIENT_CERTIFICATE"):
        build_tls(OtlpConfig(client_certificate=str(certificate)), {}, places=places)


class StrangeError(Exception):
    """An error with some attributes."""

    def __init__(self, **attributes: str | None) -> None:
        super().__init__("its text")
        vars(self).update(attributes)


def with_reason(reason: str) -> ssl.SSLError:
    """Return an error for which OpenSSL has a word."""
    error = ssl.SSLError(9, f"[X509: {reason}] (_ssl.c:1)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StrangeError(reason="NO_START_LINE", strerror="other"), "no start line"),
        (StrangeError(reason=None, strerror="No such file"), "no such file"),
        (StrangeError(strerror="No such file"), "no such file"),
        (StrangeError(), "its text"),
        (ssl.SSLError(9, "[X509] PEM lib (_ssl.c:1)"), "wrong"),
        (with_reason("KEY_VALUES_MISMATCH"), "key values mismatch"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_shortly(error: Exception, reason: str) -> None:
    """By OpenSSL's word, the system's or the error's text; OpenSSL's line of its source is none."""
    assert _described("A", error, "wrong") == f"A: {reason}; allowed: a PEM file that can be read"
