"""The authorities that the layer brings, one file each under the hash of its name."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import botocore
import pytest
from cryptography.x509 import Name, NameAttribute, NameOID, RelativeDistinguishedName
from cryptography.x509.name import _ASN1Type

from layer.authorities import hash_authorities
from layer.errors import LayerError
from simulator.intake import Intake
from tests.certificates import shake_hands, write_certificate, write_hashed
from tests.layer.built import LayerTree
from tests.layer.stage import PARAMETER, staged
from tests.sandbox import FUNCTIONS

BUNDLE = Path(botocore.__file__).parent / "cacert.pem"
ORGANISATION = NameOID.ORGANIZATION_NAME


@pytest.mark.parametrize(
    "name",
    [
        Name([NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]),
        Name([NameAttribute(ORGANISATION, "  Two   Blanks, and CAPITALS ")]),
        Name([NameAttribute(ORGANISATION, "Főtanúsítvány")]),
        Name([NameAttribute(ORGANISATION, "Főtanúsítvány", _ASN1Type.BMPString)]),
        Name([NameAttribute(NameOID.EMAIL_ADDRESS, "Me@Example.com", _ASN1Type.IA5String)]),
        Name(
            [
                RelativeDistinguishedName(
                    [NameAttribute(ORGANISATION, "Z"), NameAttribute(NameOID.COMMON_NAME, "A")]
                ),
                RelativeDistinguishedName([NameAttribute(NameOID.COUNTRY_NAME, "DE")]),
            ]
        ),
        Name([NameAttribute(ORGANISATION, "x" * 64), NameAttribute(NameOID.TITLE, "y" * 64)]),
    ],
)
def test_openssl_finds_an_authority_by_its_hash(name: Name, tmp_path: Path) -> None:
    """Whatever its name is made of: each kind of text, several parts, more than 127 bytes."""
    trusted, server = write_certificate(tmp_path, name=name)
    folder = write_hashed(trusted, tmp_path / "hashed")
    shake_hands(ssl.create_default_context(capath=folder), server)


def test_the_folder_holds_every_certificate_of_the_bundle(tmp_path: Path) -> None:
    """No more, no less, none of them changed."""
    hash_authorities(BUNDLE, folder=tmp_path / "hashed")
    files = (file.read_text() for file in (tmp_path / "hashed").iterdir())
    bundle = ssl.create_default_context(cafile=BUNDLE).get_ca_certs(binary_form=True)
    assert sorted(map(ssl.PEM_cert_to_DER_cert, files)) == sorted(bundle)


def test_two_authorities_of_one_name_are_both_kept(tmp_path: Path) -> None:
    """As after a renewal: OpenSSL tries `.0`, then `.1`."""
    texts = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        texts.append(write_certificate(tmp_path / name)[0].read_text())
    (tmp_path / "bundle.pem").write_text("a comment\n".join(texts))
    hash_authorities(tmp_path / "bundle.pem", folder=tmp_path / "hashed")
    assert sorted(file.suffix for file in (tmp_path / "hashed").iterdir()) == [".0", ".1"]


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nMAA=\n"])
def test_a_bundle_that_cannot_be_read_ends_the_build(content: str, tmp_path: Path) -> None:
    """Nothing is left out in silence."""
    (tmp_path / "bundle.pem").write_text(content)
    with pytest.raises(LayerError):
        hash_authorities(tmp_path / "bundle.pem", folder=tmp_path / "hashed")


async def test_calls_to_aws_trust_the_layers_folder(layer_tree: LayerTree, tmp_path: Path) -> None:
    """An authority is trusted as soon as it lies there, so that is where OpenSSL looks."""
    tree = tmp_path / "opt"
    shutil.copytree(layer_tree.root, tree)
    trusted, server = write_certificate(tmp_path)
    [authorities] = tree.glob("lambda-dispatch/lib-*/authorities")
    assert not await reached(server, tree, layer_tree)
    write_hashed(trusted, authorities)
    assert await reached(server, tree, layer_tree)


async def reached(server: ssl.SSLContext, tree: Path, layer: LayerTree) -> bool:
    """Return whether the layer in `tree` sends a request to AWS when `server` answers for AWS."""
    async with Intake(tls=server) as aws:
        environment = {**layer.environment, "AWS_ENDPOINT_URL": aws.url}
        async with staged(tree / "extensions", environment=environment, code=FUNCTIONS) as stage:
            await stage.function.invoke({"get": [PARAMETER]})
        return bool(aws.requests)
