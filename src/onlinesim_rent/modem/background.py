"""Runs what may block in the kernel (open, close, connect) beside the loop, in daemon threads.

A thread that is stuck is left behind and replaced, so that no driver holds up the others; it ends by
itself once the kernel lets it go. Nobody ever waits for a thread.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Condition, Thread, current_thread

THREADS = 1
"""At work at once, where none is stuck: more would only fight with the loop for the interpreter."""

STUCK_SECONDS = 0.02
"""From when on a task no longer counts as one of those at work."""

Outcome = Callable[[], None]
Task = Callable[[], Outcome]
"""Does what may block; returns what is to be done with the outcome, in the loop. Raises nothing."""


class Background:
    """Tasks for the loop that owns it. ``fileno`` is readable once there are ``outcomes``."""

    def __init__(self) -> None:
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._changed = Condition()
        self._tasks: deque[Task] = deque()
        self._outcomes: list[Outcome] = []
        self._at_work: dict[Thread, float] = {}
        self._idle = 0
        self._is_closed = False

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._wakeup

    @property
    def has_waiting(self) -> bool:
        """Whether tasks wait for a thread."""
        return bool(self._tasks)

    def submit(self, *tasks: Task) -> None:
        """Have tasks done soon, in their order."""
        with self._changed:
            self._tasks.extend(tasks)
            self._changed.notify(len(tasks))
            self._reinforce()

    def reinforce(self) -> None:
        """Start threads for waiting tasks in place of those that are stuck."""
        with self._changed:
            self._reinforce()

    def outcomes(self) -> list[Outcome]:
        """What the tasks done since the last call left to do."""
        with self._changed:
            os.eventfd_read(self._wakeup)
            done, self._outcomes = self._outcomes, []
        return done

    def close(self) -> None:
        """End the loop's part: what is not done yet is done, and its outcome carried out, by threads."""
        with self._changed:
            self._is_closed = True
            os.close(self._wakeup)
            self._tasks.extend(partial(_pass_on, outcome) for outcome in self._outcomes)
            self._changed.notify_all()
            for _ in range(len(self._tasks) - self._idle):
                self._start_thread()

    def _reinforce(self) -> None:
        now = time.monotonic()
        stuck = sum(now - began >= STUCK_SECONDS for began in self._at_work.values())
        lively = self._idle + len(self._at_work) - stuck
        # As many as are stuck: hundreds of sick devices then hold up those behind them for a moment only.
        for _ in range(min(max(THREADS, stuck) - lively, len(self._tasks))):
            self._start_thread()

    def _start_thread(self) -> None:
        thread = Thread(target=self._work, name="onlinesim-rent-port", daemon=True)
        self._at_work[thread] = time.monotonic()
        try:
            thread.start()
        except RuntimeError:
            # No thread is left on this host or in this unit: those at work do it, or the next try.
            del self._at_work[thread]

    def _work(self) -> None:
        while task := self._next_task():
            outcome = task()
            if not self._hand_over(outcome):
                outcome()

    def _next_task(self) -> Task | None:
        """The next task for this thread; None where it is to end."""
        thread = current_thread()
        with self._changed:
            del self._at_work[thread]
            while not self._tasks:
                if self._is_closed:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            self._at_work[thread] = time.monotonic()
            return self._tasks.popleft()

    def _hand_over(self, outcome: Outcome) -> bool:
        with self._changed:
            if self._is_closed:
                return False
            if not self._outcomes:
                os.eventfd_write(self._wakeup, 1)
            self._outcomes.append(outcome)
            return True


def _pass_on(outcome: Outcome) -> Outcome:
    return outcome
