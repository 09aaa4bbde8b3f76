"""The region that an ARN names is asked, and replicas of secrets when a region fails."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from extension.aws.client_builder import ClientBuilder, Limits
from extension.aws.connecting import Connector
from extension.aws.credentials import SandboxCredentials
from extension.settings.aws import AwsConfig
from extension.settings.parameters import ParametersConfig
from extension.settings.variable import read
from tests.contract.conftest import Serve
from tests.fake_accounts import FakeAccounts
from tests.fake_aws import ACCOUNT, RESET, Fault
from tests.running_cache import GET_BY_PATH

HOME = "eu-central-1"
WEST = "eu-west-1"
CHINA = "cn-north-1"
BOTH = {"DISPATCH_SECRETS_REGIONS": f"{HOME}, {WEST}"}


@pytest.fixture
async def aws() -> AsyncIterator[FakeAccounts]:
    """A secret and a parameter whose values say where they are."""
    async with FakeAccounts() as fake:
        for region in (HOME, WEST, CHINA):
            fake.put("s", f"secret in {region}", region=region)
            fake.put("/p", f"parameter in {region}", region=region)
        yield fake
        assert not fake.refused


def _secret(region: str, *, partition: str = "aws") -> str:
    return f"arn:{partition}:secretsmanager:{region}:{ACCOUNT}:secret:s"


def regions(aws: FakeAccounts) -> list[str]:
    """Return where each attempt went."""
    return [asked.region for asked in aws.requests]


async def test_the_region_of_an_arn_is_asked(aws: FakeAccounts, serve: Serve) -> None:
    """A secret and a shared parameter of other regions and partitions, beside the function's."""
    cache = await serve()
    for query, region in (
        ("secretId=s", HOME),
        (f"secretId={_secret(WEST)}", WEST),
        (f"secretId={_secret(CHINA, partition='aws-cn')}", CHINA),
    ):
        answer = await cache.secret(query)
        assert answer.json["SecretString"] == f"secret in {region}"
        assert answer.headers["X-Cache-Region"] == region
    for name, region in (("/p", HOME), (f"arn:aws:ssm:{WEST}:{ACCOUNT}:parameter/p", WEST)):
        answer = await cache.parameter(f"name={name}&withDecryption=true")
        assert answer.json["Parameter"]["Value"] == f"parameter in {region}"
        assert answer.headers["X-Cache-Region"] == region
    assert (await cache.get(f"{GET_BY_PATH}?path=/p")).headers["X-Cache-Region"] == HOME


async def test_a_hit_still_says_its_region(aws: FakeAccounts, serve: Serve) -> None:
    """The value's region does not change while it is in the cache."""
    cache = await serve()
    await cache.secret(f"secretId={_secret(WEST)}")
    answer = await cache.secret(f"secretId={_secret(WEST)}")
    assert (answer.cache, answer.headers["X-Cache-Region"]) == ("HIT", WEST)
    assert len(aws.requests) == 1


@pytest.mark.parametrize(
    "region", ["", "eu%2Bwest", "evil.example", "EU-WEST-1", "eu-west-1/x", "-"]
)
async def test_an_arn_without_a_region_is_for_the_functions(
    aws: FakeAccounts, serve: Serve, region: str
) -> None:
    """Nothing but the name of a region becomes part of a host; AWS judges the rest."""
    cache = await serve()
    assert (await cache.secret(f"secretId={_secret(region)}")).status == 400
    assert regions(aws) == [HOME]


async def test_a_reference_in_settings_is_read_in_its_region(
    aws: FakeAccounts, serve: Serve
) -> None:
    """The same as a GET for that ARN."""
    cache = await serve()
    assert await cache.parameters.resolve(_secret(WEST), fresh=False) == f"secret in {WEST}"
    shared = f"arn:aws:ssm:{WEST}:{ACCOUNT}:parameter/p"
    assert await cache.parameters.resolve(shared, fresh=False) == f"parameter in {WEST}"


async def test_a_parameter_of_another_region_is_not_batched(
    aws: FakeAccounts, serve: Serve
) -> None:
    """One GetParameters call goes to one region."""
    shared = f"arn:aws:ssm:{WEST}:{ACCOUNT}:parameter/p"
    aws.put("/q", "q")
    cache = await serve(
        DISPATCH_CACHE_BATCH="true",
        DISPATCH_CACHE_PREFETCH=f"ssm:/p,ssm:/q,ssm:{shared}",
    )
    assert sorted((each.operation, each.region) for each in aws.requests) == [
        ("GetParameter", WEST),
        ("GetParameters", HOME),
    ]
    answer = await cache.parameter(f"name={shared}")
    assert (answer.cache, answer.json["Parameter"]["Value"]) == ("HIT", f"parameter in {WEST}")


@pytest.mark.parametrize("query", ["s", _secret(WEST), _secret(HOME)])
async def test_replicas_are_asked_in_order(aws: FakeAccounts, serve: Serve, query: str) -> None:
    """By name, and by an ARN of one of the regions, which is rewritten for the other."""
    cache = await serve(**BOTH)
    answer = await cache.secret(f"secretId={query}")
    assert (answer.json["SecretString"], regions(aws)) == (f"secret in {HOME}", [HOME])


