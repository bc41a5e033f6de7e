"""Runs a bank in a child process, for the tests, the demonstration and the benchmarks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, Self

from .bank_file import write_bank
from .banks import default_bank
from .module import SimulatedModule

END_SECONDS = 5.0
"""How long the simulator may take to end before it is killed."""


class SimulatorError(RuntimeError):
    """The simulator did not start, has ended, or refuses a command."""


class SimulatedBank:
    """Starts the simulator with these modules, or with the default bank. ``with`` or ``close`` ends it.

    The simulator also ends when this process ends, even if this process is killed. Its methods raise
    SimulatorError.
    """

    def __init__(
        self, modules: Iterable[SimulatedModule] | None = None, directory: Path | None = None
    ) -> None:
        self._turn = Lock()
        self._process = _start([] if directory is None else ["--directory", str(directory)])
        try:
            ready = self._command(write_bank(default_bank() if modules is None else modules))
        except BaseException:
            self._end()
            raise
        self.ports: str = ready["ports"]
        self.modules: int = ready["modules"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The simulator's process id."""
        return self._process.pid

    def port(self, name: str) -> str:
        """Return the path of a port: ``modem000``, or ``modem000b`` for a module's second."""
        return str(Path(self.ports).with_name(name))

    def stats(self) -> dict[str, Any]:
        """Return ``{"ports": {name: counts}, "totals": counts}``: opens, dialogues, commands and settings."""
        return self._command("stats")

    def reset(self) -> None:
        """Set all counts to zero."""
        self._command("reset")

    def change(self, port: str, *, fault: str | None = None, imsi: str | None = None) -> None:
        """Change the fault of a port's module, or swap its SIM."""
        wanted = {"port": port, "fault": fault, "imsi": imsi}
        self._command(json.dumps({name: value for name, value in wanted.items() if value is not None}))

    def deliver(self, port: str, sender: str, text: str) -> None:
        """Let a text from a number arrive at a port's module."""
        self._command(json.dumps({"port": port, "sender": sender, "text": text}))

    def close(self) -> None:
        """End the simulator and wait until its ports are gone. It may be called twice."""
        if self._end() < 0:
            shutil.rmtree(Path(self.ports).parent, ignore_errors=True)

    def _end(self) -> int:
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _command(self, line: str) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        with self._turn:
            with suppress(BrokenPipeError):
                print(line, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        if not answer:
            raise SimulatorError("the simulator has ended; the line above says why")
        document: dict[str, Any] = json.loads(answer)
        if "error" in document:
            raise SimulatorError(document["error"])
        return document


def _start(options: list[str]) -> subprocess.Popen[str]:
    sources = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (sources, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "modem_simulator", "--bank", "-", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C reaches only the parent, which closes the bank
    )
