"""Takes one census at a time and keeps it for a few seconds: for all workers and the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.lock import CensusLock
from onlinesim_rent.census.parsed_file import ParsedFile
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import boot_clock, boot_id
from onlinesim_rent.finding import CensusError

PROOF_MARGIN_SECONDS = 3.0
"""How much older than RENT_CACHE_SECONDS a counted proof may be in an answer."""

LEAST_SECONDS = 3.0
"""A census needs this time to tell a silent port from a slow one. After waiting, begin none with less."""

RESERVE_SECONDS = 0.3
"""The time at the end of a request for closing the ports and giving the census to waiting callers."""

LATE_SECONDS = 0.5
"""How late after its deadline a census may still be answered: a busy host wakes processes late.

The longest deadline is 9.5 s, and the marketplace waits 10 s.
"""

_MEMORY_FILE = "census.json"
_FAILURE_FILE = "failure.txt"
_TRIAL_FILE = "trial"


class _Request(NamedTuple):
    """One call of ``get``: when it came, by when it must be answered, and how old a young census may be."""

    came_at: float
    deadline: float
    young_seconds: float

    @property
    def latest_begin(self) -> float:
        """After this time, a new census would be too short."""
        return self.deadline - min(LEAST_SECONDS, (self.deadline - self.came_at) / 2)


@dataclass(frozen=True)
class _Memory:
    """A census, its beginning and end, the boot in which it was taken, and its subject."""

    census: Census
    began_at: float
    ended_at: float
    boot: str
    subject: str

    @cached_property
    def proved_at(self) -> float:
        """The time of its oldest counted proof."""
        return min(self.began_at + self.census.proved_after, self.ended_at)

    def to_json(self) -> bytes:
        """The content of the file."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, content: bytes) -> _Memory | None:
        """Read the file's content; None if another release wrote it, or the disk is broken."""
        try:
            record: dict[str, Any] = json.loads(content)
            memory = cls(
                Census.from_json(record["census"]),
                float(record["began_at"]),
                float(record["ended_at"]),
                record["boot"],
                record["subject"],
            )
            is_sound = memory.proved_at <= memory.ended_at
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            return None
        return memory if is_sound else None


