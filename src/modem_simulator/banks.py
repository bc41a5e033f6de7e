"""Ready-made banks, and how many numbers each has to rent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import cycle

from .families import FAMILIES
from .faults import FAULTS
from .module import SimulatedModule

Networks = Mapping[tuple[str, str], int]
"""Country and operator to how many numbers there are."""

PLMNS: Mapping[tuple[str, str], str] = {
    ("russia", "beeline"): "25099",
    ("russia", "megafon"): "25002",
    ("ukraine", "life"): "25506",
    ("ukraine", "vodafone"): "25501",
    ("ukraine", "kyivstar"): "25503",
}
"""ITU-T E.212: the home networks that these banks' SIMs belong to."""

PUBLISHED_EXAMPLE: Networks = {
    ("russia", "beeline"): 9,
    ("russia", "megafon"): 10,
    ("ukraine", "life"): 2,
    ("ukraine", "vodafone"): 14,
    ("ukraine", "kyivstar"): 5,
}
"""The answer in the marketplace's documentation."""

NOT_TO_BE_COUNTED = ("silent", "no_sim", "sim_pin", "searching", "denied", "in_call", "flood", "hang_up")

_OPERATORS = {plmn: operator for operator, plmn in PLMNS.items()}


def imei(serial: int) -> str:
    """Return the serial-th test IMEI: a TAC of the range for tests (GSMA TS.06), and Luhn's check digit."""
    digits = f"00101700{serial:06}"
    doubled = (str(int(digit) * 2) if place % 2 else digit for place, digit in enumerate(digits))
    return f"{digits}{-sum(int(digit) for digit in ''.join(doubled)) % 10}"


def imsi(plmn: str, serial: int) -> str:
    """Return the serial-th IMSI of a network with a two-digit MNC (ITU-T E.212)."""
    return f"{plmn}{serial:010}"


def live_bank(count: int, latency: float, networks: Iterable[str] | None = None) -> list[SimulatedModule]:
    """Return ``count`` live modules, which take the families and networks in turn. Half of them echo.

    ``latency`` is in seconds.
    """
    plmns, families = cycle(networks or PLMNS.values()), cycle(FAMILIES)
    return [
        SimulatedModule(
            imei(serial), imsi(plmn, serial), family=family, latency=latency, echo=serial % 2 == 0
        )
        for serial, plmn, family in zip(range(1, count + 1), plmns, families, strict=False)
    ]


def default_bank(latency: float = 0.005) -> list[SimulatedModule]:
    """Return the published example's live modules, and common kinds of modules that must not be counted.

    One live module has a second port, and another module shares a live module's SIM.
    """
    plmns = [PLMNS[network] for network, numbers in PUBLISHED_EXAMPLE.items() for _ in range(numbers)]
    modules = live_bank(len(plmns), latency, plmns)
    two_ports, shared = modules[0], modules[1]
    modules[0] = SimulatedModule(two_ports.imei, two_ports.imsi, latency=latency, ports=2)
    modules.append(SimulatedModule(imei(900), shared.imsi, latency=latency))
    return modules + [
        _faulty(fault, serial, latency) for serial, fault in enumerate(NOT_TO_BE_COUNTED, start=901)
    ]


def every_fault_bank(latency: float = 0.005) -> tuple[list[SimulatedModule], Networks]:
    """Return five sound modules and one for each fault, and how many numbers they have to rent."""
    faulty = [_faulty(fault, serial, latency) for serial, fault in enumerate(FAULTS, start=901)]
    modules = live_bank(5, latency) + faulty
    return modules, numbers_to_rent(modules)


def numbers_to_rent(modules: Iterable[SimulatedModule]) -> Networks:
    """Count live modules by home network: one SIM is one number, and so is one radio."""
    by_imsi = {module.imsi: module for module in modules if module.live}
    by_imei = {module.imei: module for module in by_imsi.values()}
    return Counter(_OPERATORS[module.imsi[:5]] for module in by_imei.values())


def _faulty(fault: str, serial: int, latency: float) -> SimulatedModule:
    return SimulatedModule(
        imei(serial), imsi("25099", serial), fault=fault, latency=latency, echo=serial % 2 == 0
    )
