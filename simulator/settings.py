"""Everything a user can say about the function, its sandbox and the trouble to cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Tracing = Literal["active", "pass-through", "off"]
LogFormat = Literal["Text", "JSON"]
InitializationType = Literal[
    "on-demand", "provisioned-concurrency", "snap-start", "lambda-managed-instances"
]
EventShape = Literal["2022", "2026"]

_ON_DEMAND_INIT_S = 10.0
_PREPARED_INIT_S = 130.0
_EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Trouble to cause on purpose; the default causes none.

    Attributes:
        duplicate: Event types that every subscriber gets twice, in the same batch.
        missing: Event types that no subscriber gets.
        late: Event types that are held back until the end of the next invocation.
        lost_acknowledgements: How many successful posts count as failed, so that the very same
            batch is sent again.
        listener_delay_s: How much later each batch sets out, as if the listener were slow.
        clock_jump_s: How far the platform's clock jumps ahead of the processes' at each thaw.
    """

    duplicate: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    lost_acknowledgements: int = 0
    listener_delay_s: float = 0.0
    clock_jump_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """One function and the sandbox it runs in.

    Attributes:
        code: Folder of the function: working folder of the runtime and LAMBDA_TASK_ROOT.
        handler: Module and function, as in Lambda's configuration.
        runtime: Command of the runtime; without it this interpreter runs awslambdaric.
        extensions: Folder whose files are launched as external extensions (/opt/extensions).
        environment: The customer's variables: the function and the extensions get them.
        timeout_s: The function's timeout; an invocation that needs longer resets the sandbox.
        init_timeout_s: After it the init is broken off and repeated inside the first invocation;
            without it 10 s on demand, else the function's timeout, but at least 130 s.
        shutdown_timeout_s: What external extensions get from SHUTDOWN to SIGKILL.
        cpu_share: Give all processes together the CPU that Lambda gives this memory size (128 MB:
            1/14 of a core), except in the first init, which has more, and on Managed Instances.
        host: Loopback address of the Runtime, Extensions and Telemetry API.
        port: Their port; 0 takes a free one.
        freeze: Stop all processes between invocations (SIGSTOP), as Lambda does.
        time_compression: Divides the time that is only waited for: idle gaps, function timeouts.
        strict_setup: Raise SimulatorError for an extension that cannot be launched, never
            registers, or exits before it is ready, and for a handler that is not there; otherwise
            answer the invocation as Lambda would.
        output_limit_bytes: What one process may print within one init or invocation.
        delivery_attempts: How often one batch is offered to a listener before it is dropped.
        max_concurrency: How many invocations run at once (lambda-managed-instances only).
        event_shape: "2022" leaves out the fields that telemetry records have gained since.
        reports_handled_errors: Whether `platform.report` calls an error that the function raised
            an error; `platform.runtimeDone` calls it a success either way.
    """

    code: Path
    handler: str = "handler.handler"
    runtime: tuple[str, ...] | None = None
    extensions: Path | None = None
    name: str = "function"
    version: str = "$LATEST"
    region: str = "eu-central-1"
    account_id: str = "123456789012"
    memory_mb: int = 128
    timeout_s: float = 3.0
    init_timeout_s: float | None = None
    shutdown_timeout_s: float = 2.0
    environment: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    tracing: Tracing = "active"
    log_format: LogFormat = "Text"
    initialization_type: InitializationType = "on-demand"
    cpu_share: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    freeze: bool = True
    time_compression: float = 1.0
    strict_setup: bool = True
    output_limit_bytes: int = 8 * 1024 * 1024
    delivery_attempts: int = 5
    max_concurrency: int = 2
    event_shape: EventShape = "2026"
    reports_handled_errors: bool = False
    faults: Faults = field(default_factory=Faults)

    @property
    def arn(self) -> str:
        """The function's ARN, without version or alias."""
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.name}"

    @property
    def init_limit_s(self) -> float:
        """How long an init may take."""
        if self.init_timeout_s is not None:
            return self.init_timeout_s
        if self.initialization_type == "on-demand":
            return _ON_DEMAND_INIT_S
        return max(_PREPARED_INIT_S, self.timeout_s)

    @property
    def is_snap_start(self) -> bool:
        """Whether sandboxes are restored from a snapshot that was taken after the init."""
        return self.initialization_type == "snap-start"

    @property
    def is_managed(self) -> bool:
        """Whether the function runs on Lambda Managed Instances: concurrent and never frozen."""
        return self.initialization_type == "lambda-managed-instances"