@pytest.mark.parametrize(
    "fault",
    [
        Fault(code="ThrottlingException"),
        Fault(status=500, code="InternalServiceError"),
        Fault(status=503, code="ServiceUnavailable"),
        RESET,
    ],
    ids=["throttled", "broken", "unavailable", "reset"],
)
async def test_the_next_replica_is_asked_when_one_fails_for_now(
    aws: FakeAccounts, serve: Serve, fault: Fault
) -> None:
    """The answer says where it came from; a GET soon after does not wait for the first again."""
    cache = await serve(**BOTH)
    aws.fault = lambda asked: fault if asked.region == HOME else None
    aws.put("t", "t", region=WEST)
    answer = await cache.secret(f"secretId={_secret(HOME)}")
    assert (answer.json["SecretString"], answer.headers["X-Cache-Region"]) == (
        f"secret in {WEST}",
        WEST,
    )
    assert (await cache.secret("secretId=t")).status == 200
    assert [asked.region for asked in aws.requests if asked.name == "t"] == [WEST]
    cache.clock.advance(30)
    aws.fault = lambda _: None
    assert (await cache.secret("secretId=s")).headers["X-Cache-Region"] == HOME


async def test_a_region_that_does_not_answer_leaves_the_next_one_time(
    aws: FakeAccounts, serve: Serve
) -> None:
    """Together they take no longer than one call may."""
    cache = await serve(**BOTH, SECRETS_MANAGER_TIMEOUT_MILLIS="10000")
    aws.holds = lambda asked: asked.region == HOME
    answer = await cache.secret("secretId=s")
    assert answer.headers["X-Cache-Region"] == WEST


async def test_unreachable_regions_are_reported_as_the_first_is(
    aws: FakeAccounts, serve: Serve
) -> None:
    """Also where the last one has no such secret: an outage must not look like a missing one."""
    cache = await serve(**BOTH)
    aws.fault = lambda asked: Fault(
        code="ThrottlingException" if asked.region == HOME else "ResourceNotFoundException"
    )
    answer = await cache.secret("secretId=s")
    assert answer.headers["x-amzn-errortype"] == "ThrottlingException"
    assert set(regions(aws)) == {HOME, WEST}


async def test_a_stale_value_outlives_an_outage_of_all_regions(
    aws: FakeAccounts, serve: Serve
) -> None:
    """With its own region in the answer."""
    cache = await serve(**BOTH)
    await cache.secret("secretId=s")
    cache.clock.advance(301)
    aws.fault = lambda _: Fault(code="ThrottlingException")
    answer = await cache.secret("secretId=s")
    assert (answer.cache, answer.headers["X-Cache-Region"]) == ("STALE", HOME)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
async def test_a_refusal_is_final(aws: FakeAccounts, serve: Serve, code: str) -> None:
    """A replica must not answer what the first region denies."""
    cache = await serve(**BOTH)
    aws.fault = lambda asked: Fault(code=code) if asked.region == HOME else None
    assert (await cache.secret("secretId=s")).headers["x-amzn-errortype"] == code
    assert regions(aws) == [HOME]


@pytest.mark.parametrize(
    "target",
    [
        f"/secretsmanager/get?secretId={_secret('us-east-1')}",
        "/systemsmanager/parameters/get?name=/p",
    ],
)
async def test_what_has_no_replica_is_asked_once(
    aws: FakeAccounts, serve: Serve, target: str
) -> None:
    """An ARN of a region that is not listed, and every parameter."""
    cache = await serve(**BOTH)
    aws.fault = lambda _: Fault(status=500, code="InternalServerError")
    await cache.get(target)
    assert len(set(regions(aws))) == 1


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("eu-west-1,eu-west", "is ignored: entry 2 is no region"),
        ("Ireland", "is ignored: entry 1 is no region"),
        (",", "is ignored: 0 regions"),
        (",".join(f"eu-west-{n}" for n in range(6)), "is ignored: 6 regions"),
    ],
)
def test_a_bad_list_of_regions_is_named(value: str, told: str) -> None:
    """The variable, what is wrong and what is allowed; the function's region is asked then."""
    cache_config, problems = read_parameters({"DISPATCH_SECRETS_REGIONS": value})
    (problem,) = problems
    assert told in str(problem)
    assert str(problem).startswith("DISPATCH_SECRETS_REGIONS ")
    assert cache_config == ()


def read_parameters(environ: dict[str, str]) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """Return the regions that an environment lists, and what is wrong with them."""
    config, problems = read(ParametersConfig, environ)
    return config.secrets_regions, problems


@pytest.mark.parametrize(
    ("endpoint", "region", "host"),
    [
        ("", "eu-west-1", "secretsmanager.eu-west-1.amazonaws.com"),
        ("", "cn-north-1", "secretsmanager.cn-north-1.amazonaws.com.cn"),
        ("", "us-gov-west-1", "secretsmanager.us-gov-west-1.amazonaws.com"),
        ("http://127.0.0.1:4566", "eu-west-1", "127.0.0.1"),
        (
            "https://vpce-1a2b-3c4d.secretsmanager.eu-central-1.vpce.amazonaws.com",
            "eu-west-1",
            "secretsmanager.eu-west-1.amazonaws.com",
        ),
        (
            "https://vpce-1a2b-3c4d.secretsmanager.eu-central-1.vpce.amazonaws.com",
            "eu-central-1",
            "vpce-1a2b-3c4d.secretsmanager.eu-central-1.vpce.amazonaws.com",
        ),
    ],
)
def test_each_region_has_its_own_endpoint(endpoint: str, region: str, host: str) -> None:
    """In its partition. An emulator stands for all regions, a VPC's endpoint for one."""
    environ = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint}
    config, _ = read(AwsConfig, environ)
    builder = ClientBuilder(config, environ, connector=Connector())
    client = builder.build(
        "Secrets Manager",
        region=region,
        session=builder.session(SandboxCredentials(environ)),
        limits=Limits(connect_s=1, read_s=1, attempts=1, connections=1),
        before_attempt=lambda **_: None,
    )
    client.close()
    assert client.host == host
