"""Values that are read as another role: `roleArn`, as AWS's agent has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from extension.aws.call import Source
from extension.aws.credentials import SandboxCredentials
from extension.bridge import redact_what_is_served
from extension.parameters.lazy_clients import open_source
from extension.redaction.redactor import Redactor
from simulator.aws.endpoints.keys import AccessKey
from tests.contract.conftest import Serve
from tests.credentials_endpoint import CredentialsEndpoint
from tests.fake_accounts import FakeAccounts
from tests.fake_aws import ACCOUNT, RESET, Fault
from tests.running_cache import GET_BY_PATH, GET_PARAMETER, GET_SECRET, RunningCache
from tests.waiting import until

HOME = "eu-central-1"
WEST = "eu-west-1"
BLUE = "arn:aws:iam::222222222222:role/team/blue"
RED = "arn:aws:iam::333333333333:role/red"
STRANGER = "arn:aws:iam::444444444444:role/stranger"
STS_DENIES = Fault(status=403, code="AccessDenied", message="told by the fake")


@pytest.fixture
async def aws() -> AsyncIterator[FakeAccounts]:
    """A secret and a parameter of the same name, with another value for each role."""
    async with FakeAccounts(assumable={BLUE, RED}) as fake:
        for role, value in (("", "ours"), (BLUE, "blue"), (RED, "red"), (STRANGER, "strange")):
            fake.put("s", f"secret {value}", role=role)
            fake.put("/p", f"parameter {value}", role=role)
        yield fake


async def secret(cache: RunningCache, role: str = "", more: str = "") -> Any:
    """Return the secret as a role reads it."""
    answer = await cache.secret(f"secretId=s{f'&roleArn={role}' if role else ''}{more}")
    return answer.json["SecretString"] if answer.status == 200 else answer.headers


async def test_each_role_has_its_own_value(aws: FakeAccounts, cache: RunningCache) -> None:
    """On every route, in any order, from AWS and from the cache."""
    for _ in range(2):
        for role, value in ((BLUE, "blue"), ("", "ours"), (RED, "red")):
            query = f"&roleArn={role}" if role else ""
            assert await secret(cache, role) == f"secret {value}"
            parameter = await cache.parameter(f"name=/p{query}")
            assert parameter.json["Parameter"]["Value"] == f"parameter {value}"
            path = await cache.get(f"{GET_BY_PATH}?path=/p{query}")
            assert [each["Value"] for each in path.json["Parameters"]] == [f"parameter {value}"]
    assert len(aws.requests) == 3 * 3 + 2  # once for each route and role, and for each session
    assert not aws.refused


async def test_the_session_is_named_after_function_and_sandbox(
    aws: FakeAccounts, serve: Serve
) -> None:
    """CloudTrail then shows which sandbox has read a value; the function's region is asked."""
    cache = await serve(
        AWS_LAMBDA_FUNCTION_NAME="checkout",
        AWS_LAMBDA_LOG_STREAM_NAME="2026/11/27/[$LATEST]0123456789abcdef0123456789abcdef",
        DISPATCH_ROLE_EXTERNAL_ID="shop:42",
    )
    assert await secret(cache, BLUE) == "secret blue"
    (asked,) = aws.asked("AssumeRole")
    assert asked.region == HOME
    assert asked.arguments["RoleSessionName"] == "checkout-0123456789abcdef0123456789abcdef"
    assert asked.arguments["ExternalId"] == "shop:42"


async def test_a_role_reads_in_the_region_of_an_arn(aws: FakeAccounts, cache: RunningCache) -> None:
    """One session of a role is enough for all regions."""
    aws.put("s", "secret far", region=WEST, role=BLUE)
    arn = f"arn:aws:secretsmanager:{WEST}:{BLUE.split(':')[4]}:secret:s"
    answer = await cache.secret(f"secretId={arn}&roleArn={BLUE}")
    assert answer.json["SecretString"] == "secret far"
    assert answer.headers["X-Cache-Region"] == WEST
    assert await secret(cache, BLUE) == "secret blue"
    assert len(aws.asked("AssumeRole")) == 1


@pytest.mark.parametrize("target", [f"{GET_SECRET}?secretId=s", f"{GET_PARAMETER}?name=/p"])
async def test_a_role_that_may_not_be_assumed_is_named(
    aws: FakeAccounts, cache: RunningCache, target: str
) -> None:
    """With the permission that is missing; the function's own value is no substitute."""
    await cache.get(target)
    answer = await cache.get(f"{target}&roleArn={STRANGER}", accept="application/json")
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "AccessDenied")
    assert answer.json["error"]["service"] == "STS"
    (line,) = [each for each in cache.log.parsed if each["message"] == "upstream call failed"]
    assert line["role"] == STRANGER
    assert line["reason"] == (
        f"allow sts:AssumeRole on {STRANGER} in the policy of the function's role, and the"
        f" function's role in the trust policy of {STRANGER}"
    )
    assert not any(each.role == STRANGER for each in aws.requests)


