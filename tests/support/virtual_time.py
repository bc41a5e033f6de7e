"""Virtual time for programs that wait: each runs in a thread of its own, and only one of them at a time.

The order of events depends on nothing but the times, so a seed repeats a run exactly.
"""

from __future__ import annotations

import heapq
import threading
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Killed(BaseException):
    """Ends the thread of a program that was killed."""


class Program:
    """A program that waits only with ``VirtualTime.sleep``. It can be killed and stopped like a process."""

    def __init__(self, time: VirtualTime, run: Callable[[], object]) -> None:
        self._time = time
        self._goes_on = threading.Semaphore(0)
        self._run = run
        self.is_killed = False
        self.stopped_until = 0.0
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    def resume(self) -> None:
        self._goes_on.release()

    def pause(self) -> None:
        self._goes_on.acquire()
        if self.is_killed:
            raise Killed

    def _main(self) -> None:
        try:
            self.pause()
            self._run()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - run() raises it
            self.error = error
        finally:
            self._time.give_back()


class VirtualTime:
    """A clock, and the programs that wait for it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self._waiting: list[tuple[float, int, Program]] = []
        self._order = count()
        self._control = threading.Semaphore(0)
        self._running: Program | None = None

    def clock(self) -> float:
        return self.now

    def start(self, run: Callable[[], object], after: float = 0.0) -> Program:
        program = Program(self, run)
        self._wait(program, self.now + after)
        return program

    def sleep(self, seconds: float) -> None:
        """Let the running program wait."""
        program = self.running()
        self._wait(program, self.now + seconds)
        self.give_back()
        program.pause()

    def running(self) -> Program:
        """Return the program that calls."""
        assert self._running
        return self._running

    def wake(self, program: Program) -> None:
        """Let a program that waits go on now."""
        self._forget(program)
        self._wait(program, self.now)

    def give_back(self) -> None:
        self._control.release()

    def run(self, until: float) -> None:
        """Let time pass. Raises the first error of a program."""
        while self._waiting and self._waiting[0][0] <= until:
            at, _, program = heapq.heappop(self._waiting)
            self.now = max(self.now, at)
            if program.stopped_until > self.now and not program.is_killed:
                self._wait(program, program.stopped_until)
                continue
            self._running = program
            program.resume()
            self._control.acquire()
            if program.error:
                raise program.error
        self.now = max(self.now, until)

    def kill(self, program: Program) -> None:
        """Let a program end now, before any other goes on. It frees its locks, as the kernel does."""
        program.is_killed = True
        self._forget(program)
        program.resume()
        self._control.acquire()

    def end(self) -> None:
        """Kill every program that still waits."""
        for _, _, program in list(self._waiting):
            self.kill(program)

    def _forget(self, program: Program) -> None:
        self._waiting = [entry for entry in self._waiting if entry[2] is not program]
        heapq.heapify(self._waiting)

    def _wait(self, program: Program, until: float) -> None:
        heapq.heappush(self._waiting, (until, next(self._order), program))
