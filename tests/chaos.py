"""Chaos in virtual time: whole banks, asked as the real loop asks them, in a world that has no clock.

    python tests/chaos.py [--seconds S] [--dialogues N] [--seed K [--only]]

A seed makes a bank, what befalls it, and a few censuses of it; --only plays that one seed, bytes and all.
"""

# ruff: noqa: T201 - what is printed is the point

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from heapq import heappop, heappush
from itertools import count
from multiprocessing import Pool
from multiprocessing.pool import Pool as PoolType
from typing import Self

from onlinesim_rent.census import Census, Finding, Modem, NotCounted, Verdict
from onlinesim_rent.modem.conversation import Conversation
from onlinesim_rent.modem.dialogue import AT, CPIN_RETRY_PAUSE, Dialogue, prove
from onlinesim_rent.modem.probe import OPEN_SECONDS
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.simulator import FAULTS, HangUp
from onlinesim_rent.simulator.chaos import (
    NETWORKS,
    ChaosBank,
    ChaosModule,
    Lost,
    Word,
    random_bank,
    slowest_answer,
    together,
)
from onlinesim_rent.simulator.module import Event

DEADLINE_SECONDS = 8.0
READ_SIZE = 4096
MOST_QUESTIONS = 8  # that are answered: seven, and one more for a SIM that is busy
BATCH = 64
NEVER = float("inf")

NewDialogue = Callable[[], Dialogue]


class Line:
    """One port during one census, and what is still on its way."""

    def __init__(self, name: str, module: ChaosModule, index: int, opened_at: float) -> None:
        self.name = name
        self.module = module
        self.index = index
        self.opened_at = opened_at
        self.asked_at = opened_at
        self.ended_at = NEVER
        self.conversation: Conversation | None = None
        self.outcome: Modem | NotCounted | None = None
        self.session = 0
        self.timer = NEVER
        self.free_at = 0.0
        self.unread = b""

    @property
    def modem(self) -> Modem | None:
        return self.outcome if isinstance(self.outcome, Modem) else None


