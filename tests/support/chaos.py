"""Chaos in virtual time: runs the real loop over random banks, and judges each census by the truth.

    python tests/support/chaos.py [--seconds S] [--dialogues N] [--seed K [--only]]

A seed decides the bank, its events, and a few censuses. --only plays one seed and shows every byte.
"""

# ruff: noqa: T201 - printing is its purpose

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from multiprocessing import Pool
from multiprocessing.pool import Pool as PoolType
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from chaos_bank import NETWORKS, ChaosBank, ChaosModule, random_bank, slowest_answer, together
from virtual import VirtualHost

from modem_simulator import FAULTS
from onlinesim_rent.census.cache import LATE_SECONDS, PROOF_MARGIN_SECONDS, RESERVE_SECONDS, CensusCache
from onlinesim_rent.census.claims import Claims
from onlinesim_rent.census.counting import Census
from onlinesim_rent.finding import CensusError, Finding, Verdict
from onlinesim_rent.modem.line import Line
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.paths import siblings
from onlinesim_rent.modem.probing import EARLY_CLOSE_SECONDS, Probing
from onlinesim_rent.modem.proof import PROOF_SECONDS, seconds_to_ask_again
from onlinesim_rent.modem.protocol import dialogue as dialogue_room
from onlinesim_rent.modem.protocol.dialogue import AT, CPIN_RETRY_PAUSE, Dialogue, prove
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import SHARED_MEMORY

DEADLINE_SECONDS = 8.0
CACHE_SECONDS = 5.0
FIRST_QUESTIONS = 8  # at most: seven, and one more for a busy SIM
SECOND_QUESTIONS = 5  # at most: four, and one more for other lines of the module
UNSEEN_SECONDS = 0.5  # the service may be stopped so long without noticing it
BATCH = 64
NEVER = float("inf")

NewDialogue = Callable[[], Dialogue]


# The judgement


@cache
def names() -> Names:
    return Names.load()


def claims_of(bank: ChaosBank) -> Claims:
    """The claims of this moment."""
    return Claims(frozenset(bank.claims))


class Asked:
    """One census, and the truth about it."""

    def __init__(self, host: VirtualHost, known: Mapping[str, str], deadline: float) -> None:
        self.host = host
        self.known = known
        self.began = host.now
        host.find()
        self.probing = Probing(host.ports, deadline, host)
        self.findings: list[Finding] = self.probing.run()
        self.ended = host.now
        self.census = Census.of(
            self.findings,
            names(),
            self.ended - self.began,
            known=known,
            siblings=siblings(host.ports, host.others),
            claims=claims_of(host.bank),
            paths={port.name: [port.name, *self.others(port)] for port in host.ports},
        )
        self.counted = [
            line
            for line, report in zip(self.probing.lines, self.census.ports, strict=True)
            if report.verdict is Verdict.AVAILABLE
        ]

    def others(self, port: Port) -> Iterable[str]:
        """The names of the module's other ports, if sysfs tells them."""
        return self.host.others.get(port.device, {}).values() if port.device else ()

    def module(self, line: Line) -> ChaosModule:
        return self.host.module_of[line.port.name][0]

    def knows(self, line: Line) -> bool:
        """Whether a port has shown whose it is, in this census or in an earlier one."""
        has_shown = line.modem or (line.finding and line.finding.modem)
        return bool(has_shown) or self.known.get(line.port.name) == self.module(line).module.imei

    def lines_of(self, module: ChaosModule) -> list[Line]:
        return [line for line in self.probing.lines if self.module(line) is module]


def judge(asked: Asked) -> tuple[list[str], list[str]]:
    """Return what was wrongly counted, and what was wrongly left out."""
    return [*_false(asked), *_old(asked), *_taken(asked), *_twice(asked), *_elsewhere(asked)], [
        *_missed(asked)
    ]


