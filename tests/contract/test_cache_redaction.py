"""What the cache can still serve is hidden, however much was read since."""

from __future__ import annotations

import base64
import json

from extension.bridge import forget_for_snapshot, redact_what_is_served
from extension.platform.events import Invoke
from extension.redaction.redactor import Redactor
from tests.contract.conftest import Serve
from tests.fake_aws import FakeAws
from tests.running_cache import GET_BY_PATH, RunningCache
from tests.waiting import until

MANY = 8


def redactor_of(cache: RunningCache, *, most_loose: int) -> Redactor:
    """Return a redactor that knows what a cache serves, and hardly anything else."""
    redactor = Redactor(most_loose=most_loose)
    redact_what_is_served(cache.parameters, redactor=redactor, exports=True)
    return redactor


def password(number: int) -> str:
    """Return one of many passwords."""
    return f"password-number-{number}"


async def read_many(aws: FakeAws, cache: RunningCache, *, name: str = "churn") -> None:
    """Read secrets one after the other."""
    for number in range(MANY):
        aws.put_secret(f"{name}-{number}", password(number))
        await cache.secret(f"secretId={name}-{number}")


async def test_entries_are_hidden_while_they_are_kept(aws: FakeAws, serve: Serve) -> None:
    """A full cache: what it serves is known, what it evicted is not."""
    cache = await serve(PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE="3")
    redactor = redactor_of(cache, most_loose=0)
    await read_many(aws, cache)
    hidden = [number for number in range(MANY) if redactor.redact(password(number)).names]
    assert hidden == [5, 6, 7]


async def test_every_kind_of_entry_is_hidden(aws: FakeAws, serve: Serve) -> None:
    """Secrets, binary ones and decrypted SecureStrings, but neither ciphertext nor a String."""
    cache = await serve()
    redactor = redactor_of(cache, most_loose=0)
    aws.put_secret("shop/key", "hunter2-hunter2")
    aws.put_secret("bin", "", SecretBinary=base64.b64encode(b"\x01binary-secret-1").decode())
    del aws.secrets["bin"]["SecretString"]
    aws.put_parameter("/a/secure", "correct-horse-1", Type="SecureString")
    aws.put_parameter("/a/plain", "battery-staple-1")
    for get in (cache.secret("secretId=shop/key"), cache.secret("secretId=bin")):
        await get
    for get in (cache.parameter("name=/a/secure"), cache.parameter("name=/a/plain")):
        await get
    text = "hunter2-hunter2 \x01binary-secret-1 correct-horse-1 battery-staple-1 Y2lwaGVydGV4dA=="
    assert redactor.redact(text).names == ("shop/key", "bin")
    await cache.parameter("name=/a/secure&withDecryption=true")
    assert redactor.redact(text).names == ("shop/key", "bin", "/a/secure")


async def test_entries_of_paths_are_hidden(aws: FakeAws, serve: Serve) -> None:
    """Every SecureString under a path, for as long as the path's entry is kept."""
    cache = await serve(PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE="1")
    redactor = redactor_of(cache, most_loose=0)
    for number in range(MANY):
        aws.put_parameter(f"/tree/{number}", password(number), Type="SecureString")
    await cache.get(f"{GET_BY_PATH}?path=/tree&withDecryption=true")
    assert all(redactor.redact(password(number)).names for number in range(MANY))
    await cache.secret("secretId=n")
    assert not any(redactor.redact(password(number)).names for number in range(MANY))


async def test_bursts_do_not_push_out_what_is_kept(aws: FakeAws, serve: Serve) -> None:
    """Reads that are not cached come and go; a cached secret stays hidden."""
    cache = await serve(SSM_PARAMETER_STORE_TTL="0")
    redactor = redactor_of(cache, most_loose=1)
    aws.put_secret("shop/key", "hunter2-hunter2")
    await cache.secret("secretId=shop/key")
    for number in range(MANY):
        aws.put_parameter("/a/secure", password(number), Type="SecureString")
        await cache.parameter("name=/a/secure&withDecryption=true")
    assert redactor.redact("hunter2-hunter2").names == ("shop/key",)
    assert redactor.redact(password(MANY - 1)).names == ("/a/secure",)
    assert redactor.redact(password(0)).names == ()


