"""One short life of a function under some settings, and what can be seen of it from outside."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from simulator.aws.endpoints import AccessKey
from simulator.intake import Intake, IntakeRequest
from simulator.intake.otlp import Span
from simulator.intake.replies import Reply
from tests.certificates import write_certificate
from tests.fake_accounts import FakeAccounts
from tests.fake_aws import BROKEN, FakeAws
from tests.launchers import TAP_WRAPPER, sabotaged, write_wrapper
from tests.posted_requests import as_json, spans
from tests.sandbox import Stage, free_port, running
from tests.waiting import PATIENCE_S, until
from tests.wall_clock import WallClock

NOTHING_COMES_S = 2.0
"""How long an act waits where nothing can come: what is too short here can only pass."""

PARAMETER = "/systemsmanager/parameters/get?name=%2Fp"
SECRET = "/secretsmanager/get?secretId=s"
SECRET_VALUE = "correct-horse-battery"
ROLE = "arn:aws:iam::999999999999:role/other"
KEY_OF_FAKE_AWS = AccessKey(key_id="AKIDFAKE", secret="fake-secret-key", token="fake-session-token")
MANY = [f"/systemsmanager/parameters/get?name=%2Fp%2F{number}" for number in range(20)]

PAYLOAD: Mapping[str, object] = {
    "print": [{"level": "DEBUG", "message": "hushed"}, {"level": "INFO", "message": "blaring"},
              f"the secret is {SECRET_VALUE}"],
    "get": [PARAMETER, SECRET, PARAMETER],
}  # fmt: skip
"""What the function does unless a scene says otherwise: three lines and three GETs."""

SENDER = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
"""The trace and the span of who calls the function, or has sent a message."""

MESSAGE = {
    "messageId": "m-1",
    "body": json.dumps({"trace_id": SENDER[0], "span_id": SENDER[1]}),
    "attributes": {"SentTimestamp": "1764230400000"},
    "messageAttributes": {},
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:orders",
}
WITH_CONTEXT = {"traceparent": {"dataType": "String", "stringValue": f"00-{'-'.join(SENDER)}-01"}}


@dataclass
class Scene:
    """`async with Scene(folder) as scene`, then `await scene.play(environment)`, then look."""

    folder: Path
    answers: list[list[tuple[int, str, str]]] = field(default_factory=list)
    """By invocation: status, X-Cache and body of each GET."""
    facts: dict[str, object] = field(default_factory=dict)
    """What an act has noted while the function ran."""
    waits: bool = False
    """Whether the acts wait for what comes late or never, however long that takes here."""
    stage: Stage | None = None

    async def __aenter__(self) -> Self:
        self._stack = stack = AsyncExitStack()
        (self.folder / "client").mkdir(parents=True)
        (self.folder / "server").mkdir()
        self.trusted, tls = write_certificate(self.folder / "server")
        self.client, _ = write_certificate(self.folder / "client")
        asks = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.client))
        asks.load_cert_chain(self.trusted, self.folder / "server" / "key.pem")
        asks.verify_mode = ssl.CERT_REQUIRED
        self.clock = WallClock(self.folder / "clock")
        self.intake = await stack.enter_async_context(Intake())
        self.secure = await stack.enter_async_context(Intake(tls=tls))
        self.strict = await stack.enter_async_context(Intake(tls=asks))
        self.aws = await stack.enter_async_context(FakeAws())
        self.aws.put_parameter("/p", "v")
        for number in range(20):
            self.aws.put_parameter(f"/p/{number}", "v")
        self.aws.put_secret("s", SECRET_VALUE)
        accounts = FakeAccounts(assumable={ROLE}, key=KEY_OF_FAKE_AWS)
        self.accounts = await stack.enter_async_context(accounts)
        self.connects: list[str] = []
        self.proxy = await stack.enter_async_context(_serving(self._refuse))
        tunnel = partial(_forward, self.aws.url)
        self.secure_aws = await stack.enter_async_context(_serving(tunnel, tls=tls))
        self.port, self.other_port = free_port(), free_port()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def patience_s(self) -> float:
        """How long an act waits for what comes late or never."""
        return PATIENCE_S if self.waits else NOTHING_COMES_S

    async def may_see(self, name: str, condition: Callable[[], bool]) -> None:
        """Wait for what comes late or never, and note whether it has come."""
        with suppress(AssertionError):
            await until(condition, deadline_s=self.patience_s)
        self.facts[name] = condition()

    def places(self) -> dict[str, str]:
        """Return what a setting may refer to in braces."""
        both = self.folder / "both.pem"
        key = self.folder / "client" / "key.pem"
        both.write_text(self.client.read_text() + key.read_text())
        return {
            "intake": self.intake.url,
            "secure": self.secure.url,
            "strict": self.strict.url,
            "aws": self.aws.url,
            "sts": self.accounts.url,
            "secure_aws": self.secure_aws.replace("http:", "https:"),
            "proxy": self.proxy,
            "port": str(self.port),
            "other_port": str(self.other_port),
            "trusted": str(self.trusted),
            "client": str(self.client),
            "client_key": str(key),
            "client_both": str(both),
            "wrapper": write_wrapper(self.folder / "opt"),
            "tap_wrapper": str(TAP_WRAPPER),
        }

    async def play(self, environment: Mapping[str, str], act: Act) -> None:
        """Run a function under these settings, do what the act does, and end the sandbox."""
        usual = {
            **self.aws.environment,
            "DISPATCH_POST_URI": self.intake.url,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self.port),
        }
        places = self.places()
        given = {name: text.format(**places) for name, text in environment.items()}
        launch = sabotaged(
            "be_patient()",
            self.clock.sabotage,
            f"replace('extension.parameters.batch:WINDOW_S', {PATIENCE_S})",
            f"replace('extension.parameters.lazy_clients:DEADLINE_S', {PATIENCE_S})",
        )
        handler = act.handler
        async with running(
            self.folder, environment={**usual, **given}, launch=launch, handler=handler
        ) as stage:
            self.stage = stage
            await act.run(self)

    async def invoke(self, payload: Mapping[str, object] = PAYLOAD) -> None:
        """Invoke the function once, and keep what its GETs gave."""
        assert self.stage is not None
        [answer] = await self.stage.invoke(dict(payload))
        found = json.loads(answer.payload)
        self.answers.append([tuple(each) for each in found if isinstance(each, list)])

    @asynccontextmanager
    async def awake(self, payload: Mapping[str, object]) -> AsyncIterator[None]:
        """Keep an invocation under way within the block: a frozen sandbox calls no service."""
        end = self.folder / "end of the invocation"
        invocation = asyncio.create_task(self.invoke({**payload, "until": str(end)}))
        try:
            yield
        finally:
            end.touch()
            await invocation

    def listens(self, port: int) -> bool:
        """Tell whether somebody takes connections on a port."""
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False

    @property
    def requests(self) -> list[IntakeRequest]:
        """What arrived at any of the endpoints."""
        return [*self.intake.requests, *self.secure.requests, *self.strict.requests]

    @property
    def spans(self) -> list[Span]:
        """The spans of invocations."""
        return [span for span in self.intake.spans if span.kind == "SERVER"]

    @property
    def lines(self) -> str:
        """The extension's own lines as one text."""
        assert self.stage is not None
        return "\n".join(line.text for line in self.stage.lines if line.source == "extension")

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.connects.append(head.split(b" ")[1].decode())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()


