"""Orders the verdicts by what needs attention, and says what to do about each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from onlinesim_rent.census.counting import PortReport
from onlinesim_rent.finding import Verdict

ADVICE: Mapping[Verdict, str] = {
    Verdict.UNREACHABLE: "The reason says which: plug the device in, let the service's user open it (group "
    "dialout), or free the driver that is stuck.",
    Verdict.HUNG_UP: "The device went away while it was asked: look at its cable, its hub and its power.",
    Verdict.SILENT: "Look at the module's power and at RENT_BAUD_RATE. A module that boots answers later.",
    Verdict.NOT_AT: "A GPS, diagnostic or log port: leave it out of RENT_PORTS. If it is a terminal server "
    "in telnet mode, no module behind it answers.",
    Verdict.NO_IDENTITY: "The module gives no IMEI, or its SIM no IMSI: write the IMEI, or change the SIM.",
    Verdict.SIM_NOT_READY: "Put a SIM in, or enter its PIN once and switch the PIN off.",
    Verdict.NOT_REGISTERED: "Look at the antenna, the contract and the coverage.",
    Verdict.UNKNOWN_NETWORK: "The SIM belongs to no single country (for example, an Internet-of-things SIM). "
    "If it can be rented, name its network in RENT_NAMES_FILE.",
    Verdict.SIM_CHANGED: "A SIM bank swapped the card while the module was asked. Look again later.",
    Verdict.DOUBTFUL: "The module contradicts itself, or has just restarted: look again, then replace it.",
    Verdict.OUT_OF_TIME: "Too slow for RENT_DEADLINE_SECONDS: look at the module, or at this host's load.",
    Verdict.IN_USE: "The reason names the program or the call. If nobody rents the number, end the program.",
    Verdict.CLAIMED: "A claim says that it is taken: see onlinesim-rent claims, and release to withdraw one.",
    Verdict.DUPLICATE: "Another port of the same module, or a module with the same SIM, is counted already.",
    Verdict.AVAILABLE: "Counted.",
}
"""What to do about each verdict: faults first, then what is taken, then what counts."""

_RANKS = {verdict: rank for rank, verdict in enumerate(ADVICE)}


def rank(verdict: Verdict) -> int:
    """Return a verdict's place in the order of attention: 0 comes first."""
    return _RANKS[verdict]


def by_attention(reports: Iterable[PortReport]) -> list[PortReport]:
    """Order the ports by what needs attention first; ports of one verdict keep their order."""
    return sorted(reports, key=lambda report: rank(report.verdict))


def groups_by_attention(reports: Iterable[PortReport]) -> Iterator[tuple[Verdict, list[PortReport]]]:
    """Yield each verdict with its ports, the most urgent verdict first."""
    for verdict, group in groupby(by_attention(reports), key=lambda report: report.verdict):
        yield verdict, list(group)


# Each row: what names another port, a file or a claim in a reason, and the words that stand for any of them.
_PARTICULARS = (
    (r"(same module as|its SIM with) .+?, which", r"\1 another port, which"),
    (r"its module is (held|locked) on \S+ by", r"its module is \1 on another port by"),
    (r"(by another program) \(.+\)", r"\1"),
    (r"(taken by a claim): .+", r"\1"),
)


def in_general(reason: str) -> str:
    """Return a reason without the names of ports and claims, so that equal troubles count together."""
    for particular, general in _PARTICULARS:
        reason = re.sub(particular, general, reason)
    return reason