class Probing:
    """One census of a bank: the prober's loop, with a heap for epoll and the kernel."""

    def __init__(
        self, bank: ChaosBank, began: float, new_dialogue: NewDialogue, transcript: list[str] | None = None
    ) -> None:
        self.bank = bank
        self.began = began
        self.now = began
        self.lines: list[Line] = []
        self._new_dialogue = new_dialogue
        self._transcript = transcript
        self._order = count()
        self._due: list[tuple[float, int, Callable[..., None], Line, object]] = []
        self._unfinished = 0
        self._of: dict[int, list[Line]] = {}

    def run(self) -> None:
        """Ask all ports until all have answered or the time is up."""
        self._open()
        deadline, due, bank = self.began + DEADLINE_SECONDS, self._due, self.bank
        while self._unfinished:
            happens_at = bank.next_at
            self.now = min(due[0][0] if due else NEVER, happens_at)
            if self.now >= deadline:
                break
            if happens_at == self.now:
                for word in bank.happen():
                    self._hear(word)
            else:
                _, _, action, line, what = heappop(due)
                action(line, what)
        self._give_up(deadline)

    def findings(self) -> Iterator[Finding]:
        """What the ports showed, as the census takes it."""
        for line in self.lines:
            seconds = round(line.ended_at - self.began, 3)
            if isinstance(line.outcome, Modem):
                yield Finding(line.name, Verdict.AVAILABLE, "", seconds, line.outcome)
            elif line.outcome:
                yield Finding(line.name, line.outcome.verdict, line.outcome.reason, seconds)

    def lines_of(self, module: ChaosModule) -> list[Line]:
        """A module's ports."""
        return self._of[id(module)]

    def _later(self, at: float, action: Callable[..., None], line: Line, what: object = None) -> None:
        heappush(self._due, (at, next(self._order), action, line, what))

    def _open(self) -> None:
        rng = self.bank.rng
        for number, module in enumerate(self.bank.modules):
            own = self._of[id(module)] = []
            for index in range(module.module.ports):
                takes = rng.random() * (4.0 if rng.random() < 0.02 else 0.05)
                line = Line(f"modem{number:03}{'abc'[index]}", module, index, self.began + takes)
                own.append(line)
                if takes < OPEN_SECONDS:
                    self._later(line.opened_at, self._opened, line)
                else:
                    self._later(self.began + OPEN_SECONDS, self._unopened, line)
            self.lines += own
        self._unfinished = len(self.lines)

    def _opened(self, line: Line, _what: None) -> None:
        line.conversation = Conversation(self.now, self._new_dialogue())
        self._schedule(line, line.module.module.opened(line.index, self.now))
        self._go_on(line)

    def _unopened(self, line: Line, _what: None) -> None:
        self._end(line, NotCounted(Verdict.UNREACHABLE, "did not open"))

    # What the module says, on its way

    def _hear(self, word: Word) -> None:
        for line in self._of[id(word.module)]:
            if line.conversation is None or line.outcome:
                continue
            if not isinstance(word, Lost):
                self._send(line, word.data)
                continue
            line.session += 1
            line.free_at = self.now
            if word.hangs_up:
                self._hung_up(line)

    def _schedule(self, line: Line, events: list[Event]) -> None:
        for event in events:
            self._later(event.at, self._play, line, (line.session, event))

    def _play(self, line: Line, what: tuple[int, Event]) -> None:
        session, event = what
        if line.session != session or line.outcome:
            return
        if isinstance(event, HangUp):
            self._hung_up(line)
            return
        self._send(line, event.data)
        if event.every:
            again = event._replace(at=self.now + event.every)
            self._later(again.at, self._play, line, (session, again))

    def _send(self, line: Line, data: bytes) -> None:
        """Put what is said on the line, behind what is on it already."""
        pieces = line.module.line.cut(data, self.bank.rng)
        at = max(self.now, line.free_at)
        arrivals = [(at := at + seconds, piece) for seconds, piece in pieces]
        line.free_at = at
        for arrives_at, piece in arrivals[1:] if arrivals[0][0] == self.now else arrivals:
            self._later(arrives_at, self._arrive, line, (line.session, piece))
        if arrivals[0][0] == self.now:
            self._arrive(line, (line.session, arrivals[0][1]))

    def _arrive(self, line: Line, what: tuple[int, bytes]) -> None:
        session, piece = what
        if line.session != session or line.outcome:
            return
        is_waited_for = bool(line.unread)
        line.unread += piece
        if not self.bank.lag:
            self._read(line, None)
        elif not is_waited_for:
            self._later(self.now + self.bank.lag, self._read, line)

    # What the prober does

    def _read(self, line: Line, _what: None) -> None:
        if line.outcome or line.conversation is None:
            return
        data, line.unread = line.unread[:READ_SIZE], line.unread[READ_SIZE:]
        if self._transcript is not None:
            self._note(line, "->", data)
        line.conversation.feed(data, self.now)
        self._go_on(line)
        if line.unread:
            self._later(self.now, self._read, line)

    def _wake(self, line: Line, _what: None) -> None:
        if line.outcome or line.conversation is None:
            return
        line.timer = NEVER
        line.conversation.wake(self.now)
        self._go_on(line)

    def _go_on(self, line: Line) -> None:
        conversation = line.conversation
        assert conversation
        to_write = conversation.bytes_to_write()
        if conversation.outcome is not None:
            self._end(line, conversation.outcome)
            return
        if to_write:
            line.asked_at = self.now
            if self._transcript is not None:
                self._note(line, "<-", to_write)
            self._schedule(line, line.module.module.feed(line.index, to_write, self.now))
        if conversation.wakes_at < line.timer:
            line.timer = conversation.wakes_at
            self._later(line.timer + self.bank.lag, self._wake, line)

    def _hung_up(self, line: Line) -> None:
        assert line.conversation
        line.conversation.end(NotCounted(Verdict.HUNG_UP, "hung up"))
        self._go_on(line)

    def _end(self, line: Line, outcome: Modem | NotCounted) -> None:
        line.outcome = outcome
        line.ended_at = self.now
        self._unfinished -= 1
        if line.conversation:
            line.module.module.closed(line.index, self.now)
        if self._transcript is not None:
            self._note(line, "==", str(outcome if isinstance(outcome, Modem) else outcome.reason).encode())

    def _give_up(self, deadline: float) -> None:
        for line in self.lines:
            if not line.outcome:
                self.now = deadline
                self._end(line, NotCounted(Verdict.OUT_OF_TIME, "the time was up"))

    def _note(self, line: Line, arrow: str, data: bytes) -> None:
        assert self._transcript is not None
        self._transcript.append(f"{line.name:10} {self.now - self.began:9.4f} {arrow} {data!r}")