@dataclass(frozen=True)
class Act:
    """What happens while the function runs, and which function it is."""

    run: Callable[[Scene], Any]
    handler: str = "handler.handler"


@asynccontextmanager
async def _serving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any],
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _forward(url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass one connection on to a plain endpoint."""
    parts = urlsplit(url)
    inner_reader, inner_writer = await asyncio.open_connection(parts.hostname, parts.port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError), closing(sink):
            while data := await source.read(65_536):
                sink.write(data)

    await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))


async def twice(scene: Scene) -> None:
    """Invoke twice."""
    await scene.invoke()
    await scene.invoke()


async def posts(scene: Scene) -> None:
    """Invoke once; the function posts a span."""
    body = as_json(spans("from the function")).decode()
    await scene.invoke({"post": [{"signal": "traces", "body": body}]})


async def started(scene: Scene) -> None:
    """Invoke once, and note whether the function has started."""
    assert scene.stage is not None
    [answer] = await scene.stage.invoke({})
    scene.facts["started"] = answer.status == "success"


async def raises(scene: Scene) -> None:
    """Invoke once; an exception leaves the handler."""
    await scene.invoke({"raise": "no stock"})


async def twice_and_look(scene: Scene) -> None:
    """Invoke twice, and count what has arrived before the sandbox ends."""
    await twice(scene)
    scene.facts["before the end"] = len(scene.spans)


async def once_more(scene: Scene) -> None:
    """Invoke until a span has arrived, and once more; note whether that span has not arrived."""
    await scene.invoke()
    while not scene.spans:
        await scene.invoke()
    await scene.invoke()
    scene.facts["waits"] = len(scene.spans) < len(scene.answers)


async def with_ports(scene: Scene) -> None:
    """Invoke once, and try both ports."""
    await scene.invoke()
    ports = (scene.port, scene.other_port)
    scene.facts["ports"] = tuple(scene.listens(port) for port in ports)


async def short_secret(scene: Scene) -> None:
    """Read a secret of few different characters, and print it."""
    scene.aws.put_secret("s", "aaaabbbb")
    await scene.invoke({"get": [SECRET]})
    await scene.invoke({"print": ["aaaabbbb is not a short one"]})


async def requested(scene: Scene) -> None:
    """Invoke once, as a function URL does for a caller with a trace."""
    headers = {"traceparent": f"00-{'-'.join(SENDER)}-01"}
    context = {"http": {"method": "GET"}, "domainName": "x.lambda-url.eu-central-1.on.aws"}
    await scene.invoke({"version": "2.0", "headers": headers, "requestContext": context})


async def queued(scene: Scene) -> None:
    """Invoke once with a message whose body has the sender's ids."""
    await scene.invoke({"Records": [MESSAGE]})


async def queued_with_context(scene: Scene) -> None:
    """Invoke once with a message whose attributes have them."""
    await scene.invoke({"Records": [{**MESSAGE, "messageAttributes": WITH_CONTEXT}]})


async def endpoint_is_slow(scene: Scene) -> None:
    """Invoke while the endpoint takes a moment."""
    scene.intake.respond = lambda _: Reply(delay_s=0.3)
    await scene.invoke()


async def endpoint_is_down(scene: Scene) -> None:
    """Print 200 KB that the endpoint does not take."""
    scene.intake.respond = lambda _: Reply(status=503)
    await scene.invoke({"lines": 10_000})


async def aws_is_slow(scene: Scene) -> None:
    """Ask for both while AWS does not answer, until a call has failed or both have waited."""
    scene.aws.hold()
    asking = asyncio.create_task(scene.invoke({"get_at_once": [PARAMETER, SECRET]}))
    stage = scene.stage
    assert stage is not None
    await until(lambda: scene.aws.waiting == 2 or stage.complaints)
    with suppress(AssertionError):
        await until(lambda: stage.complaints, deadline_s=scene.patience_s)
    scene.aws.release()
    await asking


async def many_at_once(scene: Scene) -> None:
    """Ask for ten parameters while AWS does not answer; note how many calls wait there."""
    scene.aws.hold()
    asking = asyncio.create_task(scene.invoke({"get_at_once": MANY[:10]}))
    await scene.may_see("several", lambda: scene.aws.waiting > 1)
    scene.aws.release()
    await asking


async def after_a_while(scene: Scene) -> None:
    """Ask for many, and again when a TTL of 100 s has almost passed."""
    await scene.invoke({"get": MANY})
    assert scene.stage is not None
    scene.clock.pass_by(scene.stage.function, 95)
    await scene.invoke({"get": MANY})


async def one_by_one(scene: Scene) -> None:
    """Ask for each a second after the one before, and for all when 60 of 100 s have passed."""
    assert scene.stage is not None
    for each in MANY:
        await scene.invoke({"get": [each]})
        scene.clock.pass_by(scene.stage.function, 1.05)
    scene.clock.pass_by(scene.stage.function, 59)
    await scene.invoke({"get": MANY})


async def renewed_ahead(scene: Scene) -> None:
    """Ask for many, and when 270 of 300 s have passed; note whether a call more is made."""
    await scene.invoke({"get": MANY})
    assert scene.stage is not None
    scene.clock.pass_by(scene.stage.function, 270)
    async with scene.awake({"get": MANY}):
        await scene.may_see("renewed", lambda: len(scene.aws.requests) > len(MANY))
    assert {result for _, result, _ in scene.answers[-1]} == {"HIT"}


async def when_aws_is_down(scene: Scene) -> None:
    """Ask, and again when the TTL has passed and AWS fails."""
    await scene.invoke()
    assert scene.stage is not None
    scene.clock.pass_by(scene.stage.function, 400)
    scene.aws.fault = lambda _: BROKEN
    await scene.invoke()


async def missing(scene: Scene) -> None:
    """Ask for a secret that is not there."""
    await scene.invoke({"get": ["/secretsmanager/get?secretId=nope"]})


async def missing_twice(scene: Scene) -> None:
    """Ask for it twice."""
    await scene.invoke({"get": ["/secretsmanager/get?secretId=nope"] * 2})


async def described(scene: Scene) -> None:
    """Read a secret, and note whether AWS is asked about its rotation."""
    async with scene.awake(PAYLOAD):
        await scene.may_see("described", lambda: "DescribeSecret" in scene.aws.operations)


async def as_a_role(scene: Scene) -> None:
    """Ask for a secret as another role."""
    await scene.invoke({"get": [f"{SECRET}&roleArn={ROLE}"]})


async def early(scene: Scene) -> None:
    """Return what a GET during init gave."""
    assert scene.stage is not None
    [answer] = await scene.stage.invoke({})
    scene.answers.append([tuple(json.loads(answer.payload))])
