"""The process's own AWS credentials: what calls AWS and what signs with them.

Nothing is imported before it is asked for. From then on the process has secrets of its own: its
memory is made private, and each secret that is fetched is reported, to be hidden in exports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from extension.process.clock import Clock
from extension.settings.parameters import ParametersConfig

if TYPE_CHECKING:  # heavy
    from extension.aws.call import Source
    from extension.aws.credentials import SandboxCredentials
    from extension.aws.signing import Signer


class OwnCredentials:
    """Opens what needs them; `on_secret` gets the name and value of each fetched, in any thread."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        on_secret: Callable[[str, str], None],
        clock: Clock,
    ) -> None:
        self._environ = environ
        self._on_secret = on_secret
        self._clock = clock
        self._signer: Signer | None = None
        self._for_calls: SandboxCredentials | None = None

    def open_source(self, config: ParametersConfig) -> Source:
        """Build the AWS clients of the cache; called in a worker thread. Raises SettingError."""
        from extension.parameters.lazy_clients import open_source  # noqa: PLC0415  # heavy

        if self._for_calls is None:  # else the clients could not be built before
            self._for_calls = self._of_the_sandbox()
        return open_source(config, self._environ, credentials=self._for_calls)

    def open_source_locally(self, config: ParametersConfig) -> Source:
        """Build the same outside Lambda, with a developer's credentials."""
        from extension.aws.local_credentials import LocalCredentials  # noqa: PLC0415  # heavy
        from extension.parameters.lazy_clients import open_source  # noqa: PLC0415  # heavy
        from extension.process.private_memory import keep_memory_private  # noqa: PLC0415  # ctypes

        keep_memory_private()
        found = LocalCredentials(self._environ)
        return open_source(config, found.environ, credentials=found)

    def open_signer(self) -> Signer:
        """Return the one signer of exports and dead letters, which know AWS's time together."""
        if self._signer is None:
            from extension.aws.signing import Signer  # noqa: PLC0415  # heavy

            self._signer = Signer(self._of_the_sandbox(), clock=self._clock)
        return self._signer

    def forget_for_snapshot(self) -> None:
        """Forget what was fetched, for a GET, too: the memory is written to a snapshot."""
        if self._for_calls is not None:
            self._for_calls.forget()
        if self._signer is not None:
            self._signer.forget()

    def _of_the_sandbox(self) -> SandboxCredentials:
        from extension.aws.credentials import SandboxCredentials  # noqa: PLC0415  # heavy
        from extension.process.private_memory import keep_memory_private  # noqa: PLC0415  # ctypes

        keep_memory_private()
        return SandboxCredentials(self._environ, on_secret=self._on_secret)