class CensusCache:
    """Gives the census of the last ``seconds``, or takes one with ``take(deadline)``.

    ``subject`` says what is counted and how: a census with another subject is never used. After each census,
    ``record(previous, census)`` is called; another process may have taken the previous one. After each call
    of ``get`` that fails, ``record_failure()`` is called. ``claims()`` is the fingerprint of the present
    claims: a census with other claims is too old. All times are on ``clock``. The age of a census is the age
    of its oldest counted proof.
    """

    def __init__(
        self,
        directory: Path,
        seconds: float,
        take: Callable[[float], Census],
        *,
        record: Callable[[Census | None, Census], None],
        record_failure: Callable[[], None] = lambda: None,
        subject: str = "",
        claims: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        self._directory = RuntimeDirectory(directory)
        self._file = ParsedFile(self._directory, _MEMORY_FILE, _Memory.from_json)
        self._seconds = seconds
        self._take = take
        self._record = record
        self._record_failure = record_failure
        self._subject = subject
        self._claims = claims
        self._clock = clock

    def get(self, deadline: float, came_at: float | None = None) -> Census:
        """Return a census by ``deadline``: one that is young enough, or one that began after this call.

        With ``came_at``, the time when its request came, this call counts as one made then. So a request may
        ask again, and gets its census of before unless that is too old by now.
        If the call has waited too long to take its own census, a census that ended after this call is enough.
        The oldest counted proof is never older than ``seconds`` and PROOF_MARGIN_SECONDS together. Raises
        CensusError if there is no such census by the deadline.
        """
        return self.get_with_beginning(deadline, came_at=came_at)[0]

    def get_with_beginning(
        self, deadline: float, seconds: float = math.inf, came_at: float | None = None
    ) -> tuple[Census, float]:
        """Return a census as ``get`` does, and when it began on the clock.

        If ``seconds`` is less than the cache's own, a census must be that young.
        """
        came_at = self._clock() if came_at is None else came_at
        request = _Request(came_at, deadline, min(seconds, self._seconds))
        try:
            boot_id()
            memory = self._remembered(request) or self._alone(request)
            self._check(memory, request)
        except CensusError as error:
            # On a full disk this may fail too. last_failure() then notices the full disk itself.
            with suppress(CensusError):
                self._directory.replace(_FAILURE_FILE, str(error).encode())
            self._record_failure()
            raise
        return memory.census, memory.began_at

    def last(self) -> tuple[Census, float] | None:
        """Return the last census, however old, and its age in seconds."""
        try:
            memory = self._memory()
        except CensusError:
            return None
        return (memory.census, self._clock() - memory.proved_at) if memory else None

    def last_failure(self) -> str:
        """Return why the last attempt to get a census failed; empty if it did not."""
        try:
            boot_id()
            # On a full or read-only disk, the failure could not be written down: try the disk now.
            self._directory.replace(_TRIAL_FILE, b"?")
            self._directory.remove(_TRIAL_FILE)
            return (self._directory.read(_FAILURE_FILE) or b"").decode(errors="replace")
        except CensusError as error:
            return str(error)

    def _alone(self, request: _Request) -> _Memory:
        """Take a census under the lock. While waiting for it, use another caller's census if possible."""
        with CensusLock(self._directory, self._clock) as lock:
            while not lock.acquire(until=request.deadline + LATE_SECONDS):
                if memory := self._remembered(request):
                    return memory
                if self._clock() >= request.deadline:
                    raise CensusError(
                        "another census was still being taken when the time of this request was up"
                    )
            return self._remembered(request) or self._taken(request)

    def _taken(self, request: _Request) -> _Memory:
        began_at = self._clock()
        if began_at > request.latest_begin:
            raise CensusError("another census left too little time for this one")
        previous = self._memory()
        census = self._take(request.deadline - RESERVE_SECONDS)
        memory = _Memory(census, began_at, self._clock(), boot_id(), self._subject)
        self._check(memory, request)
        self._remember(memory)
        self._record(previous.census if previous else None, census)
        return memory

    def _check(self, memory: _Memory, request: _Request) -> None:
        """Raise CensusError if the census is late or too old: a process can be stopped at any moment."""
        now = self._clock()
        if not now <= request.deadline + LATE_SECONDS:
            raise CensusError(
                f"the census ended {now - request.deadline:.1f} s too late: "
                "the process was stopped, or the host slept or has too much to do; ask again"
            )
        if not now - memory.proved_at <= self._seconds + PROOF_MARGIN_SECONDS:
            raise CensusError(
                f"a module in the census was last asked {now - memory.proved_at:.1f} s ago, "
                f"and at most {self._seconds + PROOF_MARGIN_SECONDS:g} s are allowed; ask again"
            )

    def _remembered(self, request: _Request) -> _Memory | None:
        """Return the last census if it may answer the request."""
        memory = self._memory()
        return memory if memory and self._may_answer(memory, request) else None

    def _may_answer(self, memory: _Memory, request: _Request) -> bool:
        now = self._clock()
        age = now - memory.proved_at
        since = memory.began_at if now <= request.latest_begin else memory.ended_at
        is_young = age < request.young_seconds or (
            since > request.came_at and age <= self._seconds + PROOF_MARGIN_SECONDS
        )
        return is_young and memory.census.claims == self._claims()

    def _memory(self) -> _Memory | None:
        """Return the last census, however old, if it is one of this boot and this subject."""
        memory = self._file.value()
        if memory is None or (memory.boot, memory.subject) != (boot_id(), self._subject):
            return None
        return memory if memory.ended_at <= self._clock() else None

    def _remember(self, memory: _Memory) -> None:
        self._directory.replace(_MEMORY_FILE, memory.to_json())
        self._directory.remove(_FAILURE_FILE)
