"""botocore's session, cut off from environment variables, files, profiles and metadata services.

HEAVY: imports botocore. The environment belongs to the function, whose SDK has settings of its own
(a profile, a defaults mode, checksums); one that is unusable here must not stop the extension. So
every setting has botocore's default, and what `AwsConfig` names is passed to a client as arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import botocore.session
from botocore import handlers
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.configprovider import (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    ConfigValueStore,
    ConstantProvider,
)
from botocore.httpsession import get_cert_path
from botocore.loaders import Loader
from botocore.utils import create_nested_client
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from extension.aws.connecting import Connector
from extension.process.authorities import OWN, is_hashed

FROM_FILES = frozenset({"profile", "config_file", "credentials_file", "data_path"})
"""Settings that name a file, or a profile in one: a sandbox has none."""


class Models(Loader):  # type: ignore[misc]  # botocore is without types
    """The models that come with botocore, loaded once for all sessions.

    `services` are botocore's names of the services that clients may be built for: the folder of
    every service is not listed.
    """

    def __init__(self, services: Sequence[str]) -> None:
        super().__init__([self.BUILTIN_DATA_PATH], include_default_search_paths=False)
        self.services = list(services)

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the services that clients are built for: botocore checks names against them."""
        del type_name
        return self.services


class Identity(Protocol):
    """Whom AWS sees: credentials, which are renewed once AWS reports them as expired."""

    renewals: int

    @property
    def are_renewable(self) -> bool:
        """Whether there is a source to fetch them from again."""

    def load_credentials(self) -> Any:
        """Return botocore's object for them; nothing is fetched before a request is signed."""

    def expire(self, *, since: int) -> None:
        """Renew them before the next request, unless `renewals` has passed `since`."""


class AwsSession(botocore.session.Session):  # type: ignore[misc]  # botocore is without types
    """Builds clients from arguments alone.

    `identity` has the shape of botocore's credential resolver. The clients connect with
    `connector`, within their connect timeout in total.
    """

    def __init__(self, identity: Identity, *, models: Models, connector: Connector) -> None:
        super().__init__(include_builtin_handlers=False)
        self.identity = identity
        for event, handler, *_ in handlers_for(models.services):
            self.register(event, handler)
        self._pools = _pools(connector)
        self.register_component("credential_provider", identity)
        self.register_component("data_loader", models)
        self.register_component("config_store", ConfigValueStore(mapping=_defaults()))

    @property
    def full_config(self) -> dict[str, Any]:
        """Return the content of an empty configuration file."""
        return {"profiles": {}}

    def get_scoped_config(self) -> dict[str, Any]:
        """Return the settings of an empty profile."""
        return {}

    def get_auth_token(self, **_: object) -> None:
        """Return no bearer token: requests are signed."""

    def client(self, name: str, **arguments: Any) -> Any:
        """Build a client without plugins; `verify` and a `config` with proxies are required."""
        client = create_nested_client(self, name, **arguments)
        # botocore has no argument for this, and patching urllib3 would affect all its users. If a
        # later botocore renames these attributes, connecting takes as long as urllib3 lets it.
        with suppress(AttributeError):
            http = client._endpoint.http_session  # noqa: SLF001
            http._pool_classes_by_scheme.update(self._pools)  # noqa: SLF001
        return client


def handlers_for(services: Iterable[str]) -> list[tuple[Any, ...]]:
    """Return those of botocore's handlers that concern clients of these services.

    Of its hundred and fifty, a start would otherwise examine the signature of each, though all but
    ten write documentation or are for one other service. They keep their order.
    """
    return [row for row in handlers.BUILTIN_HANDLERS if _concerns(row[0], services)]


def _concerns(event: str, services: Iterable[str]) -> bool:
    """Return whether a handler is for all services or one of these: `kind.secrets-manager.more`."""
    kind, _, rest = event.partition(".")
    service = rest.partition(".")[0].replace("-", "")
    return kind != "docs" and service in ("", "*", *services)


def _pools(connector: Connector) -> dict[str, type]:
    """Return botocore's pools by scheme, with connections opened by `connector`."""
    own_bundle = get_cert_path(True) if is_hashed(OWN) else ""  # noqa: FBT003  # botocore's API

    class _Connected:
        """Replaces the step in which urllib3 resolves a name and opens a socket."""

        def connect(self: Any) -> None:
            try:
                super().connect()  # type: ignore[misc]  # of the class this is mixed into
            except TimeoutError as error:  # urllib3 would report it as a read timeout
                raise ConnectTimeoutError(self, "no TLS handshake") from error

        def _new_conn(self: Any) -> Any:
            host, within_s = self._dns_host.strip("[]"), self.timeout
            try:
                opened = connector.connect(
                    host,
                    self.port,
                    within_s=within_s,
                    options=self.socket_options or (),
                    family=allowed_gai_family(),
                )
            except TimeoutError as error:
                raise ConnectTimeoutError(self, f"{error} within {within_s:g} s") from error
            except OSError as error:
                raise NewConnectionError(self, str(error)) from error
            opened.settimeout(within_s)  # for the TLS handshake and a proxy's answer
            return opened

    class _Plain(_Connected, AWSHTTPConnection):  # type: ignore[misc]  # botocore is without types
        pass

    class _Secure(_Connected, AWSHTTPSConnection):  # type: ignore[misc]  # likewise
        def connect(self: Any) -> None:
            """Connect; botocore's own authorities are looked up, where the layer has a folder."""
            if self.ca_certs == own_bundle:
                self.ca_certs, self.ca_cert_dir = None, OWN
            super().connect()

    class _PlainPool(AWSHTTPConnectionPool):  # type: ignore[misc]  # likewise
        ConnectionCls = _Plain

    class _SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]  # likewise
        ConnectionCls = _Secure

    return {"http": _PlainPool, "https": _SecurePool}


def _defaults() -> dict[str, ConstantProvider]:
    """Return a provider of botocore's default for each setting."""
    return {
        name: ConstantProvider(None if name in FROM_FILES else default)
        for name, (_, _, default, _) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