# The judgement


@cache
def names() -> Names:
    return Names.load()


def judge(probing: Probing, census: Census) -> tuple[list[str], list[str]]:
    """What was counted and should not have been, and what should have been and was not."""
    counted = [
        line
        for line, report in zip(probing.lines, census.ports, strict=True)
        if report.verdict is Verdict.AVAILABLE
    ]
    return [*_false(counted), *_twice(counted), *_elsewhere(counted, census)], [*_missed(probing, counted)]


def _false(counted: list[Line]) -> Iterator[str]:
    """A number is false if its module could not be rented at any moment of its own dialogue.

    It is stale if the module did not even hold it any more when the last question was put to it, or if
    the module had told that it is of no use now.
    """
    for line in counted:
        assert line.modem
        module, imsi = line.module, line.modem.imsi
        heard = line.ended_at - module.line.slowest * 2
        if not module.held(imsi, line.opened_at, line.ended_at, live=True):
            yield f"{line.name} is counted, and could not be rented: {_story(line)}"
        elif not module.held(imsi, line.asked_at, line.ended_at, live=False):
            yield f"{line.name} is counted for a SIM that it held no more: {_story(line)}"
        elif module.line.clean and module.had_said_no(line.opened_at, heard, line.ended_at):
            yield f"{line.name} is counted, and had said that it cannot be rented: {_story(line)}"


def _story(line: Line) -> str:
    module = line.module
    return (
        f"{module.module.family}, {module.module.fault}, latency {module.module.latency:.3f}, {module.line}, "
        f"asked {line.opened_at:.3f} {line.asked_at:.3f} {line.ended_at:.3f}, {module.history}, "
        f"{module.warnings}"
    )


def _twice(counted: list[Line]) -> Iterator[str]:
    of_modules = Counter(id(line.module) for line in counted)
    of_numbers = Counter(line.modem.imsi for line in counted if line.modem)
    if max((*of_modules.values(), *of_numbers.values()), default=0) > 1:
        yield f"one module or one number is counted twice: {[line.name for line in counted]}"


def _elsewhere(counted: list[Line], census: Census) -> Iterator[str]:
    true = Counter(NETWORKS[line.modem.imsi[:5]] for line in counted if line.modem)
    if census.available != true:
        yield f"the sums are {census.available} and should be {true}"


def _missed(probing: Probing, counted: list[Line]) -> Iterator[str]:
    """Modules that share an IMEI or a SIM are one number; every other one that was sound is to be there."""
    modules = probing.bank.modules
    held = [
        (number, (module.module.imei, state.imsi))
        for number, module in enumerate(modules)
        for state in module.history
    ]
    group = dict(zip((number for number, _ in held), together([pair for _, pair in held]), strict=True))
    number_of = {id(module): number for number, module in enumerate(modules)}
    there = {group[number_of[id(line.module)]] for line in counted}
    for number, module in enumerate(modules):
        lines = probing.lines_of(module)
        if (
            group[number] not in there
            and module.was_well
            and any(_was_in_time(line, probing) for line in lines)
        ):
            yield f"{lines[0].name} is missed: {_story(lines[0])}; {lines[0].outcome!r}"


def _was_in_time(line: Line, probing: Probing) -> bool:
    """Whether the line was undisturbed, and every answer on it cannot but have been in time."""
    module, lag = line.module, probing.bank.lag
    fault = FAULTS[module.module.fault]
    answer = slowest_answer(module) + 2 * lag
    pauses = CPIN_RETRY_PAUSE + fault.ignores * (AT.patience + lag) + sum(fault.delays.values()) + 0.5
    begin = line.opened_at - probing.began
    return (
        line.conversation is not None
        and module.line.clean
        and answer < AT.patience
        and begin + pauses + MOST_QUESTIONS * answer < DEADLINE_SECONDS
    )


