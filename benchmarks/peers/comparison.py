"""The peers, and how to ask the modules on some ports with each of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers.environment import EnvironmentFailed, python_with

BENCHMARKS = Path(__file__).parents[1]
GSMMODEM = ("python-gsmmodem-new==0.13.0", "pyserial==3.5")
PATIENCE_SECONDS = 180
"""How long a peer may take. Each gives up on a port much earlier."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that asks modules for their IMEIs, in a module ``program`` beside this one.

    ``skipped`` says why it cannot run here; it is empty if it can.
    """

    name: str
    program: str = ""
    python: str = sys.executable
    skipped: str = ""

    def identify(self, ports: Sequence[str]) -> dict[str, str]:
        """Run the program, its start included; return the IMEI of each port that gave one.

        Raises CalledProcessError or TimeoutExpired; standard error says more.
        """
        # The library of a peer warns of its own old spellings.
        command = [self.python, "-W", "ignore", "-m", f"peers.{self.program}", *ports]
        path = os.pathsep.join(filter(None, (str(BENCHMARKS), os.environ.get("PYTHONPATH"))))
        printed = subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            timeout=PATIENCE_SECONDS,
            check=True,
        ).stdout
        return {port: imei for port, imei in json.loads(printed).items() if imei is not None}


def peers(directory: Path) -> list[Peer]:
    """Return this project and its peers; ``directory`` keeps what they need from one run to the next."""
    return [ourselves(), plain_pyserial(), gsmmodem(directory), gammu(), modem_manager()]


def ourselves() -> Peer:
    """One census of this project."""
    return Peer("onlinesim-rent", "with_onlinesim_rent")


def plain_pyserial() -> Peer:
    """The commands of a census by pyserial, in a thread a port."""
    return Peer("pyserial, a thread a port", "with_pyserial")


def gsmmodem(directory: Path, requirements: Sequence[str] = GSMMODEM) -> Peer:
    """python-gsmmodem-new in a thread a port, in an environment that is made in a directory."""
    name = "python-gsmmodem-new, a thread a port"
    try:
        python = python_with(requirements, directory / requirements[0])
    except EnvironmentFailed as error:
        return Peer(name, skipped=str(error))
    return Peer(name, "with_gsmmodem", str(python))


def gammu() -> Peer:
    """Debian's gammu, a process a port."""
    name = "gammu identify, a process a port"
    if not shutil.which("gammu"):
        return Peer(name, skipped="gammu is not installed; install it with: apt-get install gammu")
    return Peer(name, "with_gammu")


def modem_manager() -> Peer:
    """ModemManager takes no pseudo-terminal, whatever its options."""
    reason = "it asks only devices that /sys/class/tty lists, and the kernel lists no pseudo-terminal there"
    return Peer("ModemManager", skipped=reason)


def count_right(found: Mapping[str, str], imeis: Mapping[str, str]) -> int:
    """Return how many ports gave the true IMEI; a missing and a wrong one do not count."""
    return sum(found.get(port) == imei for port, imei in imeis.items())
