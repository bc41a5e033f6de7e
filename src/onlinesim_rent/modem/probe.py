"""Probes the ports of this host: gives probing.py the operating system, and remembers stuck ports."""

from __future__ import annotations

import errno
import logging
import os
import resource
from collections.abc import Callable, Sequence
from pathlib import Path
from selectors import BaseSelector, DefaultSelector

from onlinesim_rent.clock import Deadline, boot_clock
from onlinesim_rent.finding import CensusError, Finding
from onlinesim_rent.modem.background import Background
from onlinesim_rent.modem.line import Line, State
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.open import DESCRIPTORS_PER_PORT, OpenPort, is_there, open_port
from onlinesim_rent.modem.ports.signs_of_use import SignsOfUse
from onlinesim_rent.modem.ports.sysfs import SYSFS
from onlinesim_rent.modem.ports.tcp import Address, TcpPort, addresses_of
from onlinesim_rent.modem.ports.topology import Topology
from onlinesim_rent.modem.probing import CLOSE_SECONDS, LAST_LOOK_SECONDS, Probing, Progress, no_progress
from onlinesim_rent.modem.protocol.dialogue import Ask, proof

SPARE_DESCRIPTORS = 64

_log = logging.getLogger(__name__)


class Prober:
    """Probes ports, and remembers which of them are still opening or closing after a census.

    With ``taken_by_holders``, a program that uses one port of a module uses its other ports too. ``topology``
    tells which ports those are, from ``sysfs``. ``clock`` gives the time of the deadlines, in seconds.
    ``progress(found, ports)`` is called with each finding.
    ``ask`` begins the dialogue with a port: by default, for the proof that a census needs.
    """

    def __init__(
        self,
        baud_rate: int,
        *,
        taken_by_holders: bool = True,
        sysfs: Path = SYSFS,
        clock: Callable[[], float] = boot_clock,
        progress: Progress = no_progress,
        ask: Ask = proof,
    ) -> None:
        self._ask = ask
        self._baud_rate = baud_rate
        self._progress = progress
        self.taken_by_holders = taken_by_holders
        self.topology = Topology(sysfs)
        self.clock = clock
        self._not_given_back: list[Line] = []

    def probe(self, ports: Sequence[Port], deadline: float) -> list[Finding]:
        """Return a finding for every port, in their order, by the deadline.

        Raises CensusError if this process has no descriptors left to open even one port.
        """
        stuck = [line for line in self._not_given_back if line.state is not State.CLOSED]
        latest = Deadline(deadline + CLOSE_SECONDS + LAST_LOOK_SECONDS, self.clock)
        host = _Host(self._baud_rate, latest, self.topology if self.taken_by_holders else None)
        # While the look-up of a name is stuck, none of the host's ports may begin another one.
        hosts = {line.port.host for line in stuck if line.port.is_remote}
        names = frozenset(
            {line.port.name for line in stuck} | {port.name for port in ports if port.host in hosts}
        )
        probing = Probing(ports, deadline, host, names, ask=self._ask, progress=self._progress)
        try:
            return probing.run()
        finally:
            self._not_given_back = [
                line for line in (*stuck, *probing.lines) if line.state is not State.CLOSED
            ]


class _Host:
    """The System of this host, for one census."""

    def __init__(self, baud_rate: int, latest: Deadline, topology: Topology | None) -> None:
        self._baud_rate = baud_rate
        self.signs_of_use = SignsOfUse(latest, topology).look
        self.clock = latest.clock

    def selector(self) -> BaseSelector:
        return DefaultSelector()

    def background(self) -> Background:
        return Background()

    def capacity(self, wanted: int) -> int:
        return _capacity(wanted)

    def is_there(self, port: Port) -> bool:
        return is_there(port)

    def open_port(self, port: Port) -> OpenPort:
        return open_port(port, self._baud_rate)

    def addresses(self, host: str) -> list[Address]:
        return addresses_of(host)

    def connect(self, address: Address, port: Port) -> OpenPort:
        return TcpPort(address, port.number)


def _capacity(port_count: int) -> int:
    """How many ports may be open at once; the others wait for their turn."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        taken = len(os.listdir("/proc/self/fd"))
    except OSError as error:
        if error.errno not in {errno.EMFILE, errno.ENFILE}:
            raise CensusError(f"/proc cannot be read: {error.strerror}") from error
        # No descriptor is left to list the others.
        taken = limit
    capacity = (limit - taken - SPARE_DESCRIPTORS) // DESCRIPTORS_PER_PORT
    if port_count and capacity < 1:
        raise CensusError(f"no descriptors are left to open ports with: raise LimitNOFILE above {limit}")
    if capacity < port_count:
        _log.warning(
            "%d ports are asked %d at a time: LimitNOFILE (%d) is too low", port_count, capacity, limit
        )
    return capacity
