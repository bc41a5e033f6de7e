"""``python -m modem_simulator``: serve a bank until standard input ends or a signal comes."""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from .bank import Bank
from .bank_file import read_bank
from .banks import default_bank, live_bank
from .control import Control
from .module import SimulatedModule

STANDARD_INPUT = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the bank that the arguments name. A wrong argument ends the program with a sentence."""
    options = _parser().parse_args(arguments)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        with _own_directory(options.directory) as directory, Bank(_modules(options), directory) as bank:
            _serve(bank, directory)
    except (OSError, ValueError) as error:
        sys.exit(f"simulator: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m modem_simulator", description="Simulated GSM modules.")
    parser.add_argument("--bank", metavar="FILE.json", help="the modules; - reads one line of standard input")
    parser.add_argument(
        "--directory", type=Path, help="the directory for the ports, new or empty (default: a temporary one)"
    )
    parser.add_argument("--modules", type=int, metavar="N", help="serve N live modules instead of a bank")
    parser.add_argument(
        "--latency",
        type=float,
        default=0.05,
        metavar="S",
        help="the seconds that each of them takes to answer",
    )
    return parser


def _modules(options: argparse.Namespace) -> list[SimulatedModule]:
    if options.bank == "-":
        with open(STANDARD_INPUT, "rb", buffering=0, closefd=False) as lines:
            return read_bank(lines.readline().decode())
    if options.bank is not None:
        return read_bank(Path(options.bank).read_text(encoding="utf-8"))
    return default_bank() if options.modules is None else live_bank(options.modules, options.latency)


@contextmanager
def _own_directory(path: Path | None) -> Iterator[Path]:
    if path is None:
        path = Path(tempfile.mkdtemp(prefix="modules-"))
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise ValueError(f"{path} is not empty: the ports need an empty directory")
    try:
        yield path
    finally:
        path.rmdir()


def _serve(bank: Bank, directory: Path) -> None:
    control, unread = Control(bank), bytearray()

    def obey() -> None:
        chunk = os.read(STANDARD_INPUT, 65536)
        if not chunk:
            bank.stop()
        unread.extend(chunk)
        *lines, rest = unread.split(b"\n")
        unread[:] = rest
        for line in lines:
            print(control.answer(line.decode()), flush=True)  # noqa: T201 - the answer's place

    try:
        bank.listen(STANDARD_INPUT, obey)
    except PermissionError:  # epoll refuses files and /dev/null
        raise ValueError(
            "standard input must be a pipe or a terminal: the bank serves until it ends"
        ) from None
    modules = {id(port.module) for port in bank.ports.values()}
    print(json.dumps({"ports": f"{directory}/*", "modules": len(modules)}), flush=True)  # noqa: T201
    bank.serve()


def _end(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