@pytest.mark.parametrize(
    "role",
    [
        "",
        "blue",
        "arn:aws:iam::222222222222:user/blue",
        "arn:aws:iam::22:role/blue",
        "arn:aws:sts::222222222222:assumed-role/blue/session",
        f"{BLUE}%0a",
        f"{BLUE}&roleArn={RED}",
        f"&roleArn={BLUE}",
    ],
)
@pytest.mark.parametrize("target", [f"{GET_SECRET}?secretId=s", f"{GET_PARAMETER}?name=/p"])
async def test_what_names_no_role_is_refused(
    aws: FakeAccounts, cache: RunningCache, target: str, role: str
) -> None:
    """Also an empty one, which must not mean the function's own, and two of them."""
    await cache.get(target)
    answer = await cache.get(f"{target}&roleArn={role}")
    assert (answer.status, b"roleArn must be one arn:" in answer.body) == (400, True)
    assert len(aws.requests) == 1


@pytest.mark.parametrize("field", ["RoleArn", "rolearn", "role_arn", "role-arn", "ROLEARN"])
async def test_a_role_under_another_name_is_refused(
    aws: FakeAccounts, cache: RunningCache, field: str
) -> None:
    """It would be ignored like any unknown field, and the value be the function's own."""
    answer = await cache.get(f"{GET_SECRET}?secretId=s&{field}={BLUE}")
    assert (answer.status, answer.body) == (400, b"the field for a role is roleArn")
    assert aws.requests == []


@pytest.mark.parametrize("role", [BLUE.replace(":", "%3A").replace("/", "%2F"), f"{BLUE}&x=1"])
async def test_a_role_may_be_encoded(cache: RunningCache, role: str) -> None:
    """As HTTP libraries encode what is in a query."""
    assert await secret(cache, role) == "secret blue"


async def test_many_callers_share_a_session(aws: FakeAccounts, cache: RunningCache) -> None:
    """However many values are missed at once."""
    for number in range(20):
        aws.put(f"n{number}", str(number), role=BLUE)
    answers = await asyncio.gather(
        *(cache.secret(f"secretId=n{number}&roleArn={BLUE}") for number in range(20))
    )
    assert [each.json["SecretString"] for each in answers] == [str(each) for each in range(20)]
    assert len(aws.asked("AssumeRole")) == 1


async def test_a_session_that_has_expired_in_a_freeze_is_replaced(
    aws: FakeAccounts, cache: RunningCache
) -> None:
    """AWS refuses its key: a new one is fetched, and the request is made again, once."""
    assert await secret(cache, BLUE) == "secret blue"
    aws.expire_roles()
    cache.clock.freeze(2 * 3600)
    assert await secret(cache, BLUE) == "secret blue"
    assert aws.refused == ["ExpiredTokenException"]
    assert len(aws.asked("AssumeRole")) == 2


async def test_a_request_to_sts_that_was_signed_before_a_freeze_is_signed_again(
    aws: FakeAccounts, cache: RunningCache
) -> None:
    """The caller does not learn of it."""
    faults = [Fault(status=403, code="SignatureDoesNotMatch", message="Signature expired: now…")]
    aws.fault = lambda asked: faults.pop() if faults and asked.service == "sts" else None
    assert await secret(cache, BLUE) == "secret blue"


async def test_the_functions_own_credentials_are_renewed_for_sts(
    aws: FakeAccounts, serve: Serve
) -> None:
    """Where they come from the container endpoint, and STS calls them expired."""
    old, new = aws.key, AccessKey(key_id="AKIDNEW", secret="new", token="new-token")
    async with CredentialsEndpoint(token=old.token, authorization="a") as endpoint:
        endpoint.hand_out(old)
        without = {
            name: "" for name in aws.environment if name.startswith("AWS_S") or "KEY" in name
        }
        cache = await serve(**without, **endpoint.environment)
        cache.token = old.token
        assert (await cache.secret("secretId=s")).status == 200
        endpoint.hand_out(new)
        aws.keys.rotate(new)
        assert await secret(cache, BLUE) == "secret blue"
    assert [each.role for each in aws.asked("AssumeRole")] == ["", ""]


async def test_credentials_of_the_function_that_sts_refuses_are_the_error(
    aws: FakeAccounts, cache: RunningCache
) -> None:
    """Those in the environment cannot be renewed, and STS is not asked again for that."""
    aws.keys.expire()
    headers = await secret(cache, BLUE)
    assert headers["x-amzn-errortype"] == "ExpiredToken"
    assert len(aws.asked("AssumeRole")) == 1


