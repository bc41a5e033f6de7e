"""Runs calls that may block in the kernel (open, close, connect) in daemon threads, beside the loop.

A new thread replaces a stuck one, so no driver delays the others. The stuck thread ends by itself when its
call returns. Slow drivers get several threads. Nothing ever waits for a thread.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Condition, Thread, current_thread

THREADS = 1
"""Threads at work while drivers are quick. More would only compete with the loop for the interpreter."""

SLOW_SECONDS = 0.002
"""Drivers whose tasks take longer on average are slow: to open a USB device, its driver talks with it."""

THREADS_FOR_SLOW = 16
"""Threads at work while drivers are slow: one thread could not open hundreds of such ports in time."""

STUCK_SECONDS = 0.02
"""A task that runs longer counts as stuck."""

QUICK_TASKS = 100
"""A thread that ends so many tasks between two calls of ``reinforce`` waits for no driver."""

Outcome = Callable[[], None]
Task = Callable[[], Outcome]
"""Runs in a thread and may block. Returns a function that handles the outcome in the loop. Raises nothing."""


class Background:
    """Runs tasks for one loop. The descriptor ``fileno`` is readable when there are ``outcomes``."""

    def __init__(self) -> None:
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._changed = Condition()
        self._tasks: deque[Task] = deque()
        self._outcomes: list[Outcome] = []
        self._held_back = 0
        self._at_work: dict[Thread, float] = {}
        self._idle = 0
        self._are_slow = False
        self._judged_at = 0.0
        self._ended = 0
        self._is_closed = False

    def fileno(self) -> int:
        """The descriptor that is readable when there are outcomes."""
        return self._wakeup

    @property
    def has_waiting(self) -> bool:
        """Whether tasks wait for a thread, or outcomes for the loop: call ``reinforce`` soon."""
        return bool(self._tasks or self._outcomes)

    def submit(self, *tasks: Task) -> None:
        """Queue tasks; threads start them in this order."""
        with self._changed:
            if not self._tasks:
                # Nothing waited until now, so the time until now says nothing of the drivers.
                self._judged_at, self._ended = time.monotonic(), 0
            self._tasks.extend(tasks)
            self._changed.notify(len(tasks))
            self._reinforce()

    def reinforce(self) -> None:
        """Start threads for waiting tasks, if others are stuck or slow; announce finished outcomes.

        While the threads are quick, outcomes are held back: the loop would only compete with the threads for
        the interpreter, and would delay all tasks.
        """
        with self._changed:
            self._reinforce()
            new, self._held_back = len(self._outcomes) - self._held_back, len(self._outcomes)
            if self._outcomes and not (self._tasks and new >= QUICK_TASKS):
                self._announce()

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of the tasks that ended since the last call, for the loop to call."""
        with self._changed:
            os.eventfd_read(self._wakeup)
            done, self._outcomes = self._outcomes, []
            self._held_back = 0
        return done

    def close(self) -> None:
        """The loop ends here. Threads run the remaining tasks, and call the remaining outcomes themselves."""
        with self._changed:
            self._is_closed = True
            os.close(self._wakeup)
            self._tasks.extend(partial(_pass_on, outcome) for outcome in self._outcomes)
            self._changed.notify_all()
            for _ in range(len(self._tasks) - self._idle):
                self._start_thread()

    def _reinforce(self) -> None:
        now = time.monotonic()
        self._judge_drivers(now)
        stuck = sum(now - began >= STUCK_SECONDS for began in self._at_work.values())
        lively = self._idle + len(self._at_work) - stuck
        # As many threads as are stuck: hundreds of stuck devices then delay other tasks only briefly.
        wanted = max(THREADS_FOR_SLOW if self._are_slow else THREADS, stuck)
        for _ in range(min(wanted - lively, len(self._tasks))):
            self._start_thread()

    def _judge_drivers(self, now: float) -> None:
        """Tell from time to time whether drivers are slow, by how many tasks ended while others waited."""
        seconds = now - self._judged_at
        if self._tasks and seconds >= STUCK_SECONDS:
            self._are_slow = self._ended * SLOW_SECONDS < seconds
            self._judged_at, self._ended = now, 0

    def _start_thread(self) -> None:
        thread = Thread(target=self._work, name="onlinesim-rent-port", daemon=True)
        self._at_work[thread] = time.monotonic()
        try:
            thread.start()
        except RuntimeError:
            # The host or the unit allows no more threads: a running thread or a later try does the task.
            del self._at_work[thread]

    def _work(self) -> None:
        while task := self._next_task():
            outcome = task()
            if not self._hand_over(outcome):
                outcome()

    def _next_task(self) -> Task | None:
        """Wait for the next task of this thread; return None if the thread must end."""
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
            self._ended += 1
            if self._is_closed:
                return False
            self._outcomes.append(outcome)
            # While tasks wait, reinforce() announces. If each outcome woke the loop, the loop and the thread
            # would compete for the interpreter at every port.
            if not self._tasks:
                self._announce()
            return True

    def _announce(self) -> None:
        os.eventfd_write(self._wakeup, 1)


def _pass_on(outcome: Outcome) -> Outcome:
    return outcome
