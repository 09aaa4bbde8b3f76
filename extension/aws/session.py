"""botocore without its surroundings: no variable, no file, no profile, no metadata service.

HEAVY: imports botocore. The environment belongs to the function, whose SDK has settings of its own
(a profile, a defaults mode, checksums), and one that is wrong here must not cost the cache. So each
setting has botocore's own default, and a client gets as arguments what `AwsConfig` names.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import botocore.session
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
from botocore.loaders import Loader
from botocore.utils import create_nested_client
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from extension.aws.connecting import Connector

CLIENTS = ("ssm", "secretsmanager")
"""The clients that are ever built."""

FROM_FILES = frozenset({"profile", "config_file", "credentials_file", "data_path"})
"""Settings that name what is not there."""


class _Loader(Loader):  # type: ignore[misc]  # botocore is without types
    """Finds the models that botocore brings, without a look at the folder of each service."""

    def __init__(self) -> None:
        super().__init__([self.BUILTIN_DATA_PATH], include_default_search_paths=False)

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the services that are asked for: the list only shows what else there is."""
        del type_name
        return list(CLIENTS)


class AwsSession(botocore.session.Session):  # type: ignore[misc]  # botocore is without types
    """Builds clients from arguments alone; `credentials` resolves the credentials.

    The clients connect by `connector`, within their connect timeout over all of it.
    """

    def __init__(self, credentials: object, *, connector: Connector) -> None:
        super().__init__()
        self._pools = _pools(connector)
        self.register_component("credential_provider", credentials)
        self.register_component("data_loader", _Loader())
        self.register_component("config_store", ConfigValueStore(mapping=_defaults()))

    @property
    def full_config(self) -> dict[str, Any]:
        """Return what an empty configuration file says."""
        return {"profiles": {}}

    def get_scoped_config(self) -> dict[str, Any]:
        """Return what an empty profile says."""
        return {}

    def get_auth_token(self, **_: object) -> None:
        """Return no bearer token: requests are signed."""

    def client(self, name: str, **arguments: Any) -> Any:
        """Build a client, without plugins; `verify` and a `Config` with proxies are due."""
        client = create_nested_client(self, name, **arguments)
        # botocore has no argument for it; the other way would be to change urllib3 for everybody.
        # A later botocore may have other names: then connecting takes urllib3's time again.
        with suppress(AttributeError):
            http = client._endpoint.http_session  # noqa: SLF001
            http._pool_classes_by_scheme.update(self._pools)  # noqa: SLF001
        return client


def _pools(connector: Connector) -> dict[str, type]:
    """Return botocore's pools by scheme, with connections that are made by `connector`."""

    class _Connected:
        """Replaces the step in which urllib3 resolves a name and opens a socket."""

        def connect(self: Any) -> None:
            try:
                super().connect()  # type: ignore[misc]  # that of the class it is mixed into
            except TimeoutError as error:  # urllib3 would call it the time-out of an answer
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
            opened.settimeout(within_s)  # for the TLS handshake, and what a proxy says
            return opened

    class _Plain(_Connected, AWSHTTPConnection):  # type: ignore[misc]  # botocore is without types
        pass

    class _Secure(_Connected, AWSHTTPSConnection):  # type: ignore[misc]  # likewise
        pass

    class _PlainPool(AWSHTTPConnectionPool):  # type: ignore[misc]  # likewise
        ConnectionCls = _Plain

    class _SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]  # likewise
        ConnectionCls = _Secure

    return {"http": _PlainPool, "https": _SecurePool}


def _defaults() -> dict[str, ConstantProvider]:
    """Return botocore's default for every setting."""
    return {
        name: ConstantProvider(None if name in FROM_FILES else default)
        for name, (_, _, default, _) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