def _false(asked: Asked) -> Iterator[str]:
    """A number is false if its module could not be rented at any moment of its last dialogue.

    It is stale if the module had another SIM at the last question, or had already reported that it cannot be
    rented.
    """
    for line in asked.counted:
        assert line.modem
        module, imsi = asked.module(line), line.modem.imsi
        heard = line.proved_at - module.line.slowest * 2
        last_asked_at = asked.host.asked_at[line.port.name]
        if not module.had(imsi, line.asked_at, line.proved_at, live=True):
            yield f"{line.port.name} is counted, and could not be rented: {_story(asked, line)}"
        elif not module.had(imsi, last_asked_at, line.proved_at, live=False):
            yield f"{line.port.name} is counted for a SIM that it held no more: {_story(asked, line)}"
        elif module.line.clean and module.had_said_no(line.asked_at, heard, line.proved_at):
            yield f"{line.port.name} is counted, and had said that it cannot be rented: {_story(asked, line)}"


def _old(asked: Asked) -> Iterator[str]:
    """No proof is older than the bound at the end, plus the time to close ports and the lag of the host.

    A proof also never claims to be younger than it is, even if the service was stopped meanwhile.
    """
    bound = (
        PROOF_SECONDS + EARLY_CLOSE_SECONDS + 4 * asked.host.bank.lag + LATE_SECONDS * asked.host.was_stopped
    )
    for line in asked.counted:
        assert line.modem
        module = asked.module(line)
        since = asked.ended - bound - UNSEEN_SECONDS - _longest_dialogue(asked, line)
        if asked.ended - line.proved_at > bound:
            yield f"{line.port.name} is counted {asked.ended - line.proved_at:.3f} s after its proof"
        elif not module.had(line.modem.imsi, since, asked.ended, live=True):
            yield f"{line.port.name} is counted by an older proof than it says: {_story(asked, line)}"


def _taken(asked: Asked) -> Iterator[str]:
    """No module counts if its device is gone or new, its port is held, or its other port has a bad verdict.

    Only sysfs tells which module has a port that RENT_PORTS does not name.
    """
    for line in asked.counted:
        module = asked.module(line)
        if module.is_gone or module.node != line.port.node or asked.host.is_held(line.port.name):
            yield f"{line.port.name} is counted, and is gone or held: {_story(asked, line)}"
        if module.is_told and module.held:
            yield f"{line.port.name} is counted, and its module is held: {_story(asked, line)}"
        for other in asked.lines_of(module):
            assert other.finding
            if asked.knows(other) and other.finding.verdict not in MAY_STAND_BESIDE:
                yield f"{line.port.name} is counted, and {other.port.name} shows {other.finding.verdict}"


MAY_STAND_BESIDE = {
    Verdict.AVAILABLE,
    Verdict.SILENT,
    Verdict.NOT_AT,
    Verdict.OUT_OF_TIME,
}


def _story(asked: Asked, line: Line) -> str:
    module = asked.module(line)
    return (
        f"{module.module.family}, {module.module.fault}, latency {module.module.latency:.3f}, {module.line}, "
        f"census {asked.began:.3f} to {asked.ended:.3f}, last dialogue {line.asked_at:.3f} to "
        f"{line.proved_at:.3f}, {module.history}, {module.warnings}"
    )


def _twice(asked: Asked) -> Iterator[str]:
    of_modules = Counter(id(asked.module(line)) for line in asked.counted)
    of_numbers = Counter(line.modem.imsi for line in asked.counted if line.modem)
    if max((*of_modules.values(), *of_numbers.values()), default=0) > 1:
        yield f"one module or one number is counted twice: {[line.port.name for line in asked.counted]}"


def _elsewhere(asked: Asked) -> Iterator[str]:
    true = Counter(NETWORKS[line.modem.imsi[:5]] for line in asked.counted if line.modem)
    if asked.census.available != true:
        yield f"the sums are {asked.census.available} and should be {true}"


