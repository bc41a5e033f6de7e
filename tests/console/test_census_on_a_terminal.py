"""A census at a real pseudo-terminal: whatever the person does, the service gets its own census."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from commands import run
from servers import PATIENCE_SECONDS
from terminals import CTRL_C, CTRL_Q, CTRL_S, Session, session

from modem_simulator import SimulatedBank, live_bank
from onlinesim_rent.console.exit_status import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLOW = [replace(module, latency=0.2) for module in live_bank(2, 0.0)]
ALL = "2 of 2 ports are available numbers; asked in "


@pytest.fixture
def bank() -> Iterator[SimulatedBank]:
    with SimulatedBank(SLOW) as running:
        yield running


@pytest.fixture
def variables(bank: SimulatedBank, tmp_path: Path) -> dict[str, str]:
    return {
        "RENT_API_KEY": "secret-key",
        "RENT_PORTS": bank.ports,
        "RENT_RUNTIME_DIR": f"{tmp_path}/runtime",
        "RENT_CACHE_SECONDS": "0",
    }


@contextmanager
def mid_census(bank: SimulatedBank, *, controls: bool, **variables: str) -> Iterator[Session]:
    """A census at a terminal, once it has asked a module something."""
    with session("census", controls=controls, **variables) as at_terminal:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not any(port["commands"] for port in bank.stats()["ports"].values()):
            assert time.monotonic() < ends
        yield at_terminal


def test_ctrl_c_in_mid_census_leaves_nothing_open(bank: SimulatedBank, variables: dict[str, str]) -> None:
    with mid_census(bank, controls=True, **variables) as at_terminal:
        at_terminal.press(CTRL_C)
        shown = at_terminal.rest()
        assert at_terminal.process.wait(PATIENCE_SECONDS) == INTERRUPTED
    assert shown.splitlines()[-1].endswith("Interrupted.")
    assert "Traceback" not in shown
    assert run("census", **variables).stdout.splitlines()[-1].startswith(ALL)


def test_a_census_that_is_stopped_ends_first(bank: SimulatedBank, variables: dict[str, str]) -> None:
    with mid_census(bank, controls=False, **variables) as stopped:
        stopped.process.send_signal(signal.SIGTSTP)
        os.waitid(os.P_PID, stopped.process.pid, os.WSTOPPED)
        another = run("census", **variables)
        assert another.stdout.splitlines()[-1].startswith(ALL)
        stopped.process.send_signal(signal.SIGCONT)
        assert ALL in stopped.rest()


def test_a_terminal_that_is_held_keeps_nobody_waiting(bank: SimulatedBank, variables: dict[str, str]) -> None:
    with mid_census(bank, controls=True, **variables) as held:
        held.press(CTRL_S)
        another = run("census", **variables)
        assert held.process.poll() is None
        held.press(CTRL_Q)
        assert ALL in held.rest()
    assert another.stdout.splitlines()[-1].startswith(ALL)
