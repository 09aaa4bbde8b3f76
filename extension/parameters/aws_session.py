"""botocore without its surroundings: no variable, no file, no profile, no metadata service.

HEAVY: imports botocore. The environment belongs to the function, whose SDK has settings of its own
(a profile, a defaults mode, checksums), and one that is wrong here must not cost the cache. So each
setting has botocore's own default, and a client gets as arguments what `AwsConfig` names.
"""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.configprovider import (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    ConfigValueStore,
    ConstantProvider,
)
from botocore.loaders import Loader
from botocore.utils import create_nested_client

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
    """Builds clients from arguments alone; `credentials` resolves the credentials."""

    def __init__(self, credentials: object) -> None:
        super().__init__()
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
        return create_nested_client(self, name, **arguments)


def _defaults() -> dict[str, ConstantProvider]:
    """Return botocore's default for every setting."""
    return {
        name: ConstantProvider(None if name in FROM_FILES else default)
        for name, (_, _, default, _) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