def _missed(asked: Asked) -> Iterator[str]:
    """Modules that share an IMEI or a SIM are one number, and one bad module rules out the others.

    A number must be counted if all its modules were sound and undisturbed, and one of them was in time.
    """
    if asked.host.was_stopped:
        return
    modules = asked.host.bank.modules
    held = [
        (number, (module.module.imei, state.imsi))
        for number, module in enumerate(modules)
        for state in module.history
    ]
    group_of = dict(zip((number for number, _ in held), together([pair for _, pair in held]), strict=True))
    number_of = {id(module): number for number, module in enumerate(modules)}
    there = {group_of[number_of[id(asked.module(line))]] for line in asked.counted}
    for group in set(group_of.values()) - there:
        members = [module for number, module in enumerate(modules) if group_of[number] == group]
        lines = [line for module in members for line in asked.lines_of(module)]
        names = {
            *(f"imei-{member.module.imei}" for member in members),
            *(f"imsi-{state.imsi}" for member in members for state in member.history),
            *(f"port-{name}" for name, (member, _) in asked.host.module_of.items() if member in members),
        }
        if (
            all(member.was_well and member.line.clean for member in members)
            and not names & asked.host.bank.claims
            and not any(line.port.name in asked.host.slow or _was_cut_short(asked, line) for line in lines)
        ):
            for line in lines:
                if _was_in_time(asked, line):
                    yield f"{line.port.name} is missed: {_story(asked, line)}; {line.finding}"


def _was_cut_short(asked: Asked, line: Line) -> bool:
    """Whether a known port, too slow for its module to be judged, got a verdict that counts against it."""
    assert line.finding
    is_bad = asked.knows(line) and line.finding.verdict not in MAY_STAND_BESIDE
    return is_bad and not _was_in_time(asked, line)


def _longest_dialogue(asked: Asked, line: Line) -> float:
    """Return how long a first dialogue can take at most, with the opening."""
    module, lag = asked.module(line), asked.host.bank.lag
    fault = FAULTS[module.module.fault]
    waking = fault.ignores * (AT.patience + lag)
    answer = slowest_answer(module) + 2 * lag
    pauses = CPIN_RETRY_PAUSE + waking + sum(fault.delays.values()) + 0.5
    return 0.05 + 2 * lag + pauses + FIRST_QUESTIONS * answer


def _was_in_time(asked: Asked, line: Line) -> bool:
    """Whether every answer on a line must have been in time, in the second dialogue too."""
    module, lag = asked.module(line), asked.host.bank.lag
    fault = FAULTS[module.module.fault]
    answer = slowest_answer(module) + 2 * lag
    opening = 0.05 + 2 * lag
    waking = fault.ignores * (AT.patience + lag)
    first = _longest_dialogue(asked, line)
    second = opening + waking + SECOND_QUESTIONS * answer + 4 * lag
    # The loop grants time by the length of the first dialogue, which is at least this.
    least = 7 * module.module.latency + waking
    has_time = first + second + 0.2 < DEADLINE_SECONDS - RESERVE_SECONDS and second < seconds_to_ask_again(
        least
    )
    return answer < AT.patience and has_time


# Years of it


@dataclass
class Outcome:
    """The results of some seeds; times are virtual seconds."""

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


class Service:
    """The real cache over the virtual host: which census answers each request."""

    def __init__(self, host: VirtualHost, directory: Path) -> None:
        self.host = host
        self.asked: Asked | None = None
        self._known: dict[str, str] = {}
        self._cache = CensusCache(
            directory,
            CACHE_SECONDS,
            self._take,
            record=lambda *_: None,
            claims=lambda: claims_of(host.bank).fingerprint,
            clock=host.clock,
        )

    def answer(self) -> Asked | None:
        """Return the census that a request gets now; None if it gets an error."""
        try:
            self._cache.get(self.host.now + DEADLINE_SECONDS)
        except CensusError:
            return None
        return self.asked

    def _take(self, deadline: float) -> Census:
        self.asked = Asked(self.host, self._known.copy(), deadline)
        self._known |= {finding.port: finding.modem.imei for finding in self.asked.findings if finding.modem}
        return self.asked.census


