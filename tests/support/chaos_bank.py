"""Random banks from a seed, the events that happen to them during a census, and the truth about them.

Like a module, a bank has no descriptor and no clock: the caller passes in the time and gets bytes back.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import NamedTuple

from modem_simulator import FAMILIES, FAULTS, SimulatedModule, imei
from modem_simulator.banks import PLMNS

NETWORKS = {plmn: names for names, plmn in PLMNS.items()}
"""How to count the first five digits of an IMSI."""

LIVE = tuple(name for name, fault in FAULTS.items() if fault.live)
DEAD = tuple(name for name, fault in FAULTS.items() if not fault.live)

CALLS = (
    ("RING", "NO CARRIER"),
    ("+UCALLSTAT: 1,4", "+UCALLSTAT: 1,6"),
    ("*ECAV: 1,6,1", "*ECAV: 1,0,1,8,16"),
    ("#ECAM: 0,6,1,,,", "#ECAM: 0,0,1,,,"),
    ("^DSCI: 1,1,4,0,13022100000,129,0", "^DSCI: 1,1,6,0,13022100000,129,0"),
    ("^SLCC: 1,1,4,0,0,1", "^SLCC:"),
)
SIMS_LOST = (
    ("+CPIN: NOT READY", "+CPIN: READY"),
    ("+CPIN: SIM REMOVED", "+CPIN: READY"),
    ("^SIMST: 255", "^SIMST: 1"),
)
"""How a module tells of a call or of a lost SIM, and of its end."""

RESTARTS = ("QCRDY", "+POWERON: 0", "+KSUP: 0")
CHATTER = (
    '+CMTI: "SM",3',
    "^RSSI:17",
    "+CREG: 1",
    "+CSQ: 20,0",
    "^SIMST: 1",
    "^SRVST: 2",
    *(end for _, end in CALLS[1:]),
)
"""What a module that is well says unasked; a call that ended says nothing of now."""

_LONGEST_ANSWER = 160
_LONGEST_TO_CUT = 512
_JUNK = bytes((0x00, 0xFF, 0x80, 0xFE))


@dataclass(frozen=True, slots=True)
class Line:
    """How a line changes the bytes on it: it cuts them into pieces, up to ``gap`` seconds apart.

    A line that is not ``clean`` repeats bytes, or adds bytes that nobody sent.
    """

    pieces: int = 1
    gap: float = 0.0
    junk: float = 0.0
    doubled: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether every byte arrives exactly once, and no other byte."""
        return not (self.junk or self.doubled)

    @property
    def slowest(self) -> float:
        """The longest time between the first and the last piece."""
        return (self.pieces - 1) * self.gap

    def cut(self, data: bytes, rng: Random) -> list[tuple[float, bytes]]:
        """Cut bytes into pieces, each with the seconds since the piece before."""
        if len(data) > _LONGEST_TO_CUT or (self.pieces == 1 and self.clean):
            return [(0.0, data)]
        if rng.random() < self.doubled:
            data += data
        if rng.random() < self.junk:
            place = rng.randrange(len(data) + 1)
            data = data[:place] + bytes(rng.choices(_JUNK, k=3)) + data[place:]
        places = sorted({int(rng.random() * len(data)) for _ in range(rng.randrange(self.pieces))} | {0})
        ends = (*places[1:], len(data))
        return [
            (rng.random() * self.gap if at else 0.0, data[at:end])
            for at, end in zip(places, ends, strict=True)
        ]


class State(NamedTuple):
    """The SIM of a module from a time on, and whether its number can be rented."""

    since: float
    imsi: str
    live: bool


