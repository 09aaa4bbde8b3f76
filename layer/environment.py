"""What the wrapper becomes: resolves the references in the environment, then becomes the runtime.

Arguments: the function's LD_LIBRARY_PATH after `=` (empty: it has none), then the command line.
The wrapper that DISPATCH_ENV_NEXT names comes before that, unless it cannot be executed.

Values are bytes from the cache's answer to the environment, so they arrive as they are stored. Only
modules that are loaded quickly are imported, because a cold start waits for this.

References, as CloudFormation writes them ("Get values stored in other services using dynamic
references" of its user guide):
    {{resolve:ssm:NAME[:VERSION]}}
    {{resolve:ssm-secure:NAME[:VERSION]}}
    {{resolve:secretsmanager:ID[:SecretString[:KEY[:STAGE[:VERSION-ID]]]]}}
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # built in, unlike signal
import os
import sys
import time
from _socket import AF_INET, SOCK_STREAM, socket

LIMIT_S = 8.0
"""Of Lambda's ten seconds for an init, for all references together."""

START, END = b"{{resolve:", b"}}"
LIBRARIES, NEXT = b"LD_LIBRARY_PATH", b"DISPATCH_ENV_NEXT"
PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"
ARN_PARTS = {"ssm": 6, "ssm-secure": 6, "secretsmanager": 7}
"""How many of the texts between colons are the ARN of a parameter or a secret."""

Environment = dict[bytes, bytes]


class UnresolvedError(Exception):
    """A reference has no value; the text says why and holds nothing of the variable."""


def main() -> None:
    """Become the command line, or end with a line that says why not."""
    libraries, command = os.fsencode(sys.argv[1]), sys.argv[2:]
    environment = dict(os.environb)
    environment.pop(LIBRARIES, None)
    if libraries:
        environment[LIBRARIES] = libraries[1:]
    # Taken out, or two wrappers that name each other would never end.
    wrapper = os.fsdecode(environment.pop(NEXT, b""))
    resolved, causes = resolve(environment)
    if causes and environment.get(b"DISPATCH_ENV_ON_ERROR", b"").strip().lower() != b"keep":
        say("ERROR", "environment not resolved", "; ".join(causes))
        sys.exit(1)
    if causes:
        say("WARN", "environment not resolved", "; ".join(causes))
    if wrapper:
        cause = become([wrapper, *command], resolved)
        say("WARN", "next wrapper not started", f"DISPATCH_ENV_NEXT: {cause}")
    say("ERROR", "command line cannot be started", become(command, resolved))
    sys.exit(126)


def become(command: list[str], environment: Environment) -> str:
    """Become a command line; return why that is impossible."""
    # Python ignores these, and what it becomes would inherit that.
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment)
    except (OSError, IndexError) as error:
        _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)  # our own line must not end it
        return getattr(error, "strerror", "") or "there is none"


def resolve(environment: Environment) -> tuple[Environment, list[str]]:
    """Return the environment with values, and why which variables keep what they have."""
    holders = {name: value for name, value in environment.items() if START in value}
    if environment.get(b"AWS_LAMBDA_INITIALIZATION_TYPE") == b"snap-start":
        cause = "a SnapStart snapshot would hold the values"
        return environment, [f"{show(name)}: {cause}" for name in holders]
    wanted = {each for value in holders.values() for each in references(value)}
    answers = fetch_all(wanted, environment)
    resolved, causes = dict(environment), []
    for name, value in holders.items():
        try:
            resolved[name] = fill(value, answers)
        except UnresolvedError as error:
            causes.append(f"{show(name)}: {error}")
    return resolved, causes


def references(value: bytes) -> list[bytes]:
    """Return what is between `{{resolve:` and `}}`, in a text that may hold several."""
    return [part.split(END, 1)[0] for part in value.split(START)[1:] if END in part]


def fill(value: bytes, answers: dict[bytes, bytes | UnresolvedError]) -> bytes:
    """Return a variable's value with each reference replaced, once: values are not searched."""
    before, *parts = value.split(START)
    for part in parts:
        reference, end, after = part.partition(END)
        if not end:
            raise UnresolvedError("a reference has no end")
        answer = answers[reference]
        if isinstance(answer, UnresolvedError):
            raise answer
        before += answer + after
    return before


def fetch_all(wanted: set[bytes], environment: Environment) -> dict[bytes, bytes | UnresolvedError]:
    """Ask for all at once, then read the answers within one time limit."""
    deadline = time.monotonic() + LIMIT_S
    answers: dict[bytes, bytes | UnresolvedError] = {}
    sent: dict[bytes, socket] = {}
    for reference in wanted:
        try:
            sent[reference] = send(target_of(reference), environment, deadline)
        except UnresolvedError as error:
            answers[reference] = error
    for reference, connection in sent.items():
        try:
            answers[reference] = value_of(reference, receive(connection, deadline))
        except UnresolvedError as error:
            answers[reference] = error
    return answers


