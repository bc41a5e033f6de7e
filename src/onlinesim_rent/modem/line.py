"""One port in one census: what the kernel has of it, and what passes between it and its conversation."""

from __future__ import annotations

from enum import Enum, auto
from threading import Lock

from onlinesim_rent.finding import Finding, Modem, NotCounted, Verdict
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.open import OpenPort
from onlinesim_rent.modem.protocol.conversation import Conversation
from onlinesim_rent.modem.protocol.dialogue import prove, prove_again

NEVER = float("inf")

_CHUNK = 512
"""Bytes that one port may have read before the others get their turn: more than an answer has."""

_MOVES = Lock()


class State(Enum):
    """What the kernel has of a port on our behalf."""

    CLOSED = auto()
    QUEUED = auto()
    """A thread is to open it."""
    OPENING = auto()
    GIVEN_UP = auto()
    """Still opening, and the census does not wait for it any more."""
    TALKING = auto()
    CLOSING = auto()


class Line:
    """One port in one census.

    ``state`` is the one place that tells what the kernel has of it. ``finding`` is None while it is being
    asked. ``wakes_at`` is when its state has lasted too long. ``modem`` is the module that has proved
    itself on it, from ``asked_at`` to ``proved_at``. ``unwatched`` is for how many seconds of its
    conversation nobody looked, because the process was stopped.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.state = State.CLOSED
        self.finding: Finding | None = None
        self.wakes_at = NEVER
        self.modem: Modem | None = None
        self.asked_at = self.proved_at = self.unwatched = 0.0
        self.opened: OpenPort
        self.conversation: Conversation
        self._unsent = b""

    @property
    def is_counted(self) -> bool:
        """Whether its module's proof stands."""
        return self.finding is not None and self.finding.verdict is Verdict.AVAILABLE

    @property
    def has_unsent(self) -> bool:
        """Whether the port has not taken yet all that is to be written."""
        return bool(self._unsent)

    def move(self, before: State, after: State) -> bool:
        """Change the state, unless it is another by now: the loop gives up what a thread is to begin."""
        with _MOVES:
            is_still = self.state is before
            if is_still:
                self.state = after
        return is_still

    def begin(self, now: float) -> None:
        """Begin the conversation over the port that has been opened."""
        self.state = State.TALKING
        self.asked_at = now
        self.unwatched = 0.0
        self.conversation = Conversation(now, prove_again(self.modem) if self.modem else prove())
        self._unsent = b""

    def read(self, now: float) -> None:
        """Pass on what the port says."""
        try:
            data = self.opened.read(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.conversation.feed(data, now)
        else:
            self.conversation.end(hung_up(self.port))

    def write(self) -> bool:
        """Pass on what the port is to be told, as far as it takes it now.

        Returns whether ``has_unsent`` has changed.
        """
        unsent = self._unsent + self.conversation.bytes_to_write()
        if not unsent or self.conversation.is_over:
            return False
        had_unsent = bool(self._unsent)
        try:
            self._unsent = unsent[self.opened.write(unsent) :]
        except BlockingIOError:
            self._unsent = unsent
        except OSError:
            self.conversation.end(hung_up(self.port))
        return had_unsent != bool(self._unsent)


def stuck(port: Port) -> NotCounted:
    """Tell why a port is left out that the kernel still has."""
    if port.is_remote:
        reason = "an earlier census still waits for its terminal server to answer"
    else:
        reason = "its driver has not given it back since an earlier census: plug it in anew"
    return NotCounted(Verdict.UNREACHABLE, reason)


def hung_up(port: Port) -> NotCounted:
    """Tell that a port's line has ended."""
    if port.is_remote:
        reason = "the terminal server closed the connection: the port is in use or its device is gone"
    else:
        reason = "hung up while it was asked: the device is gone or has restarted"
    return NotCounted(Verdict.HUNG_UP, reason)


def gone(reason: NotCounted) -> NotCounted:
    """Tell why a port that has answered in this census does not open again."""
    if reason.verdict is not Verdict.UNREACHABLE:
        return reason
    return NotCounted(Verdict.HUNG_UP, f"went away after it had answered: {reason.reason}")
