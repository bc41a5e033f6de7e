"""One port's exchange, without descriptor or clock: it is fed bytes and the time.

It says what to write, when its patience ends, and at last the verdict. Whole banks can so be played in
virtual time, and the loop that serves them (probe.py) only shovels bytes.
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
"""What a port may say in one conversation. A module's answers, banner and chatter stay far below."""

_SAMPLE_BYTES = 256


class Conversation:
    """Drives one dialogue over one line; every ``now`` is on one clock of the caller's, in seconds.

    ``wakes_at`` is when ``wake`` is to be called if nothing is fed before. Once ``is_over``, ``outcome``
    is the modem that proved itself or the reason that it is not counted.
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
        """Whether the verdict is there."""
        return self.outcome is not None

    def bytes_to_write(self) -> bytes:
        """What to write to the line now; each byte is handed out once."""
        data, self._to_write = self._to_write, b""
        return data

    def feed(self, data: bytes, now: float) -> None:
        """Take what the line gave."""
        if self.is_over:
            return
        self._byte_count += len(data)
        if len(self._sample) < _SAMPLE_BYTES:
            self._sample = (self._sample + data)[:_SAMPLE_BYTES]
        lines = self._buffer.feed(data)
        while not self.is_over and not self._unsent and (response := self._buffer.response()):
            self._take(response, now)
        # After the responses, so that the reason names a module whose IMEI has just come.
        self._check_unsolicited(lines)
        if self._byte_count > MOST_BYTES:
            self.end(foreign.recognise(self._sample) or NotCounted(Verdict.NOT_AT, "never stops talking"))
        elif self._command.silence and not self._unsent:
            self._shorten_patience(self._command.silence, now)

    def wake(self, now: float) -> None:
        """Let time pass: send what was paused, or end the patience with the current command."""
        if self.is_over or now < self.wakes_at:
            return
        if self._unsent:
            self._send(now)
        else:
            self._answer(self._with_bare_ok(self._buffer.so_far()), now)

    def end(self, reason: NotCounted) -> None:
        """End it from without: the line was lost, or the census has no more time.

        The outcome names the module where the dialogue knows it by now.
        """
        if not self.is_over:
            try:
                self._dialogue.throw(reason)
            except NotCounted as known:
                self._end(known)

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
            # It may be the late result code of an earlier command: the answer is waited for all the same.
            self._bare_ok = response
        else:
            self._answer(response, now)

    def _check_unsolicited(self, lines: list[str]) -> None:
        """End at once where a call or the module's end is told: an answer may never come then."""
        try:
            check_unsolicited(lines)
        except NotCounted as reason:
            self.end(reason)

    def _shorten_patience(self, silence: float, now: float) -> None:
        """Where the answer is there without a final result code, wait no longer than a short silence."""
        self._is_answered = self._is_answered or self._command.is_answered_by(self._buffer.new_lines())
        if self._is_answered:
            self.wakes_at = min(now + silence, self._patience_ends)

    def _with_bare_ok(self, response: Response) -> Response:
        """The response with all that came before it, a bare OK being the answer where nothing else is."""
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
        """What came behind the last answer may still tell of a call."""
        try:
            lines = self._buffer.so_far().lines
            check_unsolicited(lines)
            check_still_registered(lines)
        except NotCounted as reason:
            self._end(NotCounted(reason.verdict, reason.reason, modem))
        else:
            self._end(modem)

    def _recognised(self, reason: NotCounted) -> NotCounted:
        """A port that never answered AT may betray what it speaks instead."""
        if reason.verdict is Verdict.SILENT and self._command is AT:
            return foreign.recognise(self._sample) or reason
        return reason

    def _end(self, outcome: Modem | NotCounted) -> None:
        self.outcome = outcome
        self._dialogue.close()
        self._to_write = b""