async def test_an_sts_that_hangs_does_not_hold_others_up(aws: FakeAccounts, serve: Serve) -> None:
    """Not callers of the function's own values, nor of another role, whatever waits for STS."""
    cache = await serve()
    assert await secret(cache, RED) == "secret red"
    aws.holds = lambda asked: asked.service == "sts"
    waiting = [
        asyncio.ensure_future(cache.secret(f"secretId=n{number}&roleArn={BLUE}"))
        for number in range(10)
    ]
    await until(lambda: len(aws.asked("AssumeRole")) > 1)
    assert await secret(cache) == "secret ours"
    assert await secret(cache, RED, "&refresh=true") == "secret red"
    aws.release()
    await asyncio.gather(*waiting)


async def test_an_sts_that_hangs_ends_with_the_deadline_of_the_call(
    aws: FakeAccounts, serve: Serve
) -> None:
    """Its caller gets an error that says what to look at, or that time is up."""
    cache = await serve(SECRETS_MANAGER_TIMEOUT_MILLIS="500")
    aws.holds = lambda asked: asked.service == "sts"
    headers = await secret(cache, BLUE)
    assert headers["x-amzn-errortype"] in {"RequestTimeout", "ReadTimeoutError"}


async def test_an_outage_of_sts_leaves_a_stale_value(
    aws: FakeAccounts, cache: RunningCache
) -> None:
    """That of the same role alone."""
    aws.session_s = 30
    await secret(cache, BLUE)
    cache.clock.advance(301)
    aws.fault = lambda asked: RESET if asked.service == "sts" else None
    answer = await cache.secret(f"secretId=s&roleArn={BLUE}")
    assert (answer.cache, answer.json["SecretString"]) == ("STALE", "secret blue")
    assert (await cache.secret(f"secretId=s&roleArn={RED}")).status == 400


async def test_an_outage_of_sts_is_none_of_a_region(aws: FakeAccounts, serve: Serve) -> None:
    """No replica is asked, as it would need the same credentials."""
    cache = await serve(DISPATCH_SECRETS_REGIONS=f"{HOME},{WEST}")
    aws.fault = lambda asked: RESET if asked.service == "sts" else None
    assert (await secret(cache, BLUE))["x-amzn-errortype"] == "ConnectionClosedError"
    assert {asked.service for asked in aws.requests} == {"sts"}
    assert await secret(cache) == "secret ours"
    assert aws.requests[-1].region == HOME


async def test_a_role_that_was_revoked_has_no_stale_value(
    aws: FakeAccounts, cache: RunningCache
) -> None:
    """STS says no, which is AWS's last word on the value."""
    aws.session_s = 30
    await secret(cache, BLUE)
    cache.clock.advance(301)
    aws.fault = lambda asked: STS_DENIES if asked.service == "sts" else None
    assert (await cache.secret(f"secretId=s&roleArn={BLUE}")).status == 400
    assert await secret(cache) == "secret ours"


async def test_a_parameter_of_a_role_is_not_batched(aws: FakeAccounts, serve: Serve) -> None:
    """A call has one signature; and a role that may not batch must not end it for the function."""
    cache = await serve(DISPATCH_CACHE_BATCH="true")
    names = [f"name=/p&roleArn={role}" for role in (BLUE, RED)]
    answers = await asyncio.gather(*map(cache.parameter, ["name=/p", *names]))
    values = [each.json["Parameter"]["Value"] for each in answers]
    assert values == ["parameter ours", "parameter blue", "parameter red"]


async def test_more_roles_than_are_kept_are_served(aws: FakeAccounts, cache: RunningCache) -> None:
    """Clients that were used longest ago are closed; AWS's agent would refuse the next role."""
    roles = [f"arn:aws:iam::222222222222:role/r{number}" for number in range(30)]
    aws.assumable.update(roles)
    for role in roles:
        aws.put("s", role, role=role)
    for role in [*roles, roles[0]]:
        assert await secret(cache, role, "&refresh=true") == role
    assert await secret(cache) == "secret ours"


