"""botocore's session: what of botocore takes part in a call."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError
from botocore.handlers import BUILTIN_HANDLERS
from botocore.httpsession import get_cert_path
from botocore.session import get_session
from urllib3.exceptions import NewConnectionError

from extension.aws.connecting import Connector
from extension.aws.session import FROM_FILES, AwsSession, Models, _pools, handlers_for

SERVICES = {"ssm": "ssm", "secretsmanager": "secrets-manager", "sts": "sts"}
"""botocore's name of each service, and the one in the names of its events."""

EVENTS = ("before-parameter-build", "before-call", "request-created", "choose-signer", "after-call")


def test_handlers_that_are_left_out_document_or_concern_another_service() -> None:
    """Each of them by its name; what is for all services stays."""
    kept = handlers_for(SERVICES)
    left_out = [row[0] for row in BUILTIN_HANDLERS if row not in kept]
    kinds = {event.split(".")[0] for event in left_out}
    others = {event.split(".")[1] for event in left_out if not event.startswith("docs.")}
    assert len(left_out) > 100
    assert "docs" in kinds
    assert not others & {"*", *SERVICES.values()}
    assert all("." in event for event in left_out)


def test_handlers_are_registered_plainly() -> None:
    """None that is kept asks for the first or the last place, which `register` does not give."""
    assert {len(row) for row in handlers_for(SERVICES)} == {2}


@pytest.mark.parametrize("service", SERVICES)
def test_a_call_meets_the_handlers_that_it_would_meet_with_all_of_them(service: str) -> None:
    """What botocore's own emitter would call for each event of each operation."""
    complete = get_session()
    reduced = type(complete)(include_builtin_handlers=False)
    for event, handler in handlers_for(SERVICES):
        reduced.register(event, handler)
    for event in EVENTS:
        full = f"{event}.{SERVICES[service]}.GetParameter"
        assert called(reduced, full) == called(complete, full)


def called(session: Any, event: str) -> Counter[str]:
    """Return the names of the handlers of an event."""
    emitter = session.get_component("event_emitter")._emitter
    return Counter(repr(handler) for handler in emitter._handlers.prefix_search(event))


class NoCredentials:
    """Stands for credentials where there are none."""

    renewals = 0
    are_renewable = False

    def load_credentials(self) -> None:
        """Return none."""

    def expire(self, *, since: int) -> None:
        """Do nothing."""


@pytest.fixture(scope="module")
def models() -> Models:
    """The models of our services."""
    return Models(("ssm", "secretsmanager", "sts"))


def session(models: Models, *, connector: Connector | None = None) -> AwsSession:
    """Return a session for clients of these services."""
    return AwsSession(NoCredentials(), models=models, connector=connector or Connector())


def test_a_session_has_its_own_parts(models: Models) -> None:
    """Nothing of the function's configuration: no file, no profile, no token of a bearer."""
    made = session(models)
    assert made.get_component("data_loader") is models
    assert made.get_component("credential_provider") is made.identity
    assert made.full_config == {"profiles": {}}
    assert made.get_scoped_config() == {}
    store = made.get_component("config_store")
    assert [store.get_config_variable(name) for name in sorted(FROM_FILES)] == [None] * 4
    assert store.get_config_variable("metadata_service_timeout") == 1
    assert store.get_config_variable("max_attempts") is None


def test_models_are_those_that_come_with_botocore(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of a user's folder, and no service is looked for in a list of all."""
    assert models.list_available_services("service-2") == ["ssm", "secretsmanager", "sts"]
    assert models.search_paths == [Models.BUILTIN_DATA_PATH]


def test_without_credentials_and_handlers_of_the_process(models: Models) -> None:
    """Those that are registered are the ones that concern our services, each once."""
    made = session(models)
    for event in EVENTS:
        full = f"{event}.ssm.GetParameter"
        expected = AwsSession.__mro__[1](include_builtin_handlers=False)
        for name, handler in handlers_for(models.services):
            expected.register(name, handler)
        assert called(made, full) == called(expected, full)


class Recorder(Connector):
    """Notes what it is asked to connect, and fails."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.asked: list[tuple[str, int, dict[str, Any]]] = []
        self.error = error

    def connect(self, host: str, port: int, **more: Any) -> Any:
        """Fail as it was told to."""
        self.asked.append((host, port, more))
        raise self.error


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (TimeoutError("no address answered"), ConnectTimeoutError, "Connect timeout"),
        (ConnectionRefusedError(111, "Connection refused"), EndpointConnectionError, "connect"),
    ],
)
def test_clients_connect_with_ours(
    models: Models, error: OSError, raised: type[Exception], words: str
) -> None:
    """Within their connect timeout, with botocore's socket options; its errors stay botocore's."""
    connector = Recorder(error)
    settings = Config(
        connect_timeout=1.5,
        retries={"total_max_attempts": 1},
        proxies={},
        signature_version=UNSIGNED,
    )
    client = session(models, connector=connector).client(
        "ssm", region_name="eu-west-1", endpoint_url="http://h:81", verify=True, config=settings
    )
    with pytest.raises(raised, match=words):
        client.get_parameter(Name="a")
    [(host, port, more)] = connector.asked
    assert (host, port, more["within_s"]) == ("h", 81, 1.5)
    assert more["options"]


class Opening(Connector):
    """Gives a socket that does not block, as ours do."""

    def __init__(self, opened: socket.socket) -> None:
        super().__init__()
        self.opened = opened

    def connect(self, host: str, port: int, **more: Any) -> socket.socket:
        """Return it, whatever is asked for."""
        self.opened.setblocking(False)
        return self.opened


def test_a_connection_gets_the_time_limit_of_its_client() -> None:
    """For the handshake of TLS and a proxy's answer, which urllib3 waits for."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pool = _pools(Opening(ours))["http"]
        connection = pool.ConnectionCls("h", 81, timeout=1.5)  # type: ignore[attr-defined]
        assert connection._new_conn() is ours
        assert ours.gettimeout() == 1.5


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("is_botocores", [True, False])
def test_botocores_own_authorities_are_looked_up_in_a_folder(
    is_there: bool, is_botocores: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the layer has one: reading all of them takes longer. A user's file is read."""
    if is_there:
        (tmp_path / "0a1b2c3d.0").write_text("")
    monkeypatch.setattr("extension.aws.session.OWN", str(tmp_path))
    pool = _pools(Recorder(ConnectionRefusedError(111, "refused")))["https"]
    file = get_cert_path(True) if is_botocores else "/the/users.pem"  # botocore's API
    connection = pool.ConnectionCls("h", 443, timeout=1.5)  # type: ignore[attr-defined]
    connection.ca_certs = file
    with pytest.raises(NewConnectionError):
        connection.connect()
    expected = (None, str(tmp_path)) if is_there and is_botocores else (file, None)
    assert (connection.ca_certs, connection.ca_cert_dir) == expected