@dataclass(eq=False, slots=True)
class ChaosModule:
    """A module, its line, and its history since the census began.

    ``warnings`` are the spans in which it had reported that it cannot be rented. ``lost`` is when it lost
    bytes that it was about to send. ``words`` counts its unsolicited lines. ``is_gone`` is true while its
    device is unplugged; afterwards the device has another ``node``. ``held`` are its ports that another
    program has open. RENT_PORTS names the ports ``named``. With ``is_told``, sysfs tells which ports are its
    own.
    """

    module: SimulatedModule
    line: Line
    history: list[State] = field(default_factory=list)
    warnings: list[tuple[float, float]] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    words: int = 0
    is_gone: bool = False
    node: int = 0
    held: set[int] = field(default_factory=set)
    named: tuple[int, ...] = (0,)
    is_told: bool = False

    def forget(self, now: float) -> None:
        """Begin a new history."""
        self.history = [State(now, self.module.imsi, self.module.live)]
        self.warnings = [warning for warning in self.warnings if warning[1] > now]
        self.lost = [now] if self.held else []
        self.words = 0

    def change(self, now: float, *, fault: str | None = None, imsi: str | None = None) -> None:
        """Break it, repair it or swap its SIM, and remember when."""
        self.module.change(fault=fault, imsi=imsi)
        self.history.append(State(now, self.module.imsi, self.module.live))

    @property
    def was_well(self) -> bool:
        """Whether its number could be rented all the time, and no event happened to it."""
        return len(self.history) == 1 and self.history[0].live and not self.lost and not self.held

    def had(self, imsi: str, begin: float, end: float, *, live: bool) -> bool:
        """Whether it had a SIM at some moment of a span and, if ``live`` is wanted, could be rented then."""
        ends = (*(state.since for state in self.history[1:]), float("inf"))
        return any(
            state.imsi == imsi and (state.live or not live) and state.since <= end and until >= begin
            for state, until in zip(self.history, ends, strict=True)
        )

    def had_said_no(self, begin: float, heard: float, end: float) -> bool:
        """Whether it reported in a span that it cannot be rented, and this was still true at the ``end``."""
        return any(begin < told < heard and until >= end for told, until in self.warnings)


class Said(NamedTuple):
    """A module sends something unasked, on every open port."""

    module: ChaosModule
    data: bytes


class Lost(NamedTuple):
    """A module loses the bytes it was sending; if it hangs up, it loses its ports too."""

    module: ChaosModule
    hangs_up: bool


class Stopped(NamedTuple):
    """The service is stopped, or the host sleeps, for so many seconds; the modules go on."""

    seconds: float


Word = Said | Lost | Stopped
Script = Generator[float | Word, None, None]
"""The events of one module, step by step: words, and the seconds until the next step."""


def port_name(module: int, index: int) -> str:
    """Return the name of one port of a module, by the module's place in the bank."""
    return f"modem{module:03}{'abc'[index]}"