def play(seed: int, new_dialogue: NewDialogue = prove, transcript: list[str] | None = None) -> Outcome:
    """Play one seed's bank: pairs of requests, seconds apart, with minutes to a day between the pairs."""
    bank, outcome = random_bank(seed), Outcome()
    host = VirtualHost(bank, transcript)
    with TemporaryDirectory(dir=SHARED_MEMORY) as directory, asking(new_dialogue):
        service = Service(host, Path(directory, "runtime"))
        for _ in range(bank.rng.randint(2, 6)):
            bank.stir(host.now, DEADLINE_SECONDS)
            outcome += _request(service, seed, transcript)
            bank.rent_out(host.now, CACHE_SECONDS)
            bank.pass_time(host.now + bank.rng.random() * 2 * CACHE_SECONDS)
            host.now = max(host.now, bank.now)
            outcome += _request(service, seed, transcript)
            pause = 120 * 10 ** (bank.rng.random() * 3)
            outcome.seconds += pause
            bank.rest(host.now + pause)
            host.now += pause
    return outcome


def _request(service: Service, seed: int, transcript: list[str] | None) -> Outcome:
    """Ask once, and judge the answer."""
    host, before, began = service.host, service.asked, service.host.now
    host.slow.clear()
    host.was_stopped = False
    asked = service.answer()
    seconds = host.now - began
    if asked is None:
        wrong = [] if host.was_stopped else [f"seed {seed}: an error, and nobody was stopped"]
        return Outcome(censuses=1, missed=wrong)
    false = [f"seed {seed}: {what}" for what in (*_too_old_to_answer(asked), *_claimed(asked))]
    if asked is before:
        return Outcome(seconds=seconds, slowest=seconds, false=false)
    wrong, missed = judge(asked)
    false += [f"seed {seed}: {what}" for what in wrong]
    missed = [f"seed {seed}: {what}" for what in missed]
    if transcript is not None:
        transcript += [
            *(f"== {finding}" for finding in asked.findings),
            f"== {len(asked.census.ports)} ports, {len(asked.counted)} counted",
            *false,
            *missed,
        ]
    return Outcome(len(host.ports), 1, len(asked.counted), seconds, seconds, false, missed)


def _too_old_to_answer(asked: Asked) -> Iterator[str]:
    """No answer holds a proof that is older than the README's limit, whether the census is new or kept."""
    for line in asked.counted:
        age = asked.host.now - line.proved_at
        if age > CACHE_SECONDS + PROOF_MARGIN_SECONDS:
            yield f"{line.port.name} is answered {age:.3f} s after its proof"


def _claimed(asked: Asked) -> Iterator[str]:
    """No answer counts a module that a claim names at that moment, whether the census is new or kept."""
    for line in asked.counted:
        assert line.modem
        module = asked.module(line)
        ports = {line.port.name, *asked.others(line.port)}
        ports |= {other.port.name for other in asked.lines_of(module) if asked.knows(other)}
        claims = {f"imei-{line.modem.imei}", f"imsi-{line.modem.imsi}", *(f"port-{port}" for port in ports)}
        if taken := claims & asked.host.bank.claims:
            yield f"{line.port.name} is answered, and claimed by {taken}: {_story(asked, line)}"


@contextmanager
def asking(dialogue: NewDialogue) -> Iterator[None]:
    """Ask modules with another dialogue, so that a test can check what the judge finds."""
    original = dialogue_room.prove, dialogue_room.prove_again
    if dialogue is not prove:
        dialogue_room.prove, dialogue_room.prove_again = dialogue, lambda _: dialogue()
    try:
        yield
    finally:
        dialogue_room.prove, dialogue_room.prove_again = original


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
    """Play a seed alone and show every byte; return 1 if it fails."""
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
        print(f"again: python tests/support/chaos.py --seed {seed} --only")
    return 1 if sum_.failures else 0


def seeds(processes: PoolType, first_seed: int) -> Iterator[Outcome]:
    """Yield the result of each seed, in order. A pool's map would read an endless iterable to its end."""
    for begin in count(first_seed, BATCH):
        yield from processes.imap(play, range(begin, begin + BATCH), chunksize=2)


def show_progress(share: float, outcome: Outcome, seconds: float, seed: int) -> None:
    bar = "#" * int(share * 30)
    rate = outcome.dialogues / seconds
    print(f"\r[{bar:30}] {outcome.dialogues:,} dialogues, {rate:,.0f}/s, seed {seed} ", end="", flush=True)


if __name__ == "__main__":
    main()
