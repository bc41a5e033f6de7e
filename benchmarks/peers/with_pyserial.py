"""``python -m peers.with_pyserial PORT ...``: a thread a port sends the commands of a census."""

from __future__ import annotations

import re

import serial

from peers.each_port import ask_each_port

COMMANDS = ("AT", "AT+CGSN", "AT+CPIN?", "AT+CIMI", "AT+CREG?", "AT+CPAS", "AT+CIMI")
"""What a census asks a healthy module, in the same order."""
PATIENCE_SECONDS = 3
FINAL_RESULT_CODE = re.compile(r"OK|ERROR|\+CM[ES] ERROR: .*")


def read_imei(port: str) -> str | None:
    """Ask all commands of the module on a port, and return its IMEI; None if an answer does not come."""
    try:
        with serial.Serial(port, 115200, timeout=PATIENCE_SECONDS, exclusive=True) as line:
            answers = {command: ask(line, command) for command in COMMANDS}
    except (OSError, ValueError):
        # pyserial raises ValueError when its select() meets a descriptor above 1,023.
        return None
    return next((text for text in answers["AT+CGSN"] if text.isdecimal()), None)


def ask(line: serial.Serial, command: str) -> list[str]:
    """Send a command and return the lines of its answer. Raises TimeoutError if the answer does not end."""
    line.write(f"{command}\r".encode())
    answer: list[str] = []
    while not answer or not FINAL_RESULT_CODE.fullmatch(answer[-1]):
        data = line.readline()
        if not data.endswith(b"\n"):
            raise TimeoutError
        answer.append(data.decode("ascii", "replace").strip())
    return answer


if __name__ == "__main__":
    ask_each_port(read_imei)