# Years of it


@dataclass
class Outcome:
    """What came of some seeds; times are virtual seconds."""

    dialogues: int = 0
    censuses: int = 0
    counted: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    false: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        return self.false + self.missed

    @property
    def years(self) -> float:
        return self.seconds / 31_557_600

    def __iadd__(self, other: Outcome) -> Self:
        self.dialogues += other.dialogues
        self.censuses += other.censuses
        self.counted += other.counted
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.false += other.false
        self.missed += other.missed
        return self

    def __str__(self) -> str:
        return (
            f"{self.dialogues:,} dialogues in {self.censuses:,} censuses, {self.years:.1f} years, "
            f"{self.counted:,} numbers counted, {len(self.false)} too many, "
            f"{len(self.missed)} missed, slowest census {self.slowest:.3f} s"
        )


def play(seed: int, new_dialogue: NewDialogue = prove, transcript: list[str] | None = None) -> Outcome:
    """Play one seed's bank through a few censuses, minutes to a day apart."""
    bank, now, outcome = random_bank(seed), 0.0, Outcome()
    for _ in range(bank.rng.randint(3, 8)):
        bank.stir(now, DEADLINE_SECONDS)
        probing = Probing(bank, now, new_dialogue, transcript)
        probing.run()
        seconds = probing.now - now
        census = Census.of(probing.findings(), names(), seconds)
        false, missed = judge(probing, census)
        false, missed = ([f"seed {seed}: {what}" for what in failures] for failures in (false, missed))
        if transcript is not None:
            transcript += [
                f"== {len(census.ports)} ports, {census.available.total()} counted",
                *false,
                *missed,
            ]
        outcome += Outcome(len(probing.lines), 1, census.available.total(), seconds, seconds, false, missed)
        pause = 120 * 10 ** (bank.rng.random() * 3)
        outcome.seconds += pause
        now += seconds + pause
        bank.rest(now)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.0, help="play for so long")
    parser.add_argument("--dialogues", type=int, default=0, help="... and at least so many dialogues")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9, help="the first seed")
    parser.add_argument("--only", action="store_true", help="this seed alone, with every byte")
    options = parser.parse_args()
    if options.only:
        sys.exit(replay(options.seed))
    sys.exit(run(options.seed, options.seconds or (0.0 if options.dialogues else NEVER), options.dialogues))


def replay(seed: int) -> int:
    """Play a seed alone and show every byte; 1 if it fails."""
    transcript: list[str] = []
    outcome = play(seed, transcript=transcript)
    print(*transcript, outcome, sep="\n")
    return 1 if outcome.failures else 0


def run(first_seed: int, seconds: float, dialogues: int) -> int:
    """Play seed after seed on all processors until both goals are reached, or one fails."""
    sum_, began, seed = Outcome(), time.monotonic(), first_seed
    with Pool() as processes:
        try:
            for seed, outcome in enumerate(seeds(processes, first_seed), first_seed):
                sum_ += outcome
                passed = time.monotonic() - began
                share = min(
                    passed / seconds if seconds else 1.0, sum_.dialogues / dialogues if dialogues else 1.0
                )
                show_progress(share, sum_, passed, seed)
                if outcome.failures or share >= 1.0:
                    break
        except KeyboardInterrupt:
            pass
    print(f"\n{sum_}; seeds {first_seed} to {seed}, {time.monotonic() - began:.1f} s")
    if sum_.failures:
        replay(seed)
        print(f"again: python tests/chaos.py --seed {seed} --only")
    return 1 if sum_.failures else 0


def seeds(processes: PoolType, first_seed: int) -> Iterator[Outcome]:
    """What comes of each seed, in their order; a pool would take all of an endless iterable at once."""
    for begin in count(first_seed, BATCH):
        yield from processes.imap(play, range(begin, begin + BATCH), chunksize=2)


def show_progress(share: float, outcome: Outcome, seconds: float, seed: int) -> None:
    bar = "#" * int(share * 30)
    rate = outcome.dialogues / seconds
    print(f"\r[{bar:30}] {outcome.dialogues:,} dialogues, {rate:,.0f}/s, seed {seed} ", end="", flush=True)


if __name__ == "__main__":
    main()
