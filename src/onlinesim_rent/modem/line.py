"""One port in one census: its state, and the bytes between the open port and its conversation."""

from __future__ import annotations

from enum import Enum, auto
from threading import Lock

from onlinesim_rent.finding import Finding, Modem, NotCounted, Verdict
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.open import OpenPort
from onlinesim_rent.modem.proof import NEVER
from onlinesim_rent.modem.protocol.conversation import Conversation
from onlinesim_rent.modem.protocol.dialogue import Ask, proof

_CHUNK = 512
"""The most bytes to read from one port before the next port's turn. An answer is shorter."""

_MOVES = Lock()


class State(Enum):
    """Where a port stands between closed, open and closed again."""

    CLOSED = auto()
    QUEUED = auto()
    """It waits for a thread that opens it."""
    OPENING = auto()
    """A thread opens it, or looks up its terminal server's name."""
    GIVEN_UP = auto()
    """It is still opening, but the census no longer waits for it."""
    CONNECTING = auto()
    """The connection to its terminal server is being made."""
    TALKING = auto()
    CLOSING = auto()


class Line:
    """One port in one census.

    Only ``state`` tells whether the port is open. ``finding`` is None while the port is asked. ``wakes_at``
    is when the loop must act on it, even without new bytes. ``modem`` is the module that passed all checks on
    this port, from ``asked_at`` to ``proved_at``. ``unwatched`` counts the seconds of the conversation in
    which the process was stopped. With ``is_stuck``, the port is still opening or closing since an earlier
    census. ``ask`` begins a dialogue with the port.
    """

    def __init__(self, port: Port, *, is_stuck: bool = False, ask: Ask = proof) -> None:
        self.port = port
        self._ask = ask
        self.is_stuck = is_stuck
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
        """Whether its module counts at the moment."""
        return self.finding is not None and self.finding.verdict is Verdict.AVAILABLE

    @property
    def is_open(self) -> bool:
        """Whether ``opened`` is open, or is closing."""
        return self.state in {State.TALKING, State.CLOSING}

    @property
    def is_opening(self) -> bool:
        """Whether the census waits for it to open."""
        return self.state in {State.QUEUED, State.OPENING, State.CONNECTING}

    @property
    def may_be_open(self) -> bool:
        """Whether this process may have the port open, although ``opened`` does not tell it."""
        return self.is_stuck or self.state in {State.QUEUED, State.OPENING, State.GIVEN_UP}

    @property
    def has_unsent(self) -> bool:
        """Whether some bytes still wait, because the port did not accept them."""
        return bool(self._unsent)

    def move(self, before: State, after: State) -> bool:
        """Change the state from ``before`` to ``after``; return False if it is no longer ``before``.

        The loop and a thread may both want to change it: the loop to give the port up, the thread to open it.
        """
        with _MOVES:
            is_still = self.state is before
            if is_still:
                self.state = after
        return is_still

    def give_up(self) -> None:
        """Stop waiting for the port to open. A thread that is opening it finds that out, and closes it."""
        if not self.move(State.QUEUED, State.CLOSED):
            self.state = State.GIVEN_UP

    def begin(self, opened: OpenPort, now: float) -> None:
        """Begin the conversation over the port that has been opened: write the first command."""
        self.opened = opened
        self.asked_at = now
        self.unwatched = 0.0
        self.conversation = Conversation(now, self._ask(self.modem))
        self._unsent = b""
        self.write()

    def read(self, now: float) -> None:
        """Pass bytes from the port to the conversation."""
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
        """Pass bytes from the conversation to the port, as many as the port accepts now.

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
    """Return the reason for a port that is still opening or closing since an earlier census."""
    if port.is_remote:
        reason = "its terminal server's name is looked up since an earlier census: check this host's DNS"
    else:
        reason = "its driver is stuck since an earlier census: unplug the device and plug it in again"
    return NotCounted(Verdict.UNREACHABLE, reason)


def hung_up(port: Port) -> NotCounted:
    """Return the reason for a port that hung up while it was asked."""
    if port.is_remote:
        reason = "the terminal server closed the connection: the port is in use or its device is gone"
    else:
        reason = "hung up while it was asked: the device is gone or has restarted"
    return NotCounted(Verdict.HUNG_UP, reason)


def gone(reason: NotCounted) -> NotCounted:
    """Return the reason for a port that answered in this census, but does not open again."""
    if reason.verdict is not Verdict.UNREACHABLE:
        return reason
    return NotCounted(Verdict.HUNG_UP, f"answered before, but does not open again: {reason.reason}")
