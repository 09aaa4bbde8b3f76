"""A developer's AWS credentials, outside Lambda: whatever botocore itself finds.

HEAVY: imports botocore. These are variables, a profile of ~/.aws (a role, single sign-on, a
command), a web identity and the container endpoint. The metadata service is not asked: on a machine
without one that takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import botocore.session
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError

from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import SettingError
from extension.aws.reasons import CONTAINER, NO_PROFILE

METADATA_SERVICE = "iam-role"
"""botocore's name for it."""

REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


class LocalCredentials(SandboxCredentials):
    """Resolves credentials in botocore's order.

    Raises:
        SettingError: the profile is not there, or a file in ~/.aws cannot be read.
    """

    def __init__(
        self, environ: Mapping[str, str], *, on_secret: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        super().__init__(environ, on_secret=on_secret)
        session = botocore.session.Session()
        try:
            self._resolver = session.get_component("credential_provider")
            region = session.get_config_variable("region") or ""
        except BotoCoreError as error:
            raise SettingError(f"AWS_PROFILE or a file in ~/.aws: {error}") from error
        self._resolver.remove(METADATA_SERVICE)
        has_region = any(environ.get(name, "").strip() for name in REGIONS)
        self.environ = environ if has_region else {**environ, "AWS_REGION": region}
        """The environment, with the region of the profile if it has none."""

    def load_credentials(self) -> Credentials | None:
        """Return the credentials, or None if there are none; blocks, and may ask AWS.

        Raises:
            SettingError: a profile, or the command in it, gives none.
        """
        try:
            found = self._static() or self._resolver.load_credentials()
        except BotoCoreError as error:  # its text may have what a command has printed
            raise SettingError(NO_PROFILE) from error
        if found is None or found.method == CONTAINER:
            return super().load_credentials()
        return found