class ChaosBank:
    """Up to ``most`` modules of random families, faults, latencies, lines, SIMs and IMEIs.

    ``slowest`` bounds the latencies, in seconds; ``lag`` is how late the reader of the lines comes.
    """

    def __init__(self, seed: int, most: int, slowest: float) -> None:
        self.rng = Random(seed)
        self.lag = self.rng.random() * 0.05 if self.rng.random() < 0.2 else 0.0
        self.modules = [ChaosModule(module, _line(self.rng)) for module in _modules(self.rng, most, slowest)]
        for each in self.modules:
            each.named, each.is_told = _wiring(self.rng, each.module.ports)
        self.claims: set[str] = set()
        self._now = 0.0
        self._order = count()
        self._scripts: list[tuple[float, int, Script]] = []
        self._bases = {id(each): each.module.fault for each in self.modules}

    @property
    def next_at(self) -> float:
        """When the next event happens to the bank."""
        return self._scripts[0][0] if self._scripts else float("inf")

    def happen(self) -> Iterator[Word]:
        """Let the next event happen; return what it sends on the lines."""
        self._now, _, script = heappop(self._scripts)
        for step in script:
            if isinstance(step, float):
                self._begin(script, self._now + step)
                return
            yield step

    @property
    def now(self) -> float:
        """The time up to which the bank has been played."""
        return self._now

    def pass_time(self, until: float) -> None:
        """Let time pass while nobody reads."""
        while self.next_at < until:
            for _ in self.happen():
                pass
        self._now = until

    def rest(self, until: float) -> None:
        """Let time pass: modules break, are repaired, and get other SIMs."""
        self.pass_time(until)
        for each in self.modules:
            if self.rng.random() < 0.1 and each.module.fault == self._bases[id(each)]:
                self._bases[id(each)] = _fault(self.rng)
                each.module.change(fault=self._bases[id(each)])

    def stir(self, now: float, seconds: float) -> None:
        """Begin a history, and draw the events of the next seconds: most of them early."""
        for each in self.modules:
            each.forget(now)
        for _ in range(int(self.rng.random() ** 2 * 8)):
            self._begin(self._script(), now + self.rng.random() ** 3 * seconds)
        if self.rng.random() < 0.05:
            self._begin(self._stop(), now + self.rng.random() * seconds)

    def rent_out(self, now: float, seconds: float) -> None:
        """Perhaps draw a claim of the next seconds."""
        if self.rng.random() < 0.5:
            self._begin(self._claim(self.rng.choice(self.modules)), now + self.rng.random() * seconds)

    def _begin(self, script: Script, at: float) -> None:
        heappush(self._scripts, (at, next(self._order), script))

    def _script(self) -> Script:
        scripts = (
            self._swap,
            self._call,
            self._network_lost,
            self._sim_lost,
            self._reset,
            self._hang_up,
            self._rent,
            self._rent,
            self._claim,
            self._chat,
        )
        return self.rng.choice(scripts)(self.rng.choice(self.modules))

    # The events that can happen to a module

    def _swap(self, one: ChaosModule) -> Script:
        other = self.rng.choice(self.modules)
        first, second = one.module.imsi, other.module.imsi
        one.change(self._now, imsi=second)
        other.change(self._now, imsi=first)
        yield from ()

    def _call(self, one: ChaosModule) -> Script:
        yield from self._trouble(one, "in_call", *self.rng.choice(CALLS))

    def _network_lost(self, one: ChaosModule) -> Script:
        fault = self.rng.choice(("not_registered", "searching", "denied", "emergency"))
        stat = FAULTS[fault].facts["registration"]
        words = ((f"+CREG: {stat}", "+CREG: 1"), ("^SRVST: 0", "^SRVST: 2"))
        yield from self._trouble(one, fault, *self.rng.choice(words))

    def _sim_lost(self, one: ChaosModule) -> Script:
        yield from self._trouble(one, "no_sim", *self.rng.choice(SIMS_LOST))

    def _reset(self, one: ChaosModule) -> Script:
        if not self._is_well(one):
            return
        one.lost.append(self._now)
        yield Lost(one, hangs_up=False)
        one.change(self._now, fault="silent")
        yield self._span()
        yield _spoken(one, *self.rng.choice((FAMILIES[one.module.family].banner, RESTARTS)))
        one.change(self._now, fault="searching")
        yield self._span()
        self._mend(one)

    def _hang_up(self, one: ChaosModule) -> Script:
        if not self._is_well(one):
            return
        one.lost.append(self._now)
        one.is_gone = True
        yield Lost(one, hangs_up=True)
        one.change(self._now, fault="silent")
        yield self._span()
        one.is_gone = False
        one.node += 1
        self._mend(one)

    def _rent(self, one: ChaosModule) -> Script:
        """Another program opens one port of a module, or all of them, and closes them later."""
        if one.held:
            return
        ports = range(one.module.ports)
        unnamed = sorted({*ports} - {*one.named})
        one.held.update(self.rng.choice((ports, [self.rng.choice(ports)], unnamed[:1] or ports)))
        one.lost.append(self._now)
        yield self._span()
        one.held.clear()

    def _claim(self, one: ChaosModule) -> Script:
        """A claim on a module, its SIM or one of its ports: for a moment, or for many censuses."""
        ports = range(one.module.ports) if one.is_told else one.named
        port = port_name(self.modules.index(one), self.rng.choice(ports))
        name = self.rng.choice((f"imei-{one.module.imei}", f"imsi-{one.module.imsi}", f"port-{port}"))
        if name in self.claims:
            return
        self.claims.add(name)
        yield self.rng.choice((self._span(), 600.0))
        self.claims.remove(name)

    def _stop(self) -> Script:
        yield Stopped(self._span())

    def _chat(self, one: ChaosModule) -> Script:
        if self._is_well(one) and not FAULTS[one.module.fault].byte_seconds:
            yield _spoken(one, self.rng.choice(CHATTER))

    def _trouble(self, one: ChaosModule, fault: str, told: str, over: str) -> Script:
        """A sound module fails for a while. It may report it, or not."""
        if not self._is_well(one):
            return
        one.change(self._now, fault=fault)
        seconds = self._span()
        tells = self.rng.random() < 0.5
        if tells:
            one.warnings.append((self._now, self._now + seconds))
            yield _spoken(one, told)
        yield seconds
        self._mend(one)
        if tells:
            yield _spoken(one, over)

    def _is_well(self, one: ChaosModule) -> bool:
        return one.module.live and one.module.fault == self._bases[id(one)]

    def _mend(self, one: ChaosModule) -> None:
        one.change(self._now, fault=self._bases[id(one)])

    def _span(self) -> float:
        """Draw a time from hundredths of a second to minutes."""
        return float(10 ** (self.rng.random() * 4 - 2))