async def test_roles_in_any_order_never_mix(aws: FakeAccounts, serve: Serve) -> None:
    """Callers of all roles at once, while sessions expire and clients are closed."""
    cache = await serve(SECRETS_MANAGER_TTL="0", SSM_PARAMETER_STORE_TTL="0")
    roles = [f"arn:aws:iam::222222222222:role/r{number}" for number in range(24)]
    aws.assumable.update(roles)
    for role in roles:
        aws.put("s", role, role=role)
        aws.put("/p", role, role=role)

    async def read(number: int) -> None:
        role = roles[number * 7 % len(roles)]
        if number % 50 == 0:
            aws.expire_roles()
        if number % 2:
            answer = await cache.secret(f"secretId=s&roleArn={role}")
            value = answer.json["SecretString"] if answer.status == 200 else role
        else:
            answer = await cache.parameter(f"name=/p&roleArn={role}")
            value = answer.json["Parameter"]["Value"] if answer.status == 200 else role
        assert value == role

    await asyncio.gather(*(read(number) for number in range(200)))
    served = [each for each in aws.requests if each.role]
    assert len({each.role for each in served}) == len(roles)
    assert all(ACCOUNT not in each.role for each in served)


async def test_values_of_each_role_are_hidden_as_long_as_they_are_kept(
    aws: FakeAccounts, serve: Serve
) -> None:
    """The entry of one role that goes leaves that of another."""
    cache = await serve(PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE="2")
    redactor = Redactor(most_loose=0)
    redact_what_is_served(cache.parameters, redactor=redactor, exports=True)
    values = {"": "hunter2-ours", BLUE: "hunter2-blue", RED: "hunter2-red"}
    for role, value in values.items():
        aws.put("s", value, role=role)
        await secret(cache, role)
    clean = redactor.redact(" ".join(values.values())).text
    assert clean == "hunter2-ours [REDACTED:s] [REDACTED:s]"


async def test_credentials_of_a_role_are_secrets(aws: FakeAccounts) -> None:
    """They are reported to be redacted, and no line of any level has them."""
    learned: dict[str, str] = {}
    environ = aws.environment | {"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "DEBUG"}

    def open_aws() -> Source:
        credentials = SandboxCredentials(environ, on_secret=learned.__setitem__)
        return open_source(running.config, environ, credentials=credentials)

    running = RunningCache(environ, open_source=open_aws, opened=False)
    async with running:
        await secret(running, BLUE)
        await running.secret(f"secretId=nope&roleArn={BLUE}")
    (key,) = aws.handed_out
    assert set(learned.values()) == {key.secret, key.token}
    written = "\n".join(running.log.lines)
    assert BLUE in written
    assert key.secret not in written
    assert key.token not in written


async def test_a_token_of_a_role_opens_no_door(aws: FakeAccounts, cache: RunningCache) -> None:
    """Callers authenticate with the function's."""
    await secret(cache, BLUE)
    (key,) = aws.handed_out
    assert (await cache.get(f"{GET_SECRET}?secretId=s", token=key.token)).status == 401


async def test_several_at_once_as_a_role(aws: FakeAccounts, cache: RunningCache) -> None:
    """The role holds for every name of a getMany."""
    for role, value in ((BLUE, "blue"), (RED, "red")):
        answer = await cache.get(f"/secretsmanager/getMany?secretId=s&roleArn={role}&raw=true")
        assert [each["value"] for each in answer.json["results"]] == [f"secret {value}"]
    answer = await cache.get(f"/secretsmanager/getMany?secretId=s&roleArn={BLUE}&roleArn={RED}")
    assert answer.status == 400


async def test_renewal_ahead_as_a_role(aws: FakeAccounts, cache: RunningCache) -> None:
    """Each role has its own entry, and gets its own new value."""
    for role in (BLUE, RED):
        await secret(cache, role)
    cache.clock.advance(250)
    for role, value in ((BLUE, "blue"), (RED, "red")):
        aws.put("s", f"newer {value}", role=role)
        assert await secret(cache, role) == f"secret {value}"
    await until(lambda: not cache.parameters._lookup._ahead._flights._tasks)
    for role, value in ((BLUE, "blue"), (RED, "red")):
        assert await secret(cache, role) == f"newer {value}"
    assert not aws.refused


async def test_rotation_is_looked_up_as_the_role(serve: Serve, aws: FakeAccounts) -> None:
    """What one role may not describe, another may."""
    cache = await serve(DISPATCH_SECRETS_ROTATION="true")
    rotations = cache.parameters._lookup._rotations
    assert rotations is not None
    refused, denied = ("DescribeSecret", BLUE), Fault(code="AccessDeniedException")
    aws.fault = lambda asked: denied if (asked.operation, asked.role) == refused else None
    for role in (BLUE, RED, BLUE, RED):
        await secret(cache, role, "&refresh=true")
        await until(lambda: not rotations._waiting._tasks)
        cache.clock.advance(1900)
    asked = [each.role for each in aws.requests if each.operation == "DescribeSecret"]
    assert asked == [BLUE, RED, RED]
    [line] = [each for each in cache.log.parsed if "rotations" in each["message"]]
    assert line["role"] == BLUE
