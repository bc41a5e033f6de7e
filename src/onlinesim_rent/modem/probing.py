"""Asks the ports for one census: all at once from one loop, and again those whose proof is too old.

turns.py opens and closes the ports. conversation.py judges what a module answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from selectors import EVENT_READ, EVENT_WRITE

from onlinesim_rent.finding import Finding, Held, Modem, NotCounted, Verdict
from onlinesim_rent.modem.background import STUCK_SECONDS
from onlinesim_rent.modem.line import Line, State, stuck
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.proof import NEVER, again_at, is_too_old
from onlinesim_rent.modem.protocol.dialogue import Ask, proof
from onlinesim_rent.modem.system import System
from onlinesim_rent.modem.timers import Timers
from onlinesim_rent.modem.turns import Turns

CLOSE_SECONDS = 0.1
"""How long after its deadline a census waits for its ports to close, so that the next one finds them free."""

EARLY_CLOSE_SECONDS = 0.6
"""How long a census waits if it ends before its deadline. With pl2303, a port closes in 0.27 s at 9,600 baud.

The kernel then waits for 256 characters, and at least 0.1 s (drain_delay in drivers/tty/tty_port.c).
"""

LAST_LOOK_SECONDS = 0.2
"""How long the look at its end may take for programs that have opened a counted port meanwhile."""

_LOOK_SECONDS = 0.25
"""How often the loop reads the clock when nothing happens."""
_UNWATCHED_SECONDS = 0.5
"""With more time between two readings, the process was stopped. Answers may then be older by that time."""

_BATCH_SECONDS = 0.25
"""Modules whose second dialogue is due within this time are asked together."""

_CLOSING_SECONDS = 0.05
"""If a port is not closed yet when it is due, it is looked at again after this time."""

Progress = Callable[[int, int], None]
"""Is told how many ports have a finding, and how many there are."""


def no_progress(_found: int, _ports: int, /) -> None:
    """Is told of the progress, and tells nobody."""


class Probing:
    """Asks ports for one census, by a deadline on the system's clock. ``lines`` are in the ports' order.

    ``stuck`` names the ports that are still opening or closing since an earlier census. ``ask`` begins the
    dialogue with a port. ``progress(found, ports)`` is called with each finding.
    """

    def __init__(
        self,
        ports: Sequence[Port],
        deadline: float,
        system: System,
        stuck: frozenset[str] = frozenset(),
        *,
        ask: Ask = proof,
        progress: Progress = no_progress,
    ) -> None:
        self.lines = [Line(port, is_stuck=port.name in stuck, ask=ask) for port in ports]
        self._deadline = deadline
        self._clock = system.clock
        self._began = system.clock()
        self._unfinished = 0
        self._progress = progress
        self._reviews_at = NEVER
        self._looked_at = self._began
        self._timers = Timers()
        self._turns = Turns(self.lines, system, self._timers, self._begin, self._find)
        self._background = self._turns.background
        self._selector = self._turns.selector

    def run(self) -> list[Finding]:
        """Return a finding for every port, in their order."""
        with self._selector, closing(self._background):
            self._selector.register(self._background, EVENT_READ)
            try:
                self._ask(self.lines)
                self._serve_until(self._deadline, self._has_found_all)
                while self._ask([line for line in self.lines if self._is_too_old(line)]):
                    self._serve_until(self._deadline, self._has_found_all)
                self._give_up_the_rest()
            except BaseException:
                # Ctrl-C can come at any step, and what is half done must not go on.
                self._turns.abandon()
                raise
            finally:
                self._serve_until(self._closes_until(), self._has_closed_all)
        self._check_counted()
        findings = [line.finding for line in self.lines if line.finding]
        assert len(findings) == len(self.lines)
        return findings

    # Which ports to ask

    def _ask(self, lines: Sequence[Line]) -> bool:
        """Begin to ask ports, for the first time or again; return False if there is no port or no time."""
        if not lines or self._clock() >= self._deadline:
            return False
        reasons = self._turns.reasons_to_leave(lines)
        for line in lines:
            line.finding = None
            self._unfinished += 1
            if line.is_stuck:
                self._find(line, stuck(line.port))
            elif reason := reasons.get(line.port.name):
                self._find(line, reason)
            elif line.state is not State.CLOSED:
                self._find(line, NotCounted(Verdict.OUT_OF_TIME, "was not closed in time to be asked again"))
            else:
                self._turns.wait(line)
        return True

    def _is_too_old(self, line: Line) -> bool:
        return line.is_counted and is_too_old(line.proved_at, self._clock(), self._deadline)

    def _review(self) -> None:
        """Ask again the modules whose proof will be too old at the deadline, as late as possible.

        Wait for a port that is still closing: some drivers take longer than PAUSE_SECONDS.
        """
        now = self._clock()
        times = {
            line: again_at(line.asked_at, line.proved_at, self._deadline)
            for line in self.lines
            if line.is_counted
        }
        due = [
            line for line, at in times.items() if at <= now + _BATCH_SECONDS and line.state is State.CLOSED
        ]
        self._ask(due)
        self._reviews_at = min(
            (max(at, now + _CLOSING_SECONDS) for line, at in times.items() if line not in due), default=NEVER
        )

    # The loop

    def _has_found_all(self) -> bool:
        return not self._unfinished

    def _has_closed_all(self) -> bool:
        return self._turns.has_closed_all

    def _serve_until(self, end: float, is_done: Callable[[], bool]) -> None:
        self._turns.take()
        while not is_done() and (now := self._look()) < end:
            ready = self._selector.select(self._patience(now, end))
            self._look()
            for key, events in ready:
                self._serve(key.data, events)
                # Even a thousand ports that never stop talking must not delay the end.
                if self._clock() >= end:
                    break
            self._wake_due()
            self._turns.take()

    def _look(self) -> float:
        """Return the time. If the process was stopped since the last look, make each proof older by that."""
        now = self._clock()
        unwatched, self._looked_at = now - self._looked_at, now
        if unwatched > _UNWATCHED_SECONDS:
            for line in self.lines:
                line.unwatched += unwatched
        return now

    def _patience(self, now: float, end: float) -> float:
        """Return the seconds until the next thing is due."""
        wakes_at = min(end, now + _LOOK_SECONDS, self._reviews_at, self._timers.next_at)
        if self._background.has_waiting:
            wakes_at = min(wakes_at, now + STUCK_SECONDS)
        return max(0.0, wakes_at - now)

    def _serve(self, line: Line | None, events: int) -> None:
        if line is None:
            for outcome in self._background.outcomes():
                outcome()
        elif line.state is State.TALKING:
            # Read only if there is data: an idle serial line and one that hung up both return b"".
            if events & EVENT_READ:
                line.read(self._clock())
            self._go_on(line)
        elif line.state is State.CONNECTING:
            self._turns.go_on(line)

    def _wake_due(self) -> None:
        if self._background.has_waiting:
            self._background.reinforce()
        now = self._clock()
        if now >= self._reviews_at:
            self._review()
        for line in self._timers.due(now):
            self._wake(line, now)

    def _wake(self, line: Line, now: float) -> None:
        if line.is_opening:
            self._turns.wake(line)
        elif line.state is State.TALKING:
            line.conversation.wake(now)
            self._go_on(line)

    # One port's conversation

    def _begin(self, line: Line) -> None:
        line.state = State.TALKING
        self._selector.register(line.opened, _events(line), line)
        self._go_on(line)

    def _go_on(self, line: Line) -> None:
        """Write the waiting bytes; then conclude, or wait as long as the conversation says."""
        if line.write():
            self._selector.modify(line.opened, _events(line), line)
        if line.conversation.outcome is not None:
            self._conclude(line, line.conversation.outcome)
        else:
            self._timers.wake_at(line, line.conversation.wakes_at)

    def _conclude(self, line: Line, outcome: Modem | NotCounted) -> None:
        if isinstance(outcome, Modem):
            line.modem = outcome
            # The process may have been stopped after the answer came, and before it was read.
            now = self._look()
            line.proved_at = now - line.unwatched
            again = again_at(line.asked_at, line.proved_at, self._deadline)
            self._reviews_at = min(self._reviews_at, again)
            if line.opened.is_exclusive():
                outcome = Held("another program has just opened it (TIOCEXCL)")
        self._find(line, outcome)
        self._selector.unregister(line.opened)
        self._turns.close(line)

    # The end

    def _closes_until(self) -> float:
        now = self._clock()
        return min(now + EARLY_CLOSE_SECONDS, max(now, self._deadline) + CLOSE_SECONDS)

    def _give_up_the_rest(self) -> None:
        reason = NotCounted(Verdict.OUT_OF_TIME, "did not answer everything before the census ended")
        self._turns.end()
        self._reviews_at = NEVER
        for line in self.lines:
            if line.state is State.TALKING:
                line.conversation.end(reason)
                self._go_on(line)
            elif line.is_opening:
                self._turns.give_up(line, reason)
            elif line.finding is None or self._is_too_old(line):
                self._find(line, reason)

    def _check_counted(self) -> None:
        """Check each counted module once more: its device is still there, and no other program uses it."""
        counted = [line for line in self.lines if line.is_counted]
        reasons = self._turns.reasons_to_leave(counted)
        for line in counted:
            if reason := reasons.get(line.port.name):
                self._find(line, reason)

    def _find(self, line: Line, outcome: Modem | NotCounted) -> None:
        """Set a port's finding. If it is not counted, the finding still names the module that it showed."""
        if line.finding is None:
            self._unfinished -= 1
        at = line.proved_at if isinstance(outcome, Modem) else self._clock()
        finding = Finding.of(line.port.name, outcome, round(at - self._began, 3))
        line.finding = finding if finding.modem else replace(finding, modem=line.modem)
        self._progress(len(self.lines) - self._unfinished, len(self.lines))


def _events(line: Line) -> int:
    """Return what to wait for on a port."""
    return EVENT_READ | EVENT_WRITE if line.has_unsent else EVENT_READ
