"""What is sent, and that the printed curl sends the same. The key is in both, and in no text."""

from __future__ import annotations

import json
import shlex
import subprocess
import time

import pytest
from wrong_endpoint import KEY, Asked, endpoint

from onlinesim_rent.conformance.asking import record
from onlinesim_rent.conformance.client import Endpoint
from onlinesim_rent.conformance.curl import curl
from onlinesim_rent.conformance.questions import AT_ONCE, QUESTIONS, Question
from onlinesim_rent.conformance.secret import Secret

OF_THE_CONTRACT = ("Authorization", "Content-Type", "Content-Encoding", "Accept-Encoding")


def sent(asked: Asked) -> tuple[object, ...]:
    return asked.method, [asked.headers.get(name) for name in OF_THE_CONTRACT], asked.body


@pytest.mark.needs("curl")
def test_the_printed_curl_sends_what_the_check_sends() -> None:
    """Whatever the order: the requests at once are all equal."""
    with endpoint() as (url, asked):
        record(Endpoint(url, Secret(KEY), 10.0), {}, time.time())
        by_check = sorted(map(repr, map(sent, asked)))
        asked.clear()
        # KEPT repeats the first question too.
        script = "\n".join(curl(question, url) for question in QUESTIONS[1:])
        subprocess.run(
            ["sh", "-c", script],
            env={"RENT_API_KEY": KEY, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=True,
        )
        by_curl = sorted(map(repr, map(sent, asked)))
    get_without_accept = "('GET', ['Bearer secret-key', None, None, None], b'')"
    as_of_the_client = get_without_accept.replace("None]", "'identity']")
    assert by_curl == [asked.replace(as_of_the_client, get_without_accept) for asked in by_check]


def test_the_request_is_the_contracts() -> None:
    with endpoint() as (url, asked):
        record(Endpoint(url, Secret(KEY), 10.0), {}, time.time())
    assert asked[0].fields == {"action": "GET_SERVICES", "key": KEY}
    assert asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert len(asked) == len(QUESTIONS) - 1 + AT_ONCE.times


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_certificates_file_is_named_in_the_curl(question: Question) -> None:
    words = shlex.split(curl(question, "https://x/", "/etc/my ca.pem"))
    assert "/etc/my ca.pem" in words
    assert "https://x/" in words


@pytest.mark.parametrize("key", ["secret-key", 'a"b\\c-and-more', "ключ-ключ", "k"])
def test_any_key_is_put_in_and_taken_out(key: str) -> None:
    secret = Secret(key)
    body = secret.in_json(
        '{"key": "$RENT_API_KEY", "longer": "${RENT_API_KEY}x", "shorter": "${RENT_API_KEY%?}"}'
    )
    assert json.loads(body) == {"key": key, "longer": f"{key}x", "shorter": key[:-1]}
    assert secret.in_header("Bearer $RENT_API_KEY").encode("latin-1").decode() == f"Bearer {key}"
    assert secret.removed(f"<{key}>".encode()) == b"<$RENT_API_KEY>"
    assert json.loads(secret.removed(body))["key"] == "$RENT_API_KEY"
    assert key not in repr(secret)


def test_a_short_key_changes_no_word_of_an_answer() -> None:
    assert Secret("k").removed(b'{"kyivstar": "k"}') == b'{"kyivstar": "$RENT_API_KEY"}'


def test_a_misspelt_key_is_taken_out_too() -> None:
    assert Secret(KEY).removed(KEY[:-1].encode() + b"!") == b"$RENT_API_KEY!"
