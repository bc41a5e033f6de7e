"""The conversation with one port, without descriptor or clock: the caller passes in the bytes and the time.

It tells the caller what to write, how long to wait and, at the end, the verdict. So tests can run whole banks
in virtual time, and the loop (probing.py) only moves bytes.
"""

from __future__ import annotations

from dataclasses import replace

from onlinesim_rent.finding import Modem, NotCounted, Verdict
from onlinesim_rent.modem.protocol import foreign
from onlinesim_rent.modem.protocol.dialogue import (
    AT,
    Command,
    Dialogue,
    check_still_registered,
    check_unsolicited,
    prove,
)
from onlinesim_rent.modem.protocol.v250 import Response, ResponseBuffer

MOST_BYTES = 4 * 1024
"""The most bytes that a port may send in one conversation. A module sends far fewer."""

_SAMPLE_BYTES = 256


class Conversation:
    """Runs one dialogue over one port. Every ``now`` is in seconds, on one clock that the caller chooses.

    If no bytes come before ``wakes_at``, the caller calls ``wake`` then. Once ``is_over``, ``outcome`` is the
    modem that passed all checks, or the reason why it is not counted.
    """

    def __init__(self, now: float, dialogue: Dialogue | None = None) -> None:
        self.outcome: Modem | NotCounted | None = None
        self.wakes_at = now
        self._dialogue = dialogue or prove()
        self._buffer = ResponseBuffer()
        self._to_write = b""
        self._sample = b""
        self._byte_count = 0
        self._bare_ok: Response | None = None
        self._patience_ends = now
        self._is_answered = False
        self._unsent: Command | None = None
        self._command = next(self._dialogue)
        self._begin(now)

    @property
    def is_over(self) -> bool:
        """Whether there is a verdict."""
        return self.outcome is not None

    def bytes_to_write(self) -> bytes:
        """Return the bytes to write now. Each byte is returned once."""
        data, self._to_write = self._to_write, b""
        return data

    def feed(self, data: bytes, now: float) -> None:
        """Take bytes that the port sent."""
        if self.is_over:
            return
        self._byte_count += len(data)
        if len(self._sample) < _SAMPLE_BYTES:
            self._sample = (self._sample + data)[:_SAMPLE_BYTES]
        lines = self._buffer.feed(data)
        while not self.is_over and not self._unsent and (response := self._buffer.response()):
            self._take(response, now)
        # Check after the responses: an IMEI that has just come then stands in the reason.
        self._check_unsolicited(lines)
        if self._byte_count > MOST_BYTES:
            self.end(foreign.recognise(self._sample) or NotCounted(Verdict.NOT_AT, "never stops talking"))
        elif self._command.silence and not self._unsent:
            self._shorten_patience(self._command.silence, now)

    def wake(self, now: float) -> None:
        """Send the command that waited for its pause, or stop waiting for the current response."""
        if self.is_over or now < self.wakes_at:
            return
        if self._unsent:
            self._send(now)
        else:
            self._answer(self._with_bare_ok(self._buffer.so_far()), now)

    def end(self, reason: NotCounted) -> None:
        """End the conversation early: the port was lost, or the census has no more time.

        If the dialogue already knows the module, the outcome names it.
        """
        if not self.is_over:
            try:
                self._dialogue.throw(reason)
            except NotCounted as known:
                self._end(self._recognised(known))

    def _begin(self, now: float) -> None:
        self._unsent = self._command
        self.wakes_at = now + self._command.pause
        if not self._command.pause:
            self._send(now)

    def _send(self, now: float) -> None:
        self._unsent = self._bare_ok = None
        self._is_answered = False
        self._buffer.expect(self._command.text)
        self._to_write += self._command.text.encode("ascii") + b"\r"
        self.wakes_at = self._patience_ends = now + self._command.patience

    def _take(self, response: Response, now: float) -> None:
        response = self._with_bare_ok(response)
        if response.is_ok and not self._command.is_answered_by(response.lines):
            # This OK may be the late result code of an earlier command: keep waiting for the answer.
            self._bare_ok = response
        else:
            self._answer(response, now)

    def _check_unsolicited(self, lines: list[str]) -> None:
        """End at once if a line reports a call or a power-down: an answer may never come."""
        try:
            check_unsolicited(lines)
        except NotCounted as reason:
            self.end(reason)

    def _shorten_patience(self, silence: float, now: float) -> None:
        """If the answer has come without a final result code, wait only for a short silence."""
        self._is_answered = self._is_answered or self._command.is_answered_by(self._buffer.new_lines())
        if self._is_answered:
            self.wakes_at = min(now + silence, self._patience_ends)

    def _with_bare_ok(self, response: Response) -> Response:
        """Add an earlier bare OK and its lines; if nothing else answers, the bare OK is the answer."""
        if self._bare_ok is None:
            return response
        final_result_code = response.final_result_code
        if final_result_code is None and not self._command.is_answered_by(response.lines):
            final_result_code = self._bare_ok.final_result_code
        earlier = self._bare_ok.earlier + self._bare_ok.lines + response.earlier
        return replace(response, final_result_code=final_result_code, earlier=earlier)

    def _answer(self, response: Response, now: float) -> None:
        try:
            self._command = self._dialogue.send(response)
        except StopIteration as proof:
            self._conclude(proof.value)
        except NotCounted as reason:
            self._end(self._recognised(reason))
        else:
            self._begin(now)

    def _conclude(self, modem: Modem) -> None:
        """End with the modem, unless a line after the last answer reports a call or a lost network."""
        try:
            lines = self._buffer.so_far().lines
            check_unsolicited(lines)
            check_still_registered(lines)
        except NotCounted as reason:
            self._end(NotCounted(reason.verdict, reason.reason, modem))
        else:
            self._end(modem)

    def _recognised(self, reason: NotCounted) -> NotCounted:
        """If the port never answered AT, say what its bytes show. If it hung up, only another user counts."""
        if self._command is not AT or reason.verdict not in {Verdict.SILENT, Verdict.HUNG_UP}:
            return reason
        seen = foreign.recognise(self._sample)
        if seen is None or (reason.verdict is Verdict.HUNG_UP and seen.verdict is not Verdict.IN_USE):
            return reason
        return seen

    def _end(self, outcome: Modem | NotCounted) -> None:
        self.outcome = outcome
        self._dialogue.close()
        self._to_write = b""
