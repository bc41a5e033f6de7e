"""Bytes of a serial line to responses, as ITU-T V.250 (07/2003) frames them.

A response is what follows a command line: its echo (clause 5.2.3), lines of information text and one
final result code (clause 5.7.1). Unsolicited result codes may stand anywhere between. Line ends vary
from module to module (CR LF, LF, CR CR LF, CR), so any run of CR and LF ends a line.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

LONGEST_LINE = 1024
"""Bytes. What reaches this length without a line end is no line of an AT interface, and is forgotten."""

_LINE_END = re.compile(rb"[\r\n]+")

# V.250 table 1, the numbered errors of TS 27.007 clause 9.1 and TS 27.005 clause 3.1, and what vendors add.
_FINAL_RESULT_CODES = frozenset({
    "OK", "ERROR", "NO CARRIER", "NO DIALTONE", "NO DIAL TONE", "BUSY", "NO ANSWER", "CONNECT",
    "COMMAND NOT SUPPORT", "COMMAND NOT SUPPORTED", "TOO MANY PARAMETERS", "ABORTED", "NA",
})  # fmt: skip
_NUMBERED_ERRORS = ("+CME ERROR", "+CMS ERROR")


@dataclass(frozen=True, slots=True)
class Response:
    """What a module gave to one command line, its echo left out.

    ``lines`` holds the information text and the unsolicited result codes that came with it, in their
    order; ``earlier`` holds the lines that came between the previous response and this command.
    ``final_result_code`` is None when none came in time.
    """

    command: str
    lines: tuple[str, ...] = ()
    final_result_code: str | None = None
    earlier: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether the command was carried out."""
        return self.final_result_code == "OK"


def is_final_result_code(line: str) -> bool:
    """Whether a whole line ends a response; part of a line never does (``OKLAHOMA``, ``NOT READY``)."""
    return line in _FINAL_RESULT_CODES or line.startswith(_NUMBERED_ERRORS) or line.startswith("CONNECT ")


class ResponseBuffer:
    """Collects one line's bytes, and gives the response to a command once it is whole.

    It can be fed in pieces of any size. Of an unfinished line it holds at most ``LONGEST_LINE`` bytes;
    how many bytes a response may have in all is the caller's to bound.
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
        """Take bytes, as they come; returns the lines that they end."""
        *ended, unfinished = _LINE_END.split(self._unfinished + data)
        # At this length it is too long already, and stays so until its line end, however it is split.
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
        """Begin the response to ``command``: what came before it, whole or begun, is no answer to it."""
        self._command = command
        self._earlier = [*self._lines, *self._unread]
        self._lines = []
        self._new_from = 0
        self._unread.clear()
        self._began_before_command = bool(self._unfinished)

    def response(self) -> Response | None:
        """The response, once its final result code is there; it is given once."""
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
        """The lines that the unfinished response has got since the last call."""
        lines = self._lines[self._new_from :]
        self._new_from = len(self._lines)
        return lines

    def so_far(self) -> Response:
        """The response as far as it has come, without a final result code."""
        lines = (*self._lines, *self._unread)
        return Response(self._command, lines, None, tuple(self._earlier))
