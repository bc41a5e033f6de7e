"""The curl command that repeats a question. The shell puts the key in, from RENT_API_KEY."""

from __future__ import annotations

import re
import shlex

from onlinesim_rent.conformance.questions import KEY, Question

_EVERYTHING_BUT_THE_KEY = re.compile(r'[\\"`]')


def curl(question: Question, url: str, ca_file: str | None = None) -> str:
    """Return one line for a POSIX shell."""
    words = ["curl", "--include", "--silent", "--show-error"]
    words += ["--cacert", shlex.quote(ca_file)] if ca_file else []
    words += ["--request", question.method] if question.method != "POST" else []
    for name, value in question.headers:
        words += ["--header", _quoted(f"{name}: {value}")]
    if question.packed:
        words += ["--data-binary", "@-"]
    elif question.body:
        words += ["--data", _quoted(question.body)]
    # Two URLs in one command are asked on one connection.
    line = " ".join([*words, *[shlex.quote(url)] * (2 if question.kept else 1)])
    if question.packed:
        return f"printf %s {_quoted(question.body)} | gzip | {line}"
    if question.times > 1:
        return f"for n in $(seq {question.times}); do {line} & done; wait"
    return line


def _quoted(text: str) -> str:
    """Quote a word; the shell still replaces the place for the key."""
    if KEY.strip("$") not in text:
        return shlex.quote(text)
    return '"' + _EVERYTHING_BUT_THE_KEY.sub(r"\\\g<0>", text) + '"'