def target_of(reference: bytes) -> bytes:
    """Return the path and query of the GET for a reference."""
    try:
        service, *parts = reference.decode().split(":")
    except UnicodeDecodeError:
        raise UnresolvedError("a reference is not UTF-8") from None
    if service not in ARN_PARTS:
        raise UnresolvedError("a reference is to none of ssm, ssm-secure, secretsmanager")
    length = ARN_PARTS[service] if parts[:1] == ["arn"] else 1
    name, rest = ":".join(parts[:length]), parts[length:]
    if not name or len(rest) > (4 if service == "secretsmanager" else 1):
        raise UnresolvedError("a reference has too many or too few parts")
    if service == "secretsmanager":
        return _secret(name, *rest)
    decrypt = {"withDecryption": "true", "raw": "true"} if service == "ssm-secure" else {}
    version = "".join(rest)
    return b"/systemsmanager/parameters/get?" + query({"name": name, "version": version, **decrypt})


def _secret(name: str, kind: str = "", key: str = "", stage: str = "", version: str = "") -> bytes:
    if kind not in ("", "SecretString"):
        raise UnresolvedError("of a secret there is SecretString alone")
    fields = {"secretId": name, "versionStage": stage, "versionId": version, "raw": "true"}
    return b"/secretsmanager/get?" + query({**fields, "jsonKey": key})


def query(fields: dict[str, str]) -> bytes:
    """Return the fields that are not empty, percent-encoded; urllib would take 10 ms to import."""
    pairs = (f"{name}={quote(value)}" for name, value in fields.items() if value)
    return "&".join(pairs).encode()


def quote(text: str) -> str:
    """Percent-encode everything but what is safe in every part of a URL."""
    return "".join(chr(byte) if byte in PLAIN else f"%{byte:02X}" for byte in text.encode())


def send(target: bytes, environment: Environment, deadline: float) -> socket:
    """Return the connection on which a GET has been sent to the cache."""
    connection = socket(AF_INET, SOCK_STREAM)
    token = environment.get(b"AWS_SESSION_TOKEN", b"")
    head = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % target
    try:
        connection.settimeout(remaining(deadline))
        connection.connect(("127.0.0.1", port(environment)))
        connection.sendall(head + b"X-Aws-Parameters-Secrets-Token: %b\r\n\r\n" % token)
    except TimeoutError:
        raise _late() from None
    except OSError as error:
        cause = f"no cache on localhost:{port(environment)}: {error.strerror}"
        raise UnresolvedError(cause) from None
    return connection


def receive(connection: socket, deadline: float) -> bytes:
    """Return the body of the answer."""
    answer = b""
    try:
        while True:
            connection.settimeout(remaining(deadline))
            some = connection.recv(65536)
            if not some:
                break
            answer += some
    except TimeoutError:
        raise _late() from None
    except OSError as error:
        raise UnresolvedError(f"the cache broke off: {error.strerror}") from None
    finally:
        connection.close()
    return body_of(answer)


def body_of(answer: bytes) -> bytes:
    """Return the body of a 200 that is complete; of any other, the code alone is repeated."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = lines[0][9:12]
    pairs = (line.partition(":") for line in lines[1:])
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if status != "200":
        code = headers.get("x-amzn-errortype", "")
        code = code if code.isascii() and code.isalnum() else ""  # a stranger may have the port
        raise UnresolvedError(f"the cache answered {status or 'nothing'} {code}".strip())
    if headers.get("content-length") != str(len(body)):
        raise UnresolvedError("the cache's answer is incomplete")
    return body


def value_of(reference: bytes, body: bytes) -> bytes:
    """Return the value in the body of an answer; a plain `ssm:` never gives a ciphertext."""
    if reference.startswith(b"ssm:"):
        import json  # noqa: PLC0415  # 8 ms, which the other kinds do not need

        parameter = json.loads(body)["Parameter"]
        if parameter["Type"] == "SecureString":
            raise UnresolvedError("it is a SecureString: write ssm-secure")
        body = str(parameter["Value"]).encode()
    if b"\0" in body:
        raise UnresolvedError("no variable can hold the value's NUL byte")
    return body


def port(environment: Environment) -> int:
    """Return the cache's port, by the extension's own rules."""
    for name in (b"DISPATCH_CACHE_PORT", b"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"):
        text = environment.get(name, b"").strip()
        if text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536:
            return int(text)
    return 2773


def remaining(deadline: float) -> float:
    """Return the seconds that are left, never zero: that would mean not to wait."""
    return max(0.001, deadline - time.monotonic())


def _late() -> UnresolvedError:
    return UnresolvedError(f"no answer within {LIMIT_S:g} s")


def show(name: bytes) -> str:
    """Return a variable's name as a line can hold it."""
    return name.decode("ascii", "backslashreplace").replace('"', "'").replace("\\", "/")


def say(level: str, message: str, cause: str) -> None:
    """Write a line of our log; that standard output is closed is no error."""
    line = f'{{"extension": "lambda-dispatch", "level": "{level}", "message": "{message}", '
    try:  # noqa: SIM105  # to import contextlib takes time
        os.write(1, (line + f'"cause": "{cause}"}}\n').encode("ascii", "backslashreplace"))
    except OSError:
        pass


if __name__ == "__main__":
    main()