def random_bank(seed: int, most: int = 40, slowest: float = 4.0) -> ChaosBank:
    """Return the bank of a seed: the same modules and the same events every time."""
    return ChaosBank(seed, most, slowest)


def slowest_answer(one: ChaosModule) -> float:
    """The longest time of one answer without its fault's own delay: an echo and more may come first."""
    module, line = one.module, one.line
    spoken = module.latency + FAULTS[module.fault].byte_seconds * _LONGEST_ANSWER
    return spoken + (3 + one.words) * line.slowest


def together(modules: Sequence[tuple[str, str]]) -> list[int]:
    """Return, for each module, the first module of its group: those that share an IMEI or an IMSI with it.

    A group may be connected directly or through others. It is one number.
    """
    first = list(range(len(modules)))
    seen: dict[str, int] = {}
    for number, identities in enumerate(modules):
        for place, identity in enumerate(identities):
            earlier = seen.setdefault(f"{place} {identity}", number)
            old, new = sorted((first[earlier], first[number]), reverse=True)
            first = [new if each == old else each for each in first]
    return first


def _modules(rng: Random, most: int, slowest: float) -> Iterator[SimulatedModule]:
    made: list[SimulatedModule] = []
    for number in range(rng.randint(1, most)):
        own = SimulatedModule(
            rng.choice(made).imei if made and rng.random() < 0.06 else imei(number),
            rng.choice(made).imsi if made and rng.random() < 0.06 else _imsi(rng, number),
            family=rng.choice(tuple(FAMILIES)),
            latency=_latency(rng, slowest),
            echo=rng.random() < 0.5,
            fault=_fault(rng),
            ports=rng.choice((1, 1, 1, 1, 2, 3)),
        )
        made.append(own)
        yield own


def _wiring(rng: Random, ports: int) -> tuple[tuple[int, ...], bool]:
    """Which ports of a module RENT_PORTS names, and whether they are those of one USB device."""
    named = rng.sample(range(ports), rng.randint(1, ports)) if rng.random() < 0.5 else range(ports)
    return tuple(sorted(named)), rng.random() < 0.7


def _imsi(rng: Random, number: int) -> str:
    return f"{rng.choice(tuple(NETWORKS))}{number:0{rng.choice((9, 10))}}"


def _latency(rng: Random, slowest: float) -> float:
    """Draw a latency: milliseconds for most modules, up to ``slowest`` for a few."""
    return float(slowest * 10 ** (-3 * rng.random() ** 0.6))


def _fault(rng: Random) -> str:
    if rng.random() < 0.5:
        return "none"
    names = LIVE if rng.random() < 0.4 else DEAD
    # Faults that never stop talking take a hundred times the work of the others.
    weights = [0.05 if FAULTS[name].noise or FAULTS[name].byte_seconds else 1.0 for name in names]
    return rng.choices(names, weights)[0]


def _line(rng: Random) -> Line:
    if rng.random() < 0.6:
        return Line()
    disturbed = rng.random() * 0.5 if rng.random() < 0.15 else 0.0
    junk, doubled = rng.choice(((disturbed, 0.0), (0.0, disturbed)))
    return Line(rng.randint(1, 5), 10 ** (-3 + 2.5 * rng.random()), junk, doubled)


def _spoken(one: ChaosModule, *lines: str) -> Said:
    one.words += 1
    return Said(one, FAMILIES[one.module.family].frame(lines))
