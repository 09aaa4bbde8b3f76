"""The extensions of one sandbox: who registered for what, and in which state each is.

State names, transitions and messages are those of AWS's own Extensions API server.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Literal

from simulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.sandbox.changes import Changes

State = Literal[
    "Started",
    "Registered",
    "Ready",
    "Running",
    "InitError",
    "ExitError",
    "LaunchError",
    "ShutdownFailed",
    "Exited",
]
Call = Literal["register", "next", "init/error", "exit/error"]
EVENTS = ("INVOKE", "SHUTDOWN")
EXTENSION_LIMIT = 10

_TRANSITIONS: dict[tuple[State, Call], State] = {
    ("Started", "register"): "Registered",
    ("Registered", "next"): "Ready",
    ("Running", "next"): "Ready",
    ("Registered", "init/error"): "InitError",
    ("InitError", "init/error"): "InitError",
    ("Registered", "exit/error"): "ExitError",
    ("Ready", "exit/error"): "ExitError",
    ("Running", "exit/error"): "ExitError",
    ("ExitError", "exit/error"): "ExitError",
}
_TARGETS: dict[Call, State] = {
    "register": "Registered",
    "next": "Ready",
    "init/error": "InitError",
    "exit/error": "Exited",
}


class RegisteredExtension:
    """One extension, external (a process of the platform) or internal (inside the runtime)."""

    def __init__(
        self, name: str, *, is_external: bool, changes: Changes, is_managed: bool = False
    ) -> None:
        self.name = name
        self.is_external = is_external
        self.identifier = str(uuid.uuid4())
        self.state: State = "Started"
        self.events: tuple[str, ...] = ()
        self.error_type = ""
        self._is_released = False
        self._changes = changes
        # The two generations of AWS's server differ in this one letter.
        self._not_allowed = f"{'s' if is_managed else 'S'}tate transition is not allowed"

    @property
    def is_waiting(self) -> bool:
        """Whether it sits in /next with nothing handed to it yet."""
        return self.state == "Ready" and not self._is_released

    def move(self, call: Call) -> None:
        """Make the transition of a call, or refuse it."""
        target = _TRANSITIONS.get((self.state, call))
        if target is None:
            label = self.name if call == "register" else self.identifier
            raise ApiError(
                "Extension.InvalidExtensionState",
                f"State transition from {self.state} to {_TARGETS[call]} failed for extension "
                f"{label}. Error: {self._not_allowed}",
            )
        self.enter(target)

    def enter(self, state: State) -> None:
        """Set the state and wake everything that waits."""
        self.state = state
        self._changes.notify()

    def release(self) -> None:
        """Let the pending /next go, or the next one if none is pending: the release is latched."""
        self._is_released = True
        self._changes.notify()

    async def next(self) -> None:
        """Wait as /next does, from Ready until released into Running."""
        self.move("next")
        await self._changes.wait_for(lambda: self._is_released)
        self._is_released = False
        if self.state != "Ready":
            raise ApiError(
                "Extension.InvalidExtensionState",
                f"State transition from {self.state} to Ready failed for extension "
                f"{self.identifier}. Error: Concurrent state modification",
            )
        self.enter("Running")


class Registry:
    """All extensions of one sandbox."""

    def __init__(self, changes: Changes, *, is_managed: bool = False) -> None:
        self.extensions: list[RegisteredExtension] = []
        self.is_open = True
        self._is_managed = is_managed
        self._changes = changes

    def launch(self, name: str) -> RegisteredExtension:
        """Expect an external extension of this name to register."""
        extension = self._new(name, is_external=True)
        self.extensions.append(extension)
        return extension

    def register(self, name: str, events: Iterable[object]) -> RegisteredExtension:
        """Register an extension; a name that was not launched makes it an internal one."""
        wanted = tuple(str(event) for event in events)
        extension = next((e for e in self.extensions if e.is_external and e.name == name), None)
        self._check_events(wanted, is_external=extension is not None)
        if extension is None:
            extension = self._add_internal(name)
        extension.move("register")
        extension.events = tuple(dict.fromkeys(wanted))
        return extension

    def external(self, name: str) -> RegisteredExtension:
        """Return the external extension of this name."""
        return next(each for each in self.extensions if each.is_external and each.name == name)

    def find(self, identifier: str) -> RegisteredExtension | None:
        """Return the extension with this identifier, if it has registered."""
        return next((e for e in self.extensions if e.identifier == identifier), None)

    def subscribed(self, event: str) -> list[RegisteredExtension]:
        """Return the extensions that registered for an event."""
        return [extension for extension in self.extensions if event in extension.events]

    def _new(self, name: str, *, is_external: bool) -> RegisteredExtension:
        return RegisteredExtension(
            name, is_external=is_external, changes=self._changes, is_managed=self._is_managed
        )

    def _check_events(self, events: tuple[str, ...], *, is_external: bool) -> None:
        for event in events:
            reason = self._refusal(event, is_external=is_external)
            if reason:
                raise ApiError("Extension.InvalidEventType", reason)

    def _refusal(self, event: str, *, is_external: bool) -> str:
        if self._is_managed and not is_external:
            return "No events allowed for internal extensions"
        if event not in EVENTS or (self._is_managed and event == "INVOKE"):
            return f"{event}: ErrorInvalidEventType"
        if event == "SHUTDOWN" and not is_external:
            return f"{event}: ShutdownEventNotSupportedForInternalExtension"
        return ""

    def _add_internal(self, name: str) -> RegisteredExtension:
        if not self.is_open:
            raise ApiError("Extension.RegistrationClosed", "Extension registration closed already")
        if len(self.extensions) >= EXTENSION_LIMIT:
            raise ApiError(
                "Extension.TooManyExtensions", f"Extension limit ({EXTENSION_LIMIT}) reached"
            )
        if any(extension.name == name for extension in self.extensions):
            raise ApiError(
                "Extension.InvalidExtensionState", "Extension with this name already registered"
            )
        extension = self._new(name, is_external=False)
        self.extensions.append(extension)
        return extension
