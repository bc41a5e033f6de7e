"""Splits a port's bytes into responses, as ITU-T V.250 (07/2003) frames them.

A response follows a command: the command's echo (clause 5.2.3), lines of information text and one final
result code (clause 5.7.1). Unsolicited result codes may stand anywhere between them. Line ends vary from
module to module (CR LF, LF, CR CR LF, CR), so any run of CR and LF ends a line.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

LONGEST_LINE = 1024
"""In bytes. Discard longer lines: no AT interface sends them."""

_LINE_END = re.compile(rb"[\r\n]+")

# V.250 table 1, the numbered errors of TS 27.007 clause 9.1 and TS 27.005 clause 3.1, and vendors' own codes.
_FINAL_RESULT_CODES = frozenset({
    "OK", "ERROR", "NO CARRIER", "NO DIALTONE", "NO DIAL TONE", "BUSY", "NO ANSWER", "CONNECT",
    "COMMAND NOT SUPPORT", "COMMAND NOT SUPPORTED", "TOO MANY PARAMETERS", "ABORTED", "NA",
})  # fmt: skip
_NUMBERED_ERRORS = ("+CME ERROR", "+CMS ERROR")


@dataclass(frozen=True, slots=True)
class Response:
    """A module's response to one command, without the echo.

    ``lines`` holds the information text and the unsolicited result codes that came with it, in their
    order. ``earlier`` holds the lines that came between the previous response and this command.
    ``final_result_code`` is None if none came in time.
    """

    command: str
    lines: tuple[str, ...] = ()
    final_result_code: str | None = None
    earlier: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether the final result code is OK."""
        return self.final_result_code == "OK"


def is_final_result_code(line: str) -> bool:
    """Whether a whole line ends the response; part of a line never does (``OKLAHOMA``, ``NOT READY``)."""
    return line in _FINAL_RESULT_CODES or line.startswith(_NUMBERED_ERRORS) or line.startswith("CONNECT ")


class ResponseBuffer:
    """Collects a port's bytes, and returns the response to a command once it is complete.

    The bytes may come in pieces of any size. An unfinished line takes at most ``LONGEST_LINE`` bytes; the
    caller limits the bytes of a whole response.
    """

    def __init__(self) -> None:
        self._unfinished = b""
        self._unread: deque[str] = deque()
        self._command = ""
        self._lines: list[str] = []
        self._earlier: list[str] = []
        self._began_before_command = False
        self._new_from = 0

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes; return the lines that they complete."""
        *ended, unfinished = _LINE_END.split(self._unfinished + data)
        # Keep enough to know, when the line ends, that it was too long.
        self._unfinished = unfinished[:LONGEST_LINE]
        lines = [line.decode("latin-1").strip() if len(line) < LONGEST_LINE else "" for line in ended if line]
        if lines and self._began_before_command:
            self._began_before_command = False
            self._earlier.append(lines[0])
            self._unread += lines[1:]
        else:
            self._unread += lines
        return lines

    def expect(self, command: str) -> None:
        """Begin the response to ``command``. Lines that began before it never answer it."""
        self._command = command
        self._earlier = [*self._lines, *self._unread]
        self._lines = []
        self._new_from = 0
        self._unread.clear()
        self._began_before_command = bool(self._unfinished)

    def response(self) -> Response | None:
        """Return the response once its final result code has come, else None. Each is returned once."""
        while self._unread:
            line = self._unread.popleft()
            if is_final_result_code(line):
                response = Response(self._command, tuple(self._lines), line, tuple(self._earlier))
                self._lines, self._earlier = [], []
                self._new_from = 0
                return response
            if line and line.upper() != self._command:
                self._lines.append(line)
        return None

    def new_lines(self) -> list[str]:
        """Return the lines that were added to the unfinished response since the last call."""
        lines = self._lines[self._new_from :]
        self._new_from = len(self._lines)
        return lines

    def so_far(self) -> Response:
        """Return the unfinished response, without a final result code."""
        lines = (*self._lines, *self._unread)
        return Response(self._command, lines, None, tuple(self._earlier))