async def test_what_a_refresh_replaced_is_let_go(aws: FakeAws, serve: Serve) -> None:
    """The entry holds its new value; one that AWS no longer has is dropped with its entry."""
    cache = await serve()
    redactor = redactor_of(cache, most_loose=0)
    aws.put_secret("shop/key", password(1))
    await cache.secret("secretId=shop/key")
    aws.put_secret("shop/key", password(2))
    await cache.secret("secretId=shop/key&refresh=true")
    assert redactor.redact(password(1)).names == ()
    assert redactor.redact(password(2)).names == ("shop/key",)
    del aws.secrets["shop/key"]
    cache.clock.advance(400)
    await cache.secret("secretId=shop/key")
    assert redactor.redact(password(2)).names == ()


async def test_a_reference_to_a_secret_hides_the_secret_alone(aws: FakeAws, serve: Serve) -> None:
    """Its name, its version and its dates are in every line about it."""
    cache = await serve()
    redactor = redactor_of(cache, most_loose=10)
    name = "/aws/reference/secretsmanager/prod/db"
    upstream = {
        "ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:prod/db-AbCdEf",
        "name": "prod/db/x",
        "versionId": "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE",
        "createdDate": "Nov 27, 2026",
    }
    secret = json.dumps({"password": password(1), "name": "shop"})
    raw = json.dumps({**upstream, "secretString": secret})
    aws.put_parameter(name, secret, Type="SecureString", SourceResult=raw)
    binary = json.dumps({**upstream, "secretBinary": "gIGCg4SFhoeIiYqLjI2Ojw=="})
    aws.put_parameter(f"{name}/binary", None, Type="SecureString", SourceResult=binary)
    del aws.parameters[f"{name}/binary"]["Value"]
    for each in (name, f"{name}/binary"):
        await cache.parameter(f"name={each}&withDecryption=true")
    assert redactor.redact(password(1)).names == (name,)
    assert redactor.redact("gIGCg4SFhoeIiYqLjI2Ojw==").names == (f"{name}/binary",)
    for text in upstream.values():
        assert redactor.redact(f"using {text}").text == f"using {text}"


async def test_a_snapshot_holds_no_secret(aws: FakeAws, serve: Serve) -> None:
    """What was read during its init is hidden until then, forgotten, and read again afterwards."""
    cache = await serve(AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    redactor = redactor_of(cache, most_loose=10)
    environ = {"AWS_SECRET_ACCESS_KEY": "static-key-of-ours-1"}
    aws.put_secret("shop/key", password(1))
    await cache.secret("secretId=shop/key")
    assert redactor.redact(password(1)).names == ("shop/key",)
    forget_for_snapshot(redactor, environ, cache.parameters)
    assert redactor.redact(password(1)).names == ()
    assert redactor.redact(environ["AWS_SECRET_ACCESS_KEY"]).names == ("AWS_SECRET_ACCESS_KEY",)
    cache.parameters.announced(Invoke(request_id="r", deadline_ms=0))
    await until(lambda: redactor.redact(password(1)).names == ("shop/key",))


async def test_nothing_is_learned_before_a_snapshot_without_exports(
    aws: FakeAws, serve: Serve
) -> None:
    """Where no line is exported there is nothing to hide until the restore."""
    cache = await serve(AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    redactor = Redactor()
    redact_what_is_served(cache.parameters, redactor=redactor, exports=False)
    aws.put_secret("shop/key", password(1))
    await cache.secret("secretId=shop/key")
    assert redactor.redact(password(1)).names == ()
    cache.parameters.announced(Invoke(request_id="r", deadline_ms=0))
    await until(lambda: redactor.redact(password(1)).names == ("shop/key",))
